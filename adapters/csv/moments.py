"""Dates and times of day as tables write them."""

import re
from datetime import UTC, datetime
from typing import Final

# ISO 8601 with a date and a time of day, 'T' or a space between them, in at most microseconds.
_ISO: Final = re.compile(r"(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)? ?(?:Z|[-+]\d\d:?\d\d)?")
# Day, month and year with points between them have this order wherever they are written so.
_POINTED: Final = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)")
_CLOCK: Final = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)")
_EPOCH: Final = datetime(1970, 1, 1)


def stamp(text: str) -> datetime | None:
    """Return a date with its time of day, None where the text is none. It has no tzinfo where no zone is said."""
    if match := _POINTED.fullmatch(text):
        day, month, year, clock = match.groups()
        text = f"{year}-{month}-{day} {clock}"
    if not _ISO.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(re.sub(r" (?=Z|[-+]\d)", "", text))
    except ValueError:
        return None


def moment(text: str) -> float | None:
    """Return the seconds of a date or a time of day, from a beginning that all of a kind share; None where it is none.

    '12:30:00.002', '0:00.002' (minutes and seconds) and '2024-02-29 12:30:00.002' are known.
    """
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = match.groups()
        return 3600.0 * int(hours or 0) + 60.0 * int(minutes) + float(seconds.replace(",", "."))
    if (when := stamp(text)) is None:
        return None
    naive = when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when
    return (naive - _EPOCH).total_seconds()


def seconds(text: str) -> float:
    """Return what `moment` does.

    Raises:
        ValueError: the text is no date or time of day.
    """
    if (found := moment(text.strip())) is None:
        raise ValueError("no date or time of day")
    return found
