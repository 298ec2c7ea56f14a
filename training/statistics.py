"""Figures of a classifier: AUC with its bootstrap interval, calibration error, operating points, AUC at coverage."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import rankdata

REPEATS: Final = 1000
DRAWINGS: Final = 200


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


def calibration_error_by_chance(probability: NDArray[np.floating], *, seed: int = 0) -> float:
    """Return what the calibration error stays below in 95 of 100 drawings of truth from these very probabilities.

    Bins are finite: even a perfect calibration has an error (Bröcker and Smith, Weather Forecast. 22, 651 (2007)).
    """
    rng = np.random.default_rng(seed)
    drawn = [calibration_error(rng.random(len(probability)) < probability, probability) for _ in range(DRAWINGS)]
    return float(np.percentile(drawn, 95))


def best_f1_threshold(
    truth: NDArray[np.bool_], probability: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> float:
    """Return the probability from which counting as positive gives the highest F1; a recording counts by its weight."""
    each = np.ones(len(truth)) if weights is None else weights
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum((truth * each)[order])
    f1 = 2 * hits / (np.cumsum(each[order]) + hits[-1])
    given = probability[order]
    last = np.append(given[1:] != given[:-1], True)  # a threshold cannot part those of equal probability
    return float(given[np.where(last, f1, -1.0).argmax()])


@dataclass(frozen=True)
class At:
    """What counting as positive from a probability does on some recordings."""

    probability: float
    sensitivity: float
    specificity: float
    f1: float


def at_threshold(truth: NDArray[np.bool_], probability: NDArray[np.floating], threshold: float) -> At:
    """Return what a threshold does; a share of nothing is 0."""
    counted = probability >= threshold
    hits, positives = float((counted & truth).sum()), float(truth.sum())
    spared, negatives = float((~counted & ~truth).sum()), float((~truth).sum())
    f1 = 2 * hits / max(float(counted.sum()) + positives, 1.0)
    return At(threshold, hits / max(positives, 1.0), spared / max(negatives, 1.0), f1)


def threshold_at_sensitivity(truth: NDArray[np.bool_], probability: NDArray[np.floating], sensitivity: float) -> float:
    """Return the highest probability from which at least this share of the positives is found."""
    given = np.sort(probability[truth])
    return float(given[int((1 - sensitivity) * len(given) + 1e-9)])


def brier(truth: NDArray[np.bool_], probability: NDArray[np.floating]) -> float:
    """Return the mean squared difference of probability and truth (Brier, 1950)."""
    return float(np.mean((probability - truth) ** 2))


def log_odds(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return log-odds, finite also where a probability is rounded to 0 or 1."""
    return np.asarray(logit(np.clip(probability.astype(np.float64), 1e-9, 1 - 1e-9)))


def certainty(probability: NDArray[np.floating], threshold: float) -> NDArray[np.float64]:
    """Return how far from its threshold each probability is, in log-odds: the lowest are the first to abstain on."""
    return np.asarray(np.abs(log_odds(probability) - log_odds(np.array([threshold]))[0]))


def auc_at_coverage(
    truth: NDArray[np.bool_], probability: NDArray[np.floating], threshold: float, coverage: float
) -> float:
    """Return the AUC over the share of recordings, `coverage`, that are furthest from the threshold."""
    kept = np.argsort(-certainty(probability, threshold), kind="stable")[: round(coverage * len(truth))]
    return auc(truth[kept], probability[kept])
