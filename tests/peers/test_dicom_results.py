"""Independent programs find no error in our DICOM objects: dciodvfy, dcentvfy, dcmdump and dcm2pdf."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from adapters.dicom.rejection import rejection_note
from adapters.dicom.results import encoded, part10
from adapters.dicom.waveform import WaveformReader
from ecg.payload import Payload
from ecg.recording import Order, Patient, Provenance, Study
from ecg.report import Report
from tests.golden import dicom_files, reports
from tests.golden.reports import ORDER, PATIENT, measured, report


def needs(program: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} (Debian: {package}) is not installed")


AWKWARD = Patient(id="x" * 80, issuer="y" * 90, name="Παπαδοπούλου-" * 8 + "^Ελένη^a^b^c^d=e\\f\x1b")
CASES = {
    "full": measured(report(asserted=("MI",), patient=replace(PATIENT, birth_date=date(1961, 2, 3))), absent=("pr",)),
    "minimal": report(
        asserted=("MI",),
        patient=Patient(),
        order=Order(study_uid="1.2.3.4"),
        acquired_at=None,
        provenance=Provenance("x"),
    ),
    "greek": report(asserted=("MI",), patient=replace(PATIENT, name="Παπαδοπούλου^Ελένη", issuer="Νοσοκομείο")),
    "awkward": report(
        asserted=("MI",),
        patient=AWKWARD,
        order=replace(ORDER, accession_number="A" * 40, accession_issuer="i" * 99),
        acquired_at=datetime(2024, 5, 1, 10, 12, 30),
        study=Study("S" * 20, "20240230", "2561", "d" * 70 + "\\", "^" * 9 + "y" * 70),
    ),
    "odd": replace(report(asserted=("MI",)), pdf=reports.pdf() + b"\n" * (1 + len(reports.pdf()) % 2)),
}


def files(found: Report, place: Path) -> list[Path]:
    """Write the report's objects: the PDF, the picture, the structured report."""
    paths = [place / "pdf.dcm", place / "picture.dcm", place / "sr.dcm"]
    for path, each in zip(paths, encoded(found), strict=True):
        path.write_bytes(part10(each))
    return paths


def said(*command: str | Path) -> list[str]:
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=30, check=False)
    return (done.stdout + done.stderr).splitlines()


@needs("dciodvfy", "dicom3tools")
@pytest.mark.parametrize("case", CASES)
def test_dciodvfy_finds_no_error(case: str, tmp_path: Path) -> None:
    kinds = ("EncapsulatedPDF", "SCImage", "ComprehensiveSR")
    for path, kind in zip(files(CASES[case], tmp_path), kinds, strict=True):
        lines = said("dciodvfy", path)  # its exit code says nothing
        assert kind in lines
        assert [line for line in lines if line.startswith("Error")] == []


def note(of: Report, former: Report, place: Path) -> Path:
    """Write the rejection note that follows the former version's objects."""
    made = rejection_note(of, [str(each.SOPInstanceUID) for each in encoded(former)])
    assert made is not None
    (place / "note.dcm").write_bytes(part10(made))
    return place / "note.dcm"


@needs("dciodvfy", "dicom3tools")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("later", [reports.amended, reports.withdrawn])
def test_dciodvfy_finds_no_error_in_a_rejection_note(
    later: Callable[[Report], Report], case: str, tmp_path: Path
) -> None:
    lines = said("dciodvfy", note(later(CASES[case]), CASES[case], tmp_path))
    assert "KeyObjectSelectionDocument" in lines
    assert [line for line in lines if line.startswith("Error")] == []


@needs("dciodvfy", "dicom3tools")
def test_dciodvfy_finds_no_error_in_a_document_with_a_predecessor(tmp_path: Path) -> None:
    second = reports.amended(CASES["full"])
    document, _, structured = encoded(second, [str(each.SOPInstanceUID) for each in encoded(CASES["full"])])
    for each in (document, structured):
        assert len(each.PredecessorDocumentsSequence) == 1
        (tmp_path / "one.dcm").write_bytes(part10(each))
        assert [line for line in said("dciodvfy", tmp_path / "one.dcm") if line.startswith("Error")] == []


