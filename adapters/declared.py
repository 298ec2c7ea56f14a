"""What was declared beside the bytes, held against what the bytes say: it fills gaps and never overrides."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from adapters.voltage import ucum
from ecg.errors import InvalidQuery, MalformedPayload
from ecg.payload import Declared
from ecg.recording import Order, Patient

DECLARABLE: Final = ("fs", "unit", "leads")

_Identifiers = TypeVar("_Identifiers", Patient, Order)

# Fields that tell one patient or order from another. Names and numbers of placer and filler are written in many ways.
_PATIENT_KEYS: Final = ("id", "issuer", "birth_date")
# A name and a URI may mean the same one: the site's settings say so, later.
_ISSUERS: Final = ("issuer", "accession_issuer")
_ORDER_KEYS: Final = ("accession_number", "accession_issuer", "study_uid")
_SAME_TIME: Final = timedelta(seconds=1)  # many write whole seconds
_FURTHEST: Final = timedelta(hours=14)  # that a clock anywhere is from UTC


def as_said(said: Mapping[str, str]) -> Declared:
    """Return what words declare: `fs` in Hz, `unit`, `leads` with commas between them.

    Raises:
        InvalidQuery: a frequency is no positive number.
    """
    leads = said.get("leads", "").strip()
    return Declared(
        fs=_frequency(said["fs"]) if "fs" in said else None,
        unit=ucum(said.get("unit", "")).strip() or None,
        leads=tuple(each.strip() for each in leads.split(",")) if leads else (),
    )


def agreed_patient(read: Patient, declared: Patient | None) -> Patient:
    """Complete the patient that was read by the declared one.

    Raises:
        MalformedPayload: the two are not the same patient.
    """
    return _agreed(read, declared, _PATIENT_KEYS, "patient")


def agreed_order(read: Order, declared: Order | None) -> Order:
    """Complete the order that was read by the declared one.

    Raises:
        MalformedPayload: the two are not the same order.
    """
    return _agreed(read, declared, _ORDER_KEYS, "order")


def agreed_time(read: datetime | None, declared: datetime | None) -> datetime | None:
    """Return when an ECG was acquired: as it was read, else as it was declared.

    Raises:
        MalformedPayload: the two are not the same; where one alone names a zone, they are not in any zone.
    """
    if read is None or declared is None:
        return read or declared
    if (read.tzinfo is None) == (declared.tzinfo is None):
        differ = abs(read - declared) > _SAME_TIME
    else:
        ours, theirs = (each.astimezone(UTC).replace(tzinfo=None) if each.tzinfo else each for each in (read, declared))
        differ = abs(ours - theirs) > _FURTHEST + _SAME_TIME
    if differ:
        raise MalformedPayload("The declared time of acquisition and the file's disagree.")
    return read


def merged(outer: Declared, inner: Declared) -> Declared:
    """Return what was declared of a payload in two places: in the request and in a side-car, say.

    Raises:
        MalformedPayload: the two disagree.
    """
    for key in ("fs", "unit", "leads"):
        ours, theirs = getattr(outer, key), getattr(inner, key)
        if ours and theirs and ours != theirs:
            raise MalformedPayload(f"What was declared in two places disagrees ({key}).")
    return Declared(
        fs=outer.fs or inner.fs,
        unit=outer.unit or inner.unit,
        leads=outer.leads or inner.leads,
        patient=agreed_patient(outer.patient, inner.patient) if outer.patient else inner.patient,
        order=agreed_order(outer.order, inner.order) if outer.order else inner.order,
        acquired_at=agreed_time(outer.acquired_at, inner.acquired_at),
    )


def _agreed(read: _Identifiers, declared: _Identifiers | None, keys: tuple[str, ...], what: str) -> _Identifiers:
    if declared is None:
        return read
    for key in keys:
        ours, theirs = getattr(read, key), getattr(declared, key)
        if ours and theirs and ours != theirs and not (key in _ISSUERS and _is_uri(ours) != _is_uri(theirs)):
            raise MalformedPayload(f"The declared {what} and the file's disagree ({key}).")
    gaps = {each.name: getattr(declared, each.name) for each in fields(read) if getattr(read, each.name) is None}
    return replace(read, **gaps)


def _is_uri(issuer: str) -> bool:
    return ":" in issuer


def _frequency(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InvalidQuery("fs is a number of Hz.") from error
    if not (math.isfinite(value) and value > 0):
        raise InvalidQuery("fs is a positive number of Hz.")
    return value
