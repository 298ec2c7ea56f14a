"""What speaks for a boundary between columns of leads at each place: steps and gaps that rows share, printed lines."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter

from adapters.scan.ink import ink
from adapters.scan.nouns import Sheet
from adapters.scan.overlay import polylines
from adapters.scan.rows import Row

STEP: Final = 0.25  # mm between places
_FLANK: Final = 0.75  # mm over which a jump is measured
_MOST: Final = 3.0  # mm that a jump counts at most, so that one row's QRS complex does not decide
_LEVEL: Final = 4.0  # mm beside a jump whose median is the level there: most of it lies beyond any QRS complex
_SPIKE: Final = 0.3  # what of a jump counts that leads to no other level: it may be a beat
_BEAT: Final = 1.0  # mm of a jump in a rhythm strip that is surely a beat: no boundary crosses it
_NEARBY: Final = 1.5  # mm around it that are of the beat
_COARSE: Final = 4.0  # pixels per mm at which separators are looked for
# Millimetres below a row and above the next one that are left out: S waves, labels, R waves.
_BELOW: Final = 6.0
_ABOVE: Final = 14.0
_BAND: Final = 3.0  # mm of it that are looked at by themselves: a dotted line shows in each
_AROUND: Final = 6.0  # mm around a separator that are paler
_PEN: Final = 5  # pixels there of a followed trace, with its blur
_DOTTED: Final = 0.12  # share of a line that is ink where it is dotted, at the least

Floats = NDArray[np.float64]


def evidence(traced: Sequence[Row], strips: Sequence[Row], sheet: Sheet, x: Floats) -> Floats:
    """Return by how much, in mm a row, each place looks like a boundary.

    Args:
        traced: the rows that have columns.
        strips: the rows that have none, rhythm strips: what jumps in them, too, is a beat.
        sheet: which they are of.
        x: places, STEP apart.

    Returns:
        float64, of the length of x; 0 where nothing is to be seen, to 3 for each kind of evidence.
    """
    beats = np.max([_jump(row, x) for row in strips], axis=0) if strips else np.zeros(len(x))
    calm = 1.0 - np.clip(maximum_filter1d(beats, round(2 * _NEARBY / STEP) + 1) / _BEAT, 0.0, 1.0)
    steps = np.mean([_step(row, x) for row in traced], axis=0)
    gaps = np.mean([_MOST * _blank(row, x) for row in traced], axis=0)
    return np.asarray(calm * steps + gaps + _separators([*traced, *strips], sheet, x), np.float64)


def _jump(row: Row, x: Floats) -> Floats:
    """Return by how many mm a row jumps at each place, 0 where it is not seen."""
    jump = np.abs(row.at(x + _FLANK) - row.at(x - _FLANK))
    return np.asarray(np.where(_blank(row, x), 0.0, np.clip(np.nan_to_num(jump), 0.0, _MOST)), np.float64)


def _blank(row: Row, x: Floats) -> NDArray[np.bool_]:
    """Return at which places a row is broken: between pieces that were drawn one by one, for no more than a sample."""
    missing = row.curve.x[~np.isfinite(row.curve.y)] - row.lean
    first, last = (np.searchsorted(missing, x + edge) for edge in (-STEP / 2, STEP / 2))
    return np.asarray(last > first) | ~np.isfinite(row.at(x))


def _step(row: Row, x: Floats) -> Floats:
    """Return by how many mm a row jumps at each place, little of it where it comes back at once."""
    jump = _jump(row, x)
    away = np.arange(_FLANK, _LEVEL + _FLANK, STEP)
    before, after = (_median(row.at(x[:, None] + way * away)) for way in (-1, 1))
    return np.asarray(np.minimum(jump, np.maximum(np.nan_to_num(np.abs(after - before)), _SPIKE * jump)))


def _median(values: Floats) -> Floats:
    """Return the median of each line's values that are known; NaN where less than half are."""
    known = np.isfinite(values).mean(axis=1) >= 0.5
    found = np.full(len(values), np.nan)
    found[known] = np.nanmedian(values[known], axis=1)
    return found


def _separators(rows: Sequence[Row], sheet: Sheet, x: Floats) -> Floats:
    """Return by how much each place looks like a printed line from row to row: dotted, dashed or whole."""
    height, width = sheet.pixels.shape[:2]
    shrink = _COARSE / sheet.px_per_mm
    small = cv2.resize(sheet.pixels, (round(width * shrink), round(height * shrink)), interpolation=cv2.INTER_AREA)
    dark = ink(np.asarray(small, dtype=np.uint8), _COARSE)
    # Where rows stand close, R waves of one beat go from row to row.
    traces = np.zeros(dark.shape, np.uint8)
    for row in rows:
        polylines(traces, row.curve, _COARSE, 1, _PEN)
    dark = np.where(traces > 0, np.float32(0.0), dark)
    shown = [shown for upper, lower in pairwise(rows) for shown in _lines(dark, upper, lower, x)]
    # A line runs through most bands; a label, or a wave, stands in one of them.
    return np.clip(np.median(shown, axis=0) / _DOTTED, 0.0, 1.0) * _MOST if shown else np.zeros(len(x))


def _lines(dark: NDArray[np.float32], upper: Row, lower: Row, x: Floats) -> list[Floats]:
    """Return how much darker each place is than around it, in each band between two rows."""
    top, bottom = (round(edge * _COARSE) for edge in (upper.base + _BELOW, lower.base - _ABOVE))
    count = int((bottom - max(top, 0)) / (_BAND * _COARSE))
    if count < 2:  # a label, or a wave, may fill a single one
        return []
    bands = [band.mean(axis=0) for band in np.array_split(dark[max(top, 0) : bottom], count)]
    places = (np.arange(dark.shape[1]) + 0.5) / _COARSE - (upper.lean + lower.lean) / 2
    around = round(_AROUND * _COARSE)
    return [np.interp(x, places, band - median_filter(band, around)) for band in bands]
