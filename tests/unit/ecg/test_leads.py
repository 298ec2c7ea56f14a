"""Lead names in other hands, and limb leads that follow from two others."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecg.leads import LIMB_FROM_I_II, LIMB_LEADS, derive_limb_leads, lead_name

PAIRS = list(combinations(range(6), 2))
NAN = np.float32(np.nan)


def limb_leads(one_two: np.ndarray) -> np.ndarray:
    """Return I, II and what a recorder would have measured of the other four, float32 (6, samples)."""
    one, two = one_two
    return np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]).astype(np.float32)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{LIMB_LEADS[pair[0]]} and {LIMB_LEADS[pair[1]]}")
@settings(max_examples=25, deadline=None)
@given(one_two=arrays(np.float64, (2, 20), elements=st.floats(-10, 10)))
def test_any_two_limb_leads_give_the_other_four(pair: tuple[int, int], one_two: np.ndarray) -> None:
    truth = limb_leads(one_two)
    measured = np.full_like(truth, NAN)
    measured[list(pair)] = truth[list(pair)]
    filled, derived = derive_limb_leads(measured)
    np.testing.assert_allclose(filled, truth, atol=2e-5)
    assert set(derived) == set(LIMB_LEADS) - {LIMB_LEADS[at] for at in pair}


def test_a_gap_is_filled_where_two_others_were_measured_and_only_there() -> None:
    truth = limb_leads(np.random.default_rng(0).normal(size=(2, 30)))
    measured = truth.copy()
    measured[2, 5:10] = NAN
    measured[:, 20:25] = NAN
    measured[4, 20:25] = truth[4, 20:25]
    filled, derived = derive_limb_leads(measured)
    np.testing.assert_allclose(filled[:, :20], truth[:, :20], atol=1e-6)
    assert np.isnan(filled[[0, 1, 2, 3, 5], 20:25]).all() and (filled[4] == truth[4]).all()
    assert derived == ("III",)


def test_measured_samples_are_kept_even_where_they_break_einthovens_law() -> None:
    measured = np.arange(12, dtype=np.float32).reshape(6, 2)
    filled, derived = derive_limb_leads(measured)
    assert (filled == measured).all() and derived == ()


def test_one_limb_lead_alone_gives_no_other() -> None:
    measured = np.full((6, 4), NAN)
    measured[1] = 1
    assert np.isnan(derive_limb_leads(measured)[0][[0, 2, 3, 4, 5]]).all()


def test_the_six_limb_leads_obey_einthoven_and_goldberger() -> None:
    one, two, three, avr, avl, avf = LIMB_FROM_I_II
    assert (one + three == two).all() and (avr + avl + avf == 0).all()


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("I", "I"),
        ("Lead I (Einthoven)", "I"),
        (" avr ", "aVR"),
        ("lead_aVF", "aVF"),
        ("V1\0\0", "V1"),
        ("LEAD: v6", "V6"),
        ("-aVR", None),
        ("V3R", None),
        ("V7", None),
        ("IIII", None),
        ("", None),
        ("RESP", None),
        ("DII", "II"),
        ("d1", "I"),
        ("D3", "III"),
        ("ECG I", "I"),
        ("ecg_lead_v3", "V3"),
        ("EKG aVF", "aVF"),
        ("MLI", None),
        ("MLII", None),
        ("ECG -aVR", None),
        ("D4", None),
        ("DV1", None),
        ("ECG", None),
        ("CM5", None),
        ("C1", None),
        ("V5 (precordial)", "V5"),
        ("aVL (Goldberger)", "aVL"),
        ("V2 (uV)", "V2"),
        ("aVR (inverted)", None),
        ("aVR (-)", None),
        ("V3 (right)", None),
        ("V4 (R)", None),
        ("V2 (derived)", None),
    ],
)
def test_a_label_names_one_of_the_twelve_or_none(label: str, name: str | None) -> None:
    assert lead_name(label) == name
