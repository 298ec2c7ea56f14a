"""Speed and gain of a sheet: from its calibration pulses, from what it states, or assumed and said to be so."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from adapters.scan.nouns import Curve, Scale, Sheet, Source, Word
from adapters.scan.pulses import WAVE, Pulse, pulse_of
from adapters.scan.stated import GAINS, Stated, stated
from ecg.errors import UnreadablePage

# What nearly every recorder prints by default, and what is assumed where nothing tells.
USUAL_SPEED: Final = 25.0
USUAL_GAIN: Final = 10.0

_TOLERANCE: Final = 0.1  # share by which a pulse's height may stray from a gain's; gains lie a factor 2 apart
_SLACK: Final = 0.4  # mm by which it may stray at small gains: a line's thickness
_SEVERAL: Final = 3  # pulses; so many of one height are no waves
_ALIKE: Final = 0.05  # share by which their heights may differ
_STACKED: Final = 12  # rows of which each shows one lead, from V1 on those of the chest
# Lengths in mm of a pulse of 0.13 to 0.22 s at 25 mm/s, and of 0.19 to 0.22 s at 50. In between, it may be either.
_AT_25: Final = (2.8, 5.8)
_AT_50: Final = (9.2, 11.2)


def measure_scale(curves: Sequence[Curve], words: Sequence[Word], sheet: Sheet) -> Scale:
    """Return a sheet's speed and gain, and what says so.

    Raises:
        UnreadablePage: 'scale-disagrees', where pulses, print and grid say different things.
    """
    pulses = [pulse for curve in _downwards(curves) if (pulse := pulse_of(curve)) is not None]
    said = stated(words)
    gain, chest, gain_from = _gain(pulses, said, len(curves))
    speed, speed_from = _speed(pulses, said)
    return Scale(speed, gain, chest, speed_from, gain_from, _chest_from(pulses, said, len(curves)))


def _downwards(curves: Sequence[Curve]) -> list[Curve]:
    return sorted(curves, key=lambda curve: float(np.nanmedian(curve.y)) if np.isfinite(curve.y).any() else np.inf)


def _gain(pulses: Sequence[Pulse], said: Stated, rows: int) -> tuple[float, float, Source]:
    """Return the gains of limb and chest leads, mm/mV, and what says so."""
    measured = _pulsed(pulses, rows)
    limb, chest = _only(said.gains), _only(said.chest_gains)
    if measured is None:
        if _of_no_gain(pulses):
            raise UnreadablePage("scale-disagrees")
        if limb is None:
            return USUAL_GAIN, USUAL_GAIN if chest is None else chest, "assumed"
        return limb, limb if chest is None else chest, "print"
    for gain, word in zip(measured, (limb, limb if chest is None else chest), strict=True):
        if word is not None and word != gain and not (gain == measured[0] and word == chest):
            raise UnreadablePage("scale-disagrees")
    # Pulses stand at the rows' ends; print alone tells that chest leads in the same rows have another gain.
    return measured[0], measured[1] if chest is None else chest, "pulse"


def _of_no_gain(pulses: Sequence[Pulse]) -> bool:
    """Whether several whole pulses have one height which no gain has: then the grid was not measured rightly."""
    heights = [pulse.height for pulse in pulses if pulse.whole]
    low, high = min(heights, default=0.0), max(heights, default=0.0)
    return len(heights) >= _SEVERAL and high - low <= _ALIKE * high and all(_nearest(each) is None for each in heights)


def _chest_from(pulses: Sequence[Pulse], said: Stated, rows: int) -> Source:
    """Return what says the gain of the chest leads: print, or pulses of rows that are theirs alone.

    A pulse before a limb lead, with chest leads in the same row, does not: some recorders draw these half as high.
    """
    if said.gains or said.chest_gains:
        return "print"
    own = rows == _STACKED and sum(pulse.whole for pulse in pulses) == rows
    return "pulse" if own else "assumed"


def _pulsed(pulses: Sequence[Pulse], rows: int) -> tuple[float, float] | None:
    """Return the gains that pulses show, or None where there are too few to believe."""
    shown = [pulse for pulse in pulses if pulse.whole and _nearest(pulse.height) is not None]
    # A low one alone among many rows is a wave, too: pulses of so low a gain stand in more of them.
    if len(shown) == 1 < rows and shown[0].height < WAVE:
        shown = []
    whole = [gain for pulse in shown if (gain := _nearest(pulse.height)) is not None]
    if len(set(whole)) > 1:
        return _halves(whole, rows)
    if whole:
        return whole[0], whole[0]
    # One flank alone may be a QRS complex; several of one height are not. Low ones are no pulses, but waves.
    flanks = Counter(gain for pulse in pulses if (gain := _nearest(pulse.height)) is not None and pulse.height > WAVE)
    gain, times = flanks.most_common(1)[0] if flanks else (0.0, 0)
    return (gain, gain) if times >= 2 and len(flanks) == 1 else None


def _halves(gains: Sequence[float], rows: int) -> tuple[float, float]:
    """Return two gains where the upper half of twelve rows shows one and the lower half the other."""
    upper, lower = set(gains[:6]), set(gains[6:])
    if rows == len(gains) == _STACKED and len(upper) == len(lower) == 1:
        return upper.pop(), lower.pop()
    raise UnreadablePage("scale-disagrees")


def _nearest(height: float) -> float | None:
    gain = min(GAINS, key=lambda known: abs(known - height))
    return gain if abs(gain - height) <= max(_SLACK, _TOLERANCE * gain) else None


def _only(values: frozenset[float]) -> float | None:
    if len(values) > 1:
        raise UnreadablePage("scale-disagrees")
    return next(iter(values), None)


def _speed(pulses: Sequence[Pulse], said: Stated) -> tuple[float, Source]:
    measured = _pulse_speed(pulses)
    printed = _only(said.speeds)
    if printed is None:
        return (USUAL_SPEED, "assumed") if measured is None else (measured, "pulse")
    # Pulses are of other lengths now and then, so that print is believed unless a pulse surely says 25 or 50.
    if measured is not None and measured != printed and {measured, printed} == {25.0, 50.0}:
        raise UnreadablePage("scale-disagrees")
    return printed, "print"


def _pulse_speed(pulses: Sequence[Pulse]) -> float | None:
    lengths = [pulse.right - pulse.left for pulse in pulses if pulse.whole and _nearest(pulse.height) is not None]
    if not lengths:
        return None
    length = float(np.median(lengths))
    if _AT_25[0] <= length <= _AT_25[1]:
        return 25.0
    return 50.0 if _AT_50[0] <= length <= _AT_50[1] else None
