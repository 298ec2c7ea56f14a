"""Whether the limb leads obey Einthoven and Goldberger: what contradicts them is in no right order."""

from collections.abc import Sequence
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LIMB_FROM_I_II, LIMB_LEADS

MIN_SAMPLES: Final = 100
MAX_SAMPLES: Final = 100_000
# The laws leave nothing over but rounding and what filters do to each lead: under 1 % of the energy. Where they leave
# more, and the same leads in another order or with one of them upside down explain it five times better, it is these.
SUSPECT: Final = 0.02
BETTER: Final = 5.0
# Where half of the energy is left over, it is no set of limb leads that were recorded together.
GROSS: Final = 0.5


def contradict(signal: NDArray[np.float32], leads: Sequence[str]) -> bool:
    """Say whether limb leads clearly contradict III = II - I and the augmented leads.

    They can be contradicted from three of them on. Nothing follows from leads that agree: two arms' electrodes in each
    other's place give leads that agree.

    Args:
        signal: float32 (leads, samples) in one unit, NaN where not measured; only its beginning is looked at.
        leads: their names, of which those of no limb lead are passed over.
    """
    start = signal[:, :MAX_SAMPLES].astype(np.float64)
    living = [bool(np.nanmax(each) > np.nanmin(each)) if np.isfinite(each).any() else False for each in start]
    rows = [at for at, lead in enumerate(leads) if lead in LIMB_LEADS and living[at]]
    known = start[rows][:, np.isfinite(start[rows]).all(axis=0)]
    if len(rows) < 3 or known.shape[1] < MIN_SAMPLES:
        return False
    level = known - np.median(known, axis=1, keepdims=True)
    energy = level @ level.T / (np.abs(level).max() or 1.0) ** 2
    laws = LIMB_FROM_I_II[[LIMB_LEADS.index(leads[at]) for at in rows]]
    over = np.eye(len(rows)) - laws @ np.linalg.pinv(laws)
    total = float(np.trace(energy))
    left = float((over * energy).sum()) / total
    return left > GROSS or (left > SUSPECT and _best(over, energy) / total < left / BETTER)


def _best(over: NDArray[np.float64], energy: NDArray[np.float64]) -> float:
    """Return the least that any order of the leads leaves over, with at most one of them upside down."""
    count = len(energy)
    orders = np.array(list(permutations(range(count))))
    arranged = energy[orders[:, :, None], orders[:, None, :]]
    signs = np.ones((count + 1, count)) - 2 * np.eye(count + 1, count)
    signed = signs[:, :, None] * signs[:, None, :] * over
    return float(np.einsum("sij,oij->so", signed, arranged).min())
