"""What an Observation or a document says beside the samples: whose it is, why and when it was made, by what."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from adapters.fhir.bundled import Bundled
from adapters.fhir.codes import ACCESSION, DICOM_UID, FILLER, PLACER, VISIT, Json
from ecg.errors import MalformedPayload
from ecg.recording import PRIORITIES, Device, Order, Patient

# R4 value set administrative-gender; DICOM PS3.3 C.7.1.1 for ours.
_SEX: Final = {"female": "F", "male": "M", "other": "O"}
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Where the request, the visit and the study stand: in R4's and R5's Observation, Media and DiagnosticReport, then in
# R4's DocumentReference (context is an element there) and in R5's (it is a Reference).
_REQUESTS: Final = ("basedOn", "context.related")
_VISITS: Final = ("encounter", "context.encounter", "context")
_STUDIES: Final = ("partOf", "derivedFrom", "imagingStudy", "study", "context.related")
# References whose type is known although they do not name it.
_OF_ONE_TYPE: Final = ("basedOn", "encounter", "context.encounter", "partOf", "derivedFrom", "imagingStudy", "study")
_IMAGING_STUDY: Final = re.compile(r"urn:oid:([0-9.]+)")


def patient(observation: Bundled) -> Patient:
    """Return the patient: by the reference's identifier, and as the Patient it leads to says.

    The identifier's system stands as the issuer. A literal reference whose Patient is not here names nobody: an id of
    one server says nothing on another.

    Raises:
        MalformedPayload: the reference names another patient than the one it leads to.
    """
    subject = observation.resource.get("subject", {})
    held = observation.referred(subject, "Patient")
    logical = subject.get("identifier") if subject.get("type", "Patient") == "Patient" else None
    if held is None:
        return Patient(*_identity(logical), name=None if logical is None else subject.get("display"))
    own = [each for each in held.get("identifier", ()) if each.get("value")]
    if logical and own and _identity(logical) not in [_identity(each) for each in own]:
        raise MalformedPayload("The subject's identifier is none of the Patient's.")
    birth, chosen = held.get("birthDate", ""), logical or min(own, key=_rank, default=None)
    return Patient(
        *_identity(chosen),
        name=_name(held),
        birth_date=date.fromisoformat(birth) if _DAY.fullmatch(birth) else None,
        sex=_SEX.get(held.get("gender", "")),
    )


def order(observation: Bundled) -> Order:
    """Return what the recording was made for: identifiers of its requests, its visit, its study, and how urgent."""
    requests = list(_identifiers(observation, _REQUESTS, "ServiceRequest"))
    visits = list(_identifiers(observation, _VISITS, "Encounter"))
    studies = list(_identifiers(observation, _STUDIES, "ImagingStudy"))
    accession = _typed(requests, ACCESSION)
    untyped = next((each for each in requests if "type" not in each), None)
    visit = _typed(visits, VISIT) or next(iter(visits), None)
    uids = (_IMAGING_STUDY.fullmatch(each["value"]) for each in studies if each.get("system") == DICOM_UID)
    held = (observation.referred(each, "ServiceRequest") for path in _REQUESTS for each in _at(observation, path))
    urgent = {each.get("priority") for each in held if each}
    return Order(
        accession_number=_value(accession),
        accession_issuer=_issuer(accession),
        placer_number=_value(_typed(requests, PLACER) or untyped),
        filler_number=_value(_typed(requests, FILLER)),
        admission_id=_value(visit),
        study_uid=next((each.group(1) for each in uids if each), None),
        priority=next((each for each in reversed(PRIORITIES) if each in urgent), None),
    )


def device(observation: Bundled) -> Device:
    """Return the recorder as its Device says, else as the reference calls it."""
    reference = observation.resource.get("device", {})
    held = observation.referred(reference, "Device")
    if held is None:
        return Device(None, reference.get("display"))
    names = [each["name"] for each in held.get("deviceName", ()) if "name" in each]  # R4
    names += [each["value"] for each in held.get("name", ()) if "value" in each]  # R5
    return Device(held.get("manufacturer"), held.get("modelNumber") or next(iter(names), None))


def acquired_at(observation: Bundled) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the recording began, and a note where the payload's word is too little. R4's times have a zone."""
    resource = observation.resource
    text = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    text = text or resource.get("effectivePeriod", {}).get("start")
    if text is None:
        return None, ()
    if "T" not in text:
        return None, ("The source names the day of the recording, and no time.",)
    try:
        at = datetime.fromisoformat(text)
        at.astimezone(UTC)  # the first and last days of the calendar are in no other zone
    except (ValueError, OverflowError):
        return None, ("The source's acquisition time could not be read.",)
    return at, ()


def instance_uid(observation: Bundled) -> str | None:
    """Return the DICOM UID by which the Observation is known, where it stands for such an object."""
    own = (each for each in observation.resource.get("identifier", ()) if each.get("system") == DICOM_UID)
    return next((match.group(1) for each in own if (match := _IMAGING_STUDY.fullmatch(each.get("value", "")))), None)


def _identity(identifier: Json | None) -> tuple[str | None, str | None]:
    """Return value and issuer."""
    return _value(identifier), _issuer(identifier) if _value(identifier) else None


def _value(identifier: Json | None) -> str | None:
    return (identifier or {}).get("value") or None


def _issuer(identifier: Json | None) -> str | None:
    """Return the system; without one, the assigner as our own resources name it."""
    held = identifier or {}
    return held.get("system") or held.get("assigner", {}).get("display") or None


def _rank(identifier: Json) -> tuple[bool, ...]:
    """Sort the patient's identifiers: those in use, with a system, the medical record number, the official one."""
    use, codes = identifier.get("use"), _types(identifier)
    return use in ("old", "temp"), "system" not in identifier, "MR" not in codes, use not in ("official", "usual")


def _identifiers(observation: Bundled, paths: tuple[str, ...], kind: str) -> Iterator[Json]:
    """Yield the identifiers of what elements refer to: the reference's own, then the resource's."""
    for path in paths:
        for each in _at(observation, path):
            told = each.get("type", kind if path in _OF_ONE_TYPE else "")
            if "identifier" in each and told == kind:
                yield each["identifier"]
            yield from (observation.referred(each, kind) or {}).get("identifier", ())


def _at(observation: Bundled, path: str) -> list[Json]:
    """Return the References at a path, such as 'context.encounter'."""
    nodes: list[Json] = [observation.resource]
    for name in path.split("."):
        held = [each.get(name, []) for each in nodes]
        nodes = [each for found in held for each in (found if isinstance(found, list) else [found])]
    return nodes


def _typed(identifiers: list[Json], coding: Json) -> Json | None:
    """Return the first identifier of a type (HL7 v2 table 0203)."""
    return next((each for each in identifiers if coding["code"] in _types(each)), None)


def _types(identifier: Json) -> list[str]:
    return [each["code"] for each in identifier.get("type", {}).get("coding", ()) if "code" in each]


def _name(held: Json) -> str | None:
    """Return the name as DICOM writes it, 'Family^Given Given'; the official one of several."""
    names = sorted(held.get("name", ()), key=lambda each: each.get("use") not in ("official", "usual"))
    for each in names:
        if "family" in each or "given" in each:
            return "^".join(filter(None, (each.get("family", ""), " ".join(each.get("given", ())))))
        if "text" in each:
            return str(each["text"])
    return None
