"""Points in time as HL7 v3 writes them (data types, TS): YYYYMMDDHHMMSS.UUUU[+|-ZZzz], or the first parts of it."""

import re
from datetime import date, datetime, timedelta, timezone
from typing import Final

# A time that does not reach the minute is none.
_MOMENT: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:\.(\d{1,6})\d{0,6})?)?(?:([+-])(\d\d):?(\d\d)|(Z))?", re.ASCII
)
_DAY: Final = re.compile(r"(\d{4})(\d\d)(\d\d)\d{0,6}.{0,20}", re.ASCII)


def moment(written: str) -> datetime | None:
    """Return the moment to the minute or finer, with a zone only where one is written; None where it is no moment."""
    match = _MOMENT.fullmatch(written)
    if match is None:
        return None
    *parts, second, fraction, sign, hours, minutes, zulu = match.groups()
    away = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    micro = int((fraction or "0").ljust(6, "0"))
    try:
        zone = timezone(-away if sign == "-" else away) if sign or zulu else None
        year, month, day, hour, minute = (int(each) for each in parts)
        return datetime(year, month, day, hour, minute, int(second or 0), micro, tzinfo=zone)
    except ValueError:
        return None


def day(written: str | None) -> date | None:
    """Return the day of a point in time; None where it names none."""
    match = _DAY.fullmatch(written or "")
    try:
        return date(*(int(each) for each in match.groups())) if match else None
    except ValueError:
        return None
