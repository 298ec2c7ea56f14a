"""Swaps of limb electrodes are exact: computed by hand from the potentials at the electrodes."""

import numpy as np
import pytest

from ecg.leads import LEADS
from models.swaps import LIMB_SWAPS, MATRICES, SEEN, seen

RNG = np.random.default_rng(2)


def leads(ra: np.ndarray, la: np.ndarray, ll: np.ndarray, chest: np.ndarray) -> np.ndarray:
    """Return the twelve leads of potentials, by Einthoven, Goldberger and Wilson."""
    wilson = (ra + la + ll) / 3
    limbs = [la - ra, ll - ra, ll - la, ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2]
    return np.stack([*limbs, *(chest - wilson)])


RA, LA, LL = RNG.standard_normal((3, 50))
CHEST = RNG.standard_normal((6, 50))
BY_HAND = {
    "RA and LA exchanged": leads(LA, RA, LL, CHEST),
    "RA and LL exchanged": leads(LL, LA, RA, CHEST),
    "LA and LL exchanged": leads(RA, LL, LA, CHEST),
    "RA, LA and LL turned": leads(LL, RA, LA, CHEST),
    "RA, LL and LA turned": leads(LA, LL, RA, CHEST),
}


@pytest.mark.parametrize("name", LIMB_SWAPS)
def test_each_swap_is_what_the_exchanged_electrodes_record(name: str) -> None:
    np.testing.assert_allclose(LIMB_SWAPS[name] @ leads(RA, LA, LL, CHEST), BY_HAND[name], atol=1e-12)


def test_each_exchange_repairs_itself_and_each_turn_the_other() -> None:
    first, second = LIMB_SWAPS["RA, LA and LL turned"], LIMB_SWAPS["RA, LL and LA turned"]
    given = leads(RA, LA, LL, CHEST)
    np.testing.assert_allclose(first @ second @ given, given, atol=1e-12)
    for name in list(LIMB_SWAPS)[:3]:
        np.testing.assert_allclose(LIMB_SWAPS[name] @ LIMB_SWAPS[name] @ given, given, atol=1e-12)


def test_what_scales_the_leads_is_the_same_for_every_swap() -> None:
    beat = leads(RA, LA, LL, CHEST).astype(np.float32)
    every = MATRICES @ beat
    limbs = (every[:, :3] ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(limbs, limbs[0], rtol=1e-5)
    assert seen(every).shape == (len(MATRICES), len(SEEN) * 50)
    assert np.allclose(seen(every * 3), seen(every), atol=2e-3)
    assert [LEADS[row] for row in SEEN] == ["I", "II", "III", "V1", "V2", "V3", "V4", "V5", "V6"]
