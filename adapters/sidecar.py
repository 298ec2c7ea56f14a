"""Side-car files: JSON beside an ECG that declares what the ECG's own file leaves open."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any, Final, NoReturn

from adapters.voltage import ucum
from ecg.errors import MalformedPayload
from ecg.payload import Declared
from ecg.recording import PRIORITIES, Order, Patient

MAX_BYTES: Final = 65_536
MAX_LEADS: Final = 64
MAX_TEXT: Final = 256  # characters

_SEXES: Final = ("F", "M", "O")  # PS3.3 C.7.1.1
_UID: Final = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+", re.ASCII)  # PS3.5 9.1
_UID_LENGTH: Final = 64
_ISO_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[-+]\d\d:\d\d)?", re.ASCII)
_ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True)
class Beside:
    """The files of an archive without the side-cars among them, and what these declare, by the files' names."""

    files: Mapping[str, bytes] = field(repr=False)
    declared: Mapping[str, Declared] = field(repr=False)


def beside(held: Mapping[str, bytes]) -> Beside:
    """Take the side-cars out of the files of an archive, by their names.

    'NAME.json' belongs to the other files 'NAME.*' of its folder; the only JSON beside an only file belongs to that.
    JSON that is a FHIR resource is an ECG's own file.

    Raises:
        MalformedPayload: a side-car is not what it should be, or a file has two.
    """
    cars = [name for name, data in held.items() if _is_sidecar(name, data)]
    rest = {name: data for name, data in held.items() if name not in cars}
    found: dict[str, Declared] = {}
    for car in cars:
        theirs = list(rest) if len(rest) == len(cars) == 1 else [name for name in rest if _stem(name) == _stem(car)]
        if not theirs:
            rest = dict(rest) | {car: held[car]}
            continue
        declared = declared_in(held[car])
        if not found.keys().isdisjoint(theirs):
            raise MalformedPayload("A file of the archive has two side-cars.")
        found |= dict.fromkeys(theirs, declared)
    return Beside(rest, found)


def declared_in(data: bytes) -> Declared:
    """Return what a side-car declares.

    Raises:
        MalformedPayload: it is no JSON object of the keys that are known, each with a value of its kind.
    """
    if len(data) > MAX_BYTES:
        raise MalformedPayload(f"A side-car has at most {MAX_BYTES} bytes.")
    try:
        said = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("The side-car is no JSON in UTF-8, or says something twice.") from error
    return Declared(**_values(said, _KEYS, "the side-car"))


def _is_sidecar(name: str, data: bytes) -> bool:
    return name.lower().endswith(".json") and b'"resourceType"' not in data


def _stem(name: str) -> PurePosixPath:
    return PurePosixPath(name).with_suffix("")


def _no_number(_: str) -> NoReturn:
    raise ValueError("no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice")
    return made


def _values(said: Any, keys: Mapping[str, Callable[[Any], Any]], what: str) -> dict[str, Any]:
    """Return the values of an object as they are meant; what is null is not said."""
    if not isinstance(said, dict) or not said.keys() <= keys.keys():
        raise MalformedPayload(f"The keys of {what} may be {', '.join(keys)}.")
    made = {}
    for key, value in said.items():
        if value is None:
            continue
        try:
            made[key] = keys[key](value)
        except ValueError as error:
            raise MalformedPayload(f"'{key}' of {what} is not {error}.") from error
    return made


def _frequency(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ValueError("a positive number of Hz")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"a text of 1 to {MAX_TEXT} printable characters")
    return value.strip()


def _unit(value: Any) -> str:
    return ucum(_text(value))


def _leads(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LEADS:
        raise ValueError(f"a list of 1 to {MAX_LEADS} names")
    return tuple(map(_text, value))


def _time(value: Any) -> datetime:
    wanted = "a date with its time (ISO 8601)"
    if not isinstance(value, str) or not _ISO_TIME.fullmatch(value):
        raise ValueError(wanted)
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(wanted) from None


def _date(value: Any) -> date:
    wanted = "a date (ISO 8601)"
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise ValueError(wanted)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(wanted) from None


def _age(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 <= value < 150
    ):
        raise ValueError("a number of years")
    return float(value)


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def chosen(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return str(value)

    return chosen


def _uid(value: Any) -> str:
    if not isinstance(value, str) or not _UID.fullmatch(value) or len(value) > _UID_LENGTH:
        raise ValueError("a UID (PS3.5 9.1)")
    return value


def _patient(value: Any) -> Patient:
    return Patient(**_values(value, _PATIENT, "the patient"))


def _order(value: Any) -> Order:
    return Order(**_values(value, _ORDER, "the order"))


_PATIENT: Final[dict[str, Callable[[Any], Any]]] = {
    **{"id": _text, "issuer": _text, "name": _text},
    **{"birth_date": _date, "sex": _one_of(*_SEXES), "age": _age},
}
_ORDER: Final[dict[str, Callable[[Any], Any]]] = {
    **{each.name: _text for each in fields(Order)},
    **{"study_uid": _uid, "priority": _one_of(*PRIORITIES)},
}
_KEYS: Final[dict[str, Callable[[Any], Any]]] = {
    **{"fs": _frequency, "unit": _unit, "leads": _leads, "acquired_at": _time},
    **{"patient": _patient, "order": _order},
}
