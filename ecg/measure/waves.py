"""Where the P and the T wave of a median beat begin, peak and end: over all leads, and in each."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from ecg.leads import LEADS
from ecg.measure.median import LENGTH, MIDDLE, MedianBeat
from ecg.measure.qrs import Qrs


@dataclass(frozen=True)
class Search:
    """How a wave is looked for; samples of 2 ms. Chosen on LUDB's records 1 to 50 (docs/measurements.md).

    Attributes:
        sigma: of the Gaussian that smooths the signal beforehand.
        leg: how far beyond its steepest slope a wave's boundary may lie.
        apart: how far a lead's peak may lie from that over all leads.
        slack: how far a lead's boundary may lie outside of that over all leads.
    """

    sigma: float
    leg: int
    apart: int
    slack: int


P_WAVE: Final = Search(sigma=3.0, leg=30, apart=20, slack=8)
T_WAVE: Final = Search(sigma=7.0, leg=50, apart=50, slack=15)
TOWARDS_ALL: Final = 0.5  # how far a lead's boundary is drawn to the median of the leads'
LEAST_SPAN: Final = 24  # samples (48 ms): where less is left between its neighbours, no wave is looked for
AFTER_QRS: Final = 30  # samples (60 ms) from the end of the QRS to where a T wave is looked for
T_SHARE: Final = 0.6  # of the RR interval, by when a T wave has peaked
T_GRACE: Final = 20  # samples (40 ms) beyond that
BEFORE_NEXT: Final = 75  # samples (150 ms) before the next QRS, where no T wave peaks
LONGEST_P_TO_QRS: Final = 160  # samples (320 ms) before the QRS, where a P wave is looked for
P_TO_QRS: Final = 8  # samples (16 ms) before the QRS, at which a P wave is over
T_TO_P: Final = 5  # samples (10 ms) from the end of a T wave to where a P wave is looked for
INDEPENDENT: Final = np.array([lead in ("I", "II") or lead.startswith("V") for lead in LEADS])  # the others follow
PROMINENT: Final = 0.1  # of all that happens there: a hump of that height is the T wave


@dataclass(frozen=True, eq=False)
class Wave:
    """A wave's onset, peak and end in samples of its median beat: `overall` (3,), and `leads` (12, 3) in each lead.

    Leads that are not usable hold NaN.
    """

    overall: NDArray[np.float64]
    leads: NDArray[np.float64]

    @property
    def in_leads(self) -> NDArray[np.float64]:
        """Onset, peak and end in each lead, (12, 3): boundaries drawn half way to the median of the leads."""
        middle = np.nanmedian(self.leads, axis=0)
        drawn = TOWARDS_ALL * middle + (1 - TOWARDS_ALL) * self.leads
        drawn[:, 1] = self.leads[:, 1]
        return np.asarray(drawn, dtype=np.float64)


def find_waves(beat: MedianBeat, qrs: Qrs) -> tuple[Wave | None, Wave | None]:
    """Find what may be the P wave and what is the T wave; None where its neighbours leave no room.

    Whether the first is a P wave at all, only the single beats can tell.
    """
    rows = np.flatnonzero(beat.usable)
    if not len(rows):
        return None, None
    smooth_p = gaussian_filter1d(beat.signal, P_WAVE.sigma, axis=1)
    smooth_t = gaussian_filter1d(beat.signal, T_WAVE.sigma, axis=1)
    after_qrs = qrs.offset + AFTER_QRS
    until = min(qrs.onset + T_SHARE * beat.ahead + T_GRACE, MIDDLE + beat.ahead - BEFORE_NEXT, LENGTH - 1)
    rough = _find(smooth_t, rows, (after_qrs, int(until)), T_WAVE)
    last_t = rough.overall[2] if rough is not None else after_qrs
    from_here = max(qrs.onset - LONGEST_P_TO_QRS, int(last_t - beat.behind) + T_TO_P, T_TO_P)
    p = _find(smooth_p, rows, (from_here, qrs.onset - P_TO_QRS), P_WAVE)
    next_p = MIDDLE + beat.ahead - (MIDDLE - p.overall[0] + 3 if p is not None else 60)
    return p, _find(smooth_t, rows, (after_qrs, int(min(next_p, LENGTH - 1))), T_WAVE)


def _find(signal: NDArray[np.float64], rows: NDArray[np.intp], span: tuple[int, int], search: Search) -> Wave | None:
    """Find the wave of (12, samples) within a span: first by what the leads have in common, then in each of `rows`."""
    first, last = span
    if last - first < LEAST_SPAN:
        return None
    telling = rows[INDEPENDENT[rows]] if INDEPENDENT[rows].any() else rows
    shape, peak = _common(signal[telling, first:last], hump=search is T_WAVE)
    end = first + _end(shape, peak, search.leg)
    onset = first + _onset(shape, peak, search.leg)
    peak += first
    leads = np.full((len(signal), 3), np.nan)
    chord_from, chord_to = max(first, onset - 10), min(last - 1, end + 10)
    near = np.arange(max(first, peak - search.apart), min(last, peak + search.apart))
    low, high = max(first, onset - search.slack), min(last, end + search.slack)
    for lead in rows:
        row = signal[lead]
        away = row[near] - np.interp(near, [chord_from, chord_to], [row[chord_from], row[chord_to]])
        at = int(np.clip(near[np.argmax(np.abs(away))], low, high - 1))
        upright = row[low:high] * (np.sign(away[np.argmax(np.abs(away))]) or 1.0)
        leads[lead] = low + _onset(upright, at - low, search.leg), at, low + _end(upright, at - low, search.leg)
    return Wave(np.array([onset, peak, end], dtype=np.float64), leads)


def _common(signal: NDArray[np.float64], *, hump: bool) -> tuple[NDArray[np.float64], int]:
    """Return what (leads, samples) have most in common, upright, and where it peaks.

    A T wave often rides on a displaced ST segment: its hump over what follows it is looked for first.
    """
    if hump:
        after = signal[:, -4:].mean(axis=1)
        shape = _first_component(signal - after[:, None])
        prominence, at = max((_highest_hump(sign * shape) for sign in (1.0, -1.0)), default=(0.0, 0))
        if prominence > PROMINENT * np.ptp(shape):
            return shape * np.sign(shape[at]), at
    share = np.linspace(0.0, 1.0, signal.shape[1])
    chord = np.outer(signal[:, :4].mean(axis=1), 1 - share) + np.outer(signal[:, -4:].mean(axis=1), share)
    shape = _first_component(signal - chord)
    at = int(np.abs(shape).argmax())
    return shape * np.sign(shape[at]), at


def _first_component(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    _, strength, shapes = np.linalg.svd(signal, full_matrices=False)
    return np.asarray(shapes[0] * strength[0], dtype=np.float64)


def _highest_hump(shape: NDArray[np.float64]) -> tuple[float, int]:
    at, found = find_peaks(shape, prominence=0)
    best = int(np.argmax(found["prominences"])) if len(at) else 0
    return (float(found["prominences"][best]), int(at[best])) if len(at) else (0.0, 0)


def _end(upright: NDArray[np.float64], peak: int, leg: int) -> int:
    """Return where a wave ends: where the trapezium under its falling leg is largest.

    Vazquez-Seisdedos et al., BioMedical Engineering OnLine 2011;10:43.
    """
    falling = np.diff(upright[peak:])
    if len(falling) < 7:
        return len(upright) - 1
    steepest = peak + int(falling[:-3].argmin())
    far = min(steepest + leg, len(upright) - 1)
    if far - steepest < 4:
        return far
    at = np.arange(steepest + 1, far)
    return int(at[np.argmax((upright[steepest] - upright[at]) * (2 * far - at - steepest))])


def _onset(upright: NDArray[np.float64], peak: int, leg: int) -> int:
    last = len(upright) - 1
    return last - _end(upright[::-1], last - peak, leg)
