"""What was measured, as content items: PS3.16 TID 3713 of the whole recording, TID 3714 of each lead."""

from collections.abc import Iterator
from typing import Final

from pydicom.dataset import Dataset

from adapters.dicom.content import CONTAINS, MODIFIER, PROPERTY, UNATTEMPTED, coded, container, number, related
from adapters.dicom.outgoing import code
from adapters.figures import issued
from adapters.terminology import (
    AGREEMENT,
    DCM,
    GLOBAL,
    LEAD,
    LEAD_IDS,
    NO_SUCH,
    NOT_ATTEMPTED,
    OWN,
    RR,
    UNITS,
    Concept,
    Terms,
    own_measurement,
)
from ecg.leads import LEADS
from ecg.measurement import MS, RATIO, Measurement, Measurements

GLOBAL_MEASUREMENTS: Final = Concept(DCM, "122158", "ECG Global Measurements")
LEAD_MEASUREMENTS: Final = Concept(DCM, "122159", "ECG Lead Measurements")
LEAD_ID: Final = Concept(DCM, "122148", "Lead ID")
ALGORITHM: Final = Concept(DCM, "111001", "Algorithm Name")
ABSENT: Final = Concept(OWN, "absent", "Why there is no value")

# The rows of TID 3713 in their order, and whether a row must be there; those behind it extend the template.
_RR: Final = "rr"
ROWS: Final = (
    *("heart-rate", "qt", "qtc-framingham", "qtc-bazett", "qtc-fridericia", "pr", "qrs", _RR),
    *("p-duration", "axis-p", "axis-qrs", "axis-t", "rr-variation"),
)
REQUIRED: Final = ("heart-rate", "qt", "pr", "qrs")
SECONDS_TO_MS: Final = 60_000.0  # of a minute


def globally(measurements: Measurements) -> Dataset | None:
    """Return what was measured of the whole recording; None where nothing was looked for.

    The template demands rate, QT, PR, QRS and RR: what is absent stands there without a value, and why.
    """
    held = {each.code: each for each in measurements.values if each.lead is None}
    if not held:
        return None
    missing = {code: Measurement(code, absent="not-looked-for") for code in REQUIRED if code not in held}
    found = held | missing
    rows = [_rr(found["heart-rate"]) if code == _RR else _row(found[code]) for code in ROWS if code in {*found, _RR}]
    return container(GLOBAL_MEASUREMENTS, related(CONTAINS, *rows), template="3713")


def by_lead(measurements: Measurements) -> Iterator[Dataset]:
    """Yield what was measured of each lead, in the order of the leads."""
    for lead in LEADS:
        values = {each.code: each for each in measurements.values if each.lead == lead}
        if values:
            rows = [_row(values[code]) for code in LEAD if code in values]
            name = related(MODIFIER, coded(LEAD_ID, LEAD_IDS[lead]))
            yield container(LEAD_MEASUREMENTS, name, related(CONTAINS, *rows), template="3714")


def concept(measurement: Measurement) -> Concept:
    """Return the concept name of a measurement."""
    named: Terms = (GLOBAL if measurement.lead is None else LEAD)[measurement.code]
    return named.sr or own_measurement(measurement.code, named)


def _row(measurement: Measurement) -> Dataset:
    value = None if measurement.value is None else issued(measurement)
    properties = related(PROPERTY, *_properties(measurement))
    return _qualified(number(concept(measurement), value, UNITS[measurement.unit], properties), measurement)


def _qualified(row: Dataset, measurement: Measurement) -> Dataset:
    """Return the row; where nothing was tried, or there was nothing to measure, with that qualifier."""
    if measurement.absent in NOT_ATTEMPTED | NO_SUCH:
        row.NumericValueQualifierCodeSequence = [code(UNATTEMPTED)]
    return row


def _properties(measurement: Measurement) -> Iterator[Dataset]:
    """Yield by what formula it was corrected, and how far the beats agree, or why there is no value."""
    if measurement.lead is None and (algorithm := GLOBAL[measurement.code].algorithm) is not None:
        yield coded(ALGORITHM, algorithm)
    if measurement.absent:
        yield coded(ABSENT, Concept(OWN, measurement.absent, measurement.absent))
    else:
        yield number(AGREEMENT, round(measurement.confidence, 2), UNITS[RATIO])


def _rr(rate: Measurement) -> Dataset:
    """Return the RR interval that the heart rate is the inverse of."""
    if rate.value is None:
        return _qualified(number(RR, None, UNITS[MS], related(PROPERTY, *_properties(rate))), rate)
    return number(RR, round(SECONDS_TO_MS / rate.value), UNITS[MS])
