"""Networks with weights drawn anew: a map that is still the same does not depend on what was learned.

Adebayo et al., NeurIPS 2018, section 3, with all layers at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ecg.canonical import CanonicalEcg
from models.explain.scorer import Network, Scorer


def randomised(scorers: Sequence[Scorer], windows: Sequence[CanonicalEcg], seed: int) -> tuple[Scorer, ...]:
    """Return the networks of a model as they would be before training, each weight drawn anew.

    Batch norms begin at scale 1 and shift 0, and get the mean and variance of these ECGs: with those of the trained
    network, or with none, most random networks would put out nothing but a constant, and be no comparison.

    Args:
        scorers: the trained networks; they stay as they are.
        windows: ECGs for the batch norms, some tens of them.
        seed: of the draw.
    """
    signal = torch.tensor(np.stack([each.signal for each in windows]))
    mask = torch.tensor(np.stack([each.mask for each in windows]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return tuple(replace(each, network=_drawn(each, each.prepare(signal, mask))) for each in scorers)


def _drawn(scorer: Scorer, prepared: Tensor) -> Network:
    if not isinstance(scorer.network, nn.Module):
        raise ValueError("only a network of torch can be drawn anew")
    made = type(scorer.network)(scorer.network.shape)
    for norm in (each for each in made.modules() if isinstance(each, nn.BatchNorm1d)):
        norm.reset_parameters()  # a residual network begins some at scale 0
        norm.momentum = None  # the mean over what is seen, not a moving one
        norm.train()
    network = cast(Network, made.requires_grad_(False))
    network.head(network.features(prepared))
    made.eval()
    return network
