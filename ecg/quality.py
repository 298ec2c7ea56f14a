"""What a window offers a reader: which leads are known, which of them show no heart, and whether it beats in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from ecg.bands import THIN_FS, Bands, split
from ecg.beats import Beats, find_beats
from ecg.canonical import FS, SECONDS, CanonicalEcg
from ecg.leads import LEADS
from ecg.pacing import LEAST_SPIKES, count_spikes
from ecg.rails import saturated
from ecg.recording import Waveform

# An electrode that is off leaves a constant; the smallest living QRS is ten times this (low voltage is 0.5 mV in limb
# leads, Surawicz et al., Circulation 2009;119:e235).
FLAT_MILLIVOLT: Final = 0.01
LOST_SECONDS: Final = 2.0  # a lead that is constant for so long was lost, though it may live before and after
THINNING: Final = FS // THIN_FS

# The rest was chosen on PTB-XL folds 1 to 8, so that about one recording in a hundred is beyond any of them:
# `python -m training quality`.
MOST_WANDER: Final = 5.0  # mV, from the lowest to the highest of the baseline
MOST_MUSCLE: Final = 0.12  # mV, standard deviation between 20 and 45 Hz, in half of the time at least
MOST_MAINS: Final = 0.5  # mV, amplitude
LEAST_SHOWN: Final = 0.25  # share of a lead's energy at the beats that is the beat
MOST_REST: Final = 0.25  # mV; a lead that hardly shows the beats is lost only where something else is this large
LEAST_BEATS: Final = 3
LEAST_CONTRAST: Final = 2.6
LEAST_LIKENESS: Final = 0.75
# Wide QRS complexes at a fast rate are hardly steeper than what lies between them, yet one is as the other.
SAME_CONTRAST: Final = 1.8
SAME_LIKENESS: Final = 0.98

# What may be wrong with a lead, the plainest first; the code of an abstention for each.
FLAT: Final = "lead-flat"
SATURATED: Final = "lead-saturated"
OFF: Final = "lead-off"
WANDERING: Final = "noise-wander"
MUSCLE: Final = "noise-muscle"
MAINS: Final = "noise-mains"
# More faulty leads than that are no matter of single chest electrodes: of a limb electrode, or of the recorder.
MOST_FAULTY: Final = 2
FAULTS: Final = (FLAT, SATURATED, OFF, WANDERING, MUSCLE, MAINS)


@dataclass(frozen=True)
class Noise:
    """What is no heart beat in each lead, in mV: span of the baseline, deviation by muscle, amplitude of the mains."""

    wander: tuple[float, ...]
    muscle: tuple[float, ...]
    mains: tuple[float, ...]


@dataclass(frozen=True)
class Beating:
    """Whether the heart beats in a window: how many beats, how steep, how alike they are; see ecg.beats."""

    count: int
    contrast: float
    likeness: float

    @property
    def visible(self) -> bool:
        """Whether there are beats, and not only noise."""
        steep = self.contrast >= LEAST_CONTRAST and self.likeness >= LEAST_LIKENESS
        same = self.contrast >= SAME_CONTRAST and self.likeness >= SAME_LIKENESS
        return self.count >= LEAST_BEATS and (steep or same)


@dataclass(frozen=True)
class WindowQuality:
    """The quality of one window.

    Attributes:
        known: the known share (0 to 1) of each lead.
        faults: each faulty lead's name with the code of its fault, one of FAULTS, in the order of LEADS.
        noise: by lead.
        beating: by all leads together.
        spikes: how many spikes of a pacemaker were seen; None where the recording's rate is too low to see any.
    """

    known: tuple[float, ...]
    faults: tuple[tuple[str, str], ...]
    noise: Noise
    beating: Beating
    spikes: int | None = None

    @property
    def flat(self) -> tuple[str, ...]:
        """The leads that are flat."""
        return self.faulty(FLAT)

    @property
    def trusted(self) -> bool:
        """Whether its sound leads may be read: beats are visible, the recorder is at no rail, few leads are faulty."""
        return self.beating.visible and not self.faulty(SATURATED) and len(self.faults) <= MOST_FAULTY

    def sound(self, leads: Sequence[str], least_known: float) -> tuple[str, ...]:
        """Return those of `leads` that are known for `least_known` of the window at least, and not faulty."""
        bad = self.unusable(leads, least_known)
        return tuple(lead for lead in leads if lead not in bad)

    def faulty(self, code: str) -> tuple[str, ...]:
        """Return the leads that have this fault."""
        return tuple(lead for lead, fault in self.faults if fault == code)

    def unknown(self, leads: Sequence[str], least_known: float) -> tuple[str, ...]:
        """Return those of `leads` that are known for less than `least_known` of the window."""
        share = dict(zip(LEADS, self.known, strict=True))
        return tuple(lead for lead in leads if share[lead] < least_known)

    def unusable(self, leads: Sequence[str], least_known: float) -> tuple[str, ...]:
        """Return those of `leads` that are known for less than `least_known` of the window, or faulty."""
        bad = {*self.unknown(leads, least_known), *dict(self.faults)}
        return tuple(lead for lead in leads if lead in bad)


@dataclass(frozen=True)
class Quality:
    """The quality of each window of a recording."""

    windows: tuple[WindowQuality, ...]

    @property
    def paced(self) -> bool | None:
        """Whether spikes of a pacemaker were seen in any window; None where none could be seen."""
        seen = [each.spikes for each in self.windows if each.spikes is not None]
        return max(seen) >= LEAST_SPIKES if seen else None


def assess(windows: Sequence[CanonicalEcg], waveform: Waveform | None = None) -> Quality:
    """Assess each window by itself; with the waveform they are of, what only its own rate shows: rails, spikes."""
    return Quality(tuple(_assess(window, waveform) for window in windows))


def _assess(window: CanonicalEcg, waveform: Waveform | None) -> WindowQuality:
    native = None if waveform is None else _part(window, waveform)
    known = window.mask.mean(axis=1)
    bands = split(window)
    beats = find_beats(bands)
    found = {
        FLAT: _span(window) < FLAT_MILLIVOLT,
        SATURATED: np.isin(LEADS, _at_rails(native)),
        OFF: _lost(window) | ((beats.shown < LEAST_SHOWN) & (beats.rest > MOST_REST)),
        WANDERING: np.ptp(bands.wander, axis=1) > MOST_WANDER,
        MUSCLE: _deviation(bands) > MOST_MUSCLE,
        MAINS: bands.mains > MOST_MAINS,
    }
    first = ((lead, next((code for code in FAULTS if found[code][row]), None)) for row, lead in enumerate(LEADS))
    return WindowQuality(
        known=tuple(round(float(share), 4) for share in known),
        faults=tuple((lead, code) for (lead, code), share in zip(first, known, strict=True) if code and share > 0),
        noise=Noise(*map(_rounded, (np.ptp(bands.wander, axis=1), _deviation(bands), bands.mains))),
        beating=_beating(beats),
        spikes=None if native is None else count_spikes(native.signal, native.fs),
    )


def _span(window: CanonicalEcg) -> NDArray[np.float32]:
    low = np.where(window.mask, window.signal, np.inf).min(axis=1)
    return np.asarray(np.where(window.mask, window.signal, -np.inf).max(axis=1) - low)


def _lost(window: CanonicalEcg) -> NDArray[np.bool_]:
    """Return which leads are constant for LOST_SECONDS somewhere in what is known of them, bool (12,)."""
    thin, known = window.signal[:, ::THINNING], window.mask[:, ::THINNING]
    size = int(LOST_SECONDS * THIN_FS)
    low = minimum_filter1d(np.where(known, thin, -np.inf), size, axis=1, mode="nearest")
    high = maximum_filter1d(np.where(known, thin, np.inf), size, axis=1, mode="nearest")
    whole = slice(size // 2, thin.shape[1] - size // 2)
    return np.asarray((high[:, whole] - low[:, whole] < FLAT_MILLIVOLT).any(axis=1))


def _part(window: CanonicalEcg, waveform: Waveform) -> Waveform | None:
    """Return the window's stretch of the recording it is of, standard leads only; None where there is next to none."""
    rows = [row for row, name in enumerate(waveform.leads) if name in LEADS]
    part = slice(round(window.start * waveform.fs), round((window.start + SECONDS) * waveform.fs))
    signal = waveform.signal[rows, part]
    if np.isnan(signal).all() or signal.shape[1] < waveform.fs:
        return None
    return Waveform(signal, tuple(waveform.leads[row] for row in rows), waveform.fs)


def _at_rails(native: Waveform | None) -> list[str]:
    if native is None:
        return []
    return [name for name, stands in zip(native.leads, saturated(native.signal, native.fs), strict=True) if stands]


def _deviation(bands: Bands) -> NDArray[np.float64]:
    """Return the standard deviation in the band of muscle, of the quieter half of the time, float64 (12,)."""
    # Of normal noise, the median distance is 0.6745 standard deviations; QRS complexes fill less than half of the time.
    return np.asarray(np.median(np.abs(bands.muscle), axis=1) / 0.6745, dtype=np.float64)


def _beating(beats: Beats) -> Beating:
    return Beating(len(beats.at), round(beats.contrast, 2), round(beats.likeness, 3))


def _rounded(values: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(each), 3) for each in values)
