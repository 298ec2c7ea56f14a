"""Delineates a window: where P, QRS and T of each beat begin, peak and end, over all leads and in each."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.canonical import SAMPLES, CanonicalEcg
from ecg.leads import LEADS
from ecg.measure.beats import Beats, find_beats
from ecg.measure.median import MIDDLE, MedianBeat, median_beats, without_wander
from ecg.measure.pacing import find_spikes, without_spikes
from ecg.measure.qrs import Qrs, find_qrs
from ecg.measure.waves import Wave, find_waves

# The columns of marks.
P_ON, P_PEAK, P_OFF, QRS_ON, R_PEAK, QRS_OFF, T_ON, T_PEAK, T_OFF = range(9)
MARKS: Final = 9
# Chosen on LUDB's records 1 to 50 (docs/measurements.md).
P_USUAL: Final = 0.8  # correlation over all leads, the median of a kind's beats: from there on they have a P wave
P_STEADY: Final = 3  # samples (6 ms): median deviation of its distance from the QRS
P_LIKENESS: Final = 0.5  # correlation from which a single beat of such a kind has it
FLUTTER: Final = (86, 150)  # samples: intervals of atrial flutter, 350 to 200 a minute
FLUTTER_LIKENESS: Final = 0.8  # correlation from which a wave is the P wave over again
FLUTTER_SIZE: Final = 2.0  # times as large, or as small, at most
P_SHIFT: Final = 20  # samples (40 ms) by which a beat's P wave may lie otherwise than in the median beat


@dataclass(frozen=True, eq=False)
class Shape:
    """A kind of beats: its median beat, and what was found on it. `p` is what may be a P wave."""

    median: MedianBeat
    qrs: Qrs
    p: Wave | None
    t: Wave | None


@dataclass(frozen=True, eq=False)
class Delineation:
    """What was found in a window.

    Attributes:
        beats: the beats, in the order of time.
        shapes: one for each kind of beats, the commonest first.
        level: float64 (12, 5000), mV, without wander and without a pacemaker's spikes, NaN where not known.
        spikes: int, the samples of a pacemaker's spikes.
        p_likeness: float64 (beats,), how well what lies before each QRS agrees with the P wave of the others, -1 to 1.
        p_shift: int (beats,), samples by which it lies otherwise than in the median beat.
        flutter: whether what may be P waves follow each other two to four times a beat, as in atrial flutter.
    """

    beats: Beats
    shapes: tuple[Shape, ...]
    level: NDArray[np.float64]
    spikes: NDArray[np.intp]
    p_likeness: NDArray[np.float64]
    p_shift: NDArray[np.intp]
    flutter: bool

    @property
    def has_p(self) -> NDArray[np.bool_]:
        """Which beats have a P wave, (beats,)."""
        has = self.p_likeness >= P_LIKENESS
        for kind, shape in enumerate(self.shapes):
            members = shape.median.members
            if not self._share_p(members) or (kind and not has[self.shapes[0].median.members].any()):
                has[members] = False
        return np.asarray(has & (not self.flutter))

    def _share_p(self, members: NDArray[np.intp]) -> bool:
        """Tell whether beats have the same P wave, at the same distance: waves of fibrillation lie anywhere."""
        apart = np.abs(self.p_shift[members] - np.median(self.p_shift[members]))
        return bool(np.median(self.p_likeness[members]) >= P_USUAL and np.median(apart) <= P_STEADY)

    def marks(self) -> NDArray[np.float64]:
        """Return (beats, 12, 9): samples of the window by P_ON to T_OFF, in each lead; NaN where there is no wave."""
        marks = np.full((len(self.beats.at), len(LEADS), MARKS), np.nan)
        for beat, (at, kind) in enumerate(zip(self.beats.at, self.beats.kind, strict=True)):
            shape = self.shapes[kind]
            found = marks[beat]
            found[:, [QRS_ON, QRS_OFF]] = shape.qrs.in_leads
            found[:, R_PEAK] = _peaks(shape)
            if shape.t is not None:
                found[:, T_ON : T_OFF + 1] = shape.t.in_leads
            if self.has_p[beat] and (p := self._p_of(kind)) is not None:
                found[:, P_ON : P_OFF + 1] = p.in_leads + self.p_shift[beat]
            found[~shape.median.usable] = np.nan
            found += at - MIDDLE
        return marks

    def _p_of(self, kind: int) -> Wave | None:
        """Return the P wave that a beat of this kind is compared with: a lone beat has none of its own."""
        own = self.shapes[kind]
        return own.p if len(own.median.members) > 1 else self.shapes[0].p


def delineate(window: CanonicalEcg) -> Delineation:
    """Delineate a window. There may be no beat in it."""
    alive = window.mask & (np.ptp(window.signal, axis=1) > 0)[:, None]
    recorded = window.signal.astype(np.float64)
    spikes = find_spikes(recorded, alive)
    signal = without_spikes(recorded, spikes)
    beats = find_beats(signal, alive)
    level = without_wander(signal, alive, beats)
    shapes = tuple(_shape(median) for median in median_beats(level, beats))
    likeness, shift = _p_waves(level, beats, shapes)
    return Delineation(beats, shapes, level, spikes, likeness, shift, bool(shapes) and _flutters(shapes[0]))


def _shape(median: MedianBeat) -> Shape:
    qrs = find_qrs(median)
    return Shape(median, qrs, *find_waves(median, qrs))


def _peaks(shape: Shape) -> NDArray[np.float64]:
    """Return the sample of each lead's largest deflection within the QRS, (12,)."""
    inside = np.abs(shape.median.signal[:, shape.qrs.onset : shape.qrs.offset + 1])
    return np.asarray(shape.qrs.onset + inside.argmax(axis=1), dtype=np.float64)


