"""The one canonical tensor: 12 leads, 500 Hz, 10 s, millivolt, with a mask of what is known."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecg.leads import LEADS, derive_limb_leads
from ecg.recording import Waveform

FS: Final = 500
SECONDS: Final = 10
SAMPLES: Final = FS * SECONDS
MIN_REMAINDER: Final = 1.0  # seconds; a shorter tail after the last full window is not worth a window of its own


@dataclass(frozen=True, eq=False)
class CanonicalEcg:
    """One window of a recording.

    Attributes:
        signal: float32 (12, 5000), mV, 500 Hz, rows in the order of LEADS; 0 where the mask is false; read-only.
        mask: bool (12, 5000), true = known: measured, or exactly derived from leads measured at that instant.
        derived: the leads that hold derived samples.
        start: where the window begins, in seconds from the start of the recording.
    """

    signal: NDArray[np.float32]
    mask: NDArray[np.bool_]
    derived: tuple[str, ...] = ()
    start: float = 0.0

    def __post_init__(self) -> None:
        shape = (len(LEADS), SAMPLES)
        if self.signal.shape != shape or self.mask.shape != shape or self.mask.dtype != np.bool_:
            raise ValueError(f"signal {self.signal.shape} and mask {self.mask.shape} must be {shape}")
        if not np.isfinite(self.signal).all() or self.signal[~self.mask].any():
            raise ValueError("signal must be finite, and 0 where the mask is false")
        for array in (self.signal, self.mask):
            array.setflags(write=False)


def canonicalise(waveform: Waveform) -> tuple[CanonicalEcg, ...]:
    """Cut a waveform into windows of the canonical tensor; the first begins with the recording.

    Leads are placed by name, missing limb leads derived, every lead resampled with an anti-aliasing filter. Nothing is
    scaled, shifted or filtered beyond that. A recording shorter than 10 s gives one window, masked after its end; of a
    longer one the last window ends with the recording (and overlaps the one before), unless less than 1 s is left.
    """
    placed = np.full((len(LEADS), waveform.signal.shape[1]), np.nan, dtype=np.float32)
    for name, row in zip(waveform.leads, waveform.signal, strict=True):
        if name in LEADS:
            placed[LEADS.index(name)] = row
    placed[:6], derived = derive_limb_leads(placed[:6])
    signal, mask = _resample(placed, waveform.fs)
    return tuple(_window(signal, mask, start, derived) for start in _starts(signal.shape[1]))


def _resample(signal: NDArray[np.float32], fs: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring (12, samples) at `fs` to 500 Hz: the signal with gaps bridged, and the mask of what is known."""
    known = ~np.isnan(signal)
    ratio = (Fraction(FS) / Fraction(fs)).limit_denominator(2000)
    up, down = ratio.numerator, ratio.denominator
    length = -(-signal.shape[1] * up // down)
    resampled = np.zeros((len(LEADS), length), dtype=np.float32)
    for row in np.flatnonzero(known.any(axis=1)):
        resampled[row] = resample_poly(_bridged(signal[row], known[row]), up, down, padtype="line")[:length]
    # An output sample is known where its neighbours in the source are: polyphase FIR of scipy, centred.
    position = np.arange(length) * (down / up)
    before = np.minimum(np.floor(position + 1e-9).astype(np.int64), signal.shape[1] - 1)
    after = np.minimum(np.ceil(position - 1e-9).astype(np.int64), signal.shape[1] - 1)
    return resampled, known[:, before] & known[:, after]


def _bridged(row: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill the gaps of one lead by straight lines, so that they do not ring into what is known."""
    if known.all():
        return row.astype(np.float64)
    at = np.arange(len(row))
    return np.interp(at, at[known], row[known])


def _starts(length: int) -> list[int]:
    if length <= SAMPLES:
        return [0]
    starts = list(range(0, length - SAMPLES + 1, SAMPLES))
    if length - (starts[-1] + SAMPLES) >= MIN_REMAINDER * FS:
        starts.append(length - SAMPLES)
    return starts


def _window(signal: NDArray[np.float32], mask: NDArray[np.bool_], start: int, derived: tuple[str, ...]) -> CanonicalEcg:
    part = slice(start, start + SAMPLES)
    spare = ((0, 0), (0, SAMPLES - signal[:, part].shape[1]))
    known = np.pad(mask[:, part], spare)
    return CanonicalEcg(np.where(known, np.pad(signal[:, part], spare), np.float32(0)), known, derived, start / FS)
