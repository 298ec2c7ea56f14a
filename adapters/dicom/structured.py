"""Encode a report as Comprehensive SR (PS3.3 A.35.3) by PS3.16 TID 3700, ECG Report."""

from collections.abc import Iterator
from typing import Final
from uuid import uuid5

from pydicom.dataset import Dataset

from adapters.dicom import values
from adapters.dicom.codes import COMPREHENSIVE_SR, SECONDARY_CAPTURE, SOP_CLASSES
from adapters.dicom.content import (
    CONTAINS,
    CONTEXT,
    INFERRED,
    MODIFIER,
    PROPERTY,
    coded,
    container,
    identified,
    moment,
    number,
    referred,
    related,
    text,
)
from adapters.dicom.measured import by_lead, globally
from adapters.dicom.outgoing import (
    MANUFACTURER,
    PICTURE,
    STRUCTURED,
    acquired,
    captured,
    hierarchy,
    instance_uid,
    item,
    reference,
    shared,
)
from adapters.figures import issued_score
from adapters.terminology import (
    DCM,
    EKG_STUDY,
    LN,
    MDC,
    OWN,
    PLACEMENTS,
    SCT,
    THRESHOLD,
    UNITS,
    Concept,
    probability,
    sr_finding,
)
from ecg.measurement import RATIO
from ecg.reading import Score
from ecg.report import NAMESPACE, Report

