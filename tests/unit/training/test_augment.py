"""Augmentation: what comes out is an ECG that could have been recorded, with the truth that belongs to it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ecg.leads import LEADS, LIMB_FROM_I_II
from training.augment import FROM_ELECTRODES, amplify, mix, noise, shift_in_time, stretch, wander
from training.fit import augmented
from training.recipe import Recipe

SEEDS = st.integers(0, 2**32 - 1)


def batch(seed: int, size: int, time: int = 60) -> Tensor:
    """Return (size, 12, time) whose limb leads obey Einthoven and Goldberger."""
    rng = np.random.default_rng(seed)
    limb = np.einsum("lk,nkt->nlt", LIMB_FROM_I_II, rng.normal(size=(size, 2, time)))
    return torch.tensor(np.concatenate([limb, rng.normal(size=(size, 6, time))], axis=1), dtype=torch.float32)


def laws(signal: Tensor) -> tuple[Tensor, ...]:
    """Return what is 0 everywhere where Einthoven's law and Goldberger's three hold, each (batch, time)."""
    one, two, three, avr, avl, avf = signal[:, :6].unbind(1)
    return two - one - three, (one + two) / 2 + avr, one - two / 2 - avl, two - one / 2 - avf


def obeys_einthoven_and_goldberger(signal: Tensor) -> bool:
    return all(float(law.abs().max()) < 1e-5 for law in laws(signal))


@settings(deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(0, 40))
def test_a_shift_keeps_einthoven_and_moves_all_leads_as_one(seed: int, size: int, most: int) -> None:
    signal = batch(seed, size)
    moved = shift_in_time(signal, most, np.random.default_rng(seed))
    assert obeys_einthoven_and_goldberger(moved)
    for before, after in zip(signal, moved, strict=True):
        padded = torch.nn.functional.pad(before, (most, most))
        shifts = [by for by in range(2 * most + 1) if torch.equal(padded[:, by : by + before.shape[-1]], after)]
        assert shifts, "the leads did not move together, or by more than was allowed"


def test_shifts_go_both_ways_and_differ_between_recordings() -> None:
    signal = torch.zeros(64, 12, 101)
    signal[..., 50] = 1.0
    at = shift_in_time(signal, 10, np.random.default_rng(0)).argmax(dim=-1)
    assert (at == at[:, :1]).all()
    assert int(at.min()) == 40 and int(at.max()) == 60


@settings(deadline=None)
@given(SEEDS, st.integers(1, 6), st.floats(0.05, 2))
def test_a_mix_keeps_einthoven_and_its_target_is_mixed_like_its_signal(seed: int, size: int, alpha: float) -> None:
    signal = batch(seed, size)
    target = torch.tensor(np.random.default_rng(seed + 1).random((size, 3)), dtype=torch.float32)
    signal[:, 6:9] = target[:, :, None]  # three chest leads carry the truth, so that it can be read off again
    mixed, mixed_target = mix(signal, target, alpha, np.random.default_rng(seed))
    assert obeys_einthoven_and_goldberger(mixed)
    torch.testing.assert_close(mixed[:, 6:9, 0], mixed_target, rtol=0, atol=1e-5)
    assert mixed_target.min() >= target.min() - 1e-5 and mixed_target.max() <= target.max() + 1e-5


def test_a_mix_does_mix_and_keeps_at_least_half_of_its_own() -> None:
    own = torch.eye(32)
    _, target = mix(torch.zeros(32, 12, 4), own, 0.4, np.random.default_rng(0))
    assert (target.diagonal() >= 0.5).all() and (target.diagonal() < 0.999).any()
    torch.testing.assert_close(target.sum(dim=1), torch.ones(32))


def test_no_mix_is_no_change() -> None:
    signal, target = batch(0, 3), torch.eye(3)
    assert mix(signal, target, 0.0, np.random.default_rng(0)) == (signal, target)


ALL_OF_THEM = st.fixed_dictionaries(
    {name: st.floats(0, 1) for name in ("mixup", "stretch", "gain", "wander", "noise")} | {"shift": st.floats(0, 0.2)}
)


@settings(deadline=None)
@given(SEEDS, st.integers(1, 6), ALL_OF_THEM)
def test_no_augmentation_breaks_einthoven_or_goldberger(seed: int, size: int, strengths: dict[str, float]) -> None:
    recipe = Recipe("x", "0", "x", **strengths)
    made, _ = augmented(batch(seed, size), torch.eye(size), recipe, np.random.default_rng(seed))
    for law in laws(made):
        assert float(law.abs().max()) < 1e-5 * max(1.0, float(made.abs().max()))


@settings(deadline=None)
@given(SEEDS, st.integers(1, 6), ALL_OF_THEM)
def test_masking_breaks_no_law_beyond_the_mean_of_each_lead(seed: int, size: int, strengths: dict[str, float]) -> None:
    # A strip has another mean than a column, and `Prepare` takes it off: what remains of a law is always the same.
    recipe = Recipe("x", "0", "x", **strengths, masking=1.0)
    made, _ = augmented(batch(seed, size), torch.eye(size), recipe, np.random.default_rng(seed))
    known = (made[:, :6] != 0).sum(dim=1) > 1  # at other times one limb lead or none is known: there is no law
    for law in laws(made):
        for left, at in zip(law, known, strict=True):
            assert not at.any() or float(left[at].max() - left[at].min()) < 1e-5 * max(1.0, float(made.abs().max()))


@settings(deadline=None)
@given(SEEDS, st.floats(0.01, 0.5))
def test_wander_and_noise_reach_all_leads_by_the_electrodes(seed: int, most: float) -> None:
    still = torch.zeros(3, 12, 500)
    for made in (
        wander(still, most, 100, LEADS, np.random.default_rng(seed)),
        noise(still, most, LEADS, np.random.default_rng(seed)),
    ):
        assert obeys_einthoven_and_goldberger(made)
        assert (made.std(dim=-1) > 0).all() and np.linalg.matrix_rank(made[0].numpy(), tol=1e-4 * most) == 8
    potential = wander(still, most, 100, LEADS, np.random.default_rng(seed))
    assert float(potential.abs().max()) <= 2 * most + 1e-5, "a lead is a difference of two potentials at most"


def test_the_leads_are_those_of_the_electrodes() -> None:
    potential = np.random.default_rng(0).normal(size=9)
    lead = dict(zip(LEADS, FROM_ELECTRODES @ potential, strict=True))
    right, left, foot = potential[:3]
    centre = potential[:3].mean()
    wanted = {"I": left - right, "III": foot - left, "aVR": right - (left + foot) / 2, "V3": potential[5] - centre}
    assert {name: lead[name] for name in wanted} == pytest.approx(wanted)


def test_a_network_of_one_lead_gets_that_leads_noise() -> None:
    whole = noise(torch.zeros(2, 12, 50), 0.1, LEADS, np.random.default_rng(3))
    alone = noise(torch.zeros(2, 1, 50), 0.1, ("II",), np.random.default_rng(3))
    torch.testing.assert_close(alone[:, 0], whole[:, 1])


def test_a_gain_is_one_for_all_leads_and_near_one() -> None:
    made = amplify(torch.ones(200, 12, 3), 0.25, np.random.default_rng(0))
    gain = made[:, 0, 0]
    assert torch.equal(made, gain[:, None, None].expand_as(made))
    assert 0.8 <= float(gain.min()) < 0.85 and 1.2 < float(gain.max()) <= 1.25


def test_a_stretch_moves_beats_apart_about_the_middle_alike_in_all_leads() -> None:
    time = torch.arange(1001, dtype=torch.float32)
    signal = torch.exp(-(((time - 500).abs() - 200) ** 2) / 50).expand(100, 12, -1).contiguous()
    made = stretch(signal, 0.1, np.random.default_rng(0))
    assert torch.equal(made, made[:, :1].expand_as(made))
    apart = (made[:, 0, 501:].argmax(dim=-1) + 501) - made[:, 0, :500].argmax(dim=-1)
    assert int(apart.min()) in range(363, 370) and int(apart.max()) in range(430, 442)
    assert float(made.max()) == pytest.approx(1, abs=0.01), "a cubic keeps the height of a beat"


def test_what_is_off_changes_nothing_and_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    recipe = Recipe("x", "0", "x", mixup=0, shift=0)
    signal, target = batch(0, 3), torch.eye(3)
    assert augmented(signal, target, recipe, rng) == (signal, target)
    assert rng.random() == np.random.default_rng(0).random()


@settings(deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_batch(seed: int) -> None:
    recipe = Recipe("x", "0", "x", shift=0.1, stretch=0.1, gain=0.1, wander=0.1, noise=0.1, masking=0.5)
    one, other = (augmented(batch(seed, 4), torch.eye(4), recipe, np.random.default_rng(seed)) for _ in range(2))
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