@needs("dsrdump", "dcmtk")
@pytest.mark.parametrize("case", CASES)
def test_dsrdump_reads_the_structured_report(case: str, tmp_path: Path) -> None:
    """It refuses a tree whose value types or relationships the IOD does not allow."""
    _, _, structured = files(CASES[case], tmp_path)
    lines = said("dsrdump", structured)
    assert [line for line in lines if line.startswith(("E:", "F:"))] == []
    assert "Comprehensive SR Document" in lines and any("UNVERIFIED" in line for line in lines)
    assert any("ECG Finding" in line and "164865005,SCT" in line for line in lines)


@needs("dsrdump", "dcmtk")
def test_dsrdump_reads_a_rejection_note_as_what_it_is(tmp_path: Path) -> None:
    text = " ".join(said("dsrdump", note(reports.withdrawn(CASES["full"]), CASES["full"], tmp_path)))
    assert "Rejected for Patient Safety Reasons" in text and "IMAGE" in text and "COMPOSITE" in text
    assert "WITHDRAWN" in text


@needs("dciodvfy", "dicom3tools")
def test_dciodvfy_finds_no_error_in_a_real_report(read_sample: Report, tmp_path: Path) -> None:
    for path in files(read_sample, tmp_path):
        assert [line for line in said("dciodvfy", path) if line.startswith("Error")] == []


@needs("dcentvfy", "dicom3tools")
def test_dcentvfy_finds_the_results_in_their_source_study(tmp_path: Path) -> None:
    ecg = dicom_files.twelve_lead_dataset(dicom_files.square_wave(3))
    ecg.StudyDescription, ecg.ReferringPhysicianName, ecg.StudyTime = "ECG at rest", "Beispiel^Anna", "1015"
    source = dicom_files.to_bytes(ecg)
    (recording,) = WaveformReader().read(Payload(source))
    (tmp_path / "source.dcm").write_bytes(source)
    results = files(replace(CASES["full"], recording=recording), tmp_path)
    assert entity_faults(tmp_path / "source.dcm", *results) == []
    numbers = {str(dcmread(each).AccessionNumber) for each in (tmp_path / "source.dcm", *results)}
    assert len(numbers) == 1


def entity_faults(source: Path | None, *results: Path) -> list[str]:
    """Return what dcentvfy says of objects that belong together.

    Of every SR that has an accession number, by whomever, it says that the number is the series' and not the study's:
    so its tables have it, and not PS3.3 C.7.2.1. And it misses what is there in the source, but empty.
    """
    empty = {each.keyword for each in dcmread(source) if not each.value} if source else set()
    known = ["Element=<AccessionNumber> IE <Series> versus <Study>"]
    known += [f"not the other - Element=<{each}>" for each in empty]
    lines = said("dcentvfy", *([source] if source else []), *results)
    return [line for line in lines if line.strip() and not any(each in line for each in known)]


@needs("dcmdump", "dcmtk")
def test_dcmdump_shows_what_was_meant(tmp_path: Path) -> None:
    pdf, picture, _ = (" ".join(" ".join(said("dcmdump", path)).split()) for path in files(CASES["full"], tmp_path))
    for text in (pdf, picture):
        for shown in ("[ISO_IR 192]", "[Muster^Erika]", "[Musterklinik]", f"[{ORDER.study_uid}]", "[TWELVELEAD]"):
            assert shown in text
        assert "=TwelveLeadECGWaveformStorage" in text and "preliminary" in text
    assert "(0008,0060) CS [DOC]" in pdf and "(0028,0301) CS [YES]" in pdf and "[UNVERIFIED]" in pdf
    assert "(0008,0060) CS [ECG]" in picture and "(0028,0301) CS [NO]" in picture


@needs("dcm2pdf", "dcmtk")
@pytest.mark.parametrize("case", ["full", "odd"])
def test_dcm2pdf_gives_the_pdf_back(case: str, tmp_path: Path) -> None:
    pdf, *_ = files(CASES[case], tmp_path)
    assert said("dcm2pdf", pdf, tmp_path / "out.pdf") == []
    assert (tmp_path / "out.pdf").read_bytes() in {CASES[case].pdf, CASES[case].pdf + b"\0"}
