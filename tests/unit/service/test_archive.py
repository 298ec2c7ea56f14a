"""A kept report comes back as it was, whatever happened to the models in between."""

import pytest

from adapters.fhir.bundle import encode
from service.archive import ARCHIVE, PDF, archived, picture_name, restored
from tests.golden import reports


@pytest.mark.parametrize("made", [{"asserted": ("MI", "ischaemia")}, {}, {"abstained": True}])
def test_a_restored_report_is_encoded_to_the_same_bytes(made: dict[str, object]) -> None:
    report = reports.report(**made)  # type: ignore[arg-type]
    files = {ARCHIVE: archived(report), PDF: report.pdf, **{picture_name(p.name): p.png for p in report.pictures}}
    again = restored(files, report.recording)
    assert encode(again) == encode(report)
    assert (again.id, again.issued, again.pdf, again.pictures) == (
        report.id,
        report.issued,
        report.pdf,
        report.pictures,
    )
    assert again.reading.prediction == report.reading.prediction


def test_the_archive_names_no_patient() -> None:
    report = reports.report(asserted=("MI",))
    patient = report.recording.patient
    for planted in filter(None, (patient.id, patient.name)):
        assert planted.encode() not in archived(report)
