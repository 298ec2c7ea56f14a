"""The edges of each row's ink in each column: of the run on its way, and of others that are of the same stroke."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.pen import Edges
from adapters.scan.runs import Runs
from adapters.scan.ways import NONE

BESIDE_MM: Final = 0.2  # of a column, within which a way's ink before and after it tells what is of the same stroke


def spans(runs: Runs, ways: NDArray[np.int64], px_per_mm: float) -> list[tuple[Edges, Edges]]:
    """Return the edges of each row's ink, and of what is dark in it: float64 (columns,), NaN where is none.

    A way passes one run in a column. Of a stroke that is parted in a column, as a pale one is, and where one flank of
    a wave stands above the next, it passes a piece: what lies where it leaps, or beside its ink on either side, is of
    it, too.
    """
    reach = max(1, round(BESIDE_MM * px_per_mm))
    free = ~np.isin(np.arange(len(runs.top)), ways)
    found = []
    for way in ways:
        own = np.zeros(len(runs.top), bool)
        own[way[way != NONE]] = True
        own |= free & _passed(runs, _edges(runs, own, (runs.top, runs.bottom)), reach)
        more = np.flatnonzero(own)
        while len(more):
            own[more] = True
            ink = _edges(runs, own, (runs.top, runs.bottom))
            beside = np.logical_and(*(_meets(runs, _hull(ink, reach, side)) for side in (-1, 1)))
            more = np.flatnonzero(free & ~own & beside)
        found.append((ink, _edges(runs, own, (runs.dark_top, runs.dark_bottom))))
    return found


def _edges(runs: Runs, own: NDArray[np.bool_], of: Edges) -> Edges:
    """Return the upper and the lower edge in each column of some runs whose own edges are given."""
    column = runs.column[own]
    upper, lower = (np.full(runs.columns, np.nan) for _ in of)
    np.fmin.at(upper, column, of[0][own])
    np.fmax.at(lower, column, of[1][own])
    return upper, lower


def _hull(edges: Edges, reach: int, side: int) -> Edges:
    """Return between which places the ink lies within so many columns before (-1) or after (1) each, NaN for none."""
    upper, lower = (np.full(len(edge), np.nan) for edge in edges)
    for k in range(1, reach + 1):
        here, there = (slice(None, -k), slice(k, None))[::-side]
        upper[there] = np.fmin(upper[there], edges[0][here])
        lower[there] = np.fmax(lower[there], edges[1][here])
    return upper, lower


def _passed(runs: Runs, ink: Edges, reach: int) -> NDArray[np.bool_]:
    """Return the runs that a pen passed where a way leaps from one column to the next, bool (runs,).

    They lie within what it leaves and what it comes to, as far beside as a stroke is wide.
    """
    upper, lower = ink
    passed = np.zeros(len(runs.top), bool)
    for at in np.flatnonzero((upper[1:] > lower[:-1]) | (lower[1:] < upper[:-1])).tolist():
        near = slice(runs.first[max(at + 1 - reach, 0)], runs.first[min(at + 1 + reach, runs.columns)])
        passed[near] |= (runs.top[near] >= upper[at : at + 2].min()) & (runs.bottom[near] <= lower[at : at + 2].max())
    return passed


def _meets(runs: Runs, hull: Edges) -> NDArray[np.bool_]:
    """Return which runs reach between the edges that a hull has in their column: bool (runs,)."""
    return np.asarray((runs.top <= hull[1][runs.column]) & (runs.bottom >= hull[0][runs.column]))
