"""Content items of structured reports by their value types (PS3.3 C.17.3), and how one is related to another."""

from collections.abc import Iterable
from typing import Final

from pydicom.dataset import Dataset

from adapters.dicom import values
from adapters.dicom.outgoing import code, item, reference
from adapters.terminology import DCM, Concept

# PS3.3 table C.17.3-8.
CONTAINS: Final = "CONTAINS"
CONTEXT: Final = "HAS OBS CONTEXT"
MODIFIER: Final = "HAS CONCEPT MOD"
PROPERTY: Final = "HAS PROPERTIES"
INFERRED: Final = "INFERRED FROM"

# PS3.16 CID 42.
FAILED: Final = Concept(DCM, "114006", "Measurement failure")
UNATTEMPTED: Final = Concept(DCM, "114007", "Measurement not attempted")

_DS: Final = 16  # characters of a decimal string (PS3.5 6.2)


def container(name: Concept, *groups: Iterable[Dataset], template: str | None = None) -> Dataset:
    """Return a container of what is related to it, invoked by a template of PS3.16 where one is named."""
    made = _named("CONTAINER", name, *groups)
    made.ContinuityOfContent = "SEPARATE"
    if template is not None:
        made.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier=template)]
    return made


def text(name: Concept, *lines: str) -> Dataset:
    """Return a text of one or more lines."""
    made = _named("TEXT", name)
    made.TextValue = values.prose(lines)
    return made


def coded(name: Concept, value: Concept, *groups: Iterable[Dataset]) -> Dataset:
    """Return a coded value."""
    made = _named("CODE", name, *groups)
    made.ConceptCodeSequence = [code(value)]
    return made


def number(name: Concept, value: float | None, unit: Concept, *groups: Iterable[Dataset]) -> Dataset:
    """Return a number in its unit; where there is none, that measuring it failed (PS3.3 C.18.1)."""
    made = _named("NUM", name, *groups)
    made.MeasuredValueSequence = []
    if value is None:
        made.NumericValueQualifierCodeSequence = [code(FAILED)]
    else:
        measured = item(NumericValue=f"{value:.9g}"[:_DS], MeasurementUnitsCodeSequence=[code(unit)])
        made.MeasuredValueSequence = [measured]
    return made


def moment(name: Concept, value: str) -> Dataset:
    """Return a time, as DT."""
    made = _named("DATETIME", name)
    made.DateTime = value
    return made


def identified(name: Concept, uid: str) -> Dataset:
    """Return a UID."""
    made = _named("UIDREF", name)
    made.UID = uid
    return made


def referred(name: Concept, kind: str, sop_class: str, uid: str) -> Dataset:
    """Return a reference to an object; `kind` is the value type, IMAGE or WAVEFORM."""
    made = _named(kind, name)
    made.ReferencedSOPSequence = [reference(sop_class, uid)]
    return made


def related(relationship: str, *items: Dataset) -> list[Dataset]:
    """Return items as they are related to what holds them."""
    for each in items:
        each.RelationshipType = relationship
    return list(items)


def _named(kind: str, name: Concept, *groups: Iterable[Dataset]) -> Dataset:
    made = item(ValueType=kind, ConceptNameCodeSequence=[code(name)])
    if held := [each for group in groups for each in group]:
        made.ContentSequence = held
    return made
