"""A kept report comes back as it was, whatever happened to the models in between."""

from dataclasses import replace

import pytest

from adapters.fhir.bundle import encode
from ecg.measurement import Measurement, Measurements
from ecg.reading import OperatingPoint, Score
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


def test_what_was_measured_and_the_operating_points_come_back() -> None:
    report = reports.report(asserted=("MI",))
    measured = Measurements((Measurement("pr", 162.0, 0.9), Measurement("st-j", absent="filtered", lead="V2")))
    points = OperatingPoint(0.43, 0.81, 0.92), OperatingPoint(0.12, 0.95, 0.7)
    scores = tuple(Score(each.finding, each.probability, 0.43, *points) for each in report.reading.prediction.scores)
    prediction = replace(report.reading.prediction, scores=scores)
    told = replace(report, reading=replace(report.reading, prediction=prediction, measurements=measured))
    files = {ARCHIVE: archived(told), PDF: told.pdf, **{picture_name(p.name): p.png for p in told.pictures}}
    again = restored(files, told.recording).reading
    assert (again.measurements, again.prediction) == (measured, prediction)


def test_the_archive_names_no_patient() -> None:
    report = reports.report(asserted=("MI",))
    patient = report.recording.patient
    for planted in filter(None, (patient.id, patient.name)):
        assert planted.encode() not in archived(report)
