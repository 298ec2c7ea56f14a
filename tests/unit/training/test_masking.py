"""Masking: what is kept is what a smaller device or a page shows, with what follows from it, and the rest is 0."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg.canonical import canonicalise
from ecg.leads import LEADS, LIMB_LEADS
from ecg.recording import Waveform
from models.prepare import Preparation, Prepare
from tests.golden.reports import waveform
from training.masking import draw_known, keep_some, page, whole

SEEDS = st.integers(0, 2**32 - 1)


def known(mask: np.ndarray) -> set[str]:
    return {lead for lead, one in zip(LEADS, mask, strict=True) if one}


@settings(deadline=None)
@given(SEEDS)
def test_something_is_known_and_limb_leads_are_known_all_or_one_at_most(seed: int) -> None:
    mask = draw_known(40, np.random.default_rng(seed))
    assert mask.shape == (12, 40) and mask.any(axis=0).all(), "at each moment something is known"
    assert set(mask[:6].sum(axis=0)) <= {0, 1, 6}


def test_all_kinds_are_drawn_and_lead_ii_is_the_most_frequent_of_single_leads() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_known(40, rng) for _ in range(2000)]
    whole_leads = [frozenset(known(mask.all(axis=1))) for mask in drawn if (mask.all(axis=1) == mask.any(axis=1)).all()]
    single = [next(iter(leads)) for leads in whole_leads if len(leads) == 1]
    assert set(single) == set(LEADS) and single.count("II") > len(single) / 2
    assert frozenset(LIMB_LEADS) in whole_leads
    assert {len(leads) for leads in whole_leads} >= set(range(2, 12))
    assert 0.15 < 1 - len(whole_leads) / len(drawn) < 0.35, "pages"


def test_a_page_shows_columns_one_after_the_other_and_its_strip_throughout() -> None:
    mask = page(1000, 4, ("II",))
    assert known(mask[:, 100]) == known(mask[:, 300]) == set(LIMB_LEADS), "six limb leads follow from any two"
    assert known(mask[:, 600]) == {"II", "V1", "V2", "V3"} and known(mask[:, 900]) == {"II", "V4", "V5", "V6"}
    assert known(page(1000, 2, ())[:, 600]) == set(LEADS[6:])


@pytest.mark.parametrize("leads", [("II",), ("I", "II"), ("II", "V1", "V5"), LEADS])
def test_what_is_masked_looks_as_if_it_had_been_recorded_so(leads: tuple[str, ...]) -> None:
    full = waveform()
    rows = [full.leads.index(lead) for lead in leads]
    fewer = canonicalise(Waveform(full.signal[rows], leads, full.fs))[0]
    prepare = Prepare(Preparation())
    wanted = prepare(torch.tensor(fewer.signal)[None], torch.tensor(fewer.mask)[None])[0].numpy()
    everything = canonicalise(full)[0]
    prepared = prepare(torch.tensor(everything.signal)[None], torch.tensor(everything.mask)[None])[0].numpy()
    np.testing.assert_allclose(prepared * whole(1000, leads), wanted, atol=2e-3)
    np.testing.assert_array_equal(whole(1000, leads), fewer.mask[:, ::5])


def test_so_many_are_masked_and_of_each_lead_the_mean_of_what_is_kept_is_taken_off() -> None:
    signal = torch.randn(400, 12, 80) + 3
    made = keep_some(signal, 0.5, LEADS, np.random.default_rng(0))
    whole_ones = (made == signal).flatten(1).all(dim=1)
    assert 150 < int(whole_ones.sum()) < 250
    masked = made[~whole_ones]
    assert float(masked.sum(dim=-1).abs().max()) < 1e-3
    gone = (masked == 0).any(dim=-1).any(dim=-1)
    assert gone.float().mean() > 0.95, "all but those whose missing limb leads follow from the others"
    assert torch.equal(keep_some(signal, 0.0, LEADS, np.random.default_rng(0)), signal)
