"""The cheapest way of each row across a sheet, from run of ink to run of ink."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.baselines import APART_MM, level_runs
from adapters.scan.runs import Runs

# What a way pays, in millimetres of paper as a unit. Per millimetre across:
AWAY: Final = 0.05  # and per millimetre away from the row's baseline: another row's ink is dearer than one's own
FAR_MM: Final = 30.0  # no R wave is higher at 10 mm/mV than this
GAP: Final = 1.6  # where it finds no ink: dearer than any ink of its own row
SMALL: Final = 1.0  # where the ink is a piece as small as a letter
SMALL_MM: Final = 4.0
LEVEL_MM: Final = 2.0  # of level ink tell whose a piece is
LABEL_MM: Final = 12.0  # if it is wider than any lead's name
# Per millimetre that it leaps over blank paper from one column to the next:
LEAP: Final = 0.25
# And per millimetre of a run's height it is paid so much for ink that is surely its row's, since steep strokes are
# faint and want leaps: without it, a way spares itself the R wave.
OWN: Final = 0.1
ANY: Final = 0.002  # and for any ink: of two runs as good, the longer is the stroke
OTHERS: Final = 1.0  # what ink pays per millimetre across that is surely another row's
MUCH: Final = 0.2  # of the level ink of a piece: less of it tells no row
NONE: Final = -1
SHARED: Final = 0.5  # of a way, from which on it is another row's; rows that lie apart share their crossings alone


def find_ways(runs: Runs, bases: NDArray[np.float64], px_per_mm: float) -> NDArray[np.int64]:
    """Return the run that each row passes in each column, NONE where it passes none: int64 (rows, columns).

    It is Viterbi's algorithm with the runs of a column as its states, and one more for a gap, which remembers the ink
    before it. Ink that touches from column to column costs nothing, so that steep strokes are followed at any height.
    """
    rows, columns = bases.shape
    pay = _pay(runs, bases, px_per_mm)
    each = np.arange(rows)
    back: list[NDArray[np.int64]] = []
    cost = np.zeros((rows, 1))
    top = bottom = bases[:, :1]
    for c in range(columns):
        here = slice(runs.first[c], runs.first[c + 1])
        tops, bottoms = runs.top[here], runs.bottom[here]
        blank = np.maximum(tops - bottom[:, :, None], top[:, :, None] - bottoms) - 1
        ways = cost[:, :, None] + LEAP / px_per_mm * np.maximum(blank, 0)
        rest = cost.argmin(axis=1)
        back.append(np.column_stack([ways.argmin(axis=1), rest]))
        cost = np.column_stack([ways.min(axis=1) + pay[:, here], cost[each, rest] + GAP / px_per_mm])
        top, bottom = _reached(tops, top[each, rest]), _reached(bottoms, bottom[each, rest])
    return _traced_back(runs, back, cost)


def _reached(edges: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of the ink in each state: of the column's runs, and of the one before the gap."""
    states = np.empty((len(left), len(edges) + 1))
    states[:, :-1], states[:, -1] = edges, left
    return states


def _pay(runs: Runs, bases: NDArray[np.float64], px_per_mm: float) -> NDArray[np.float64]:
    """Return what each row pays for each run: float64 (rows, runs)."""
    base = bases[:, runs.column]
    away = np.maximum(np.maximum(runs.top - base, base - runs.bottom), 0) / px_per_mm
    return (AWAY * np.minimum(away, FAR_MM) + _extra(runs, bases, px_per_mm)) / px_per_mm


def _extra(runs: Runs, bases: NDArray[np.float64], px_per_mm: float) -> NDArray[np.float64]:
    """Return what each row pays for each run by the piece of ink it belongs to: float64 (rows, runs)."""
    flat = level_runs(runs, px_per_mm)
    level = np.flatnonzero(flat & ~runs.ruled)
    off = np.abs((runs.top + runs.bottom)[level] / 2 - bases[:, runs.column[level]])
    near = (off == off.min(axis=0)) & (off < APART_MM * px_per_mm)
    count = np.array([np.bincount(runs.piece[level[row]], minlength=len(runs.width)) for row in near])
    holds = count > np.maximum(MUCH * count.sum(axis=0), LEVEL_MM * px_per_mm)
    alone = (holds.sum(axis=0) == 1) & (runs.width > LABEL_MM * px_per_mm)
    own, others = holds & alone, ~holds & alone
    small = np.maximum(runs.width, runs.height) < SMALL_MM * px_per_mm
    height = (runs.bottom - runs.top) / px_per_mm
    across: NDArray[np.float64] = np.where(small, SMALL, 0.0) + np.where(others, OTHERS, 0.0)
    ruled = np.where(flat & runs.ruled, OTHERS, 0.0)  # of no row, though R waves that cross it make it one piece
    return across[:, runs.piece] + ruled - px_per_mm * height * np.where(own[:, runs.piece], OWN, ANY)


def _traced_back(runs: Runs, back: list[NDArray[np.int64]], cost: NDArray[np.float64]) -> NDArray[np.int64]:
    path = np.full((len(cost), runs.columns), NONE, dtype=np.int64)
    state = cost.argmin(axis=1)
    each = np.arange(len(cost))
    for c in range(runs.columns - 1, -1, -1):
        found = runs.first[c] + state
        path[:, c] = np.where(found < runs.first[c + 1], found, NONE)
        state = back[c][each, state]
    return path


def rows_apart(path: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows have ways of their own, (rows,): leads of one row that stand half a row apart look like two."""
    apart = np.ones(len(path), bool)
    for _ in path:
        kept = path[apart]
        shared = ((kept[:, None] == kept) & (kept != NONE)).sum(axis=(0, 2)) - (kept != NONE).sum(axis=1)
        share = shared / np.maximum((kept != NONE).sum(axis=1), 1)
        if share.max() <= SHARED:
            break
        apart[np.flatnonzero(apart)[share.argmax()]] = False
    return apart


def part(runs: Runs, path: NDArray[np.int64], bases: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the paths so that no run is left to two rows: where they cross, the row that moves most keeps it.

    A row that loses a run there lies still, so that its own ink on either side tells what is hidden.
    """
    middle = (runs.top + runs.bottom) / 2
    off = np.where(path == NONE, 0, np.abs(middle[path] - bases))
    parted = path.copy()
    for upper in range(len(path)):
        for lower in range(upper + 1, len(path)):
            shared = (path[upper] == path[lower]) & (path[upper] != NONE)
            for a, b in _stretches(shared):
                around = np.r_[max(0, a - 3) : a, b : min(b + 3, runs.columns)]
                still = upper if off[upper, around].sum() <= off[lower, around].sum() else lower
                parted[still, a:b] = NONE
    return parted


def _stretches(where: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end of each stretch of truth."""
    change = np.diff(np.r_[0, where.astype(np.int8), 0])
    return list(zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True))
