"""What recordings with fewer leads or shorter ones show of an ECG: for a network that is to read any of them.

A lead that follows from others counts as known, as in `canonicalise`: of I and II all six limb leads are known.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg.leads import LEADS, LIMB_LEADS

LIMB: Final = len(LIMB_LEADS)
# What is drawn, and how often: one lead; the limb leads (of I and II); some of the twelve; a page of 3 x 4 or of 6 x 2.
KINDS: Final = {"single": 0.3, "limb": 0.2, "some": 0.25, "3x4": 0.2, "6x2": 0.05}
LEAD_II_OF_SINGLE: Final = 0.6
RHYTHM_STRIPS: Final = ((), ("II",), ("II",), ("II",), ("V1",), ("II", "V1"), ("II", "V1", "V5"))


def keep_some(signal: Tensor, share: float, leads: Sequence[str], rng: np.random.Generator) -> Tensor:
    """Keep of a `share` of the recordings only what a smaller device or a page would show.

    Of each lead the mean of what is kept is taken off and the rest is 0, as `Prepare` does with what is unknown.

    Args:
        signal: (batch, leads, time), prepared.
        share: how many, 0 to 1.
        leads: the names of the signal's rows.
        rng: where it is drawn from.
    """
    if share == 0:
        return signal
    rows = [LEADS.index(lead) for lead in leads]
    chosen = np.flatnonzero(rng.random(len(signal)) < share)
    kept = signal.clone()
    for row in chosen:
        kept[row] = masked(signal[row], torch.from_numpy(draw_known(signal.shape[-1], rng)[rows]))
    return kept


def masked(signal: Tensor, known: Tensor) -> Tensor:
    """Return (leads, time) less the mean of what is `known` of each lead, bool (leads, time); the rest is 0."""
    kept = known.to(signal.dtype)
    mean = (signal * kept).sum(dim=-1, keepdim=True) / kept.sum(dim=-1, keepdim=True).clamp(min=1.0)
    return (signal - mean) * kept


def draw_known(time: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw what is known of a recording, bool (12, time), by KINDS."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind in {"3x4", "6x2"}:
        strips = RHYTHM_STRIPS[rng.integers(len(RHYTHM_STRIPS))]
        return page(time, columns=4 if kind == "3x4" else 2, strips=strips)
    if kind == "single":
        lead = "II" if rng.random() < LEAD_II_OF_SINGLE else LEADS[rng.integers(len(LEADS))]
        return whole(time, (lead,))
    if kind == "limb":
        return whole(time, LIMB_LEADS)
    count = rng.integers(2, len(LEADS))
    return whole(time, tuple(LEADS[at] for at in rng.permutation(len(LEADS))[:count]))


def whole(time: int, leads: Sequence[str]) -> NDArray[np.bool_]:
    """Return bool (12, time): these leads are known throughout, and what follows from them.

    Raises:
        ValueError: one is none of the twelve.
    """
    if unknown := [lead for lead in leads if lead not in LEADS]:
        raise ValueError(f"No standard leads: {', '.join(unknown)}.")
    known = np.zeros((len(LEADS), time), dtype=bool)
    known[[LEADS.index(lead) for lead in leads]] = True
    return with_derived(known)


def page(time: int, columns: int, strips: Sequence[str]) -> NDArray[np.bool_]:
    """Return bool (12, time) of what is known by a printed page, as `printed` has it, and what follows from it."""
    return with_derived(printed(time, columns, strips))


def printed(time: int, columns: int, strips: Sequence[str]) -> NDArray[np.bool_]:
    """Return bool (12, time) of what a page shows: the leads in columns one after the other, strips throughout."""
    known = np.zeros((len(LEADS), time), dtype=bool)
    for column, rows in enumerate(np.array_split(np.arange(len(LEADS)), columns)):
        known[rows, column * time // columns : (column + 1) * time // columns] = True
    known[[LEADS.index(lead) for lead in strips]] = True
    return known


def with_derived(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `known`, bool (12, time), with all limb leads known where two of them are."""
    made = known.copy()
    made[:LIMB] |= known[:LIMB].sum(axis=0) >= 2
    return made
