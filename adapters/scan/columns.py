"""Where columns of leads begin and end: labels tell about where, gaps and jumps that rows share tell exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.fit import Fit
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
_GAP: Final = 2.0  # mm; what is wider parts panels rather than traces, and is no time


@dataclass(frozen=True)
class Column:
    """Where a column begins and ends, mm, and the place from which its time counts."""

    left: float
    right: float
    since: float


def columns(rows: Sequence[Row], fit: Fit) -> tuple[Column, ...]:
    """Return the columns of a sheet from left to right, their times one after the other; one for a single strip."""
    count = max(len(fit.plan.columns), 1)
    traced = rows[: fit.plan.rows] or rows
    x = np.arange(fit.begin - _LABEL[1], fit.begin + count * fit.width + 2 * _LABEL[1], _STEP)
    evidence = _evidence(traced, x)
    begin = _begin(fit, x, evidence)
    inner = [_peak(x, evidence, begin + number * fit.width) for number in range(1, count)]
    blanks = [_blank(traced, edge) if fit.rhythms == 0 else (edge, edge) for edge in inner]
    lefts = [begin, *(right for _, right in blanks)]
    rights = [*(left for left, _ in blanks), begin + count * fit.width]
    found = []
    passed = 0.0
    for left, right in zip(lefts, rights, strict=True):
        found.append(Column(left, right, left - passed))
        passed += right - left
    return tuple(found)


def _begin(fit: Fit, x: NDArray[np.float64], evidence: NDArray[np.float64]) -> float:
    """Return where the first column begins: where rows begin, unless labels or the boundaries say otherwise."""
    count = len(fit.plan.columns)
    if count < 2:
        return fit.begin
    label = fit.label_left
    prior, reach = fit.begin, (fit.begin - _NEAR, fit.begin + _NEAR)
    if label is not None and not label - _LABEL[1] <= fit.begin <= label - _LABEL[0]:
        # The rows begin with something else, such as a pulse cut in half.
        prior, reach = label - _USUAL, (label - _LABEL[1], label - _LABEL[0])
    tried = np.arange(reach[0], reach[1] + _STEP, _STEP)
    edges = tried[:, None] + fit.width * np.arange(1, count)
    score = np.interp(edges, x, evidence).sum(axis=1) - _DOUBT * np.abs(tried - prior)
    at_prior = float(np.interp(prior + fit.width * np.arange(1, count), x, evidence).sum())
    return float(tried[int(np.argmax(score))]) if score.max() > at_prior + _LEAST else prior


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


def _evidence(rows: Sequence[Row], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much, in mm a row, each place looks like a boundary."""
    total = np.zeros(len(x))
    for row in rows:
        jump = np.clip(np.abs(row.at(x + _FLANK) - row.at(x - _FLANK)), 0.0, _MOST)
        blank = ~np.isfinite(row.at(x)) & ~np.isfinite(row.at(x + _STEP))
        total += np.where(blank, _MOST, np.nan_to_num(jump))
    return total / max(len(rows), 1)
