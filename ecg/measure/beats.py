"""Finds the heart beats of a window over all its leads at once, and tells which of them look alike."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import find_peaks

from ecg.canonical import FS

SLOPE_SIGMA: Final = (
    3.0  # samples: a derivative of Gaussian that passes a QRS (about 10 to 30 Hz) and weakens P, T, mains
)
BLOCK: Final = 2 * FS  # of 2 s: every one holds a beat, down to 30 a minute
LEAST_KNOWN: Final = 0.5  # share of a block that must be known to count
SPREAD: Final = 25  # samples (50 ms): over which a QRS's slopes are gathered into one hump
REFRACTORY: Final = 100  # samples (200 ms): 300 beats a minute
CLIP: Final = 2.0  # of a lead's usual largest slope: one lead's artefact is no beat
THRESHOLD: Final = 0.4  # of the usual hump
REACH: Final = 60  # samples (120 ms) either side of a beat's middle, by which beats are compared
SHIFT: Final = 25  # samples (50 ms) by which a beat may be moved to lie on its like
ALIKE: Final = 0.85  # correlation from which beats are of one kind
T_WITHIN: Final = 220  # samples (440 ms) after a beat, in which its T wave may be
T_SLOWER: Final = 0.65  # of the beat's hump: a smaller one so soon is its T wave
LEAST_SLOPE: Final = 2.0  # mV/s; the flattest QRS is ten times as steep


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of a window, in the order of time.

    Attributes:
        at: int (beats,), the sample in the middle of each QRS, aligned so that beats of one kind lie on each other.
        kind: int (beats,), 0 for those of the commonest kind, 1 for the next, and so on.
        likeness: float64 (beats,), correlation of each QRS with the others of its kind, -1 to 1; 0 where it is alone.
    """

    at: NDArray[np.intp]
    kind: NDArray[np.intp]
    likeness: NDArray[np.float64]

    @property
    def kinds(self) -> int:
        """How many kinds of beats there are."""
        return int(self.kind.max(initial=-1)) + 1


NO_BEATS: Final = Beats(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))


def find_beats(signal: NDArray[np.float64], known: NDArray[np.bool_]) -> Beats:
    """Find the beats in (12, samples) mV at 500 Hz, where `known` is true. There may be none."""
    slope = gaussian_filter1d(signal, SLOPE_SIGMA, axis=1, order=1) * FS
    slope[~known] = 0
    scale = _usual_peak(np.abs(slope), known)
    living = np.asarray(scale > LEAST_SLOPE)
    if not living.any():
        return NO_BEATS
    weighted, weight = _weighted(slope[living], known[living], scale[living])
    at = _humps(np.abs(weighted), weight, known[living])
    if not len(at):
        return NO_BEATS
    return _sorted_by_kind(weighted * weight[:, None], known[living], at)


