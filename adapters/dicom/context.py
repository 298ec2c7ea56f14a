"""What a DICOM object says beside the samples: whose it is, why and when it was made, by what."""

import re
from datetime import date, datetime, timedelta, timezone
from typing import Final

from adapters.dicom.channels import code_number
from adapters.dicom.codes import PLACEMENT_SCHEMES, PLACEMENTS
from adapters.dicom.elements import Item
from ecg.recording import PRIORITIES, STANDARD, Device, Order, Patient, Priority, Study

# PS3.5 6.2: DT, with the zone as its suffix; a time that does not reach the minute is none.
_DATETIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?([+-]\d{4})?")
_ZONE: Final = re.compile(r"([+-])(\d\d)(\d\d)")
_AGE: Final = re.compile(r"(\d{3})([DWMY])")
# PS3.3 C.4.11, Requested Procedure Priority; HIGH is what HL7 v2 calls ASAP, and FHIR has nothing below routine.
_PRIORITIES: Final[dict[str, Priority]] = {
    **{"STAT": "stat", "HIGH": "asap"},
    **{"ROUTINE": "routine", "MEDIUM": "routine", "LOW": "routine"},
}
_YEARS: Final = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def patient(item: Item) -> Patient:
    """Return the patient (PS3.3 C.7.1.1), of the name the first group that is there, mostly the alphabetic."""
    sex = (item.text("PatientSex") or "").upper()
    return Patient(
        id=item.text("PatientID"),
        issuer=item.text("IssuerOfPatientID")
        or item.first("IssuerOfPatientIDQualifiersSequence").text("UniversalEntityID"),
        name=_name(item, "PatientName"),
        birth_date=_date(item.text("PatientBirthDate")),
        sex=sex if sex in ("F", "M", "O") else None,
        age=_age(item.text("PatientAge")),
    )


def order(item: Item) -> Order:
    """Return what the recording was made for; of several requests, the first that says so."""
    requests = (item, *item.items("ReferencedRequestSequence"), *item.items("RequestAttributesSequence"))
    issuer = _first(requests, "IssuerOfAccessionNumberSequence")
    return Order(
        accession_number=_text(requests, "AccessionNumber"),
        accession_issuer=issuer.text("LocalNamespaceEntityID") or issuer.text("UniversalEntityID"),
        placer_number=_text(requests, "PlacerOrderNumberImagingServiceRequest"),
        filler_number=_text(requests, "FillerOrderNumberImagingServiceRequest"),
        admission_id=item.text("AdmissionID"),
        study_uid=item.text("StudyInstanceUID"),
        priority=_priority(requests),
    )


def study(item: Item) -> Study:
    """Return what the object says of its study (PS3.3 C.7.2.1 and C.7.2.2), of the physician's name the first group."""
    return Study(
        id=item.text("StudyID"),
        date=item.text("StudyDate"),
        time=item.text("StudyTime"),
        description=item.text("StudyDescription"),
        referring_physician=_name(item, "ReferringPhysicianName"),
        patient_age=item.text("PatientAge"),
    )


def device(item: Item) -> Device:
    """Return the recorder as it names itself."""
    return Device(item.text("Manufacturer"), item.text("ManufacturerModelName"))


def placement(item: Item) -> str | None:
    """Return how the electrodes were placed (PS3.16 TID 3401), by its code; None where the object does not say."""
    values = (each.first("ConceptCodeSequence") for each in item.items("AcquisitionContextSequence"))
    named = {PLACEMENTS.get(code_number(each, PLACEMENT_SCHEMES) or 0) for each in values} - {None}
    # Of several, one that is not the standard's: whoever reads the ECG must know.
    return next(iter(sorted(filter(None, named), key=lambda each: each == STANDARD)), None)


def acquired_at(item: Item) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the ECG was acquired, and a note where the file's word cannot be read.

    The zone is the time's own, else Timezone Offset From UTC, else there is none. Content, study and instance times are
    other times: none of them stands in.
    """
    text = item.text("AcquisitionDateTime")
    if text is None and (day := item.text("AcquisitionDate")) and (time := item.text("AcquisitionTime")):
        text = day.replace(".", "") + time.replace(":", "")
    if text is None:
        return None, ()
    try:
        return _datetime(text, item.text("TimezoneOffsetFromUTC")), ()
    except ValueError:
        return None, ("The file's acquisition time could not be read.",)


def _datetime(text: str, offset: str | None) -> datetime:
    match = _DATETIME.fullmatch(text)
    if not match:
        raise ValueError("not a DT to the minute")
    *moment, second, fraction, suffix = match.groups()
    year, month, day, hour, minute = (int(part) for part in moment)
    stated = suffix or offset
    zone = _zone(stated) if stated else None
    micro = int((fraction or "0").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, int(second or 0), micro, tzinfo=zone)


def _zone(text: str) -> timezone:
    match = _ZONE.fullmatch(text)
    if not match:
        raise ValueError("not a zone")
    sign, hours, minutes = match.groups()
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-away if sign == "-" else away)


def _date(text: str | None) -> date | None:
    try:
        return datetime.strptime((text or "").replace(".", ""), "%Y%m%d").date()
    except ValueError:
        return None


def _age(text: str | None) -> float | None:
    match = _AGE.fullmatch(text or "")
    return int(match.group(1)) * _YEARS[match.group(2)] if match else None


def _name(item: Item, keyword: str) -> str | None:
    groups = (each.strip(" ^") for each in (item.text(keyword) or "").split("="))  # PS3.5 6.2.1.2
    return next((each for each in groups if each), None)


def _priority(items: tuple[Item, ...]) -> Priority | None:
    """Return the most urgent priority that is stated.

    The attribute is the worklist's. No module of a waveform object nor the Request Attributes Macro (PS3.3 table 10-9)
    has it; recorders that pass it on write it into either.
    """
    said = {_PRIORITIES.get((each.text("RequestedProcedurePriority") or "").upper()) for each in items}
    return next((each for each in reversed(PRIORITIES) if each in said), None)


def _text(items: tuple[Item, ...], keyword: str) -> str | None:
    return next((text for each in items if (text := each.text(keyword))), None)


def _first(items: tuple[Item, ...], keyword: str) -> Item:
    return next((each.first(keyword) for each in items if each.items(keyword)), items[0].first(keyword))