def _p_waves(
    level: NDArray[np.float64], beats: Beats, shapes: tuple[Shape, ...]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return for each beat how well its P wave agrees with that of the other beats, and by how much it is shifted.

    A beat is compared with the mean of the others, never with a mean that it is part of: noise and the waves of atrial
    fibrillation then agree with nothing.
    """
    likeness, shifts = np.full(len(beats.at), -1.0), np.zeros(len(beats.at), np.intp)
    padded = np.pad(np.nan_to_num(level), ((0, 0), (SAMPLES // 5, SAMPLES // 5)))
    for shape in shapes:
        model = shape if len(shape.median.members) > 1 else shapes[0]
        if model.p is None:
            continue
        first, last = int(model.p.overall[0]) - 5, int(model.p.overall[2]) + 6
        others = model.median.members
        segments = np.stack([_segment(padded, beats.at[each], (first, last)) for each in others])
        total = segments.sum(axis=0)
        for beat in shape.median.members:
            mean = total - segments[np.flatnonzero(others == beat)].sum(axis=0)
            matches = [
                _correlation(_segment(padded, beats.at[beat] + lag, (first, last)), mean)
                for lag in range(-P_SHIFT, P_SHIFT + 1, 2)
            ]
            best = int(np.argmax(matches))
            likeness[beat], shifts[beat] = matches[best], 2 * best - P_SHIFT
    return likeness, shifts


def _flutters(shape: Shape) -> bool:
    """Tell whether what may be the P wave comes over and over again between two beats."""
    if shape.p is None:
        return False
    pad = SAMPLES // 5
    padded = np.pad(shape.median.signal, ((0, 0), (pad, pad)), mode="edge")
    span = (int(shape.p.overall[0]) - 5, int(shape.p.overall[2]) + 6)
    model = _segment(padded, MIDDLE, span)
    for waves in (2, 3, 4):
        interval = shape.median.ahead / waves
        if FLUTTER[0] <= interval <= FLUTTER[1]:
            starts = [int(MIDDLE + interval * number) for number in range(1, waves)]
            free = [at for at in starts if at - MIDDLE + shape.p.overall[1] > shape.qrs.offset]
            return bool(free) and all(_again(padded, at, span, model) for at in free)
    return False


def _again(padded: NDArray[np.float64], at: int, span: tuple[int, int], model: NDArray[np.float64]) -> bool:
    for lag in range(-10, 11, 2):
        found = _segment(padded, at + lag, span)
        size = float(np.linalg.norm(found) / max(float(np.linalg.norm(model)), 1e-9))
        if _correlation(found, model) >= FLUTTER_LIKENESS and 1 / FLUTTER_SIZE <= size <= FLUTTER_SIZE:
            return True
    return False


def _segment(padded: NDArray[np.float64], at: int, span: tuple[int, int]) -> NDArray[np.float64]:
    """Return a beat's stretch, (leads, samples), less the chord from its first to its last samples."""
    begin = at - MIDDLE + SAMPLES // 5
    cut = padded[:, begin + span[0] : begin + span[1]]
    share = np.linspace(0.0, 1.0, cut.shape[1])
    return cut - np.outer(cut[:, :4].mean(axis=1), 1 - share) - np.outer(cut[:, -4:].mean(axis=1), share)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size > 0 else -1.0
