"""A window's leads split into the bands in which heart beats, baseline wander, muscle and mains show themselves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct

from ecg.canonical import SAMPLES, SECONDS, CanonicalEcg
from ecg.leads import LEADS

THIN_FS: Final = 100  # Hz: enough for the shape of beats, a fifth of the work
THIN_SAMPLES: Final = THIN_FS * SECONDS
# Hz. Baseline wander lies below the slowest heart rate (0.67 Hz: Kligfield et al., Circulation 2007;115:1306), most of
# a QRS complex's energy between 5 and 22 Hz (Thakor et al., IEEE Trans Biomed Eng 1984;31:702), muscle from 20 Hz on.
WANDER: Final = (0.0, 0.6)
QRS: Final = (6.0, 22.0)
MUSCLE: Final = (20.0, 45.0)
MAINS: Final = (50.0, 60.0)
MAINS_WIDTH: Final = 0.5


@dataclass(frozen=True, eq=False)
class Bands:
    """One window at 100 Hz, by band.

    Attributes:
        whole, wander, qrs, muscle: float32 (12, 1000), mV; gaps bridged by straight lines, no mean.
        mains: float32 (12,), amplitude in mV of what alternates at 50 or 60 Hz.
        known: bool (12, 1000), what was no gap.
    """

    whole: NDArray[np.float32]
    wander: NDArray[np.float32]
    qrs: NDArray[np.float32]
    muscle: NDArray[np.float32]
    mains: NDArray[np.float32]
    known: NDArray[np.bool_]


def split(window: CanonicalEcg) -> Bands:
    """Split a window by its cosine transform, in which it has no ends to ring at."""
    signal = window.signal
    if not window.mask.all():
        signal = np.stack([_bridged(row, known) for row, known in zip(signal, window.mask, strict=True)])
    waves = dct(signal, norm="ortho", axis=1)
    waves[:, 0] = 0  # the mean: an electrode's offset
    return Bands(
        whole=_thinned(waves, (0.0, THIN_FS / 2)),
        wander=_thinned(waves, WANDER),
        qrs=_thinned(waves, QRS),
        muscle=_thinned(waves, MUSCLE),
        mains=_amplitude(waves),
        known=window.mask[:, :: SAMPLES // THIN_SAMPLES],
    )


def _bridged(row: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    if known.all() or not known.any():
        return row
    at = np.arange(len(row))
    return np.interp(at, at[known], row[known]).astype(np.float32)


def _thinned(waves: NDArray[np.float32], band: tuple[float, float]) -> NDArray[np.float32]:
    """Return what of the transform lies in a band of Hz, as float32 (12, 1000) at 100 Hz."""
    low, high = (_wave(frequency) for frequency in band)
    kept = np.zeros((len(LEADS), THIN_SAMPLES), dtype=np.float32)
    kept[:, low:high] = waves[:, low:high]
    return np.asarray(idct(kept, norm="ortho", axis=1) * np.sqrt(THIN_SAMPLES / SAMPLES), dtype=np.float32)


def _amplitude(waves: NDArray[np.float32]) -> NDArray[np.float32]:
    parts = [waves[:, _wave(each - MAINS_WIDTH) : _wave(each + MAINS_WIDTH)] for each in MAINS]
    energy = np.max([(part**2).sum(axis=1) for part in parts], axis=0)
    return np.asarray(np.sqrt(2 * energy / SAMPLES), dtype=np.float32)


def _wave(frequency: float) -> int:
    """Return which wave of the transform has a frequency in Hz: they lie half a wave per window apart."""
    return round(frequency * 2 * SECONDS)
