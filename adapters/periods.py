"""Sampling frequencies that are written as the time from one sample to the next."""

import re
from decimal import Decimal
from typing import Final

from ecg.errors import MalformedPayload

SIGNIFICANT: Final = 4  # digits from which on a written period counts as a rounded one
_PERIOD: Final = re.compile(r"\+?\d{0,12}\.?\d{0,18}(?:[eE][+-]?\d{1,2})?", re.ASCII)


def frequency(period: str, per_second: int) -> float:
    """Return the samples per second of a period, in units of which a second has so many. It may be rounded.

    2.778 ms are 360 Hz, and 3.3 ms are 303.03: only what four digits or more have rounded to is taken for whole.

    Raises:
        MalformedPayload: it is no length of time.
    """
    if not _PERIOD.fullmatch(period) or not re.match(r"\+?\.?\d", period):
        raise MalformedPayload("The time between samples is no number.")
    written = Decimal(period)
    if not Decimal("1e-9") < written / per_second < 1000:
        raise MalformedPayload("The time between samples is no length of time.")
    exact = per_second / written
    whole = exact.to_integral_value()
    last = written.as_tuple().exponent  # of ten, at the last digit that is written
    if isinstance(last, int) and whole and written.adjusted() - last + 1 >= SIGNIFICANT:
        exact = whole if abs(per_second / whole - written) <= Decimal(1).scaleb(last) / 2 else exact
    return float(exact)
