"""The median beat of each kind: wander taken off without touching the ST segment, then beats laid on each other."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from ecg.measure.beats import Beats

MIDDLE: Final = 225  # samples (450 ms) of a median beat before the middle of its QRS
AFTER: Final = 375  # samples (750 ms) from there on
LENGTH: Final = MIDDLE + AFTER
LEVEL: Final = 10  # samples (20 ms) over which the level before a QRS is averaged
EARLY: Final = 60  # samples (120 ms) before its middle, where the onset of a QRS is looked for
QUIET: Final = 0.12  # of the steepest slope over all leads: below, the QRS has not begun
WHOLE: Final = slice(MIDDLE - 100, MIDDLE + 200)  # what must be known of a lead for it to be measured: PQ to T


@dataclass(frozen=True, eq=False)
class MedianBeat:
    """The median of the beats of one kind.

    Attributes:
        signal: float64 (12, 600), mV, 500 Hz, 0 at the level before the QRS, whose middle is sample MIDDLE.
        usable: bool (12,), the leads that are known from before the QRS to the T wave; the others hold nothing.
        members: int (n,), the indices of its beats.
        ahead, behind: samples from the middle of its QRS to that of the next beat, and from that of the one before.
    """

    signal: NDArray[np.float64]
    usable: NDArray[np.bool_]
    members: NDArray[np.intp]
    ahead: float
    behind: float


def without_wander(signal: NDArray[np.float64], known: NDArray[np.bool_], beats: Beats) -> NDArray[np.float64]:
    """Take a cubic spline through the level before each QRS off each lead; NaN where not known.

    A filter would bend the ST segment; the spline leaves it as it is, but for what wandered. Meyer and Keiser, Comput
    Biomed Res 1977;10:459.
    """
    knots = _before_qrs(signal, beats)
    levels = uniform_filter1d(signal, LEVEL, axis=1)
    whole = known if known.all() else uniform_filter1d(known.astype(np.float64), LEVEL, axis=1) > 0.999
    result = np.full(signal.shape, np.nan)
    for held in np.unique(whole[:, knots], axis=0):  # mostly one round: all leads are known at all knots
        rows = np.flatnonzero((whole[:, knots] == held).all(axis=1))
        result[rows] = signal[rows] - _spline(knots[held], levels[rows][:, knots[held]], signal.shape[1])
    return np.where(known, result, np.nan)


def _spline(knots: NDArray[np.intp], level: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return (leads, samples) through (leads, knots), level beyond the first and the last of them."""
    if not len(knots):
        return np.full((len(level), length), np.nan)
    inside = np.clip(np.arange(length), knots[0], knots[-1])
    if len(knots) < 4:
        return np.stack([np.interp(inside, knots, row) for row in level])
    return np.asarray(CubicSpline(knots, level, axis=1)(inside), dtype=np.float64)


def _before_qrs(signal: NDArray[np.float64], beats: Beats) -> NDArray[np.intp]:
    """Return the sample just before the QRS of each beat, by the slopes of all leads of its kind."""
    slope = np.sqrt((gaussian_filter1d(signal, 2.0, axis=1, order=1) ** 2).sum(axis=0))
    found = np.zeros(len(beats.at), np.intp)
    for kind in range(beats.kinds):
        members = np.flatnonzero(beats.kind == kind)
        spans = [slope[at - EARLY : at + EARLY] for at in beats.at[members] if EARLY <= at < len(slope) - EARLY]
        usual = np.median(spans, axis=0) if spans else np.ones(1)
        first = int(np.argmax(usual > QUIET * usual.max()))
        found[members] = beats.at[members] - EARLY + first - LEVEL // 2 - 2
    return np.unique(found[(found >= 0) & (found < signal.shape[1])])


def median_beats(level: NDArray[np.float64], beats: Beats) -> tuple[MedianBeat, ...]:
    """Return the median beat of each kind from (12, samples) mV without wander, NaN where not known."""
    padded = np.pad(level, ((0, 0), (LENGTH, LENGTH)), constant_values=np.nan)
    gaps = np.diff(beats.at).astype(np.float64)
    made = []
    for kind in range(beats.kinds):
        members = np.flatnonzero(beats.kind == kind)
        signal = _median(np.stack([padded[:, at + LENGTH - MIDDLE : at + LENGTH + AFTER] for at in beats.at[members]]))
        usable = np.asarray(~np.isnan(signal[:, WHOLE]).any(axis=1))
        ahead = _usual(gaps[members[members < len(gaps)]], gaps)
        behind = _usual(gaps[members[members > 0] - 1], gaps)
        made.append(MedianBeat(_filled(signal, usable), usable, members, ahead, behind))
    return tuple(made)


def _usual(own: NDArray[np.float64], all_gaps: NDArray[np.float64]) -> float:
    gaps = own if len(own) else all_gaps
    return float(np.median(gaps)) if len(gaps) else float(AFTER)


def _median(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median over the first axis of what is known, NaN where nothing is."""
    count = (~np.isnan(stack)).sum(axis=0)
    ordered = np.sort(stack, axis=0)  # NaN last
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(stack) - 1)
    middle = (np.take_along_axis(ordered, low[None], 0)[0] + np.take_along_axis(ordered, high[None], 0)[0]) / 2
    return np.asarray(np.where(count > 0, middle, np.nan), dtype=np.float64)


def _filled(signal: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Go on with the last known value where a usable lead ends, and put 0 in those that are not usable."""
    result = np.where(usable[:, None], signal, 0.0)
    at = np.arange(signal.shape[1])
    for lead in np.flatnonzero(np.isnan(result).any(axis=1)):
        known = ~np.isnan(result[lead])
        result[lead] = np.interp(at, at[known], result[lead, known])
    return result
