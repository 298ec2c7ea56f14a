"""Simulated digitisation: what is left looks like the recording read off a page, and the rest is 0."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg.canonical import canonicalise
from ecg.leads import LEADS, LIMB_LEADS
from models.prepare import Preparation, Prepare
from tests.golden.reports import waveform
from training.digitisation import FIGURES, LEVELS, as_digitised, draw, draw_found, measured
from training.recipe import Recipe, read_recipe

FS = 100
RECIPES = Path(__file__).parents[3] / "training" / "recipes"


def prepared(count: int) -> torch.Tensor:
    full = canonicalise(waveform())[0]
    one = Prepare(Preparation())(torch.tensor(full.signal)[None], torch.tensor(full.mask)[None])
    return one.repeat(count, 1, 1)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 4]))
def test_a_page_shows_some_of_a_recording_and_no_lead_out_of_its_place(seed: int, columns: int) -> None:
    found = draw_found(1000, columns, FS, np.random.default_rng(seed))
    assert found.shape == (12, 1000) and found.any() and (columns == 1 or not found.all())
    assert set(found[: len(LIMB_LEADS)].sum(axis=0)) <= {0, 1, 6}, "all limb leads follow from any two"


def test_what_was_measured_is_there_for_all_that_is_drawn() -> None:
    assert set(measured()) == set(FIGURES)
    for values in measured().values():
        assert len(values) == len(LEVELS) and (np.diff(values) >= 0).all()


def test_figures_are_drawn_as_they_were_measured() -> None:
    drawn = draw("page_gain", np.random.default_rng(1), 20000)
    assert np.quantile(drawn, LEVELS[1:]) == pytest.approx(measured()["page_gain"][1:], abs=0.004)


def test_most_pages_have_three_rows_of_four() -> None:
    signal = prepared(400)
    made = as_digitised(signal, 1.0, FS, LEADS, np.random.default_rng(1)).numpy()
    seconds = [float((each[LEADS.index("V6")] != 0).sum()) / FS for each in made]
    quarter = [each for each in seconds if 1.5 < each <= 2.5]
    assert 0.55 < len(quarter) / len(seconds) < 0.8
    assert seconds.count(0.0) / len(seconds) < 0.04, "a lead is lost now and then"


def test_what_is_kept_is_nearly_the_signal_and_its_mean_is_0() -> None:
    signal = prepared(64)
    made = as_digitised(signal, 1.0, FS, LEADS, np.random.default_rng(3))
    ratios = []
    for before, after in zip(signal.numpy(), made.numpy(), strict=True):
        for x, y in zip(before, after, strict=True):
            known = np.flatnonzero(y)
            if len(known) < 200:
                continue
            assert abs(y[known].mean()) < 0.02
            x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
            ratios.append(10 * np.log10(np.sum(x**2) / np.sum((x - y) ** 2)))
    assert len(ratios) > 500 and 8 < np.median(ratios) < 25, "dB, as a digitised page has"


def test_the_same_seed_makes_the_same_and_a_share_of_0_draws_nothing() -> None:
    signal = prepared(8)
    one, other = (as_digitised(signal, 0.5, FS, LEADS, np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(one, other) and not torch.equal(one, signal)
    rng = np.random.default_rng(5)
    assert as_digitised(signal, 0.0, FS, LEADS, rng) is signal
    assert rng.random() == np.random.default_rng(5).random()


def test_the_recipe_of_the_image_arm_sees_pages_and_a_z_score_cannot() -> None:
    assert read_recipe(RECIPES / "image.toml").digitisation > 0.5
    with pytest.raises(ValueError, match="digitisation"):
        Recipe("x", "1", "x", digitisation=0.5, preparation=Preparation(z_score=True))
