"""Finds where the rows of traces lie on a sheet."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import find_peaks

from adapters.scan.runs import Runs

BIN_MM: Final = 0.5
THIN_MM: Final = 1.2  # a run as short as this belongs to a trace that runs about level
WIDE_MM: Final = 6.0  # a piece of ink is wider than a letter
BLUR_MM: Final = 1.5  # leads beside each other stand on baselines that differ by a little
APART_MM: Final = 8.0  # no two rows lie closer
LEAST: Final = 0.15  # of the width that the widest row covers; a line of text covers less in pieces as wide
RULED_MM: Final = 0.12  # a row whose ink strays no further is a ruled line: a frame, or an edge of the paper
STEP_MM: Final = 10.0  # baselines are told anew as often as this


def find_baselines(runs: Runs, px_per_mm: float) -> NDArray[np.float64]:
    """Return the baselines of the rows of traces, from top to bottom.

    Returns:
        float64 (rows, columns), pixels from the sheet's top edge.
    """
    # A frame near a row would draw the row's baseline to itself.
    level = level_runs(runs, px_per_mm) & ~runs.ruled & (runs.width[runs.piece] >= WIDE_MM * px_per_mm)
    middle = (runs.top + runs.bottom)[level] / 2
    column = runs.column[level]
    if not len(middle):
        return np.zeros((0, runs.columns))
    bins = np.arange(0, middle.max() + 2 * BIN_MM * px_per_mm, BIN_MM * px_per_mm)
    mass = gaussian_filter1d(np.histogram(middle, bins)[0].astype(float), BLUR_MM / BIN_MM, mode="constant")
    peaks, _ = find_peaks(mass, distance=APART_MM / BIN_MM, prominence=0.3 * LEAST * mass.max())
    centres = (bins[peaks] + bins[peaks + 1]) / 2
    near = np.abs(middle[:, None] - centres).argmin(axis=1)
    rows = []
    for row, centre in enumerate(centres):
        mine = (near == row) & (np.abs(middle - centre) < APART_MM * px_per_mm)
        base = _baseline(column[mine], middle[mine], centre, runs.columns, px_per_mm)
        strays = np.percentile(np.abs(middle - base[column])[mine], 97) > RULED_MM * px_per_mm
        rows.append((len(np.unique(column[mine])) * strays, base))
    most = max((count for count, _ in rows), default=0)
    return np.array([base for count, base in rows if count > LEAST * most]).reshape(-1, runs.columns)


def level_runs(runs: Runs, px_per_mm: float) -> NDArray[np.bool_]:
    """Return which runs are so short that their trace runs about level there: bool (runs,)."""
    return runs.bottom - runs.top <= THIN_MM * px_per_mm


def _baseline(
    column: NDArray[np.int64], middle: NDArray[np.float64], centre: float, columns: int, px_per_mm: float
) -> NDArray[np.float64]:
    """Return the median of the level ink around each column, or the row's own centre where there is too little."""
    step = max(1, round(STEP_MM * px_per_mm))
    at = np.arange(0, columns + step, step)
    parts = [middle[(column >= a) & (column < a + step)] for a in at]
    medians = [np.median(part) if len(part) > step / 8 else centre for part in parts]
    smooth = median_filter(np.array(medians, dtype=float), size=3, mode="nearest")
    return np.interp(np.arange(columns), at + step / 2, smooth)
