"""What a map has to pass: deletion beside random masks in every report; insertion and stability where asked for."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from ecg.leads import LEADS
from ecg.reading import MapCheck
from models.explain.removal import RANDOM, UNIT, random_masks, top

Map = NDArray[np.float32]  # (1, 5000) or (12, 5000)
Scored = Callable[[Tensor], Tensor]  # masks (n, 12, 5000) of what is left, to log-odds (n, findings)

DELETION: Final = "deletion"
INSERTION: Final = "insertion"
STABILITY: Final = "stability"
SPEARMAN: Final = "Spearman correlation"
NOISE: Final = 0.01  # mV: about what an electrode's amplifier adds
PERTURBED: Final = 3  # times
STABLE: Final = 0.5  # the correlation that a map has to keep under that noise


def marked(relevances: Sequence[Map], mask: Tensor) -> Tensor:
    """Return what each map points at, then random masks of the same size: bool (maps + 2 * RANDOM, 12, 5000).

    A map over time alone points at all leads. Half of the random masks are such strips, half are pieces of leads. A
    lead of which nothing is known, by `mask`, bool (12, 5000), is neither pointed at nor hit.
    """
    known = mask.any(dim=-1)
    tops = [
        top(torch.as_tensor(each)).expand(mask.shape)
        if len(each) == 1
        else _placed(top(torch.as_tensor(each)[known]), known)
        for each in relevances
    ]
    strips = random_masks(1, RANDOM).expand(-1, *mask.shape)
    return torch.cat([torch.stack(tops), strips, _placed(random_masks(int(known.sum()), RANDOM), known)])


def _placed(part: Tensor, leads: Tensor) -> Tensor:
    """Return masks of some leads, (..., some, 5000), as masks of all: false elsewhere."""
    made = torch.zeros(*part.shape[:-2], len(LEADS), part.shape[-1], dtype=torch.bool)
    made[..., leads, :] = part
    return made


def beside_random(name: str, relevances: Sequence[Map], outputs: Sequence[int], moved: Tensor) -> tuple[MapCheck, ...]:
    """Return whether each map moves its score more than every random mask of its kind and size.

    Args:
        name: of the check.
        relevances: the maps.
        outputs: which finding each of them explains.
        moved: log-odds (maps + 2 * RANDOM, findings) by which each mask of `marked` moves the scores.
    """
    count = len(relevances)
    strips, pieces = moved[count : count + RANDOM], moved[count + RANDOM :]
    made = []
    for number, (relevance, output) in enumerate(zip(relevances, outputs, strict=True)):
        random = strips if len(relevance) == 1 else pieces
        least = max(float(random[:, output].max()), 0.0)
        made.append(MapCheck(name, float(moved[number, output]), least, UNIT))
    return tuple(made)


def insertion(scored: Scored, mask: Tensor, relevances: Sequence[Map], outputs: Sequence[int]) -> tuple[MapCheck, ...]:
    """MapCheck what a score gains over an ECG of which nothing is known when only what a map points at is known."""
    scores = scored(torch.cat([torch.zeros_like(mask)[None], mask & marked(relevances, mask)]))
    return beside_random(INSERTION, relevances, outputs, scores[1:] - scores[0])


def perturbed(signal: Tensor, mask: Tensor) -> list[Tensor]:
    """Return the signal with a little noise, several times, always the same."""
    generator = torch.Generator().manual_seed(0)
    return [signal + NOISE * torch.randn(signal.shape, generator=generator) * mask for _ in range(PERTURBED)]


def stability(relevance: Map, others: Sequence[Map]) -> MapCheck:
    """MapCheck how far a map stays what it was under a little noise: the mean correlation with `others`."""
    return MapCheck(STABILITY, float(np.mean([spearman(relevance, each) for each in others])), STABLE, SPEARMAN)


def spearman(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return Spearman's rank correlation; 0 where one of them is the same everywhere.

    Leads that both leave empty have no say: they would make any two maps of one lead alike.
    """
    if not np.ptp(one) or not np.ptp(other):
        return 0.0
    if one.ndim > 1:
        told = one.any(axis=-1) | other.any(axis=-1)
        one, other = one[told], other[told]
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
