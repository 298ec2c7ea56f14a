"""The preparation: the ECG passes in millivolts and in time; what would alias, and what is unknown, stays out."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg.canonical import FS, SAMPLES
from models.prepare import Preparation, Prepare

INNER = slice(50, -50)  # prepared samples, away from the edges
TIME = np.arange(SAMPLES) / FS


def prepared(signal: np.ndarray | Tensor, mask: np.ndarray | None = None) -> np.ndarray:
    rows = torch.as_tensor(np.atleast_2d(signal), dtype=torch.float32)[None]
    known = torch.ones(rows.shape, dtype=torch.bool) if mask is None else torch.tensor(np.atleast_2d(mask))[None]
    return Prepare(Preparation())(rows, known)[0].numpy()


def sine(frequency: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * TIME)


@pytest.mark.parametrize("frequency", [1, 10, 30])
def test_what_an_ecg_is_made_of_passes_in_amplitude_and_without_delay(frequency: float) -> None:
    assert np.abs(prepared(sine(frequency))[0] - sine(frequency)[::5])[INNER].max() < 0.01


@pytest.mark.parametrize("frequency", [60, 75, 90, 99, 101, 150, 240])
def test_what_100_hz_cannot_hold_does_not_come_back_as_an_alias(frequency: float) -> None:
    assert np.abs(prepared(sine(frequency))[0][INNER]).max() < 0.005


def test_a_beat_stays_at_its_time_and_height() -> None:
    found = prepared(1.5 * np.exp(-(((TIME - 4) / 0.03) ** 2)))[0]
    assert found.argmax() == 400 and np.ptp(found) == pytest.approx(1.5, rel=0.01)


def test_a_step_of_one_millivolt_stays_one_millivolt_in_its_lead_alone() -> None:
    step = np.where(TIME < 5, 0.0, 1.0)
    found = prepared(np.stack([step, 3 * step, sine(5)]))
    assert found[0, 700] - found[0, 300] == pytest.approx(1, abs=1e-3)
    assert found[1, 700] - found[1, 300] == pytest.approx(3, abs=1e-3)
    np.testing.assert_allclose(found[2], prepared(sine(5))[0], atol=1e-6)


def test_an_offset_is_taken_off() -> None:
    np.testing.assert_allclose(prepared(sine(10) + 5), prepared(sine(10)), atol=1e-5)


def test_what_is_left_has_no_mean() -> None:
    noise = np.random.default_rng(0).normal(size=(12, SAMPLES)) + TIME
    assert np.abs(prepared(noise).mean(axis=1)).max() < 1e-5


def test_what_is_unknown_becomes_zero_and_does_not_shift_the_rest() -> None:
    mask = np.ones(SAMPLES, bool)
    mask[2000:3000] = False
    found = prepared(np.where(mask, sine(10) + 2, 0), mask)[0]
    assert not found[400:600].any()
    assert found[:350] == pytest.approx(prepared(sine(10))[0, :350], abs=1e-3)
    assert found[650:] == pytest.approx(prepared(sine(10))[0, 650:], abs=1e-3)


def test_an_offset_makes_no_edge_beside_a_gap() -> None:
    mask = TIME < 9.6
    assert np.abs(prepared(np.where(mask, 5.0, 0.0), mask)).max() < 1e-4


def test_a_lead_of_which_nothing_is_known_is_zero() -> None:
    assert not prepared(np.zeros(SAMPLES), np.zeros(SAMPLES, bool)).any()


def test_a_batch_gives_what_its_members_give_alone() -> None:
    torch.manual_seed(0)
    signal, mask = torch.randn(5, 12, SAMPLES), torch.rand(5, 12, SAMPLES) > 0.2
    signal, prepare = signal * mask, Prepare(Preparation())
    singles = torch.cat([prepare(signal[at : at + 1], mask[at : at + 1]) for at in range(5)])
    torch.testing.assert_close(prepare(signal, mask), singles, rtol=0, atol=1e-6)


def test_gradients_flow_to_what_is_known_and_to_nothing_else() -> None:
    signal = torch.randn(1, 12, SAMPLES, requires_grad=True)
    mask = torch.ones(1, 12, SAMPLES, dtype=torch.bool)
    mask[0, 3] = False
    Prepare(Preparation())(signal, mask)[..., 500].sum().backward()
    assert signal.grad is not None and not signal.grad[0, 3].any()
    assert signal.grad[0, 0].abs().argmax() == 2500


@pytest.mark.parametrize("wrong", [{"fs": 300}, {"taps": 100}, {"cutoff": 50.0}, {"cutoff": 0.0}])
def test_a_preparation_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cannot thin"):
        Preparation(**wrong)  # type: ignore[arg-type]
