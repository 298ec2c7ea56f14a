"""What others wrote, as each value representation allows it (PS3.5 6.2): never invalid, and no id cut to another's."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

LO: Final = 64  # characters, not bytes
SH: Final = 16
_PN_GROUP: Final = 64
_PN_COMPONENTS: Final = 5

# PS3.5 9.1: at most 64 characters, components of digits without leading zero; PS3.5 annex B: 2.25 and a UUID.
_UID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_UID_LENGTH: Final = 64
# PS3.5 6.2, DA; and TM to the hour, minute, second (a leap second is one) or its fraction.
_DAY: Final = re.compile(r"[0-9]{8}")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?")
_AGE: Final = re.compile(r"[0-9]{3}[DWMY]")  # PS3.5 6.2, AS
# PS3.5 6.2, DT: the suffix &ZZXX lies from -1200 to +1400.
_WEST: Final = timedelta(hours=-12)
_EAST: Final = timedelta(hours=14)


def label(text: str | None, limit: int = LO) -> str:
    """Return a describing text, cut to its limit; '' where there is none."""
    return _plain(text)[:limit].strip()


def prose(lines: Iterable[str]) -> str:
    """Return a text of lines, as UT."""
    return "\r\n".join(_plain(each).strip() for each in lines)


def identifier(text: str | None, limit: int = LO) -> str:
    """Return an identifier as it stands, and '' where it does not fit: cut or mended it could be somebody else's."""
    kept = (text or "").strip(" ")
    return kept if len(kept) <= limit and kept == _plain(kept) else ""


def person_name(text: str | None) -> str:
    """Return the alphabetic group of a name: five components, 64 characters (PS3.5 6.2.1)."""
    *parts, rest = _plain(text).replace("=", " ").split("^", _PN_COMPONENTS - 1)
    name = "^".join(part.strip() for part in (*parts, rest.replace("^", " "))).rstrip("^")
    if len(name) > _PN_GROUP:  # cut as those count who take bytes for characters
        name = name.encode()[:_PN_GROUP].decode(errors="ignore").rstrip(" ^")
    return name


def unique_identifier(text: str | None) -> str:
    """Return a UID, and '' where the text is none."""
    return text if text and len(text) <= _UID_LENGTH and _UID.fullmatch(text) else ""


def stated_day(text: str | None) -> str:
    """Return a DA as it stands, and '' where it is no date."""
    try:
        return text if text and _DAY.fullmatch(text) and datetime.strptime(text, "%Y%m%d") else ""
    except ValueError:
        return ""


def stated_time(text: str | None) -> str:
    """Return a TM as it stands, and '' where it is no time."""
    return text if text and _TIME.fullmatch(text) else ""


def stated_age(text: str | None) -> str:
    """Return an AS as it stands, and '' where it is no age."""
    return text if text and _AGE.fullmatch(text) else ""


def day(at: date | None) -> str:
    """Return a date as DA."""
    return f"{at.year:04}{at.month:02}{at.day:02}" if at else ""


def time_of_day(at: datetime) -> str:
    """Return the time of day as TM."""
    return at.strftime("%H%M%S.%f")


def offset(at: datetime) -> str:
    """Return a time's zone as &ZZXX; '' where it has none."""
    return at.strftime("%z")


def moment(at: datetime | None) -> str:
    """Return a time as DT, with its zone where it has one."""
    return f"{day(at)}{time_of_day(at)}{offset(at)}" if at else ""


def zoned(at: datetime) -> datetime:
    """Return the same time in a zone that DICOM can write: whole minutes, from -1200 to +1400; else in UTC."""
    away = at.utcoffset()
    if away is None or (_WEST <= away <= _EAST and not away.total_seconds() % 60):
        return at
    return at.astimezone(UTC)


def _plain(text: str | None) -> str:
    r"""Return the text without what no string of a single value may hold: control characters, surrogates and '\'."""
    return "".join(" " if unicodedata.category(each) in {"Cc", "Cs"} or each == "\\" else each for each in text or "")
