"""A report as structured report: the rows of TID 3700, what was measured and found, unverified and preliminary."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from adapters.dicom.codes import COMPREHENSIVE_SR, SECONDARY_CAPTURE
from adapters.dicom.outgoing import PDF, PICTURE, STRUCTURED, instance_uid, series_uid
from adapters.dicom.results import encoded, own_report_id, part10
from adapters.dicom.structured import structured_report
from ecg.findings import FINDINGS
from ecg.measurement import Measurement, Measurements
from ecg.recording import Order, Patient, Provenance, Study
from ecg.report import Report
from tests.golden import templates
from tests.golden.reports import ORDER, amended, measured, recording, report
from tests.golden.templates import faults, key, name

WHOLE = measured(report(asserted=("MI", "STTC")), absent=("pr", "q-amplitude"))
CASES = {
    "whole": WHOLE,
    "none asserted": measured(report()),
    "normal": measured(report(asserted=("NORM",))),
    "every finding": measured(report(asserted=tuple(FINDINGS))),
    "nothing measured": report(asserted=("MI",)),
    "abstained": report(abstained=True),
    "abstained, lead II": measured(report(abstained=True), leads=("II",)),
    "all absent": measured(report(), absent=("heart-rate", "qt", "pr", "qrs", "qtc-bazett", "axis-qrs")),
    "amended": amended(WHOLE),
    "no patient": measured(report(patient=Patient(), order=Order(study_uid="1.2.3"), provenance=Provenance("x"))),
    "placed": measured(report(placement="Mason-Likar")),
    "placed elsewhere": measured(report(placement="EASI")),
    "study's date alone": measured(report(acquired_at=None)),
}


def read(of: Report) -> Dataset:
    return dcmread(io.BytesIO(part10(structured_report(of))))


def items(node: Dataset) -> Iterator[Dataset]:
    """Yield every content item below one."""
    for each in node.get("ContentSequence", ()):
        yield each
        yield from items(each)


def under(node: Dataset, code: str) -> Dataset:
    """Return the one item below of that concept name."""
    (found,) = (each for each in items(node) if name(each)[1] == code)
    return found


def value(item: Dataset) -> float | None:
    return float(item.MeasuredValueSequence[0].NumericValue) if item.MeasuredValueSequence else None


@pytest.mark.parametrize("case", CASES)
def test_it_keeps_to_the_rows_of_the_template(case: str) -> None:
    assert faults(read(CASES[case])) == []


def test_without_any_date_that_row_alone_is_missing() -> None:
    undated = measured(report(acquired_at=None, study=Study()))
    assert faults(read(undated)) == ["3700/55111-9: 0 of 122146"]
    assert faults(read(undated), undated=True) == []


FAULTS: dict[str, Callable[[Dataset], object]] = {
    "no QT": lambda d: drop(d, "122158", "2:16160"),
    "no language": lambda d: drop(d, "28010-7", "121049"),
    "two summaries": lambda d: d.ContentSequence.append(d.ContentSequence[-1]),
    "another unit": lambda d: setattr(
        under(d, "2:16156").MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0], "CodeValue", "s"
    ),
    "another relationship": lambda d: setattr(under(d, "122158"), "RelationshipType", "HAS PROPERTIES"),
    "another value type": lambda d: setattr(under(d, "122146"), "ValueType", "TEXT"),
    "no qualifier": lambda d: delattr(under(d, "2:15872"), "NumericValueQualifierCodeSequence"),
    "a stranger": lambda d: setattr(under(d, "2:16016").ConceptNameCodeSequence[0], "CodeValue", "2:99"),
    "another order": lambda d: d.ContentSequence.insert(0, d.ContentSequence.pop()),
    "no lead": lambda d: under(d, "122144").ContentSequence[1].ContentSequence.pop(0),
    "another template": lambda d: setattr(d.ContentTemplateSequence[0], "TemplateIdentifier", "1500"),
}


def drop(dataset: Dataset, holder: str, code: str) -> None:
    held = dataset if name(dataset)[1] == holder else under(dataset, holder)
    held.ContentSequence = [each for each in held.ContentSequence if name(each)[1] != code]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_breaks_a_row_is_found(fault: str) -> None:
    spoilt = read(WHOLE)
    FAULTS[fault](spoilt)
    assert faults(spoilt) != []


def test_it_is_unverified_and_preliminary_in_a_series_of_its_own() -> None:
    dataset = read(WHOLE)
    assert dataset.SOPClassUID == COMPREHENSIVE_SR and dataset.Modality == "SR"
    assert (dataset.PreliminaryFlag, dataset.VerificationFlag, dataset.CompletionFlag) == (
        "PRELIMINARY", "UNVERIFIED", "COMPLETE",
    )  # fmt: skip
    assert dataset.StudyInstanceUID == ORDER.study_uid
    assert dataset.SeriesInstanceUID == series_uid(WHOLE.id, STRUCTURED)
    assert "research" in dataset.SeriesDescription and own_report_id(part10(structured_report(WHOLE))) == WHOLE.id
    summary = next(each for each in items(dataset) if each.ValueType == "TEXT" and name(each)[1] == "55112-7")
    for mark in ("until a physician signs", "Not a cleared medical device", "does not exclude acute coronary syndrome"):
        assert mark in summary.TextValue


def test_values_have_their_codes_and_units_and_what_is_absent_says_why() -> None:
    dataset = read(WHOLE)
    found = {code: value(under(dataset, code)) for code in ("2:16016", "2:16160", "2:16156", "2:15880", "2:16132")}
    assert found == {"2:16016": 75, "2:16160": 384, "2:16156": 92, "2:15880": 428, "2:16132": -32}
    assert value(under(dataset, "2:16168")) == round(60_000 / 74.6), "RR, of which the rate is the inverse"
    absent = under(dataset, "2:15872")
    assert value(absent) is None and key(absent.NumericValueQualifierCodeSequence[0]) == ("DCM", "114006")
    assert key(under(absent, "absent").ConceptCodeSequence[0]) == (templates.OWN, "not-found")
    assert key(under(under(dataset, "2:15876"), "111001").ConceptCodeSequence[0]) == ("DCM", "122733")


def test_each_lead_has_its_own_container() -> None:
    leads = [each for each in items(read(WHOLE)) if name(each)[1] == "122159"]
    assert [key(each.ContentSequence[0].ConceptCodeSequence[0])[1] for each in leads] == [
        *("2:1", "2:2", "2:61", "2:62", "2:63", "2:64"),
        *("2:3", "2:4", "2:5", "2:6", "2:7", "2:8"),
    ]
    assert value(under(leads[7], "2:1024")) == 0.193
    assert [value(under(each, "measurement-t-amplitude")) for each in leads][:2] == [-0.25, -0.24]


def test_what_the_template_demands_and_nobody_looked_for_stands_without_a_value() -> None:
    only = replace(report().reading, measurements=Measurements((Measurement("qrs", 92.0, 0.9),)))
    dataset = read(replace(report(), reading=only))
    assert faults(dataset) == []
    assert key(under(under(dataset, "2:16160"), "absent").ConceptCodeSequence[0])[1] == "not-looked-for"
    assert key(under(under(dataset, "2:16168"), "absent").ConceptCodeSequence[0])[1] == "not-looked-for"


def test_scores_name_their_thresholds_and_their_model() -> None:
    scores = under(read(WHOLE), "scores")
    said = {name(each)[1]: each for each in scores.ContentSequence}
    assert said["111001"].TextValue == "synthetic-12" and said["111003"].TextValue == "0.0.1"
    assert said["111002"].TextValue == f"SHA-256 of the model card: {'a' * 64}"
    held = {code: (value(each), value(each.ContentSequence[0])) for code, each in said.items() if "probability" in code}
    assert held["probability-MI"] == (0.81, 0.43) and held["probability-NORM"] == (0.02, 0.43)
    assert held.keys() == {f"probability-{code}" for code in FINDINGS}


def test_a_finding_is_inferred_from_its_score_and_its_map_is_the_picture() -> None:
    findings = [each for each in items(read(WHOLE)) if name(each)[1] == "271921002"]
    assert [key(each.ConceptCodeSequence[0]) for each in findings] == [("SCT", "164865005"), (templates.OWN, "STTC")]
    assert [value(under(each, f"probability-{code}")) for each, code in zip(findings, ("MI", "STTC"), strict=True)] == [
        0.81, 0.81,
    ]  # fmt: skip
    shown = under(findings[0], "130401").ReferencedSOPSequence[0]
    assert shown.ReferencedSOPClassUID == SECONDARY_CAPTURE
    assert shown.ReferencedSOPInstanceUID == instance_uid(WHOLE.id, PICTURE)
    assert not [each for each in items(findings[1]) if each.ValueType == "IMAGE"], "its map is not sent"


def test_a_normal_ecg_is_a_score_and_never_a_finding() -> None:
    dataset = read(CASES["normal"])
    (said,) = (each for each in items(dataset) if name(each)[1] == "271921002")
    assert said.ValueType == "TEXT" and "No finding reached its threshold" in said.TextValue
    assert not {("SCT", "164854000"), ("SCT", "102594003")} & {
        key(each.ConceptCodeSequence[0]) for each in items(dataset) if each.ValueType == "CODE"
    }


def test_an_abstention_says_why_and_names_no_score() -> None:
    dataset = read(CASES["abstained, lead II"])
    assert key(under(dataset, "no-reading").ConceptCodeSequence[0]) == (templates.OWN, "too-few-leads")
    assert "No model read" in under(dataset, "271921002").TextValue
    assert not [each for each in items(dataset) if "probability" in name(each)[1]]
    assert value(under(dataset, "2:16016")) == 75


def test_all_that_it_refers_to_is_evidence() -> None:
    dataset = read(WHOLE)
    referred = {
        each.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for each in items(dataset)
        if each.ValueType in {"IMAGE", "WAVEFORM"}
    }
    (study,) = dataset.CurrentRequestedProcedureEvidenceSequence
    held = {
        sop.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for sop in series.ReferencedSOPSequence
    }
    assert held == referred == {recording().provenance.instance_uid, instance_uid(WHOLE.id, PICTURE)}
    assert study.StudyInstanceUID == ORDER.study_uid
    assert "CurrentRequestedProcedureEvidenceSequence" not in read(CASES["no patient"])


def test_the_order_is_named() -> None:
    (request,) = read(WHOLE).ReferencedRequestSequence
    assert (request.AccessionNumber, request.PlacerOrderNumberImagingServiceRequest) == ("A-100", "P-100")
    assert request.StudyInstanceUID == ORDER.study_uid
    assert "ReferencedRequestSequence" not in read(CASES["no patient"])


def test_an_amended_one_names_its_predecessor_where_there_is_one() -> None:
    first, second = WHOLE, amended(WHOLE)
    former = [str(each.SOPInstanceUID) for each in encoded(first)]
    by_modality = {each.Modality: each for each in encoded(second, former)}
    (study,) = by_modality["SR"].PredecessorDocumentsSequence
    ((held,),) = (each.ReferencedSOPSequence for each in study.ReferencedSeriesSequence)
    assert held.ReferencedSOPInstanceUID == instance_uid(first.id, STRUCTURED)
    older = [instance_uid(first.id, part) for part in (PDF, PICTURE)]  # of a release that sent none
    assert "PredecessorDocumentsSequence" not in {each.Modality: each for each in encoded(second, older)}["SR"]


def test_a_site_may_leave_parts_out() -> None:
    assert [each.Modality for each in encoded(WHOLE, parts=("sr", "pdf"))] == ["DOC", "SR"]
    assert [each.Modality for each in encoded(WHOLE)] == ["DOC", "ECG", "SR"]


def test_the_same_report_gives_the_same_bytes() -> None:
    assert part10(structured_report(WHOLE)) == part10(structured_report(replace(WHOLE)))
