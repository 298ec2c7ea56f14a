"""Where columns of leads begin and end: rows and labels tell about where, boundaries that rows share tell exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.boundaries import STEP, evidence
from adapters.scan.fit import USUAL_LENGTHS, Fit
from adapters.scan.nouns import Sheet
from adapters.scan.rows import Row

_LEAST: Final = 1.0  # evidence, mm a row, below which a boundary stays where equal widths put it
_NEAR: Final = 1.5  # mm within which a boundary may lie beside that
_FAR: Final = 0.8  # mm of evidence that it must bring for each mm beside
_DOUBT: Final = 0.25  # the same where all boundaries move together
_WIDER: Final = 0.5  # the same where the last of them moves, and the others in proportion
_WIDTHS: Final = 0.035  # share by which columns may be wider or narrower than labels say
_BESIDE: Final = 2.5  # mm beside the begin of rows that boundaries may say the columns begin
_TOGETHER: Final = 0.5  # mm within which rows begin together
_MOST_ROWS: Final = 0.6  # share of them that must
# A label begins so many mm after its column's boundary, at least, where it stands below the middle of a mark, and at
# most; and what is usual.
_LABEL: Final = (-2.5, 6.0)
_USUAL: Final = 1.5
_GAP: Final = 2.0  # mm; what is wider parts panels rather than traces, and is no time
_PEN: Final = 0.8  # mm by which a panel may look wider or narrower than it is
_FINE: Final = 0.025  # mm to which a gap's ends are told: 1 ms at 25 mm/s

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """Where a column begins and ends, mm, and the place from which its time counts."""

    left: float
    right: float
    since: float


def columns(rows: Sequence[Row], fit: Fit, sheet: Sheet) -> tuple[Column, ...]:
    """Return the columns of a sheet from left to right, their times one after the other; one for a single strip."""
    traced, strips = rows[: fit.plan.rows] or rows, rows[fit.plan.rows :] if fit.plan.rows else ()
    first, inner, end = _edges(rows, fit, lambda x: evidence(traced, strips, sheet, x))
    blanks = [gap_around(traced, edge) for edge in inner]
    if _time_runs_on(strips, traced, sum(right - left for left, right in blanks)):
        blanks = [(edge, edge) for edge in inner]
    lefts = [first, *(right for _, right in blanks)]
    rights = [*(left for left, _ in blanks), end]
    passed = _passed(lefts, rights)
    return tuple(Column(left, right, left - before) for left, right, before in zip(lefts, rights, passed, strict=True))


def _passed(lefts: Sequence[float], rights: Sequence[float]) -> list[float]:
    """Return the time, as mm, that has passed where each column begins.

    Where panels part, each shows as much: the ends of their ink, a pen wider than that, do not tell it as surely.
    """
    if lefts[1:] == rights[:-1]:
        return [left - lefts[0] for left in lefts]
    width = float(np.median(np.subtract(rights[:-1], lefts[:-1])))
    usual = min((length / len(lefts) for length in USUAL_LENGTHS), key=lambda each: abs(each - width))
    return [number * (usual if abs(usual - width) <= _PEN else width) for number in range(len(lefts))]


def _edges(rows: Sequence[Row], fit: Fit, speaks: Callable[[Floats], Floats]) -> tuple[float, list[float], float]:
    """Return where the first column begins, where one follows the other, and where the last one ends.

    Columns are of one width. Where rows surely begin together, time begins there; boundaries may say otherwise of
    the columns on paper that is not quite flat.
    """
    count = max(len(fit.plan.columns), 1)
    together = _together(rows, fit)
    if count < 2:
        begin = fit.begin if together is None else together
        return begin, [], begin + count * fit.width
    prior, reach = _expected(fit) if together is None else (together, (together - _BESIDE, together + _BESIDE))
    x = np.arange(reach[0] - _NEAR, reach[1] + count * fit.width * (1 + _WIDTHS) + _NEAR, STEP)
    seen = speaks(x)
    first, width = _spread(lambda at: np.asarray(np.interp(at, x, seen)), count, (prior, fit.width), reach)
    inner = [_peak(x, seen, first + number * width) for number in range(1, count)]
    end, ends = first + count * width, float(np.median([row.end for row in rows]))
    return first if together is None else together, inner, ends if abs(ends - end) <= _NEAR else end


def _together(rows: Sequence[Row], fit: Fit) -> float | None:
    """Return where rows begin, if most of them surely begin together, and where labels let them; else None."""
    low, high = _expected(fit)[1]
    begins = np.array([_begin(row, low, high) for row in rows if row.parted])
    if not len(begins) or not low <= (begin := float(np.median(begins))) <= high:
        return None
    return begin if (np.abs(begins - begin) <= _TOGETHER).sum() >= _MOST_ROWS * len(rows) else None


def _begin(row: Row, low: float, high: float) -> float:
    """Return where a row begins, or goes on after a gap where labels let it: a pulse that was missed is before it."""
    x, seen = row.curve.x - row.lean, np.isfinite(row.curve.y)
    again = x[1:][seen[1:] & ~seen[:-1] & (x[1:] >= low) & (x[1:] <= high)]
    return float(again[0]) if row.begin < low and len(again) else row.begin


def _expected(fit: Fit) -> tuple[float, tuple[float, float]]:
    """Return where the first column likely begins, and between which places it must: where rows do, or labels say."""
    if fit.label_left is None:
        return fit.begin, (fit.begin - _NEAR, fit.begin + _NEAR)
    low, high = fit.label_left - _LABEL[1], fit.label_left - _LABEL[0]
    # Where labels are far off, rows begin with something else, such as a pulse cut in half.
    return fit.begin if low <= fit.begin <= high else fit.label_left - _USUAL, (low, high)


def _spread(
    speaks: Callable[[NDArray[np.floating]], Floats], count: int, prior: tuple[float, float], reach: tuple[float, float]
) -> tuple[float, float]:
    """Return the begin and the width of columns whose boundaries the most speaks for; `prior` unless it is much."""
    begin, width = prior
    widths = width * np.arange(1 - _WIDTHS, 1 + _WIDTHS, STEP / 2 / width)
    begins, widths = (each.ravel() for each in np.meshgrid(np.arange(reach[0], reach[1] + STEP, STEP), widths))
    inner = np.arange(1, count)
    doubt = _DOUBT * np.abs(begins - begin) + _WIDER * (count - 1) * np.abs(widths - width)
    score = speaks(begins[:, None] + inner * widths[:, None]).sum(axis=1) - doubt
    best = int(np.argmax(score))
    gained = score[best] - float(speaks(begin + inner * width).sum())
    asked = _LEAST if abs(begins[best] - begin) <= _NEAR else _LEAST * len(inner)
    return (float(begins[best]), float(widths[best])) if gained > asked else prior


def _peak(x: Floats, seen: Floats, edge: float) -> float:
    near = np.flatnonzero(np.abs(x - edge) <= _NEAR)
    score = seen[near] - _FAR * np.abs(x[near] - edge)
    best = int(np.argmax(score))
    return float(x[near[best]]) if score[best] >= _LEAST else edge


def _time_runs_on(strips: Sequence[Row], traced: Sequence[Row], blank: float) -> bool:
    """Whether time passes in the gaps: a rhythm strip, which has none, ends where the columns end, not before."""
    if not strips:
        return False
    earlier = float(np.median([row.end for row in traced])) - max(row.end for row in strips)
    return earlier < blank / 2


def gap_around(rows: Sequence[Row], edge: float) -> tuple[float, float]:
    """Return where the gap around a boundary begins and ends: the boundary itself twice, where panels do not part."""
    x = np.arange(edge - 4 * _GAP, edge + 4 * _GAP, _FINE)
    seen = np.mean([np.isfinite(row.at(x)) for row in rows], axis=0) >= 0.5
    blank = x[~seen & (np.abs(x - edge) <= _NEAR)]
    if not len(blank):
        return edge, edge
    middle = blank[np.argmin(np.abs(blank - edge))]
    before, after = x[seen & (x <= middle)], x[seen & (x >= middle)]
    if not len(before) or not len(after) or after[0] - before[-1] < _GAP:
        return edge, edge
    return float(before[-1]), float(after[0])
