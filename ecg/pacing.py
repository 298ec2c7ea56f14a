"""Pacemakers: spikes that are too narrow and too steep for a heart, and what a recorder says of pacing."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from scipy.signal import find_peaks

LEAST_FS: Final = 500.0  # Hz; a spike lasts 0.5 to 2 ms, and what samples more slowly has filtered it away
WIDEST: Final = 0.012  # seconds: what is narrower is no wave of the heart
BESIDE: Final = (0.008, 0.038)  # seconds before and after a spike in which nothing like it may be
AROUND: Final = 0.02  # seconds over which the heart's own steepness is taken
STEEPNESS: Final = 0.25  # share of it that a notch of a QRS complex may have
FLOOR: Final = 0.01  # mV of a recorder's noise
UNIT: Final = 0.05  # mV: the height that counts as 1
LEADS_WITH: Final = 3  # a spike shows in so many leads, if there are as many
SPACING: Final = 0.1  # seconds between two spikes that are counted: a pair for both ventricles counts once
# Chosen on LUDB's records 1 to 50, of which three are paced: the geometric mean of the highest of the others (1.8) and
# the lowest of these (6.7), each by its second highest spike. tests/unit/ecg/test_pacing.py measures it on 51 to 100.
LEAST_HEIGHT: Final = 3.4
LEAST_SPIKES: Final = 2  # in 10 s: one may be an electrode that was touched

_NAMED: Final = re.compile(r"\b(?:PACE[DR]?|PACING|PACEMAKER|SCHRITTMACHER\w*|STIMULATEUR|MARCAPASOS|MARCAPASSO)\b")
# 'Wandering atrial pacemaker' is a rhythm of the heart's own.
_NOT_MEANT: Final = re.compile(
    r"\bNO\b|\bNOT\b|\bNONE\b|\bNEVER\b|\bWITHOUT\b|\bKEIN|\bOFF\b|\bUNKNOWN\b|\bWANDERING\b|\bECTOPIC\b"
    r"|\bCANNOT\b|\bRULED OUT\b|:\s*(?:0|NO?|FALSE)\s*$"
)


def states_pacing(statements: Sequence[str]) -> bool:
    """Say whether a recorder states a pacemaker or a paced rhythm in any of its statements."""
    upper = [each.upper() for each in statements]
    return any(_NAMED.search(each) and not _NOT_MEANT.search(each) for each in upper)


def count_spikes(signal: NDArray[np.float32], fs: float) -> int | None:
    """Count the spikes of a pacemaker in some seconds of an ECG.

    Args:
        signal: float32 (leads, samples), mV, NaN where nothing was measured, at the recorder's own rate.
        fs: Hz.

    Returns:
        How many there are; None where the rate is too low to see any.
    """
    if fs < LEAST_FS:
        return None
    height = _height(np.nan_to_num(signal), fs)
    ends = round((BESIDE[1] + WIDEST) * fs)  # what stands there is compared with the other end
    height[:ends] = height[-ends:] = 0
    peaks, _ = find_peaks(height, height=LEAST_HEIGHT, distance=max(round(SPACING * fs), 1))
    return len(peaks)


def _height(signal: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """Return how far the third highest lead stands out as a spike does, float32 (samples,), in units of UNIT.

    What is left of a sample beside the median of itself and its neighbours at half of WIDEST is narrow; it stands out
    where nothing else narrow is beside it and the heart itself is not steep.
    """
    lag = round(WIDEST * fs / 2)
    before, after = (np.roll(signal, each, axis=1) for each in (lag, -lag))
    smooth = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), signal))
    narrow = np.abs(signal - smooth)
    near, far = (round(each * fs) for each in BESIDE)
    beside = maximum_filter1d(narrow, far - near + 1, axis=1)
    shift = (near + far) // 2
    other = np.maximum(np.roll(beside, shift, axis=1), np.roll(beside, -shift, axis=1))
    size = round(AROUND * fs)
    steep = maximum_filter1d(smooth, size, axis=1) - minimum_filter1d(smooth, size, axis=1)
    height = np.minimum(narrow / UNIT, narrow / (other + STEEPNESS * steep + FLOOR))
    which = max(len(signal) - LEADS_WITH, 0)
    return np.asarray(np.partition(height, which, axis=0)[which])
