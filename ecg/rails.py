"""Leads that stand at a rail of the recorder: the same highest or lowest value, again and again or for long."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NEAR: Final = 0.0003  # of a lead's span: how far from the extreme a sample may be and stand at the rail
LEAST_NEAR: Final = 0.0015  # mV; a recorder's step is 1 to 5 microvolt
FAR: Final = 0.2  # of the span: how far a rail lies from the lead's median, which is its resting level
SHORTEST: Final = 0.008  # seconds: a living peak is sharper
PLATEAUS: Final = 3  # a living lead does not reach the same peak so often
RESTING_FS: Final = 100.0  # Hz at which the median is taken
LONGEST: Final = 0.2  # seconds: no living wave stays at its peak so long


def saturated(signal: NDArray[np.float32], fs: float) -> NDArray[np.bool_]:
    """Return which leads stand at a rail, bool (leads,).

    Args:
        signal: float32 (leads, samples), mV, NaN where nothing was measured, at the recorder's own rate: resampled, a
            plateau rings and is none.
        fs: Hz.
    """
    found = np.zeros(len(signal), dtype=np.bool_)
    measured = ~np.isnan(signal).all(axis=1)
    if signal.shape[1] < 2 or not measured.any():
        return found
    rows = signal[measured]
    low, high = np.nanmin(rows, axis=1), np.nanmax(rows, axis=1)
    resting = np.nanmedian(rows[:, :: max(round(fs / RESTING_FS), 1)], axis=1)
    span = high - low
    near = np.maximum(NEAR * span, LEAST_NEAR)
    alive = span > 2 * near
    top = alive & (high - resting > FAR * span)
    bottom = alive & (resting - low > FAR * span)
    at_top, at_bottom = rows >= (high - near)[:, None], rows <= (low + near)[:, None]
    found[measured] = [
        (top[row] and _plateaus(at_top[row], fs)) or (bottom[row] and _plateaus(at_bottom[row], fs))
        for row in range(len(rows))
    ]
    return found


def _plateaus(at: NDArray[np.bool_], fs: float) -> bool:
    shortest = max(2, SHORTEST * fs)
    if at.sum() < PLATEAUS * shortest:
        return False
    edges = np.flatnonzero(np.diff(at.astype(np.int8), prepend=0, append=0))
    lengths = edges[1::2] - edges[::2]
    return int((lengths >= shortest).sum()) >= PLATEAUS or bool((lengths >= LONGEST * fs).any())
