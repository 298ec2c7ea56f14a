"""Where columns of leads begin and end: labels tell about where, gaps and jumps that rows share tell exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from adapters.scan.fit import Fit
from adapters.scan.ink import ink
from adapters.scan.nouns import Sheet
from adapters.scan.rows import Row

_STEP: Final = 0.25  # mm
_FLANK: Final = 0.75  # mm over which a jump is measured
_MOST: Final = 3.0  # mm that a jump counts at most, so that one row's QRS complex does not decide
_LEAST: Final = 1.0  # evidence, mm a row, below which a boundary stays where equal widths put it
_NEAR: Final = 1.5  # mm within which a boundary may lie beside that
_FAR: Final = 0.8  # mm of evidence that it must bring for each mm beside
_DOUBT: Final = 0.25  # the same where all boundaries move together
# A label stands so many mm after its column's boundary, at least and at most; and what is usual.
_LABEL: Final = (-1.5, 6.0)
_USUAL: Final = 1.5
_COARSE: Final = 4.0  # pixels per mm at which separators are looked for
# Millimetres below a row and above the next one that are left out: S waves, labels, R waves.
_BELOW: Final = 6.0
_ABOVE: Final = 14.0
_AROUND: Final = 6.0  # mm around a separator that are paler
_DOTTED: Final = 0.12  # share of a line that is ink where it is dotted, at the least
_GAP: Final = 2.0  # mm; what is wider parts panels rather than traces, and is no time


@dataclass(frozen=True)
class Column:
    """Where a column begins and ends, mm, and the place from which its time counts."""

    left: float
    right: float
    since: float


def columns(rows: Sequence[Row], fit: Fit, sheet: Sheet) -> tuple[Column, ...]:
    """Return the columns of a sheet from left to right, their times one after the other; one for a single strip."""
    count = max(len(fit.plan.columns), 1)
    traced = rows[: fit.plan.rows] or rows
    x = np.arange(fit.begin - _LABEL[1], fit.begin + count * fit.width + 2 * _LABEL[1], _STEP)
    evidence = _jumps(traced, x) + _separators(rows, sheet, x)
    begin = _begin(fit, x, evidence)
    inner = [_peak(x, evidence, begin + number * fit.width) for number in range(1, count)]
    blanks = [_blank(traced, edge) for edge in inner]
    if _time_runs_on(rows[fit.plan.rows :], traced, sum(right - left for left, right in blanks)):
        blanks = [(edge, edge) for edge in inner]
    lefts = [begin, *(right for _, right in blanks)]
    rights = [*(left for left, _ in blanks), begin + count * fit.width]
    found = []
    passed = 0.0
    for left, right in zip(lefts, rights, strict=True):
        found.append(Column(left, right, left - passed))
        passed += right - left
    return tuple(found)


def _time_runs_on(strips: Sequence[Row], traced: Sequence[Row], blank: float) -> bool:
    """Whether time passes in the gaps: a rhythm strip, which has none, ends where the columns end, not before."""
    if not strips:
        return False
    earlier = float(np.median([row.end for row in traced])) - max(row.end for row in strips)
    return earlier < blank / 2


def _begin(fit: Fit, x: NDArray[np.float64], evidence: NDArray[np.float64]) -> float:
    """Return where the first column begins: where rows begin, unless labels or the boundaries say otherwise."""
    count = len(fit.plan.columns)
    if count < 2:
        return fit.begin
    steps = fit.width * np.arange(1, count)
    label = fit.label_left
    prior, reach = fit.begin, (fit.begin - _NEAR, fit.begin + _NEAR)
    if label is not None:
        reach = (label - _LABEL[1], label - _LABEL[0])
        # Where labels are far off, rows begin with something else, such as a pulse cut in half.
        prior = fit.begin if reach[0] <= fit.begin <= reach[1] else label - _USUAL
    tried = np.arange(reach[0], reach[1] + _STEP, _STEP)
    score = np.interp(tried[:, None] + steps, x, evidence).sum(axis=1) - _DOUBT * np.abs(tried - prior)
    best = int(np.argmax(score))
    gained = score[best] - float(np.interp(prior + steps, x, evidence).sum())
    asked = _LEAST if abs(tried[best] - prior) <= _NEAR else _LEAST * len(steps)
    return float(tried[best]) if gained > asked else prior


def _separators(rows: Sequence[Row], sheet: Sheet, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each place looks like a printed line from row to row: dotted, dashed or whole."""
    height, width = sheet.pixels.shape[:2]
    shrink = _COARSE / sheet.px_per_mm
    small = cv2.resize(sheet.pixels, (round(width * shrink), round(height * shrink)), interpolation=cv2.INTER_AREA)
    dark = ink(np.asarray(small, dtype=np.uint8), _COARSE)
    total, bands = np.zeros(len(x)), 0
    for upper, lower in pairwise(rows):
        top, bottom = (round(edge * _COARSE) for edge in (upper.base + _BELOW, lower.base - _ABOVE))
        if bottom - top >= _BELOW * _COARSE:
            profile = np.asarray(dark[max(top, 0) : bottom].mean(axis=0), dtype=np.float64)
            places = (np.arange(len(profile)) + 0.5) / _COARSE - (upper.lean + lower.lean) / 2
            total += np.interp(x, places, profile - median_filter(profile, round(_AROUND * _COARSE)))
            bands += 1
    return np.clip(total / (max(bands, 1) * _DOTTED), 0.0, 1.0) * _MOST


def _peak(x: NDArray[np.float64], evidence: NDArray[np.float64], edge: float) -> float:
    near = np.flatnonzero(np.abs(x - edge) <= _NEAR)
    score = evidence[near] - _FAR * np.abs(x[near] - edge)
    best = int(np.argmax(score))
    return float(x[near[best]]) if score[best] >= _LEAST else edge


def _blank(rows: Sequence[Row], edge: float) -> tuple[float, float]:
    """Return where the gap around a boundary begins and ends: the boundary itself twice, where panels do not part."""
    x = np.arange(edge - 4 * _GAP, edge + 4 * _GAP, _STEP / 2)
    seen = np.mean([np.isfinite(row.at(x)) for row in rows], axis=0) >= 0.5
    before, after = x[seen & (x <= edge)], x[seen & (x >= edge)]
    if not len(before) or not len(after) or after[0] - before[-1] < _GAP:
        return edge, edge
    return float(before[-1]), float(after[0])


def _jumps(rows: Sequence[Row], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much, in mm a row, traces jump or are missing at each place."""
    total = np.zeros(len(x))
    for row in rows:
        jump = np.clip(np.abs(row.at(x + _FLANK) - row.at(x - _FLANK)), 0.0, _MOST)
        blank = ~np.isfinite(row.at(x)) & ~np.isfinite(row.at(x + _STEP))
        total += np.where(blank, _MOST, np.nan_to_num(jump))
    return total / max(len(rows), 1)
