"""Figures of a classifier: AUC with its bootstrap interval, the threshold of best F1, and Platt's calibration."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

REPEATS: Final = 1000


def auc(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Return the area under the ROC curve, ties counted half (Hanley and McNeil, 1982); NaN without both classes."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def auc_interval(truth: NDArray[np.bool_], score: NDArray[np.floating], *, seed: int = 0) -> Interval:
    """Return the AUC with a 95 % percentile interval from 1,000 bootstrap samples of recordings (Efron, 1979)."""
    rng = np.random.default_rng(seed)
    drawn = [auc(truth[at], score[at]) for at in rng.integers(0, len(truth), (REPEATS, len(truth)))]
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if not np.isnan(drawn).all() else (np.nan, np.nan)
    return Interval(auc(truth, score), float(low), float(high))


def auc_difference(
    truth: NDArray[np.bool_], one: NDArray[np.floating], other: NDArray[np.floating], *, seed: int = 0
) -> tuple[float, float, Interval]:
    """Return both AUCs and their difference, with a 95 % interval from 1,000 samples drawn for both alike."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, len(truth), (REPEATS, len(truth)))
    drawn = [auc(truth[at], one[at]) - auc(truth[at], other[at]) for at in samples]
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if not np.isnan(drawn).all() else (np.nan, np.nan)
    first, second = auc(truth, one), auc(truth, other)
    return first, second, Interval(first - second, float(low), float(high))


def calibration_error(truth: NDArray[np.bool_], probability: NDArray[np.floating], bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal mass (Nixon et al., CVPR workshops 2019)."""
    parts = np.array_split(np.argsort(probability, kind="stable"), min(bins, len(truth)))
    gaps = [abs(float(probability[at].mean() - truth[at].mean())) * len(at) for at in parts]
    return sum(gaps) / len(truth)


def best_f1_threshold(truth: NDArray[np.bool_], probability: NDArray[np.floating]) -> float:
    """Return the probability from which counting as positive gives the highest F1 on these recordings."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
    given = probability[order]
    last = np.append(given[1:] != given[:-1], True)  # a threshold cannot part those of equal probability
    return float(given[np.where(last, f1, -1.0).argmax()])


@dataclass(frozen=True)
class Platt:
    """probability = 1 / (1 + exp(-(slope * logit + intercept)))."""

    slope: float
    intercept: float

    def __call__(self, logit: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * logit + self.intercept))), dtype=np.float64)


def platt(truth: NDArray[np.bool_], logit: NDArray[np.floating]) -> Platt:
    """Fit slope and intercept by maximum likelihood (Platt, 1999)."""

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = parameters[0] * logit + parameters[1]
        wrong = expit(z) - truth
        return float(np.mean(np.logaddexp(0.0, z) - truth * z)), np.array([np.mean(wrong * logit), np.mean(wrong)])

    found = minimize(loss, np.array([1.0, 0.0]), method="BFGS", jac=True, options={"gtol": 1e-7})
    return Platt(float(found.x[0]), float(found.x[1]))