# Concept names by the rows of PS3.16 TID 3700 and of the templates that it includes.
TITLE: Final = Concept(LN, "28010-7", "ECG Report")
LANGUAGE: Final = Concept(DCM, "121049", "Language of Content Item and Descendants")  # TID 1204
ENGLISH: Final = Concept("RFC5646", "en", "English")
OBSERVER: Final = Concept(DCM, "121005", "Observer Type")  # TID 1002, 1004
DEVICE: Final = Concept(DCM, "121007", "Device")
DEVICE_UID: Final = Concept(DCM, "121012", "Device Observer UID")
DEVICE_NAME: Final = Concept(DCM, "121013", "Device Observer Name")
DEVICE_MANUFACTURER: Final = Concept(DCM, "121014", "Device Observer Manufacturer")
DEVICE_MODEL: Final = Concept(DCM, "121015", "Device Observer Model Name")
REPORTED: Final = Concept(DCM, "121058", "Procedure reported")
CURRENT: Final = Concept(LN, "55111-9", "Current Procedure Descriptions")  # TID 3708
WHEN: Final = Concept(DCM, "122146", "Procedure DateTime")
SOURCE: Final = Concept(DCM, "121112", "Source of Measurement")
LEAD_SYSTEM: Final = Concept(MDC, "10:11345", "Lead System")
ALGORITHM: Final = Concept(DCM, "111001", "Algorithm Name")  # TID 4019
ALGORITHM_VERSION: Final = Concept(DCM, "111003", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = Concept(DCM, "111002", "Algorithm Parameters")
QUANTITATIVE: Final = Concept(DCM, "122144", "Quantitative Analysis")
QUALITATIVE: Final = Concept(DCM, "122145", "Qualitative Analysis")  # TID 3717
FINDING: Final = Concept(SCT, "271921002", "ECG Finding")
IN_WORDS: Final = Concept(DCM, "121051", "Equivalent Meaning of Value")
EXPLANATION: Final = Concept(DCM, "130401", "Visual explanation")
SUMMARY: Final = Concept(LN, "55112-7", "Summary")  # TID 3719
# Of ours, where the templates are extended.
SCORES: Final = Concept(OWN, "scores", "Probabilities by a neural network")
ABSTAINED: Final = Concept(OWN, "no-reading", "Why no model read the ECG")

# Sentences that are about what was found, by the first word of what they stand on.
_IMPRESSION: Final = ("score", "finding", "abstention")


def structured_report(report: Report) -> Dataset:
    """Return the report as Comprehensive SR object: unverified, preliminary, of the same study.

    Raises:
        Refused: the recording names no study to which it could belong.
    """
    dataset = shared(report, COMPREHENSIVE_SR, STRUCTURED)
    dataset.pop("SourceInstanceSequence", None)  # it is a content item here
    # SR Document Series (PS3.3 C.17.1).
    dataset.Modality, dataset.ReferencedPerformedProcedureStepSequence = "SR", []
    dataset.SeriesDescription = values.label(f"AI ECG structured report, {report.status}, research only")
    # SR Document General (PS3.3 C.17.2).
    dataset.PreliminaryFlag, dataset.CompletionFlag, dataset.VerificationFlag = "PRELIMINARY", "COMPLETE", "UNVERIFIED"
    dataset.PerformedProcedureCodeSequence = []
    if requests := _requests(report):
        dataset.ReferencedRequestSequence = requests
    if evidence := _evidence(report):
        dataset.CurrentRequestedProcedureEvidenceSequence = [evidence]
    # SOP Common (PS3.3 C.12.1): whose codes 99TWELVELEAD are.
    scheme = item(CodingSchemeDesignator=OWN, CodingSchemeUID=_uid("codes"), CodingSchemeName="Codes of Twelvelead")
    dataset.CodingSchemeIdentificationSequence = [scheme]
    # SR Document Content (PS3.3 C.17.3).
    dataset.update(_tree(report))
    return dataset


def _tree(report: Report) -> Dataset:
    """Return the root of the content tree (PS3.16 TID 3700), its rows in their order."""
    return container(
        TITLE,
        related(MODIFIER, coded(LANGUAGE, ENGLISH)),
        related(CONTEXT, *_observer(report)),
        related(MODIFIER, coded(REPORTED, EKG_STUDY)),
        related(CONTAINS, _waveform(report)),
        related(CONTAINS, _quantitative(report)),
        related(CONTAINS, _qualitative(report)),
        related(CONTAINS, _summary(report)),
        template="3700",
    )


def _observer(report: Report) -> Iterator[Dataset]:
    """Yield who observed: this software (TID 1002 and 1004)."""
    model = report.reading.prediction.model
    of_model = (model.name, model.version, model.digest) if model else ()
    yield coded(OBSERVER, DEVICE)
    yield identified(DEVICE_UID, _uid("\0".join(("device", report.release, *of_model))))
    yield text(DEVICE_NAME, f"{MANUFACTURER} {report.release}")
    yield text(DEVICE_MANUFACTURER, MANUFACTURER)
    yield text(DEVICE_MODEL, f"{model.name} {model.version}" if model else MANUFACTURER)


def _waveform(report: Report) -> Dataset:
    """Return what was analysed, when it was acquired, and by what it was measured (TID 3708)."""
    recording = report.recording
    # Its date alone where only the study's is known. Never the time of receipt: without either, the row is missing.
    when = values.moment(acquired(report)) or values.stated_day(recording.study.date)
    rows = [moment(WHEN, when)] if when else []
    source = recording.provenance
    if source.class_uid in SOP_CLASSES and (uid := values.unique_identifier(source.instance_uid)):
        rows.append(referred(SOURCE, "WAVEFORM", str(source.class_uid), uid))
    if recording.placement in PLACEMENTS:
        rows.append(coded(LEAD_SYSTEM, PLACEMENTS[recording.placement]))
    rows += [text(ALGORITHM, MANUFACTURER), text(ALGORITHM_VERSION, report.release)]
    return container(CURRENT, related(CONTAINS, *rows), template="3708")


def _quantitative(report: Report) -> Dataset:
    """Return what was measured, and what the model gave."""
    reading = report.reading
    rows = [globally(reading.measurements), *by_lead(reading.measurements), _scores(report)]
    if reading.prediction.abstention is not None:
        why = reading.prediction.abstention
        rows.append(coded(ABSTAINED, Concept(OWN, why.code, why.reason)))
    return container(QUANTITATIVE, related(CONTAINS, *(each for each in rows if each is not None)))


def _scores(report: Report) -> Dataset | None:
    """Return the scores, each with its threshold, and the model they are of (TID 4019); None where there are none."""
    prediction = report.reading.prediction
    if (model := prediction.model) is None:
        return None
    algorithm = [
        text(ALGORITHM, model.name),
        text(ALGORITHM_VERSION, model.version),
        text(ALGORITHM_PARAMETERS, f"SHA-256 of the model card: {model.digest}"),
    ]
    return container(
        SCORES,
        related(MODIFIER, *algorithm),
        related(CONTAINS, *(_score(each) for each in prediction.scores)),
    )


def _score(score: Score) -> Dataset:
    value, threshold = issued_score(score)
    limit = number(THRESHOLD, threshold, UNITS[RATIO])
    return number(probability(score.finding), value, UNITS[RATIO], related(PROPERTY, limit))


def _qualitative(report: Report) -> Dataset:
    """Return the findings at or above their thresholds, else in words that there are none (TID 3717)."""
    asserted = report.reading.prediction.asserted
    if asserted:
        rows = [_finding(report, each) for each in asserted]
    else:
        said = [each.text for each in report.sentences if each.about and each.about[0].startswith(_IMPRESSION)]
        rows = [text(FINDING, *(said or [report.sentences[0].text]))]
    return container(QUALITATIVE, related(CONTAINS, *rows), template="3717")


def _finding(report: Report, score: Score) -> Dataset:
    """Return a finding: its code, that it is a pattern only, the score it stands on, and its map where one is sent."""
    shown, picture = issued_score(score)[0], captured(report)
    words = text(IN_WORDS, f"ECG pattern of {score.finding.name}, preliminary, by AI")
    properties = []
    if picture is not None and picture.finding == score.finding.code:
        uid = instance_uid(report.id, PICTURE, report.version)
        properties.append(referred(EXPLANATION, "IMAGE", SECONDARY_CAPTURE, uid))
    return coded(
        FINDING,
        sr_finding(score.finding),
        related(MODIFIER, words),
        related(INFERRED, number(probability(score.finding), shown, UNITS[RATIO])),
        related(PROPERTY, *properties),
    )


def _summary(report: Report) -> Dataset:
    """Return all sentences, with the marks that every rendering carries (TID 3719)."""
    return container(
        SUMMARY, related(CONTAINS, text(SUMMARY, *(each.text for each in report.sentences))), template="3719"
    )


def _requests(report: Report) -> list[Dataset]:
    """Return the order that the ECG was recorded for (PS3.3 C.17.2), none where it has no number."""
    order = report.recording.order
    numbers = {
        "AccessionNumber": values.identifier(order.accession_number, values.SH),
        "PlacerOrderNumberImagingServiceRequest": values.identifier(order.placer_number),
        "FillerOrderNumberImagingServiceRequest": values.identifier(order.filler_number),
    }
    if not any(numbers.values()):
        return []
    empty = {"RequestedProcedureID": "", "RequestedProcedureDescription": "", "RequestedProcedureCodeSequence": []}
    held = item(StudyInstanceUID=order.study_uid, ReferencedStudySequence=[], **numbers, **empty)
    if numbers["AccessionNumber"] and (issuer := values.identifier(order.accession_issuer)):
        held.IssuerOfAccessionNumberSequence = [item(LocalNamespaceEntityID=issuer)]
    return [held]


def _evidence(report: Report) -> Dataset | None:
    """Return the objects that the tree refers to (PS3.3 C.17.2.3); None where it refers to none."""
    source, picture = report.recording.provenance, captured(report)
    explained = picture is not None and any(
        each.finding.code == picture.finding for each in report.reading.prediction.asserted
    )
    objects = {PICTURE: [instance_uid(report.id, PICTURE, report.version)]} if explained else {}
    found = hierarchy(report, objects)
    uid, series = values.unique_identifier(source.instance_uid), values.unique_identifier(source.series_uid)
    if source.class_uid in SOP_CLASSES and uid and series:
        waveform = reference(str(source.class_uid), uid)
        found.ReferencedSeriesSequence.append(item(SeriesInstanceUID=series, ReferencedSOPSequence=[waveform]))
    return found if found.ReferencedSeriesSequence else None


def _uid(name: str) -> str:
    return f"2.25.{uuid5(NAMESPACE, f'DICOM {name}').int}"
