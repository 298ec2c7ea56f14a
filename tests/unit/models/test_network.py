"""A network as a classifier: medians over usable windows, scores that stand still, explanations of what is asserted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg.canonical import SAMPLES, CanonicalEcg, canonicalise
from ecg.quality import assess
from ecg.reading import Choice, Prediction
from ecg.recording import Waveform
from models.explain.maps import GRAD_CAM, GRADIENT_TIMES_INPUT, SALIENCY
from models.explain.removal import ABLATION
from models.network import NetworkClassifier, load, use_threads
from tests.golden import networks
from tests.golden.reports import recording, waveform

CHOICE = Choice("test", "0" * 64)
METHODS = (GRAD_CAM, SALIENCY, GRADIENT_TIMES_INPUT, ABLATION)


@pytest.fixture
def classifier(tmp_path: Path) -> NetworkClassifier:
    return load(networks.write(tmp_path))


@pytest.fixture
def windows() -> tuple[CanonicalEcg, ...]:
    """Three windows of the same beats at rising height."""
    signal = waveform(30).signal * np.repeat([0.5, 1.0, 1.8], SAMPLES).astype(np.float32)
    return canonicalise(Waveform(signal, waveform().leads, 500))


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def probabilities(prediction: Prediction) -> list[float]:
    return [score.probability for score in prediction.scores]


def test_scores_are_medians_over_the_windows_and_the_window_shown_lies_nearest(
    classifier: NetworkClassifier, windows: tuple[CanonicalEcg, ...]
) -> None:
    logits = np.concatenate([classifier.logits([window]) for window in windows])
    middle = np.median(logits, axis=0)
    found = classifier.predict(windows, assess(windows), CHOICE)
    assert np.ptp(logits, axis=0).min() > 1e-3
    assert probabilities(found) == pytest.approx(1 / (1 + np.exp(-middle)))
    assert found.window == np.abs(logits - middle).sum(axis=1).argmin()
    assert found.choice is CHOICE and found.model == classifier.name


def test_a_flat_window_is_left_out(classifier: NetworkClassifier, windows: tuple[CanonicalEcg, ...]) -> None:
    off = windows[1].signal.copy()
    off[8] = 0.0
    broken = (windows[0], replace(windows[1], signal=off), windows[2])
    found = classifier.predict(broken, assess(broken), CHOICE)
    logits = classifier.logits([windows[0], windows[2]])
    assert probabilities(found) == pytest.approx(classifier.probabilities(logits.mean(axis=0)), abs=1e-5)
    assert found.window in {0, 2}


def test_a_probability_is_the_cards_calibration_of_the_logit(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    findings = [networks.finding(code, slope=2.0, intercept=-0.5) for code in networks.CODES]
    classifier = load(networks.write(tmp_path, findings=findings))
    logits = classifier.logits(windows[:1])[0]
    found = classifier.predict(windows[:1], assess(windows[:1]), CHOICE)
    assert probabilities(found) == pytest.approx(1 / (1 + np.exp(-(2 * logits - 0.5))))


def test_scores_do_not_depend_on_the_number_of_threads(
    classifier: NetworkClassifier, windows: tuple[CanonicalEcg, ...], threads: None
) -> None:
    made = []
    for count in (1, 2, 4):
        use_threads(count)
        assert torch.get_num_threads() == count
        made.append(probabilities(classifier.predict(windows, assess(windows), CHOICE)))
    np.testing.assert_allclose(made[1:], [made[0]] * 2, atol=1e-5)


def test_a_windows_score_does_not_depend_on_its_company(
    classifier: NetworkClassifier, windows: tuple[CanonicalEcg, ...]
) -> None:
    alone = np.concatenate([classifier.logits([window]) for window in windows])
    np.testing.assert_allclose(classifier.logits(windows), alone, atol=1e-4)


def explained(directory: Path, windows: tuple[CanonicalEcg, ...], thresholds: tuple[float, float, float]) -> tuple:
    pairs = zip(networks.CODES, thresholds, strict=True)
    findings = [networks.finding(code, threshold, slope=0.01) for code, threshold in pairs]
    classifier = load(networks.write(directory, findings=findings))
    prediction = classifier.predict(windows, assess(windows), CHOICE)
    return prediction, classifier.explain(windows, prediction)


def test_only_what_is_asserted_is_explained_and_normality_never(
    tmp_path: Path, windows: tuple[CanonicalEcg, ...]
) -> None:
    prediction, found = explained(tmp_path, windows, (0.001, 0.001, 0.999))
    assert [score.reached for score in prediction.scores] == [True, True, False]
    assert [(each.finding.code, each.method) for each in found] == [("MI", method) for method in METHODS]
    assert {each.window for each in found} == {prediction.window}


def test_nothing_asserted_is_nothing_explained(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    assert explained(tmp_path, windows, (0.001, 0.999, 0.999))[1] == ()


def test_grad_cam_knows_no_leads_and_the_others_do(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    _, found = explained(tmp_path, windows, (0.5, 0.001, 0.001))
    assert len(found) == 8
    shapes = {GRAD_CAM: (1, SAMPLES), ABLATION: (12,)}
    for each in found:
        assert each.relevance.shape == ((0, SAMPLES) if each.withheld else shapes.get(each.method, (12, SAMPLES)))
        assert each.withheld or np.abs(each.relevance).max() == pytest.approx(1)


def test_lead_ablation_is_the_change_of_the_calibrated_log_odds(
    tmp_path: Path, windows: tuple[CanonicalEcg, ...]
) -> None:
    prediction, found = explained(tmp_path, windows, (0.5, 0.001, 0.999))
    classifier, shown = load(tmp_path / networks.CARD), windows[prediction.window]
    ablation = found[-1].relevance * found[-1].peak
    for row in range(12):
        left = np.arange(12)[:, None] != row
        without = classifier.logits([replace(shown, signal=shown.signal * left, mask=shown.mask & left)])[0, 1]
        # The slope of the card is 0.01.
        assert ablation[row] == pytest.approx(0.01 * (classifier.logits([shown])[0, 1] - without), abs=1e-5)


def test_explaining_twice_gives_the_same_maps(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    one, other = (explained(tmp_path, windows, (0.5, 0.001, 0.001))[1] for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.relevance, b.relevance)


def test_what_a_recording_without_usable_windows_gets_is_an_abstention(classifier: NetworkClassifier) -> None:
    flat = Waveform(np.zeros((12, 5000), np.float32), waveform().leads, 500)
    windows = canonicalise(flat)
    declined = classifier.declines(windows, replace(recording(), waveform=flat), assess(windows))
    assert declined is not None and declined.code == "lead-flat"
