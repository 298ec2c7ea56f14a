"""Where the heart beats are in a window, by all leads together, and how alike they are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from ecg.bands import THIN_FS, THIN_SAMPLES, Bands

REFRACTORY: Final = round(0.25 * THIN_FS)  # samples between two beats at least: 240 a minute
SMOOTH: Final = np.hanning(13) / np.hanning(13).sum()
LEAST_RISE: Final = 0.35  # of the way from the middle of the slopes' sum to its peaks, for a beat
REACH: Final = 12  # samples on either side of a beat that are compared
SHIFTS: Final = np.arange(-2, 3)  # samples by which a beat may be moved to fit
BEFORE: Final = 30  # samples of a median beat before the steepest place of its QRS complex, and after it
AFTER: Final = 42
ALIKE: Final = 2 / 3  # share of the beats that count for likeness: ectopic ones may differ


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of one window.

    Attributes:
        at: int64 (beats,), where they are, in samples at 100 Hz; all but those at the ends moved to fit their median.
        contrast: how many times steeper the leads are at the beats than in between; noise has 1 to 2.4.
        likeness: mean correlation, over all leads at once, of the beats (the most alike two thirds) with their median;
            0 where there are fewer than two. A page shows most leads for a part of the time: what is compared of a beat
            are the leads that are known around it.
        shown: float64 (12,), the share of each lead's energy at the beats that their median explains; 1 of a lead that
            is known at none.
        rest: float64 (12,), mV, root mean square of what it does not explain.
    """

    at: NDArray[np.int64]
    contrast: float
    likeness: float
    shown: NDArray[np.float64]
    rest: NDArray[np.float64]


def find_beats(bands: Bands) -> Beats:
    """Find the beats of a window: where the leads are steepest together."""
    slope = np.abs(np.gradient(bands.qrs, axis=1))
    steep = np.partition(slope, -THIN_SAMPLES // 50, axis=1)[:, -THIN_SAMPLES // 50, None]
    together = np.convolve(np.minimum(slope / (steep + 1e-3), 3).sum(axis=0), SMOOTH, "same")
    middle, high = np.quantile(together, (0.5, 0.98))
    peaks, _ = find_peaks(together, distance=REFRACTORY, height=middle + LEAST_RISE * (high - middle))
    contrast = float(high / middle) if middle > 0 else 0.0
    reach = REACH - SHIFTS[0]
    whole = peaks[(peaks >= reach) & (peaks < THIN_SAMPLES - reach)]
    if len(whole) < 2:
        none = np.zeros(len(bands.qrs))
        return Beats(peaks, contrast, 0.0, none, none)
    seen = _seen(bands.known, whole, reach)
    likeness, moves, fitted = _fitted(bands.qrs, whole, seen)
    at = np.concatenate([peaks[peaks < reach], whole + moves, peaks[peaks >= THIN_SAMPLES - reach]])
    rest = (fitted - _median(fitted, seen)) * seen[..., None]
    count = np.maximum(seen.sum(axis=0), 1) * fitted.shape[2]
    energy, left = ((each**2).sum(axis=(0, 2)) / count for each in (fitted * seen[..., None], rest))
    return Beats(at, contrast, likeness, 1 - left / np.maximum(energy, 1e-12), np.sqrt(left))


def _seen(known: NDArray[np.bool_], peaks: NDArray[np.int64], reach: int) -> NDArray[np.bool_]:
    """Return bool (beats, 12): which leads are known throughout the reach of each beat."""
    return np.asarray(known[:, peaks[:, None] + np.arange(-reach, reach + 1)].all(axis=2).T)


def _median(beats: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the median over the beats in which each lead is seen, (12, samples); 0 of a lead seen in none."""
    if seen.all():
        return np.asarray(np.median(beats, axis=0))
    made = np.zeros(beats.shape[1:])
    for lead in np.flatnonzero(seen.any(axis=0)):
        made[lead] = np.median(beats[seen[:, lead], lead], axis=0)
    return made


def _fitted(
    qrs: NDArray[np.float32], peaks: NDArray[np.int64], seen: NDArray[np.bool_]
) -> tuple[float, NDArray[np.int64], NDArray[np.float64]]:
    """Return the likeness of the beats, how far each is moved to fit their median best, and (beats, 12, samples)."""
    around = np.arange(-REACH, REACH + 1)
    moved = qrs[:, peaks[:, None, None] + SHIFTS[:, None] + around].transpose(1, 2, 0, 3).astype(np.float64)
    middle = _median(moved[:, -SHIFTS[0]], seen)
    if not seen.all():
        moved = moved * seen[:, None, :, None]
    own = seen @ (middle**2).sum(axis=1)
    lengths = np.sqrt((moved**2).sum(axis=(2, 3)) * own[:, None])
    fit = (moved * middle).sum(axis=(2, 3)) / np.maximum(lengths, 1e-12)
    best = fit.argmax(axis=1)
    alike = np.sort(fit.max(axis=1))[-max(round(ALIKE * len(peaks)), 2) :]
    return float(alike.mean()), SHIFTS[best], moved[np.arange(len(peaks)), best]


def median_beat(bands: Bands, beats: Beats) -> NDArray[np.float32] | None:
    """Return the median of a window's beats, float32 (12, 72), mV at 100 Hz, without wander; None of fewer than two.

    It begins 0.3 s before the steepest place of the QRS complex, so that it holds P wave, QRS complex and T wave.
    """
    whole = beats.at[(beats.at >= BEFORE) & (beats.at < THIN_SAMPLES - AFTER)]
    if len(whole) < 2:
        return None
    steady = bands.whole - bands.wander
    return np.asarray(np.median(steady[:, whole[:, None] + np.arange(-BEFORE, AFTER)], axis=1), dtype=np.float32)
