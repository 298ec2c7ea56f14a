"""Where one column of leads ends and the next begins: gaps, separators and jumps that rows share."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.fit import Fit
from adapters.scan.nouns import Sheet
from adapters.scan.rows import Row

_STEP: Final = 0.25  # mm
_NEAR: Final = 2.5  # mm within which a boundary is looked for, beside where equal widths put it
_FAR: Final = 0.8  # mm of evidence that a boundary must bring for each mm that it lies beside that
_FLANK: Final = 0.75  # mm over which a jump is measured
_GAP: Final = 0.5  # mm of missing ink that count as a gap
_MOST: Final = 3.0  # mm that a jump counts at most, so that one row's QRS complex does not decide
_LEAST: Final = 1.0  # evidence, mm a row, below which columns are taken to be of equal width


def boundaries(rows: Sequence[Row], fit: Fit, sheet: Sheet) -> tuple[float, ...]:
    """Return where columns begin and where the last one ends, mm: one more than there are columns.

    Columns are of equal width but for what paper and camera add, so that a boundary is looked for near its place.
    """
    count = max(len(fit.plan.columns), 1)
    plain = tuple(fit.begin + number * fit.width for number in range(count + 1))
    if count == 1:
        return plain
    x = np.arange(plain[0], plain[-1], _STEP)
    evidence = _evidence(rows[: fit.plan.rows], x)
    inner = [_peak(x, evidence, edge) for edge in plain[1:-1]]
    return (plain[0], *inner, plain[-1])


def _peak(x: NDArray[np.float64], evidence: NDArray[np.float64], edge: float) -> float:
    near = np.flatnonzero(np.abs(x - edge) <= _NEAR)
    score = evidence[near] - _FAR * np.abs(x[near] - edge)
    best = near[int(np.argmax(score))]
    return float(x[best]) if score.max() >= _LEAST else edge


def _evidence(rows: Sequence[Row], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much, in mm a row, each place looks like a boundary."""
    total = np.zeros(len(x))
    for row in rows:
        before, after = row.at(x - _FLANK), row.at(x + _FLANK)
        jump = np.clip(np.abs(after - before), 0.0, _MOST)
        blank = ~np.isfinite(row.at(x)) & ~np.isfinite(row.at(x + _GAP))
        total += np.where(np.isfinite(jump), jump, 0.0) + np.where(blank, _MOST, 0.0)
    return total / max(len(rows), 1)
