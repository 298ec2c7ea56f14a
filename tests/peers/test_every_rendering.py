"""At least fifty varied ECGs: no judge finds a fault in any rendering of any of their reports, and a PACS takes all.

Run by itself, this file stores a folder of objects in an Orthanc and tells what that gives back.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE

from adapters.dicom.codes import COMPREHENSIVE_SR
from adapters.dicom.outgoing import PARTS
from adapters.dicom.rejection import rejection_note
from adapters.dicom.results import encoded, own_report_id, part10
from adapters.fhir.bundle import encode
from adapters.fhir.check import problems
from adapters.fhir.fifth import as_r5
from models.router import CardRouter
from tests.golden.templates import faults
from tests.peers.fhir_judges import google, needs_google, needs_medplum, needs_r5, r5, schema_faults, validated
from tests.peers.hearts import LUDB
from tests.peers.test_dicom_results import entity_faults, needs, said
from tests.peers.test_pacs import ENTER, needs_orthanc, orthanc
from tests.peers.varied import LEAST, Case, cases

pytestmark = pytest.mark.skipif(not LUDB.is_dir(), reason="no ../shared/samples/ludb: there are no fifty ECGs")
NOTE = "1.2.840.10008.5.1.4.1.1.88.59"


@dataclass(frozen=True)
class Rendered:
    """The files of a case: its Bundle in R4 and R5, its DICOM objects, and the object that it is on."""

    case: Case
    bundle: Path
    in_r5: Path
    objects: tuple[Path, ...]
    source: Path | None


@pytest.fixture(scope="module")
def rendered(router: CardRouter, tmp_path_factory: pytest.TempPathFactory) -> list[Rendered]:
    """Return the renderings of every case, made once."""
    place = tmp_path_factory.mktemp("renderings")
    return [_rendered(case, place / str(number)) for number, case in enumerate(cases(router))]


def _rendered(case: Case, place: Path) -> Rendered:
    place.mkdir()
    bundle, in_r5, source = place / "bundle.json", place / "bundle.r5.json", place / "source.dcm"
    bundle.write_bytes(encode(case.report))
    in_r5.write_bytes(as_r5(bundle.read_bytes()))
    former = [str(each.SOPInstanceUID) for each in encoded(case.former)] if case.former else []
    note = rejection_note(case.report, former)
    objects = {
        place / f"{each.Modality}.dcm": each for each in (*encoded(case.report, former), *([note] if note else []))
    }
    for path, dataset in objects.items():
        path.write_bytes(part10(dataset))
    if case.source:
        source.write_bytes(case.source)
    return Rendered(case, bundle, in_r5, tuple(objects), source if case.source else None)


def test_the_cases_are_many_and_varied(rendered: list[Rendered]) -> None:
    reports = [each.case.report for each in rendered]
    predictions = [each.reading.prediction for each in reports]
    assert len({each.id for each in reports}) >= LEAST
    for kind in (
        [each for each in predictions if each.asserted],
        [each for each in predictions if each.scores and not each.asserted],
        [each for each in predictions if each.abstention],
        [each for each in reports if each.version > 1 and not each.withdrawn],
        [each for each in reports if each.withdrawn],
        [each for each in reports if each.recording.waveform.leads == ("II",)],
        [each for each in reports if each.recording.patient.id is None],
        [each for each in reports if len(each.recording.patient.name or "") > 64],
        [each for each in reports if each.recording.acquired_at is None],
        [each for each in rendered if each.source is None],
    ):
        assert kind


def test_our_own_checks_find_no_fault(rendered: list[Rendered]) -> None:
    """Required bindings, SampledData, narratives, references, attachments, quantities, where clinical codes stand."""
    found = {each.case.name: problems(each.bundle.read_bytes()) for each in rendered}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@needs_google
def test_google_fhir_finds_no_fault(rendered: list[Rendered]) -> None:
    assert [wrong for wrong in google(*(each.bundle for each in rendered)).values() if wrong] == []


@needs_medplum
def test_medplum_finds_no_fault(rendered: list[Rendered]) -> None:
    assert [wrong for wrong in validated(*(each.bundle for each in rendered)).values() if wrong] == []


@needs_medplum
def test_the_official_schema_finds_no_fault(rendered: list[Rendered]) -> None:
    assert [wrong for each in rendered if (wrong := schema_faults(each.bundle.read_bytes()))] == []


@needs_r5
def test_models_of_r5_find_no_fault(rendered: list[Rendered]) -> None:
    assert [wrong for wrong in r5(*(each.in_r5 for each in rendered)).values() if wrong] == []


@needs("dciodvfy", "dicom3tools")
def test_dciodvfy_finds_no_error(rendered: list[Rendered]) -> None:
    objects = [path for each in rendered for path in each.objects]
    with ThreadPoolExecutor(2) as pool:
        lines = list(pool.map(lambda path: said("dciodvfy", path), objects))
    assert [line for told in lines for line in told if line.startswith("Error")] == []
    known = {"EncapsulatedPDF", "SCImage", "ComprehensiveSR", "KeyObjectSelectionDocument"}
    assert all(known & set(told) for told in lines), "each is told for what it is"


@needs("dcentvfy", "dicom3tools")
def test_dcentvfy_finds_source_and_results_of_one_study(rendered: list[Rendered]) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda each: entity_faults(each.source, *each.objects), rendered))
    assert [line for lines in found for line in lines] == []


def test_every_structured_report_keeps_to_the_rows_of_tid_3700(rendered: list[Rendered]) -> None:
    found = {}
    for each in rendered:
        recording = each.case.report.recording
        undated = recording.acquired_at is None and not recording.study.date
        for path in each.objects:
            if (dataset := dcmread(path)).SOPClassUID == COMPREHENSIVE_SR:
                found[each.case.name] = faults(dataset, undated=undated)
    assert len(found) >= LEAST and {name: wrong for name, wrong in found.items() if wrong} == {}


@needs_orthanc
def test_orthanc_takes_and_returns_each(rendered: list[Rendered], tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    sent = [path for each in rendered for path in each.objects]
    for number, path in enumerate(sent):
        (tmp_path / "objects" / f"{number}.dcm").symlink_to(path)
    done = subprocess.run(
        [*ENTER, sys.executable, __file__, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"stored": len(sent), "same": len(sent), "ours": len(sent)}


def inside(place: Path) -> dict[str, int]:
    """Store every object by C-STORE, ask for each, count those that came back as they were, and are known as ours."""
    objects = [path.read_bytes() for path in (place / "objects").iterdir()]
    stored = same = ours = 0
    with orthanc(place, "c-store", []) as (asking, destination):
        entity = AE("TWELVELEAD")
        for each in (*PARTS.values(), NOTE):
            entity.add_requested_context(each, ["1.2.840.10008.1.2.1"])
        association = entity.associate("127.0.0.1", destination.settings.port, ae_title="ORTHANC")  # type: ignore[attr-defined]
        datasets = {str(each.SOPInstanceUID): each for each in (dcmread(BytesIO(data)) for data in objects)}
        stored = sum(association.send_c_store(each).Status == 0 for each in datasets.values())
        association.release()
        for each in json.loads(asking("/instances")):
            data = asking(f"/instances/{each}/file")
            back = dcmread(BytesIO(data))
            if (was := datasets.get(str(back.SOPInstanceUID))) is not None:
                same += back == was
                ours += own_report_id(data) is not None
    return {"stored": stored, "same": same, "ours": ours}


if __name__ == "__main__":
    print(json.dumps(inside(Path(sys.argv[1]))))
