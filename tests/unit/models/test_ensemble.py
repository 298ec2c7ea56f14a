"""Several networks as one: their average is the one that is declared, and each file is proved like that of one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from ecg.canonical import CanonicalEcg, canonicalise
from ecg.errors import ModelRefused
from ecg.quality import assess
from ecg.reading import Choice
from ecg.recording import Waveform
from models.ensemble import averaged
from models.explain.maps import GRAD_CAM
from models.explain.reported import every_map
from models.network import NetworkClassifier, load
from tests.golden import networks
from tests.golden.reports import waveform

CHOICE = Choice("test", "0" * 64)


def write(directory: Path, weights: tuple[float, ...] = (0.25, 0.75), **changed: Any) -> Path:
    """Write a card of so many networks, each with other weights and the second with a preparation of its own."""
    members = []
    for seed, weight in enumerate(weights):
        data = save({name: value.half() for name, value in networks.network(seed).state_dict().items()})
        file = f"member-{seed}.safetensors"
        (directory / file).write_bytes(data)
        declared = {"file": file, "sha256": hashlib.sha256(data).hexdigest(), "dtype": "float16", "parameters": 1}
        preparation = {"fs": 100 if seed != 1 else 250, "cutoff": 45.0, "taps": 101}
        network = networks.card(b"")["network"]
        members.append({"preparation": preparation, "network": network, "weights": declared, "weight": weight})
    one = {key: value for key, value in networks.card(b"").items() if key not in {"preparation", "network", "weights"}}
    return networks.write_card(directory, {**one, "members": members, **changed})


@pytest.fixture
def windows() -> tuple[CanonicalEcg, ...]:
    return canonicalise(Waveform(waveform(30).signal, waveform().leads, 500))


def alone(directory: Path, card: Path, at: int, shifts: tuple[float, ...] = (0.0,)) -> NetworkClassifier:
    """Return a model of one member of a card."""
    content = json.loads(card.read_text(encoding="utf-8"))
    members = [{**content["members"][at], "weight": 1.0}]
    path = directory / f"alone-{at}-{len(shifts)}.json"
    path.write_text(json.dumps({**content, "members": members, "shifts": shifts}), encoding="utf-8")
    return load(path)


def test_logits_are_the_weighted_mean_of_the_members(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    card = write(tmp_path)
    one, other = (alone(tmp_path, card, at).logits(windows) for at in (0, 1))
    assert np.abs(one - other).max() > 0.1
    np.testing.assert_allclose(load(card).logits(windows), 0.25 * one + 0.75 * other, atol=1e-4)


def test_probabilities_are_averaged_where_the_card_says_so(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    card = write(tmp_path, average="probabilities")
    parts = [1 / (1 + np.exp(-alone(tmp_path, card, at).logits(windows))) for at in (0, 1)]
    mean = 0.25 * parts[0] + 0.75 * parts[1]
    np.testing.assert_allclose(load(card).probabilities(load(card).logits(windows)), mean, atol=1e-4)


def test_a_mean_of_probabilities_near_1_is_finite() -> None:
    sure = torch.full((1, 2), 200.0)
    assert torch.isfinite(averaged([sure, sure], [0.5, 0.5], "probabilities")).all()


def test_shifts_are_scored_one_after_the_other_and_averaged(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    card = write(tmp_path)
    both = alone(tmp_path, card, 0, (-0.4, 0.4)).logits(windows)
    one, other = (alone(tmp_path, card, 0, (by,)).logits(windows) for by in (-0.4, 0.4))
    assert np.abs(one - other).max() > 1e-3
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-4)


def test_several_windows_at_once_score_like_each_alone(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    classifier = load(write(tmp_path))
    each = np.concatenate([classifier.logits([window]) for window in windows * 5])
    np.testing.assert_allclose(classifier.logits(windows * 5), each, atol=1e-4)


def test_an_ensembles_map_is_the_members_mean(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    findings = [networks.finding(code, 0.001, slope=0.01) for code in networks.CODES]
    card = write(tmp_path, findings=findings)
    classifier = load(card)
    prediction = classifier.predict(windows, assess(windows), CHOICE)
    signal, mask = torch.tensor(windows[0].signal), torch.tensor(windows[0].mask)
    whole, one, other = (
        [
            each.relevance
            for each in every_map(model.scorers(), model.asked(prediction), signal, mask)
            if each.method == GRAD_CAM
        ]
        for model in (classifier, alone(tmp_path, card, 0), alone(tmp_path, card, 1))
    )
    assert len(whole) == 2, "of all that is asserted"
    for mean, a, b in zip(whole, one, other, strict=True):
        np.testing.assert_allclose(mean, 0.25 * a + 0.75 * b, atol=1e-4)


@pytest.mark.parametrize("at", [0, 1])
def test_a_changed_byte_in_any_members_weights_is_refused(tmp_path: Path, at: int) -> None:
    card = write(tmp_path)
    file = tmp_path / f"member-{at}.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelRefused, match=rf"member-{at}\.safetensors have SHA-256"):
        load(card)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"members": []}, "members"),
        ({"shifts": []}, "shifts"),
        ({"average": "votes"}, "average"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused(tmp_path: Path, changed: dict[str, Any], where: str) -> None:
    with pytest.raises(ModelRefused, match=where):
        load(write(tmp_path, **changed))


@pytest.mark.parametrize("weights", [(0.5, 0.6), (1.0, 1.0), (0.2, 0.2)])
def test_members_weights_make_1(tmp_path: Path, weights: tuple[float, ...]) -> None:
    with pytest.raises(ModelRefused, match="members"):
        load(write(tmp_path, weights))


def test_steps_of_an_isotonic_calibration_are_followed_and_must_rise(
    tmp_path: Path, windows: tuple[CanonicalEcg, ...]
) -> None:
    knots = [[-50.0, -9.0], [0.0, -2.0], [1.0, 3.0], [50.0, 9.0]]
    findings = [networks.finding(code, knots=knots) for code in networks.CODES]
    classifier = load(networks.write(tmp_path, findings=findings))
    logits = classifier.logits(windows)
    wanted = 1 / (1 + np.exp(-np.interp(logits, *np.array(knots).T)))
    np.testing.assert_allclose(classifier.probabilities(logits), wanted)
    assert classifier.card.findings[0].line_at_threshold == pytest.approx(0.4), "where the steps reach 0.5"
    falling = [networks.finding(code, knots=knots[::-1]) for code in networks.CODES]
    with pytest.raises(ModelRefused, match="findings"):
        load(networks.write(tmp_path, findings=falling))


def test_a_model_of_any_leads_does_not_see_flat_ones(tmp_path: Path, windows: tuple[CanonicalEcg, ...]) -> None:
    classifier = load(networks.write(tmp_path, limits={"leads": []}))
    off = windows[0].signal.copy()
    off[8] = 0.4  # an electrode that is off leaves a constant
    gone = np.where(np.arange(12)[:, None] == 8, np.float32(0), windows[0].signal)
    mask = windows[0].mask & (np.arange(12) != 8)[:, None]
    flat, missing = CanonicalEcg(off, windows[0].mask), CanonicalEcg(gone, mask)
    scores = [
        [each.probability for each in classifier.predict([window], assess([window]), CHOICE).scores]
        for window in (flat, missing)
    ]
    assert scores[0] == pytest.approx(scores[1])
    assert "any of the twelve leads" in " ".join(classifier.name.statements)
