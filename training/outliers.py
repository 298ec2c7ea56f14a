"""Fits the guard against what is unlike the corpus, and measures it on recordings that were made so."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.guards import coordinates, deviations, distances
from models.swaps import seen
from training.statistics import auc

COMPONENTS: Final = 40
SHRINKAGE: Final = 0.02  # of a coordinate's variance
EXCEEDED: Final = 0.002  # share of the corpus beyond the unit of each deviation
FALSE_ALARMS: Final = 0.01
# Leads as EASI gives them: by fixed weights from three. Here the three are I, aVF and V2, roughly Frank's X, Y and Z.
FROM_THREE: Final = [0, 5, 7]

Beats = NDArray[np.float32]


def fit(beats: Beats) -> dict[str, NDArray[np.float32]]:
    """Fit principal components, and mean and covariance of the coordinates, of beats float32 (n, 12, 72) in mV."""
    inputs = seen(beats).astype(np.float64)
    mean = inputs.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(inputs - mean, rowvar=False))
    made = {"mean": mean.astype(np.float32), "axes": axes[:, : -COMPONENTS - 1 : -1].T.astype(np.float32)}
    found = coordinates(made, beats).astype(np.float64)
    centre, spread = found.mean(axis=0), found.std(axis=0)
    variances, directions = np.linalg.eigh(np.cov((found - centre) / spread, rowvar=False))
    made |= {
        "centre": centre.astype(np.float32),
        "spread": spread.astype(np.float32),
        "whitening": (directions / np.sqrt(variances + SHRINKAGE)).astype(np.float32),
    }
    return {**made, "exceeded": np.quantile(deviations(made, beats), 1 - EXCEEDED, axis=0).astype(np.float32)}


def limit(arrays: Mapping[str, NDArray[np.float32]], beats: Beats) -> float:
    """Return the distance beyond which FALSE_ALARMS of these recordings lie."""
    return round(float(np.quantile(distances(arrays, beats), 1 - FALSE_ALARMS)), 3)


def unlike(beats: Beats, *, seed: int = 0) -> dict[str, Beats]:
    """Return recordings that are unlike the corpus, by what was done to them; each float32 (n, 12, 72), mV."""
    rng = np.random.default_rng(seed)
    weights, *_ = np.linalg.lstsq(
        np.moveaxis(beats[:, FROM_THREE], 1, 0).reshape(3, -1).T, np.moveaxis(beats, 1, 0).reshape(12, -1).T, rcond=None
    )
    stretched = np.stack([_at(beats, 30 + (np.arange(72) - 30) * factor) for factor in (0.5, 2.0)])
    return {
        "leads shuffled": np.stack([each[rng.permutation(12)] for each in beats]),
        "all leads inverted": -beats,
        "ten times the gain": beats * 10,
        "a tenth of the gain": beats / 10,
        "50 mm/s read as 25": stretched[0],
        "25 mm/s read as 50": stretched[1],
        "derived from three leads": np.einsum("ij,nit->njt", weights, beats[:, FROM_THREE]).astype(np.float32),
        "the same in all leads": np.repeat(beats[:, 1:2], 12, axis=1),
        "noise of an EEG": _noise(rng, beats),
    }


def figures(arrays: Mapping[str, NDArray[np.float32]], beats: Beats, most: float) -> dict[str, float]:
    """Return AUC and sensitivity by kind, and the share of false alarms."""
    as_they_are = distances(arrays, beats)
    made = {"recordings": float(len(beats)), "false alarms": round(float((as_they_are > most).mean()), 4)}
    for name, changed in unlike(beats).items():
        found = distances(arrays, changed)
        truth = np.repeat([False, True], [len(as_they_are), len(found)])
        made[f"AUC, {name}"] = round(auc(truth, np.concatenate([as_they_are, found])), 4)
        made[f"sensitivity, {name}"] = round(float((found > most).mean()), 4)
    return made


def _at(beats: Beats, positions: NDArray[np.floating]) -> Beats:
    """Return beats at other sampling positions, the ends held."""
    left = np.clip(np.floor(positions).astype(np.int64), 0, beats.shape[-1] - 2)
    part = np.clip(positions - left, 0, 1).astype(np.float32)
    return np.asarray(beats[..., left] * (1 - part) + beats[..., left + 1] * part)


def _noise(rng: np.random.Generator, beats: Beats) -> Beats:
    """Return smooth noise of each beat's own height in every lead."""
    noise = rng.standard_normal(beats.shape)
    smooth = np.apply_along_axis(np.convolve, -1, noise, np.hanning(7), mode="same")
    height = np.sqrt((beats**2).mean(axis=-1, keepdims=True) / (smooth**2).mean(axis=-1, keepdims=True))
    return np.asarray(smooth * height, dtype=np.float32)
