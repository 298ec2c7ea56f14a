"""The unit of samples that have none, by their height: only where a single unit makes a plausible ECG of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.voltage import MILLIVOLT_PER_UNIT

# The height of a lead is its peak to peak without the outermost thousandth at either end. The median over the leads of
# a surface ECG is within these; a wider range would take steps of 5 microvolt or tenths of a millivolt for units.
LEAST: Final = 0.3  # mV
MOST: Final = 4.0  # mV
MAX_SAMPLES: Final = 100_000  # of a lead; more need not be looked at
# What was brought to one height or one spread, lead by lead or all leads as one, has lost its unit.
SAME_HEIGHT: Final = 1e-3
SAME_SPREAD: Final = 1e-2
EXACTLY: Final = 1e-6  # to which the highest sample of all leads, or their whole range, is 1 where somebody made it so


def unit_by_amplitude(samples: NDArray[np.float64]) -> str | None:
    """Return the only unit (UCUM) in which samples, float64 (leads, samples), are a plausible ECG; None where none is.

    Whole numbers may be steps of any recorder, and samples that were normalised have no unit: for these there is none.
    """
    rows = samples[~np.isnan(samples).all(axis=1)]
    known = rows[np.isfinite(rows)]
    if not known.size or (known == np.rint(known)).all() or _is_normalised(rows):
        return None
    low, high = np.nanpercentile(rows, [0.1, 99.9], axis=1)
    height = float(np.median(high - low))
    fitting = [unit for unit, scale in MILLIVOLT_PER_UNIT.items() if LEAST <= height * scale <= MOST]
    return fitting[0] if len(fitting) == 1 else None


def _is_normalised(rows: NDArray[np.float64]) -> bool:
    whole = (np.nanmax(np.abs(rows)), np.nanmax(rows) - np.nanmin(rows))
    if np.isclose(whole, 1.0, rtol=EXACTLY).any() or np.isclose(np.nanstd(rows), 1.0, rtol=SAME_HEIGHT):
        return True
    heights, spreads = np.nanmax(rows, axis=1) - np.nanmin(rows, axis=1), np.nanstd(rows, axis=1)
    if len(rows) == 1:
        return bool(
            np.isclose(heights, [1.0, 2.0], rtol=SAME_HEIGHT).any() or np.isclose(spreads, 1.0, rtol=SAME_SPREAD)
        )
    return bool(_are_same(heights, SAME_HEIGHT) or _are_same(spreads, SAME_SPREAD))


def _are_same(figures: NDArray[np.float64], within: float) -> bool:
    return bool(figures.max() - figures.min() <= within * figures.max())
