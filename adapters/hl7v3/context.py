"""What an annotated ECG says beside the samples: whose it is, when it was made, by what, and its findings."""

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from adapters.hl7v3.codes import (
    FILTER_FREQUENCIES,
    FILTER_HIGH,
    FILTER_LOW,
    FILTER_NOTCH,
    REPORTED_AGE,
    SEX,
    YEARS_PER_UNIT,
)
from adapters.hl7v3.sequences import first_moment
from adapters.hl7v3.times import day, moment
from adapters.markup import attribute, text
from ecg.recording import Device, Filters, Patient

MAX_STATEMENTS: Final = 200
_SUBJECT: Final = ".//{*}subjectAssignment/{*}subject/{*}trialSubject"
_FIGURE: Final = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)
# What stands on a single wave or beat rather than on the ECG (ISO/IEEE 11073-10101, annex A).
_OF_A_BEAT: Final = ("MDC_ECG_WAVC", "MDC_ECG_WAVP", "MDC_ECG_BEAT")


def patient(root: Element) -> Patient:
    """Return the subject; the OID that its id is one of stands as the issuer."""
    subject = root.find(_SUBJECT)
    person = None if subject is None else subject.find("{*}subjectDemographicPerson")
    root_id, extension = attribute(subject, "root", "{*}id"), attribute(subject, "extension", "{*}id")
    return Patient(
        id=extension or root_id,
        issuer=root_id if extension else None,
        name=_name(person),
        birth_date=day(attribute(person, "value", "{*}birthTime")),
        sex=SEX.get(attribute(person, "code", "{*}administrativeGenderCode") or ""),
        age=_age(root),
    )


def acquired_at(root: Element, series: Element) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the series began: as it says itself, else by its first sample, else by the document; or a note."""
    said = [
        attribute(series, "value", "{*}effectiveTime/{*}low"),
        first_moment(series),
        attribute(series, "value", "{*}effectiveTime/{*}center"),
        attribute(root, "value", "{*}effectiveTime/{*}low"),
        attribute(root, "value", "{*}effectiveTime/{*}center"),
        attribute(root, "value", "{*}effectiveTime"),
    ]
    written = [each for each in said if each]
    found = next((when for each in written if (when := moment(each))), None)
    return found, ("The file's acquisition time could not be read.",) if written and found is None else ()


def device(series: Element) -> Device:
    """Return the recorder as it names itself."""
    author = series.find("{*}author/{*}seriesAuthor")
    model = text(author, "{*}manufacturedSeriesDevice/{*}manufacturerModelName")
    return Device(text(author, "{*}manufacturerOrganization/{*}name"), model)


def filters(series: Element) -> Filters:
    """Return the filters that the series' control variables name."""
    return Filters(
        high_pass=_cutoff(series, FILTER_HIGH, max),
        low_pass=_cutoff(series, FILTER_LOW, min),
        notch=_cutoff(series, FILTER_NOTCH, max),
    )


def statements(series: Element) -> tuple[str, ...]:
    """Return the recorder's findings and measurements on the whole ECG, each once, in their order.

    Those of a representative beat are among them; what stands on a single beat or wave of the rhythm is not.
    """
    rhythm = series.iterfind("{*}subjectOf/{*}annotationSet/{*}component/{*}annotation")
    derived = series.iterfind("{*}derivation/{*}derivedSeries/{*}subjectOf/{*}annotationSet/{*}component/{*}annotation")
    said = (statement for each in (*rhythm, *derived) for statement in _said(each))
    return tuple(dict.fromkeys(said))[:MAX_STATEMENTS]


def _said(annotation: Element) -> Iterator[str]:
    """Yield what an annotation and those in it say: a text, a code's text, or a quantity after its code."""
    code, value = attribute(annotation, "code", "{*}code") or "", annotation.find("{*}value")
    if code.startswith(_OF_A_BEAT):
        return
    quantity, unit = attribute(value, "value"), attribute(value, "unit")
    coded = attribute(value, "displayName") or attribute(value, "code")
    if written := text(value) or text(annotation, "{*}text"):
        yield written
    elif quantity and code:
        yield f"{code}: {quantity} {unit or ''}".rstrip()
    elif coded:
        yield coded
    for inner in annotation.iterfind("{*}component/{*}annotation"):
        yield from _said(inner)


def _name(person: Element | None) -> str | None:
    """Return the name as DICOM writes it, 'Family^Given Given', where its parts are told apart; else as it stands."""
    name = None if person is None else person.find("{*}name")
    if name is None:
        return None
    family, given = (
        " ".join(filter(None, (text(each) for each in name.findall(f"{{*}}{part}")))) for part in ("family", "given")
    )
    return "^".join((family, given)).strip("^") or text(name)


def _age(root: Element) -> float | None:
    for each in root.iterfind("{*}controlVariable/{*}relatedObservation"):
        if attribute(each, "code", "{*}code") == REPORTED_AGE:
            figure = _figure(attribute(each, "value", "{*}value"))
            per = YEARS_PER_UNIT.get(attribute(each, "unit", "{*}value") or "")
            return None if figure is None or per is None else figure * per
    return None


def _cutoff(series: Element, code: str, narrowest: Callable[[list[float]], float]) -> float | None:
    """Return the frequency of a filter in Hz, of several the narrowest."""
    found = []
    for each in series.iterfind("{*}controlVariable/{*}controlVariable"):
        if attribute(each, "code", "{*}code") != code:
            continue
        for part in each.iterfind("{*}component/{*}controlVariable"):
            if attribute(part, "code", "{*}code") in FILTER_FREQUENCIES and attribute(part, "unit", "{*}value") == "Hz":
                found.append(_figure(attribute(part, "value", "{*}value")))
    figures = [each for each in found if each is not None and each > 0]
    return narrowest(figures) if figures else None


def _figure(written: str | None) -> float | None:
    """Return a number that nothing stands on; what cannot be read counts as absent."""
    return float(written) if written and _FIGURE.fullmatch(written) and math.isfinite(float(written)) else None
