"""Independent FHIR programs find no fault in our Bundles: google-fhir, the official schema, Medplum.

The official Java validator and HAPI are not among them, and none looks a code up in LOINC or SNOMED CT.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from adapters.fhir import codes
from adapters.fhir.bundle import encode, stored, superseded
from adapters.fhir.fifth import as_r5
from ecg.recording import Order, Patient
from tests.golden.reports import amended, measured, report, withdrawn
from tests.peers.fhir_judges import (
    Json,
    google,
    medplum,
    needs_google,
    needs_medplum,
    needs_r5,
    r5,
    references,
    schema_faults,
    validated,
)

CASES = {
    "asserted": report(asserted=("MI", "STTC", "ischaemia")),
    "none-asserted": report(),
    "normal": report(asserted=("NORM",)),
    "abstained": report(abstained=True),
    "no-patient": report(patient=Patient()),
    "no-time": report(asserted=("MI",), acquired_at=None),
    "naive-time": report(acquired_at=datetime(2024, 5, 1, 10, 12, 30)),
    "no-order": report(order=Order()),
    "measured": measured(report(asserted=("MI",)), absent=("pr", "st-j")),
    "measured-lead-ii": measured(report(abstained=True), leads=("II",)),
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


@needs_google
def test_google_fhir_finds_no_fault(good: dict[str, Path]) -> None:
    assert {fault for fault in google(*good.values()).values() if fault} == set()


@needs_google
def test_google_fhir_finds_seeded_faults(faulty: dict[str, Path]) -> None:
    found = google(*faulty.values())
    assert {name for name, file in faulty.items() if not found[str(file)]} == set()


@needs_medplum
def test_medplum_finds_no_fault(good: dict[str, Path]) -> None:
    assert {file: found for file, found in validated(*good.values()).items() if found} == {}


@needs_medplum
def test_the_official_schema_finds_no_fault_and_seeded_ones(good: dict[str, Path], faulty: dict[str, Path]) -> None:
    assert {name: found for name, file in good.items() if (found := schema_faults(file.read_bytes()))} == {}
    assert {name for name, file in faulty.items() if not schema_faults(file.read_bytes())} == set()


@needs_r5
def test_models_of_r5s_own_definitions_find_no_fault_and_a_seeded_one(good: dict[str, Path], tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.json" for name in good]
    for file, source in zip(files, good.values(), strict=True):
        file.write_bytes(as_r5(source.read_bytes()))
    assert {name: found for name, found in r5(*files).items() if found} == {}
    assert r5(good["asserted"])[str(good["asserted"])], "R4 is not R5"


@needs_medplum
def test_the_heart_rate_is_that_of_the_standards_profile(good: dict[str, Path], tmp_path: Path) -> None:
    """R4 asks of every Observation of LOINC 8867-4 that it is a vital sign."""
    found = medplum("heart-rates", *good.values())
    assert found["issues"] == [] and found["judged"] == 2
    bundle = json.loads(good["measured"].read_bytes())
    (rate,) = (e["resource"] for e in bundle["entry"] if e["resource"].get("code", {}).get("text") == "Heart rate")
    rate["category"].pop()
    (tmp_path / "spoilt.json").write_text(json.dumps(bundle))
    assert medplum("heart-rates", tmp_path / "spoilt.json")["issues"] != []


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
    assert len(checked) == 17
    assert [each for each in checked if packaged[each["system"]].get(each["code"]) != each["display"]] == []
