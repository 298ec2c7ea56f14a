"""Augmentation: what comes out is an ECG that could have been recorded, with the truth that belongs to it."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ecg.leads import LIMB_FROM_I_II
from training.augment import mix, shift_in_time

SEEDS = st.integers(0, 2**32 - 1)


def batch(seed: int, size: int, time: int = 60) -> Tensor:
    """Return (size, 12, time) whose limb leads obey Einthoven and Goldberger."""
    rng = np.random.default_rng(seed)
    limb = np.einsum("lk,nkt->nlt", LIMB_FROM_I_II, rng.normal(size=(size, 2, time)))
    return torch.tensor(np.concatenate([limb, rng.normal(size=(size, 6, time))], axis=1), dtype=torch.float32)


def obeys_einthoven_and_goldberger(signal: Tensor) -> bool:
    one, two, three, avr, avl, avf = signal[:, :6].unbind(1)
    laws = (two - one - three, (one + two) / 2 + avr, one - two / 2 - avl, two - one / 2 - avf)
    return all(float(law.abs().max()) < 1e-5 for law in laws)


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


@settings(deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_batch(seed: int) -> None:
    signal, target = batch(seed, 4), torch.eye(4)
    one, other = (
        mix(shift_in_time(signal, 9, rng), target, 0.4, rng) for rng in map(np.random.default_rng, [seed] * 2)
    )
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
