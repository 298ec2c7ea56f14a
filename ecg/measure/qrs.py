"""Where the QRS of a median beat begins and ends: over all leads, and in each."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from ecg.canonical import FS
from ecg.measure.median import MIDDLE, MedianBeat

# Chosen on LUDB's records 1 to 50 (docs/measurements.md).
SIGMA: Final = 4.0  # samples (8 ms) of the derivative of Gaussian
CORE: Final = 0.4  # of the steepest slope over all leads: certainly inside the QRS
CORE_REACH: Final = 30  # samples (60 ms) either side of the middle in which the core lies
ONSET_SLOPE: Final = 1.5  # mV/s in one lead: the QRS has begun
OFFSET_SLOPE: Final = 2.0  # mV/s in one lead: it is not yet over
ALL_SLOPE: Final = 0.07  # of the steepest slope over all leads
NOISE_FACTOR: Final = 2.5  # times the slopes of a lead where it is quiet
ALL_NOISE_FACTOR: Final = 1.5  # the same over all leads
CALM: Final = 5  # samples (10 ms) that must be below the threshold to end a QRS
MOST_BEFORE: Final = 75  # samples (150 ms) a QRS may begin before its middle
MOST_AFTER: Final = 90  # samples (180 ms) it may end after it
SLACK: Final = 8  # samples (16 ms) by which a lead's QRS may exceed that over all leads
TOWARDS_ALL: Final = 0.5  # how far a lead's boundary is drawn to the median of the leads'


@dataclass(frozen=True, eq=False)
class Qrs:
    """The boundaries of a QRS, in samples of its median beat.

    Attributes:
        onset, offset: over all leads together.
        onsets, offsets: float64 (12,), as each lead shows it by itself; NaN in leads that are not usable or show none.
        noise: float64 (12,), mV/s, the slopes of each lead where it is quiet.
    """

    onset: int
    offset: int
    onsets: NDArray[np.float64]
    offsets: NDArray[np.float64]
    noise: NDArray[np.float64]

    @property
    def in_leads(self) -> NDArray[np.float64]:
        """Onset and offset in each lead, (12, 2): drawn half way to the median of the leads, against noise."""
        own = np.stack([self.onsets, self.offsets], axis=1)
        middle = (
            np.nanmedian(own, axis=0) if np.isfinite(own).all(axis=1).any() else np.array([self.onset, self.offset])
        )
        return np.where(np.isnan(own), middle, TOWARDS_ALL * middle + (1 - TOWARDS_ALL) * own)


def find_qrs(beat: MedianBeat) -> Qrs:
    """Find the QRS of a median beat by its slopes."""
    slope = np.abs(gaussian_filter1d(beat.signal, SIGMA, axis=1, order=1)) * FS
    calm = uniform_filter1d(slope, 20, axis=1)[:, MIDDLE - 120 : MIDDLE + 200]
    noise = np.percentile(calm, 15, axis=1)
    onset, offset = _over_all(np.sqrt((slope**2).sum(axis=0)), float(np.sqrt((noise**2).sum())))
    onsets, offsets = np.full(len(slope), np.nan), np.full(len(slope), np.nan)
    for lead in np.flatnonzero(beat.usable):
        first, last = onset - SLACK, offset + SLACK
        begun = np.flatnonzero(slope[lead, first:last] > max(ONSET_SLOPE, NOISE_FACTOR * noise[lead]))
        going = np.flatnonzero(slope[lead, first:last] > max(OFFSET_SLOPE, NOISE_FACTOR * noise[lead]))
        if len(begun) and len(going):
            onsets[lead], offsets[lead] = first + begun[0], first + going[-1]
    return Qrs(onset, offset, onsets, offsets, noise)


def _over_all(slope: NDArray[np.float64], noise: float) -> tuple[int, int]:
    """Go out from the core of the QRS, either way, until all leads together are calm."""
    inner = slope[MIDDLE - CORE_REACH : MIDDLE + CORE_REACH]
    core = np.flatnonzero(inner >= CORE * inner.max()) + MIDDLE - CORE_REACH
    loud = slope > max(ALL_SLOPE * float(inner.max()), ALL_NOISE_FACTOR * noise)
    onset, offset = int(core[0]), int(core[-1])
    while onset > MIDDLE - MOST_BEFORE and loud[onset - CALM : onset].any():
        onset -= 1
    while offset < MIDDLE + MOST_AFTER and loud[offset + 1 : offset + 1 + CALM].any():
        offset += 1
    return onset, offset
