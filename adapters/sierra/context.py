"""What a Sierra document says beside the samples: whose it is, when and why it was made, by what, and its findings."""

import re
from datetime import date, datetime
from typing import Final
from xml.etree.ElementTree import Element

from adapters.leads import EASI, FRANK, MASON_LIKAR, OTHER_PLACES
from adapters.markup import attribute, text
from ecg.recording import PRIORITIES, STANDARD, Device, Filters, Order, Patient, Priority

MAX_STATEMENTS: Final = 200
_GENERAL: Final = "{*}patient/{*}generalpatientdata"
_SIGNALS: Final = "{*}dataacquisition/{*}signalcharacteristics"
_REPORT: Final = "{*}reportinfo/{*}reportbandwidth"
_SEX: Final = {"MALE": "M", "FEMALE": "F"}
_YEARS: Final = {"years": 1.0, "months": 1 / 12, "weeks": 7 / 365.25, "days": 1 / 365.25}
_NUMBER: Final = re.compile(r"[-+]?\d{1,6}(?:\.\d{1,6})?", re.ASCII)
# Elements of interpretationmeasurements (1.03) and globalmeasurements (1.04), what they are called here, and the unit.
_MEASUREMENTS: Final = (
    ("heartrate", "Heart rate", "/min"),
    ("rrint", "RR", "ms"),
    ("pdur", "P duration", "ms"),
    ("print", "PR", "ms"),
    ("meanprint", "PR", "ms"),
    ("qrsdur", "QRS duration", "ms"),
    ("meanqrsdur", "QRS duration", "ms"),
    ("qtint", "QT", "ms"),
    ("meanqtint", "QT", "ms"),
    ("meanqtc", "QTc", "ms"),
    ("qtcb", "QTc (Bazett)", "ms"),
    ("qtcf", "QTc (Fridericia)", "ms"),
    ("pfrontaxis", "P axis", "deg"),
    ("qrsfrontaxis", "QRS axis", "deg"),
    ("tfrontaxis", "T axis", "deg"),
)


def patient(root: Element) -> Patient:
    """Return the patient, of whom Sierra names no issuer."""
    held = root.find(_GENERAL)
    return Patient(
        id=text(held, "{*}patientid") or text(held, "{*}MRN"),
        name=_name(held),
        birth_date=_day(text(held, "{*}age/{*}dateofbirth")),
        sex=_SEX.get((text(held, "{*}sex") or "").upper()),
        age=_age(held),
    )


def order(root: Element) -> Order:
    """Return the order; the statement 'stat' stands with the acquisition, too."""
    held = root.find("{*}orderinfo")
    said = (attribute(held, "priority") or "").lower()
    priority: Priority | None = next((each for each in PRIORITIES if each == said), None)
    if attribute(root, "statflag", "{*}dataacquisition") == "True":
        priority = "stat"
    return Order(placer_number=text(held, "{*}ordernumber"), priority=priority)


def acquired_at(root: Element) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the ECG was acquired, in no zone, since Sierra names none; or a note that it cannot be read."""
    day, time = (attribute(root, each, "{*}dataacquisition") for each in ("date", "time"))
    if not (day and time):
        return None, ()
    try:
        return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=None), ()
    except ValueError:
        return None, ("The file's acquisition time could not be read.",)


def device(root: Element) -> Device:
    """Return the recorder; its maker is the first part of its description."""
    detail = attribute(root, "detaildescription", "{*}dataacquisition/{*}machine") or ""
    return Device(detail.partition(":")[0].strip() or None, text(root, "{*}dataacquisition/{*}machine"))


def filters(root: Element) -> Filters:
    """Return the narrowest filters of the acquisition, and of the report where the samples went through those, too."""
    signals = root.find(_SIGNALS)
    low, _, high = (text(signals, "{*}signalbandwidth") or "").partition("-")
    high_pass = [text(signals, "{*}hipass"), low]
    low_pass = [text(signals, "{*}lowpass"), high]
    notch = []
    if text(signals, "{*}notchfiltered") == "True":
        notch.append(text(signals, "{*}notchfilterfreqs") or text(signals, "{*}acsetting"))
    if attribute(root, "filterflag", ".//{*}parsedwaveforms") == "True":
        high_pass.append(text(root, f"{_REPORT}/{{*}}highpassfiltersetting"))
        low_pass.append(text(root, f"{_REPORT}/{{*}}lowpassfiltersetting"))
        notch.append(text(root, f"{_REPORT}/{{*}}notchfiltersetting"))
    return Filters(
        high_pass=max(_figures(high_pass), default=None),
        low_pass=min(_figures(low_pass), default=None),
        notch=max(_figures(notch), default=None),
    )


def calculated_from(signals: Element) -> str | None:
    """Return the system of electrodes from which the twelve leads were calculated; None where they were measured."""
    kinds = [(text(signals, f"{{*}}{each}") or "").upper() for each in ("acquisitiontype", "leadset")]
    return next((name for name in (EASI, FRANK) if any(name.upper() in each for each in kinds)), None)


def placement(root: Element) -> str | None:
    """Return how the electrodes were placed, None where the document does not say."""
    signals = root.find(_SIGNALS)
    if signals is not None and (system := calculated_from(signals)):
        return system
    said = (text(root, f"{_SIGNALS}/{{*}}electrodeplacement") or "").upper()
    if said in ("", "STD", "STANDARD"):
        return STANDARD if said else None
    return MASON_LIKAR if "MASON" in said or said == "ML" else OTHER_PLACES


def statements(root: Element) -> tuple[str, ...]:
    """Return the recorder's findings and measurements, each once, in their order, and what it says of a pacemaker."""
    said: list[str | None] = []
    for each in root.iterfind("{*}interpretations/{*}interpretation"):
        said += [text(each, "{*}severity"), text(each, "{*}mdsignatureline")]
        for statement in each.iterfind("{*}statement"):
            parts = (text(statement, "{*}leftstatement"), text(statement, "{*}rightstatement"))
            said.append(": ".join(part for part in parts if part))
        measured = each.find("{*}globalmeasurements")
        said += _measured(each.find("{*}interpretationmeasurements") if measured is None else measured)
    pace = text(root, f"{_GENERAL}/{{*}}pacestatus")
    if pace and pace.upper() != "UNKNOWN":
        said.append(f"Pace status: {pace}")
    return tuple(dict.fromkeys(each for each in said if each))[:MAX_STATEMENTS]


def _measured(held: Element | None) -> list[str | None]:
    figures = ((text(held, f"{{*}}{element}"), name, unit) for element, name, unit in _MEASUREMENTS)
    return [f"{name}: {figure} {unit}" for figure, name, unit in figures if figure and _NUMBER.fullmatch(figure)]


def _name(held: Element | None) -> str | None:
    """Return the name as DICOM writes it, 'Family^Given^Middle'."""
    parts = [text(held, f"{{*}}name/{{*}}{each}name") or "" for each in ("last", "first", "middle")]
    return "^".join(parts).strip("^") or None


def _age(held: Element | None) -> float | None:
    for unit, years in _YEARS.items():
        figure = text(held, f"{{*}}age/{{*}}{unit}")
        if figure and _NUMBER.fullmatch(figure):
            return float(figure) * years
    return None


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat(written or "")
    except ValueError:
        return None


def _figures(written: list[str | None]) -> list[float]:
    """Return the positive numbers among what nothing stands on."""
    figures = (float(each) for each in written if each and _NUMBER.fullmatch(each.strip()))
    return [each for each in figures if each > 0]
