"""Calibration: each method finds what was simulated, the fold's own choice fits it, and no order of scores is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from training.calibrate import Tuned
from training.calibration import METHODS, best, isotonic, log_loss, platt, reliability_line, temperature
from training.statistics import auc, best_f1_threshold, calibration_error

SEEDS = st.integers(0, 2**32 - 1)


def simulated(count: int, slope: float, intercept: float, bend: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, count)
    log_odds = slope * logits + intercept + bend * np.maximum(logits, 0) ** 2
    return rng.random(count) < 1 / (1 + np.exp(-log_odds)), logits


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.6, -1.2), (2.5, 1.0)])
def test_platt_finds_the_slope_and_intercept_that_were_simulated(slope: float, intercept: float) -> None:
    truth, logits = simulated(20_000, slope, intercept)
    found = platt(truth, logits)
    assert found.slope == pytest.approx(slope, rel=0.05) and found.intercept == pytest.approx(intercept, abs=0.06)
    assert found(logits).mean() == pytest.approx(truth.mean(), abs=1e-3)  # calibrated in the large
    peer = LogisticRegression(C=np.inf).fit(logits[:, None], truth)
    assert (found.slope, found.intercept) == pytest.approx((peer.coef_[0, 0], peer.intercept_[0]), abs=2e-3)


def test_a_temperature_has_no_intercept() -> None:
    found = temperature(*simulated(20_000, 0.6, 0.0))
    assert found.slope == pytest.approx(0.6, rel=0.05) and found.intercept == 0


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_isotonic_steps_rise_and_part_whatever_was_parted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(0, 2, 300), 2)
    truth = rng.random(300) < 1 / (1 + np.exp(-logits))
    found = isotonic(truth, logits)
    order = np.unique(np.concatenate([logits, [-40.0, 40.0]]))
    assert (np.diff(found.log_odds(order)) > 0).all()
    assert auc(truth, found(logits)) == auc(truth, logits)


def test_isotonic_follows_what_no_line_can() -> None:
    truth, logits = simulated(20_000, 0.3, -1.0, bend=0.5)
    steps, line = isotonic(truth, logits), platt(truth, logits)
    assert calibration_error(truth, steps(logits)) < 0.01 < calibration_error(truth, line(logits))


@pytest.mark.parametrize(
    ("slope", "intercept", "bend", "method"),
    [(0.7, 0.0, 0.0, {"temperature", "Platt"}), (0.7, -2.0, 0.0, {"Platt"}), (0.3, -1.0, 0.5, {"isotonic"})],
)
def test_the_fold_chooses_what_fits_it(slope: float, intercept: float, bend: float, method: set[str]) -> None:
    truth, logits = simulated(4000, slope, intercept, bend)
    found = best(truth, logits, np.arange(4000) // 2)
    assert found.method in method
    least = min(log_loss(truth, each(truth, logits).log_odds(logits)) for each in METHODS[:2])
    assert log_loss(truth, found.log_odds(logits)) <= least + 2e-3


def test_slope_and_intercept_tell_how_a_prediction_is_wrong() -> None:
    truth, logits = simulated(20_000, 1.0, 0.0)
    assert reliability_line(truth, logits) == pytest.approx((1, 0), abs=0.05)
    slope, shift = reliability_line(truth, 2 * logits - 1)
    assert slope == pytest.approx(0.5, abs=0.03) and shift > 0.5, "too sure of itself, and too low"


def test_a_shift_to_another_prevalence_is_right_for_recordings_of_that_prevalence() -> None:
    truth, logits = simulated(40_000, 1.0, -1.0)
    few = np.random.default_rng(1).random(len(truth)) < np.where(truth, 0.4, 1.0)  # as if positives were left out
    own = Tuned(truth[few], logits[few], np.arange(few.sum()), float(truth.mean()))
    for method in METHODS[1:]:  # a temperature alone cannot take up what was left out
        found = method(own.truth, own.logits).shifted(own.shift)
        assert (
            calibration_error(truth, found(logits))
            < 0.012
            < calibration_error(truth, found.shifted(-own.shift)(logits))
        )
    assert np.average(own.truth, weights=own.weights) == pytest.approx(truth.mean())
    found = platt(own.truth, own.logits).shifted(own.shift)
    weighted = best_f1_threshold(own.truth, found(own.logits), own.weights)
    assert weighted == pytest.approx(best_f1_threshold(truth, found(logits)), abs=0.04)
