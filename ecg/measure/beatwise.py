"""What the single beats say of a value taken on their median beat: how far they agree, and whether there are enough."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.measure.amplitudes import LEVEL, level_at
from ecg.measure.delineate import Delineation
from ecg.measure.median import LENGTH, MIDDLE
from ecg.measure.overall import Boundaries

NOISY: Final = (
    0.05  # mV: the standard error of an amplitude above which it is not stated, half of the least ST elevation
)
DOUBTFUL: Final = 0.02  # mV: the standard error at which an amplitude's confidence is a half
NORMAL: Final = 1.4826  # median absolute deviation to standard deviation, of a normal distribution


def stacked(found: Delineation) -> NDArray[np.float64]:
    """Return the beats of the commonest kind without wander, (beats, 12, 600), mV, NaN where not known."""
    padded = np.pad(found.level, ((0, 0), (LENGTH, LENGTH)), constant_values=np.nan)
    starts = found.beats.at[found.shapes[0].median.members] + LENGTH - MIDDLE
    return np.stack([padded[:, start : start + LENGTH] for start in starts])


def agreement(likeness: NDArray[np.float64]) -> float:
    """Return the median correlation of beats with their like, 0 to 1, less by what few beats cannot tell."""
    if not len(likeness):
        return 0.0
    return float(np.clip(np.median(likeness), 0.0, 1.0) * (1 - 1 / (len(likeness) + 1)))


def likeness_between(beats: NDArray[np.float64], usable: NDArray[np.bool_], first: float, last: float) -> float:
    """Return the agreement of (beats, 12, samples) over a stretch, each beat with the mean of the others."""
    cut = beats[:, usable, round(first) : round(last)]
    cut = cut[~np.isnan(cut).any(axis=(1, 2))]
    if len(cut) < 2 or not cut.size:
        return 0.0
    cut = cut - cut.mean(axis=2, keepdims=True)
    others = (cut.sum(axis=0) - cut) / (len(cut) - 1)
    size = np.sqrt((cut**2).sum(axis=(1, 2)) * (others**2).sum(axis=(1, 2)))
    return agreement((cut * others).sum(axis=(1, 2)) / np.maximum(size, 1e-12))


def standard_error(
    beats: NDArray[np.float64], at: NDArray[np.float64], bounds: Boundaries
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return for each lead the standard error (mV) of its level against QRS onset, and of how many beats it is."""
    onset = round(bounds.qrs_on)
    levels = beats[:, :, onset - LEVEL[0] : onset - LEVEL[1]].mean(axis=2)
    values = np.stack([level_at(beat, at) for beat in beats]) - levels  # (beats, 12)
    count = (~np.isnan(values)).sum(axis=0)
    error = np.full(values.shape[1], np.inf)
    for lead in np.flatnonzero(count >= 2):
        own = values[~np.isnan(values[:, lead]), lead]
        error[lead] = NORMAL * float(np.median(np.abs(own - np.median(own)))) / np.sqrt(len(own))
    return error, count


def confidence(error: float) -> float:
    """Return the confidence in an amplitude by its standard error in mV."""
    return float(1.0 / (1.0 + (error / DOUBTFUL) ** 2))
