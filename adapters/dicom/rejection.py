"""Say to a PACS that former objects of a report must not be used: a rejection note (IHE RAD TF, IOCM)."""

from collections.abc import Sequence
from typing import Final

from pydicom.dataset import Dataset

from adapters.dicom.codes import KEY_OBJECT_SELECTION
from adapters.dicom.outgoing import (
    PARTS,
    PICTURE,
    REJECTION,
    code,
    earlier,
    hierarchy,
    item,
    reference,
    shared,
)
from adapters.dicom.results import ALL, encoded
from adapters.terminology import DCM, Concept
from ecg.report import Receipt, Report

# PS3.16 CID 7010, titles of rejection notes. 113038, Incorrect Modality Worklist Entry, would say more than is known:
# no worklist was asked for our objects. What belongs to another patient must not be used, for that patient's safety.
QUALITY: Final = code(Concept(DCM, "113001", "Rejected for Quality Reasons"))
SAFETY: Final = code(Concept(DCM, "113037", "Rejected for Patient Safety Reasons"))
TITLES: Final = {"quality": QUALITY, "wrong-patient": SAFETY, "safety": SAFETY}
# PS3.16 TID 2010, Key Object Selection, row 8: why, in words.
DESCRIPTION: Final = code(Concept(DCM, "113012", "Key Object Description"))


def succeeding(report: Report, held: Receipt | None, parts: Sequence[str] = ALL) -> tuple[Dataset, ...]:
    """Return all objects that a PACS gets of a report: its own, of those `parts`, then the note on those it replaces.

    None where a report is withdrawn of which the PACS holds no object.

    Raises:
        Refused: the recording names no study to which they could belong.
    """
    former = held.reference.split() if held else ()
    note = rejection_note(report, former)
    return (*encoded(report, former, parts), *([note] if note else []))


def rejection_note(report: Report, former: Sequence[str]) -> Dataset | None:
    """Return the note on those of the UIDs `former` that are objects of earlier versions; None where none is.

    A Key Object Selection Document (PS3.3 A.35.4) of TID 2010, in a series of its own of the same study. What is
    replaced by an amendment is rejected for its quality; what is withdrawn, for the reason of that.

    Raises:
        Refused: the recording names no study to which it could belong.
    """
    rejected = earlier(report, former)
    if not rejected:
        return None
    dataset = shared(report, KEY_OBJECT_SELECTION, REJECTION)
    title = TITLES[report.reason] if report.reason else QUALITY
    # Key Object Document Series (PS3.3 C.17.6.1).
    dataset.Modality, dataset.ReferencedPerformedProcedureStepSequence = "KO", []
    dataset.SeriesDescription = "Rejection of AI ECG report objects"
    # Key Object Document (PS3.3 C.17.6.2).
    dataset.CurrentRequestedProcedureEvidenceSequence = [hierarchy(report, rejected)]
    # SR Document Content (PS3.3 C.17.3): TID 2010, Key Object Selection.
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [title]
    dataset.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="2010")]
    said = item(RelationshipType="CONTAINS", ValueType="TEXT", TextValue=report.sentences[0].text)
    said.ConceptNameCodeSequence = [DESCRIPTION]
    objects = [_object(part, uid) for part, found in rejected.items() for uid in found]
    dataset.ContentSequence = [said, *objects]
    return dataset


def _object(part: str, uid: str) -> Dataset:
    """Return a content item that refers to an object, a picture or a document (PS3.3 C.17.3.2)."""
    kind = "IMAGE" if part == PICTURE else "COMPOSITE"
    return item(RelationshipType="CONTAINS", ValueType=kind, ReferencedSOPSequence=[reference(PARTS[part], uid)])
