"""Independent FHIR programs find no fault in our Bundles: google-fhir, and Medplum's validator and server.

The official Java validator and HAPI are not among them, and none looks a code up in LOINC or SNOMED CT.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.fhir import codes
from adapters.fhir.bundle import encode, stored, superseded
from ecg.recording import Order, Patient
from tests.golden.reports import amended, report, withdrawn

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "fhir"
GOOGLE = ROOT / ".peers" / "fhir-google" / "bin" / "python"
MEDPLUM = ROOT / ".peers" / "fhir-medplum"

needs_google = pytest.mark.skipif(not GOOGLE.exists(), reason="tests/peers/install.sh has not installed google-fhir")
needs_medplum = pytest.mark.skipif(
    not (MEDPLUM / "node_modules").exists() or shutil.which("node") is None,
    reason="Node is missing, or tests/peers/install.sh has not installed Medplum",
)

Json = dict[str, Any]

CASES = {
    "asserted": report(asserted=("MI", "STTC", "ischaemia")),
    "none-asserted": report(),
    "normal": report(asserted=("NORM",)),
    "abstained": report(abstained=True),
    "no-patient": report(patient=Patient()),
    "no-time": report(asserted=("MI",), acquired_at=None),
    "naive-time": report(acquired_at=datetime(2024, 5, 1, 10, 12, 30)),
    "no-order": report(order=Order()),
    "amended": amended(report(asserted=("MI",))),
    "withdrawn": withdrawn(amended(report(asserted=("MI",)))),
    "hostile": report(patient=Patient(id="<script>&\x00 \"'", issuer="&<b>")),
}


def first(bundle: Json, kind: str) -> Json:
    """Return the first resource of that type."""
    found: Json = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)
    return found


FAULTS: dict[str, Callable[[Json], object]] = {
    "wrong status": lambda b: first(b, "DiagnosticReport").update(status="done"),
    "missing code": lambda b: first(b, "Observation").pop("code"),
    "unknown element": lambda b: first(b, "Media").update(picture="x"),
    "time without zone": lambda b: first(b, "DiagnosticReport").update(issued="2024-05-01T10:12:30"),
}
# Medplum's validator checks no required bindings.
UNSEEN_BY_MEDPLUM = {"wrong status"}
# A urn:uuid names no type until the server has replaced it, for which Medplum's validator does not wait. The resources
# as stored() gives them, with literal references, must be free of this warning too.
UNRESOLVED = 'warning: Invalid reference: got "urn:uuid:'


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a file for each case."""
    place = tmp_path_factory.mktemp("fhir")
    for name, each in CASES.items():
        (place / f"{name}.json").write_bytes(encode(each))
    return {name: place / f"{name}.json" for name in CASES}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a file for each seeded fault."""
    place, files = tmp_path_factory.mktemp("faulty"), {}
    for number, (name, spoil) in enumerate(FAULTS.items()):
        bundle = json.loads(encode(CASES["asserted"]))
        spoil(bundle)
        files[name] = place / f"{number}.json"
        files[name].write_text(json.dumps(bundle))
    return files


def run(*command: str | Path) -> Json:
    """Run a peer and return the JSON it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer: Json = json.loads(done.stdout)
    return answer


def medplum(command: str, *files: Path) -> Json:
    """Ask Medplum."""
    return run("node", HERE / "medplum.cjs", MEDPLUM, command, *files)


@needs_google
def test_google_fhir_finds_no_fault(good: dict[str, Path]) -> None:
    assert {fault for fault in run(GOOGLE, HERE / "google_check.py", *good.values()).values() if fault} == set()


@needs_google
def test_google_fhir_finds_seeded_faults(faulty: dict[str, Path]) -> None:
    found = run(GOOGLE, HERE / "google_check.py", *faulty.values())
    assert {name for name, file in faulty.items() if not found[str(file)]} == set()


@needs_medplum
def test_medplum_finds_no_fault(good: dict[str, Path]) -> None:
    issues = {
        file: [each for each in found if not each.startswith(UNRESOLVED)]
        for file, found in medplum("validate", *good.values()).items()
    }
    assert {file: found for file, found in issues.items() if found} == {}


@needs_medplum
def test_medplum_finds_no_fault_in_stored_resources(tmp_path: Path) -> None:
    files = []
    for name, each in CASES.items():
        for (kind, id_), resource in stored(encode(each)).items():
            files.append(tmp_path / f"{name}-{kind}-{id_}.json")
            files[-1].write_bytes(resource)
    assert {file: found for file, found in medplum("validate", *files).items() if found} == {}


@needs_medplum
def test_medplum_finds_no_fault_in_what_a_later_version_replaces(tmp_path: Path) -> None:
    first = CASES["asserted"]
    files = []
    for (kind, id_), resource in superseded(encode(first), encode(amended(first))).items():
        files.append(tmp_path / f"{kind}-{id_}.json")
        files[-1].write_bytes(resource)
    assert len(files) > 8
    assert {file: found for file, found in medplum("validate", *files).items() if found} == {}


@needs_medplum
def test_medplum_finds_seeded_faults(faulty: dict[str, Path]) -> None:
    found = medplum("validate", *faulty.values())
    seen = {name for name, file in faulty.items() if any("error" in each for each in found[str(file)])}
    assert faulty.keys() - seen == UNSEEN_BY_MEDPLUM


@needs_medplum
@pytest.mark.parametrize("case", ["asserted", "abstained"])
def test_a_server_that_gets_a_report_twice_holds_it_once(case: str, good: dict[str, Path]) -> None:
    sent = json.loads(good[case].read_bytes())["entry"]
    answer = medplum("twice", good[case])
    created, repeated = (each["statuses"] for each in answer["answers"])
    assert created == ["201"] * len(sent), answer["answers"]
    assert repeated == ["200"] * len(sent), answer["answers"]
    kinds = [entry["resource"]["resourceType"] for entry in sent]
    assert {kind: len(held) for kind, held in answer["held"].items()} == {kind: kinds.count(kind) for kind in kinds}
    ids = {f"{kind}/{each['id']}" for kind, held in answer["held"].items() for each in held}
    assert set(references(answer["held"])) <= ids
    assert len(answer["held"]["Provenance"][0]["target"]) == len(sent) - 1


@needs_medplum
def test_our_codes_are_those_of_r4() -> None:
    packaged = medplum("displays")
    ours = [each for each in vars(codes).values() if isinstance(each, dict) and each.get("system") in packaged]
    checked = [each for each in ours if each != codes.AI_ASSERTED]  # younger than R4's copy of its system
    assert len(checked) == 14
    assert [each for each in checked if packaged[each["system"]].get(each["code"]) != each["display"]] == []


def references(node: object) -> list[str]:
    """Return every literal reference at or below the node."""
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []
