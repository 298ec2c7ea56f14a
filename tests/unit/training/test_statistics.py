"""The figures: equal to scikit-learn's, to brute force, and to what was simulated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, f1_score, recall_score, roc_auc_score

from training.statistics import (
    Interval,
    at_threshold,
    auc,
    auc_at_coverage,
    auc_difference,
    auc_interval,
    best_f1_threshold,
    brier,
    calibration_error,
    calibration_error_by_chance,
    threshold_at_sensitivity,
)

# Few values, so that ties are the rule.
PAIRS = st.lists(st.tuples(st.booleans(), st.integers(1, 9).map(lambda at: at / 10)), min_size=2, max_size=60)


def columns(pairs: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    truth, score = zip(*pairs, strict=True)
    return np.array(truth, dtype=bool), np.array(score)


def simulated(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.4
    return truth, truth + rng.normal(size=count)


@settings(deadline=None)
@given(PAIRS.filter(lambda pairs: 0 < sum(true for true, _ in pairs) < len(pairs)))
def test_auc_is_that_of_scikit_learn_with_ties_too(pairs: list[tuple[bool, float]]) -> None:
    truth, score = columns(pairs)
    assert auc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_two_scores_are_compared_on_the_same_samples() -> None:
    truth, score = simulated(800)
    worse = score + np.random.default_rng(1).normal(size=800)
    one, other, difference = auc_difference(truth, score, worse)
    assert (one, other) == (auc(truth, score), auc(truth, worse))
    assert difference.low < difference.value == one - other < difference.high and difference.low > 0
    alone = auc_interval(truth, score)
    assert difference.high - difference.low < 2 * (alone.high - alone.low)
    assert auc_difference(truth, score, score)[2] == Interval(0, 0, 0)


def test_calibration_error_is_the_gap_between_promise_and_truth() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(30_000)
    truth = rng.random(30_000) < probability
    assert calibration_error(truth, probability) < 0.01
    assert calibration_error(truth, probability**2) == pytest.approx(1 / 2 - 1 / 3, abs=0.01)
    assert calibration_error(np.array([True]), np.array([0.25])) == 0.75


@pytest.mark.parametrize("one", [True, False])
def test_without_both_classes_there_is_no_auc(one: bool) -> None:
    truth, score = np.full(9, one), np.linspace(0, 1, 9)
    assert np.isnan(auc(truth, score))
    interval = auc_interval(truth, score)
    assert np.isnan([interval.value, interval.low, interval.high]).all()


def test_the_interval_holds_the_value_narrows_with_n_and_repeats() -> None:
    few, many = auc_interval(*simulated(100)), auc_interval(*simulated(2500))
    for interval in (few, many):
        assert interval.low < interval.value < interval.high
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(5, rel=0.4)  # the root of 2500 / 100
    assert auc_interval(*simulated(100)) == few


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    true = 0.7602  # of two normals one standard deviation apart: Phi(1 / sqrt 2)
    intervals = [auc_interval(*simulated(150, seed)) for seed in range(60)]
    assert sum(each.low <= true <= each.high for each in intervals) >= 51


@settings(deadline=None)
@given(PAIRS.filter(lambda pairs: any(true for true, _ in pairs)))
def test_the_threshold_is_that_of_brute_force(pairs: list[tuple[bool, float]]) -> None:
    truth, probability = columns(pairs)
    best = max(f1_score(truth, probability >= each) for each in np.unique(probability))
    found = best_f1_threshold(truth, probability)
    assert f1_score(truth, probability >= found) == pytest.approx(best) and found in probability


@settings(deadline=None)
@given(PAIRS.filter(lambda pairs: any(true for true, _ in pairs)), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_threshold_of_a_sensitivity_is_the_highest_one(pairs: list[tuple[bool, float]], least: float) -> None:
    truth, probability = columns(pairs)
    reaching = [each for each in np.unique(probability) if (probability >= each)[truth].mean() >= least - 1e-9]
    assert threshold_at_sensitivity(truth, probability, least) == max(reaching)


@settings(deadline=None)
@given(PAIRS, st.sampled_from([0.0, 0.35, 0.4, 1.0]))
def test_what_a_threshold_does_is_what_scikit_learn_says(pairs: list[tuple[bool, float]], threshold: float) -> None:
    truth, probability = columns(pairs)
    found = at_threshold(truth, probability, threshold)
    said = probability >= threshold
    assert found.sensitivity == pytest.approx(recall_score(truth, said, zero_division=0))
    assert found.specificity == pytest.approx(recall_score(~truth, ~said, zero_division=0))
    assert found.f1 == pytest.approx(f1_score(truth, said, zero_division=0))


def test_brier_is_that_of_scikit_learn() -> None:
    truth, score = simulated(200)
    probability = 1 / (1 + np.exp(-score))
    assert brier(truth, probability) == pytest.approx(brier_score_loss(truth, probability))


def test_abstaining_near_the_threshold_raises_the_auc_and_coverage_of_all_is_no_abstaining() -> None:
    truth, score = simulated(2000)
    probability = 1 / (1 + np.exp(-score))
    whole, most = (auc_at_coverage(truth, probability, 0.6, share) for share in (1.0, 0.9))
    assert whole == auc(truth, probability) < most
    kept = np.abs(np.log(probability / (1 - probability)) - np.log(1.5)) > 0.3
    assert auc_at_coverage(truth, probability, 0.6, kept.mean()) == pytest.approx(auc(truth[kept], probability[kept]))


def test_a_perfect_calibration_has_an_error_by_chance_that_falls_with_n() -> None:
    rng = np.random.default_rng(0)
    found = []
    for count in (500, 8000):
        probability = rng.beta(0.5, 1, count)
        found.append(calibration_error_by_chance(probability))
        errors = [calibration_error(rng.random(count) < probability, probability) for _ in range(60)]
        assert 0.83 <= np.mean(np.array(errors) <= found[-1]) <= 1
    assert found[0] / found[1] == pytest.approx(4, rel=0.25)
