"""How near a digitised page comes to what was printed: signal to noise, amplitude and time, lead by lead.

One shift for the whole page is taken off before: the whole number of samples, at most 0.1 s either way, with the least
error over all leads. Nothing else is fitted. A lead's medians are taken off, the truth's and the found one's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.pages.settings import FS
from ecg.leads import LEADS

MOST_SHIFT: Final = 50  # samples: 0.1 s
LEAST_GIVEN: Final = 0.5  # of what is printed of a lead; below that it counts as not read, with 0 dB
SCALES: Final = np.arange(-0.06, 0.0601, 0.0025)  # of time, tried about 1
FARTHEST: Final = 0.2  # seconds by which a lead may lie elsewhere while its scale of time is sought
QUIET: Final = 0.15  # mV from lowest to highest: of a lead that hardly moves, amplitude and time cannot be told
Signal = NDArray[np.floating]


@dataclass(frozen=True)
class LeadFigure:
    """How one lead of a page was read.

    Attributes:
        lead: its name.
        snr: dB; 0 where it was not read.
        given: the share of what is printed that was given, 0 to 1.
        gain: found by printed amplitude, the slope of the regression; None of a quiet lead, or where it was not read.
        time: found by printed duration; None likewise.
    """

    lead: str
    snr: float
    given: float
    gain: float | None
    time: float | None


def figures(truth: Signal, found: Signal) -> tuple[LeadFigure, ...]:
    """Return the figures of each printed lead.

    Args:
        truth: (12, samples), mV at 500 Hz, NaN where not printed.
        found: (12, samples) likewise, NaN where not read; of any length.
    """
    laid = np.full_like(truth, np.nan)
    length = min(truth.shape[1], found.shape[1])
    laid[:, :length] = found[:, :length]
    laid = moved(laid, best_shift(truth, laid))
    return tuple(
        _figure(LEADS[row], truth[row], laid[row]) for row in range(len(LEADS)) if np.isfinite(truth[row]).any()
    )


def best_shift(truth: Signal, found: Signal, most: int = MOST_SHIFT) -> int:
    """Return by how many samples, at most `most`, `found` is to be moved to the right, for all leads as one."""
    rows = [row for row in range(len(truth)) if (np.isfinite(truth[row]) & np.isfinite(found[row])).any()]
    return min(
        sorted(range(-most, most + 1), key=abs),
        key=lambda by: sum(_error(truth[row], moved(found[row], by)) for row in rows),
    )


def moved(signal: Signal, by: int) -> Signal:
    """Return (..., samples) moved to the right, NaN where nothing comes in."""
    made = np.full_like(signal, np.nan)
    if by >= 0:
        made[..., by:] = signal[..., : signal.shape[-1] - by]
    else:
        made[..., :by] = signal[..., -by:]
    return made


def _error(truth: Signal, found: Signal) -> float:
    both = np.isfinite(truth) & np.isfinite(found)
    if not both.any():
        return float(np.nansum((truth - np.nanmedian(truth)) ** 2))
    # Per sample, so that a shift is not the better for what it pushes off the page.
    return float(np.mean((_centred(truth[both]) - _centred(found[both])) ** 2) * np.isfinite(truth).sum())


def _figure(lead: str, truth: Signal, found: Signal) -> LeadFigure:
    printed = np.isfinite(truth)
    both = printed & np.isfinite(found)
    given = float(both.sum() / printed.sum())
    if given < LEAST_GIVEN:
        return LeadFigure(lead, 0.0, given, None, None)
    x, y = _centred(truth[both]), _centred(found[both])
    snr = 10 * np.log10(max(float(np.sum(x**2)), 1e-12) / max(float(np.sum((x - y) ** 2)), 1e-12))
    if np.ptp(x) < QUIET:
        return LeadFigure(lead, float(snr), given, None, None)
    x, y = x - x.mean(), y - y.mean()
    gain = float(np.sum(x * y) / np.sum(x**2))
    return LeadFigure(lead, float(snr), given, gain, _time_scale(x, y))


def _time_scale(x: Signal, y: Signal) -> float:
    """Return how much longer `y` is than `x`: the scale at which they correlate best, wherever y lies."""
    at = np.arange(len(x)) - (len(x) - 1) / 2
    size = 2 ** int(np.ceil(np.log2(2 * len(x))))
    spectrum, reach = np.conj(np.fft.rfft(x, size)), round(FARTHEST * FS)
    best = []
    for scale in SCALES:
        stretched = np.interp(at * (1 + scale), at, y)
        across = np.fft.irfft(spectrum * np.fft.rfft(stretched, size), size)
        near = np.concatenate([across[:reach], across[-reach:]])
        best.append(near.max() / max(float(np.linalg.norm(stretched)), 1e-9))
    return float(1 + SCALES[int(np.argmax(best))])


def _centred(signal: Signal) -> Signal:
    return np.asarray(signal - np.median(signal), dtype=np.float64)
