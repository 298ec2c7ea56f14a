"""When the samples of a SampledData were taken: R4's period, R5's interval or offsets."""

import math
import re
from decimal import Decimal
from typing import Final

import numpy as np

from adapters.fhir.codes import Json
from ecg.errors import MalformedPayload

# UCUM's units of time, as powers of ten of a millisecond (R5 datatypes.html#SampledData, intervalUnit).
_EXPONENT: Final = {"ns": -6, "us": -3, "ms": 0, "s": 3}
_OFFSETS: Final = re.compile(r"\s*+(?:[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?(?:\s++|\Z))++", re.ASCII)
# Offsets are rounded, each for itself, and by less than this part of the way to the next.
_ROUNDED: Final = 0.1


def frequency(sampled: Json, count: float) -> float:
    """Return the samples per second and lead of a SampledData, in Hz.

    Args:
        sampled: the SampledData.
        count: its samples of one lead.

    Raises:
        MalformedPayload: it does not say, says two things, or no length of time.
    """
    if "period" in sampled:  # R4, in ms
        return _of_period(Decimal(repr(number(sampled, "period"))))
    unit = sampled.get("intervalUnit")
    if unit not in _EXPONENT:
        raise MalformedPayload(f"The interval's unit is none of {', '.join(_EXPONENT)} (UCUM).")
    if ("interval" in sampled) == ("offsets" in sampled):
        raise MalformedPayload("A SampledData has either an interval or offsets.")
    if "interval" in sampled:
        return _of_period(Decimal(repr(number(sampled, "interval"))).scaleb(_EXPONENT[unit]))
    return _of_offsets(sampled["offsets"], count, float(Decimal(1).scaleb(_EXPONENT[unit])))


def number(holder: Json, name: str) -> float:
    """Return a finite number of JSON; fhir.resources lets numbers in texts pass, which FHIR does not.

    Raises:
        MalformedPayload: there is none.
    """
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise MalformedPayload(f"'{name}' of a SampledData is no number.")
    return float(value)


def _of_period(period: Decimal) -> float:
    """Return the samples per second of a period in ms. It may be rounded, and a whole number of Hz lie behind.

    2.7778 ms are 360 Hz, and 3 ms are 333.3: only what three decimals or more have rounded to is taken for whole.
    """
    if period <= 0:
        raise MalformedPayload("The period or interval of a SampledData is no length of time.")
    exact = 1000 / float(period)
    digits = -int(period.as_tuple().exponent)
    whole = float(round(min(exact, 1e9)))
    return whole if digits >= 3 and whole and round(1000 / whole, digits) == float(period) else exact


def _of_offsets(text: object, count: float, unit: float) -> float:
    """Return the frequency behind offsets in units of so many ms; they must be even, and begin with the recording."""
    if not isinstance(text, str) or not _OFFSETS.fullmatch(text):
        raise MalformedPayload("The offsets of a SampledData are no decimals separated by spaces.")
    offsets = np.fromstring(text, sep=" ") * unit
    if len(offsets) != count or len(offsets) < 2:
        raise MalformedPayload(f"{len(offsets)} offsets do not fit {count:g} samples of a lead.")
    step = float(offsets[-1]) / (len(offsets) - 1)
    if not 0 < step < math.inf or not np.all(np.abs(offsets - step * np.arange(len(offsets))) < _ROUNDED * step):
        raise MalformedPayload("The samples were not taken evenly from the start of the recording on.")
    exact = 1000 / step
    return float(round(exact)) if math.isclose(exact, round(exact), rel_tol=1e-6) else exact