def _usual_peak(slope: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the median over blocks of each lead's largest value, (leads,); 0 where it is hardly known."""
    blocks = slope.shape[1] // BLOCK
    peaks = slope[:, : blocks * BLOCK].reshape(len(slope), blocks, BLOCK).max(axis=2)
    whole = np.asarray(known[:, : blocks * BLOCK].reshape(len(slope), blocks, BLOCK).mean(axis=2) >= LEAST_KNOWN)
    return np.array([np.median(row[one]) if one.any() else 0.0 for row, one in zip(peaks, whole, strict=True)])


def _weighted(
    slope: NDArray[np.float64], known: NDArray[np.bool_], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slopes in units of each lead's usual peak, clipped, and how much each lead is to be trusted."""
    relative = np.asarray(np.clip(slope / scale[:, None], -CLIP, CLIP))
    rest = np.array([np.median(np.abs(row[one])) for row, one in zip(relative, known, strict=True)])
    return relative, np.clip(1.0 / np.maximum(rest, 0.01), 1.0, 50.0)


def _humps(slope: NDArray[np.float64], weight: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    total = np.maximum((known * weight[:, None]).sum(axis=0), 1e-9)
    activity = uniform_filter1d((slope * weight[:, None]).sum(axis=0) / total, SPREAD)
    (usual,) = _usual_peak(activity[None], np.any(known, axis=0, keepdims=True))
    kept: list[int] = []
    for at in find_peaks(activity, height=THRESHOLD * usual, distance=REFRACTORY)[0]:
        if not (kept and at - kept[-1] <= T_WITHIN and activity[at] < T_SLOWER * activity[kept[-1]]):
            kept.append(int(at))
    return np.array(kept, dtype=np.intp)


def _sorted_by_kind(slope: NDArray[np.float64], known: NDArray[np.bool_], at: NDArray[np.intp]) -> Beats:
    """Group beats by likeness of their slopes over the leads that both have, and shift each onto its kind.

    On a page whose leads follow each other, beats may have no lead in common: nothing then tells them apart.
    """
    pad = REACH + SHIFT
    padded = np.pad(slope, ((0, 0), (pad, pad)))
    whole = np.stack([known[:, max(middle - REACH, 0) : middle + REACH + 1].all(axis=1) for middle in at])
    models: list[_Model] = []
    kind, aligned, cuts = np.zeros(len(at), np.intp), at.copy(), np.zeros((len(at), len(slope), 2 * REACH + 1))
    for beat, middle in enumerate(at):
        around = padded[:, middle : middle + 2 * pad + 1] * whole[beat][:, None]
        shifted = np.lib.stride_tricks.sliding_window_view(around, 2 * REACH + 1, axis=1)  # (leads, shifts, samples)
        matches = [_match(shifted, model.mean) for model in models]
        tops = [float(match.max()) for match in matches]
        where = int(np.argmax(tops)) if tops and max(tops) >= ALIKE else len(models)
        shift = int(matches[where].argmax()) if where < len(models) and tops[where] <= 1 else SHIFT
        if where == len(models):
            models.append(_Model(np.zeros(cuts.shape[1:]), np.zeros(len(slope), np.intp)))
        cuts[beat] = shifted[:, shift]
        models[where] = models[where].plus(cuts[beat], whole[beat])
        kind[beat], aligned[beat] = where, middle + shift - SHIFT
    likeness = [
        _likeness(cut, models[number].minus(cut, held)) for cut, number, held in zip(cuts, kind, whole, strict=True)
    ]
    return Beats(aligned, _by_number(kind), np.array(likeness))


@dataclass(frozen=True, eq=False)
class _Model:
    """A kind of beats while it grows: the sum of its slopes, (leads, samples), and of how many beats in each lead."""

    total: NDArray[np.float64]
    count: NDArray[np.intp]

    @property
    def mean(self) -> NDArray[np.float64]:
        return np.asarray(self.total / np.maximum(self.count, 1)[:, None], dtype=np.float64)

    def plus(self, cut: NDArray[np.float64], held: NDArray[np.bool_]) -> "_Model":
        return _Model(self.total + cut, self.count + held)

    def minus(self, cut: NDArray[np.float64], held: NDArray[np.bool_]) -> "_Model":
        return _Model((self.total - cut) * (self.count > held)[:, None], self.count - held)


def _match(shifted: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate (leads, shifts, samples) with a model (leads, samples) for each shift; 2 where no lead is in both."""
    sizes = np.einsum("lst,lst->ls", shifted, shifted)
    own = (model**2).sum(axis=1)
    both = (own > 0) & (sizes.max(axis=1) > 0)
    if not both.any():
        return np.full(sizes.shape[1], 2.0)
    product = np.einsum("lst,lt->s", shifted[both], model[both])
    return np.asarray(np.minimum(product / np.sqrt(np.maximum(sizes[both].sum(axis=0) * own[both].sum(), 1e-18)), 1.0))


def _by_number(kind: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the kinds anew, the commonest first."""
    order = np.argsort(-np.bincount(kind), kind="stable")
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[kind], dtype=np.intp)


def _likeness(cut: NDArray[np.float64], others: _Model) -> float:
    """Correlate a beat with the mean of the others of its kind, in the leads that both have; 0 where it is alone."""
    match = float(_match(cut[:, None], others.mean)[0])
    return match if match <= 1 else 0.0
