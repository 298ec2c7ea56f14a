"""Finds the spikes of a pacemaker and takes them off, so that none is measured as part of a heart beat."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

CORNER: Final = 1.0  # mV a sample, over all leads: a QRS turns by at most two thirds of that within 2 ms
ALONE: Final = 4.0  # times as sharp a corner as any beside it
BESIDE: Final = 30  # samples (60 ms) either side
BEFORE: Final = 3  # samples: where a spike begins to show ahead of its sharpest corner
AFTER: Final = 9  # samples: its tail, through the recorder's own filters
APART: Final = 15  # samples: corners nearer to each other are one spike


def find_spikes(signal: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the samples of (12, samples) mV at which all leads together have a corner that no heart draws."""
    corner = np.zeros(signal.shape)
    corner[:, 1:-1] = np.diff(signal, n=2, axis=1)
    corner[:, 1:-1][~(known[:, 2:] & known[:, 1:-1] & known[:, :-2])] = 0
    sharpness = np.sqrt(np.einsum("ls,ls->s", corner, corner))
    found: list[int] = []
    for at in np.flatnonzero(sharpness > CORNER).tolist():
        around = sharpness[max(at - BESIDE, 0) : at + BESIDE + 1].copy()
        middle = min(at, BESIDE)
        if around.max() > sharpness[at]:
            continue
        around[max(middle - BEFORE, 0) : middle + AFTER] = 0
        if sharpness[at] > ALONE * around.max() and (not found or at - found[-1] > APART):
            found.append(at)
    return np.array(found, dtype=np.intp)


def without_spikes(signal: NDArray[np.float64], spikes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Draw a straight line over each spike in each lead."""
    result = signal.copy()
    for at in spikes:
        first, last = max(int(at) - BEFORE, 0), min(int(at) + AFTER, signal.shape[1] - 1)
        share = np.linspace(0.0, 1.0, last - first + 1)
        result[:, first : last + 1] = np.outer(signal[:, first], 1 - share) + np.outer(signal[:, last], share)
    return result
