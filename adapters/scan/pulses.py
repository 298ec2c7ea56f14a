"""Calibration pulses in followed curves: a flat top between two upright flanks, 1 mV high."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from adapters.scan.nouns import Curve

# Millimetres. Pulses are 0.2 s long, or as little as 0.13 s, at 25 and 50 mm/s; no recorder's gain is below 2.5.
_LENGTHS: Final = (2.2, 11.5)
_LOWEST: Final = 2.2
WAVE: Final = 4.0  # a flank no higher may be any wave's
_FLAT: Final = 0.45  # how far a flat top or foot may stray from its median
_FLANK: Final = 1.3  # within which a flank has fallen or risen
_FOOT: Final = 0.6  # beyond a flank, within which its foot settles
_ON: Final = 0.3  # share by which a foot may fall further soon after, as a lead does that begins there
_SETTLED: Final = 0.2  # over which a foot is level
_REACH: Final = 20.0  # from a row's end within which its pulse lies
_EVEN: Final = 0.8  # by which a pulse's two flanks may differ


@dataclass(frozen=True)
class Pulse:
    """One calibration pulse, in mm on the sheet.

    Attributes:
        left, right: where its top begins and ends.
        height: of its top above its foot.
        foot: the y of its foot.
        whole: whether both its flanks are seen; else its row is cut off within it, and its length is not known.
        at: which end of its row it stands at.
    """

    left: float
    right: float
    height: float
    foot: float
    whole: bool
    at: Literal["start", "end"]


def pulse_of(curve: Curve) -> Pulse | None:
    """Return the pulse at a row's start, or else at its end; None where there is none."""
    seen = np.isfinite(curve.y)
    if int(seen.sum()) < 2:
        return None
    x, y = curve.x[seen], curve.y[seen]
    for at, near in (("start", x < x[0] + _REACH), ("end", x > x[-1] - _REACH)):
        pulse = _search(x[near], y[near], "start" if at == "start" else "end")
        if pulse is not None and (pulse.whole or _stands_up(pulse, y)):
            return pulse
    return None


def _stands_up(pulse: Pulse, y: NDArray[np.float64]) -> bool:
    """Whether a top that is cut off lies above its row: what lies as low is the trace itself, before an S wave."""
    return pulse.foot - pulse.height < float(np.median(y)) - pulse.height / 2


def _search(x: NDArray[np.float64], y: NDArray[np.float64], at: Literal["start", "end"]) -> Pulse | None:
    for first, last in _levels(x, y):
        if not _LENGTHS[0] <= x[last] - x[first] <= _LENGTHS[1] and not _cut_off(x, first, last, at):
            continue
        pulse = _pulse(x, y, (first, last), at)
        if pulse is not None:
            return pulse
    return None


def _pulse(
    x: NDArray[np.float64], y: NDArray[np.float64], span: tuple[int, int], at: Literal["start", "end"]
) -> Pulse | None:
    first, last = span
    top = float(np.median(y[first : last + 1]))
    left, right = _fall(x, y, first, top, -1), _fall(x, y, last, top, +1)
    if left is not None and right is not None:
        height: float | None = (left + right) / 2
        if abs(left - right) > max(_EVEN, 0.08 * max(left, right)):
            height = _outer(x, y, span, at)
        return None if height is None else Pulse(float(x[first]), float(x[last]), height, top + height, True, at)
    inner = right if at == "start" else left
    if inner is None or not _cut_off(x, first, last, at):
        return None
    return Pulse(float(x[first]), float(x[last]), inner, top + inner, False, at)


def _outer(
    x: NDArray[np.float64], y: NDArray[np.float64], span: tuple[int, int], at: Literal["start", "end"]
) -> float | None:
    """Return the height that a pulse's outer flank alone tells; None for what may be a wave.

    A lead that goes on beside its pulse need not stand on its foot.
    """
    edge, way = (span[0], -1) if at == "start" else (span[1], +1)
    height = _foot(x, y, edge, float(np.median(y[span[0] : span[1] + 1])), way)
    outermost = abs(x[edge] - x[0 if at == "start" else -1]) <= _FLANK + _FOOT
    return height if outermost and height is not None and height >= WAVE else None


def _cut_off(x: NDArray[np.float64], first: int, last: int, at: Literal["start", "end"]) -> bool:
    """Whether a level begins with its row, or ends with it, and is 1 mm or more of a pulse."""
    outer = first <= 2 if at == "start" else last >= len(x) - 3
    return outer and 1.0 <= float(x[last] - x[first]) <= _LENGTHS[1]


def _levels(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return every stretch of 1 mm or more that stays level, as its first and last index."""
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(x) - 1:
        low = high = y[first]
        last = first
        while last + 1 < len(x) and max(high, y[last + 1]) - min(low, y[last + 1]) <= 2 * _FLAT:
            last += 1
            low, high = min(low, y[last]), max(high, y[last])
        if x[last] - x[first] >= 1.0:
            found.append((first, last))
            first = last + 1
        else:
            first += 1
    return found


def _fall(x: NDArray[np.float64], y: NDArray[np.float64], edge: int, top: float, way: int) -> float | None:
    """Return by how many mm the curve falls from a top's edge to its foot, or None if it does not.

    A foot may be as short as 0.3 mm before a lead begins; or a row may begin or end with it, shorter yet.
    """
    foot = _foot(x, y, edge, top, way)
    if foot is not None:
        return foot
    beyond = _beyond(x, edge, way)
    at_end = len(beyond) > 0 and beyond[-1] in (0, len(x) - 1)
    lowest = float(y[beyond].max()) - top if at_end else 0.0
    return lowest if lowest >= _LOWEST else None


def _foot(x: NDArray[np.float64], y: NDArray[np.float64], edge: int, top: float, way: int) -> float | None:
    """Return by how many mm a foot that is level lies below a top's edge, or None if there is none."""
    beyond = _beyond(x, edge, way)
    steps = max(2, round(_SETTLED / float(np.median(np.diff(x)))))
    for first in _level(y[beyond], steps):
        fall = float(np.median(y[beyond[first : first + steps + 1]])) - top
        if fall >= _LOWEST and abs(x[beyond[first]] - x[edge]) <= _FLANK:
            # The middle of an upright stroke, as wide as its line, looks like a foot half as low: it falls on.
            further = y[beyond[first + steps :][: 3 * steps]] - top
            if float(further.max()) < (1 + _ON) * fall:
                return fall
    return None


def _beyond(x: NDArray[np.float64], edge: int, way: int) -> NDArray[np.int64]:
    """Return where a flank and its foot may be, outwards from a top's edge."""
    away = (x - x[edge]) * way
    return np.flatnonzero((away > 0) & (away <= _FLANK + _FOOT))[::way]


def _level(y: NDArray[np.float64], steps: int) -> list[int]:
    """Return the places from which on a curve stays level for so many steps."""
    if len(y) <= steps:
        return []
    return [int(at) for at in np.flatnonzero(np.ptp(sliding_window_view(y, steps + 1), axis=1) <= _FLAT)]
