"""What a score loses when parts of an ECG are removed: whole leads, or what a map points at beside random masks.

Removed means unknown: the model gets the recording as if the part had not been recorded. For a model that was never
trained with leads missing this lies outside of what it knows; docs/explanations.md measures what comes of it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import torch
from torch import Tensor

from ecg.canonical import FS, SAMPLES
from ecg.leads import LEADS

ABLATION: Final = "Lead ablation"
UNIT: Final = "log-odds"
DELETED: Final = 0.1  # of the map: what a check removes
RANDOM: Final = 4  # masks beside each map
STRIP: Final = round(0.1 * FS)  # how long their pieces are
MOST_FLIPPING: Final = 4  # leads, removed together, that are tried


def each_lead(mask: Tensor) -> Tensor:
    """Return twelve masks, bool (12, 12, 5000): each leaves all but one lead."""
    return mask & ~torch.eye(len(LEADS), dtype=torch.bool)[..., None]


def top(relevance: Tensor, share: float = DELETED) -> Tensor:
    """Return where a map is highest, bool of its shape: `share` of all of it, exactly."""
    flat = relevance.flatten()
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[flat.topk(round(share * len(flat))).indices] = True
    return chosen.view_as(relevance)


@cache
def random_masks(rows: int, count: int, share: float = DELETED, seed: int = 0) -> Tensor:
    """Return masks of strips at random, bool (count, rows, 5000), each true in `share` of it; always the same ones."""
    generator = torch.Generator().manual_seed(seed)
    strips = torch.rand(count, rows * SAMPLES // STRIP, generator=generator)
    chosen = torch.stack([top(each, share) for each in strips]).repeat_interleave(STRIP, dim=-1)
    moved = torch.randint(SAMPLES, (count,), generator=generator).tolist()
    return torch.stack([each.view(rows, SAMPLES).roll(by, -1) for each, by in zip(chosen, moved, strict=True)])


def in_order(lost: Tensor, excess: float, most: int = MOST_FLIPPING) -> list[tuple[str, ...]]:
    """Return the sets of leads to remove in search of the fewest that take a score below its threshold.

    Args:
        lost: (12,), the log-odds that go with each lead alone.
        excess: by how much the log-odds exceed those of the threshold.
        most: how many leads at most.

    Returns:
        The lead that matters most alone; and if it does not suffice, those that speak for the finding added to it one
        by one, those that matter most first. Nothing where no lead speaks for it, or the score is below anyway.
    """
    if excess < 0:
        return []
    order = [LEADS[int(lead)] for lead in lost.argsort(descending=True) if lost[lead] > 0][:most]
    longest = 1 if lost.max() > excess else len(order)
    return [tuple(order[:size]) for size in range(1, min(longest, len(order)) + 1)]


def without(mask: Tensor, leads: Sequence[str]) -> Tensor:
    """Return the mask with these leads unknown, bool (12, 5000)."""
    left = mask.clone()
    left[[LEADS.index(lead) for lead in leads]] = False
    return left
