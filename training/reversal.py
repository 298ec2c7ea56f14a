"""Fits the guard against swapped limb electrodes on real beats and exact swaps, and measures it."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from models.guards import log_odds, placement_scores
from models.swaps import LIMB_SWAPS, MATRICES, SEEN, seen
from training.statistics import auc

HIDDEN: Final = (96, 32)
EPOCHS: Final = 12
BATCH: Final = 128
RATE: Final = 3e-3
DECAY: Final = 1e-2
DROPOUT: Final = 0.3
NOISE: Final = 0.1  # standard deviations of each input
SHIFT: Final = 2  # samples by which beats are moved
FALSE_ALARMS: Final = 0.01

Beats = NDArray[np.float32]


def fit(beats: Beats, *, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Fit the network that scores placements: of the six exchanges of each beat, the one as recorded is the true one.

    Args:
        beats: float32 (n, 12, 72), mV; some will be recordings of swapped electrodes, which cannot be known.
        seed: of weights, order and augmentation.
    """
    torch.manual_seed(seed)
    inputs = torch.from_numpy(seen(np.einsum("sij,njt->nsit", MATRICES, beats)))
    mean, deviation = inputs[:, 0].mean(dim=0), inputs[:, 0].std(dim=0) + 0.1
    first, second = HIDDEN
    layers = [nn.Linear(inputs.shape[-1], first), nn.Linear(first, second), nn.Linear(second, 1)]
    network = nn.Sequential(layers[0], nn.ReLU(), nn.Dropout(DROPOUT), layers[1], nn.ReLU(), layers[2])
    steps = EPOCHS * (len(inputs) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in tqdm(range(EPOCHS), desc="reversal", unit="epoch"):
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs) // BATCH * BATCH, BATCH):
            chosen = order[start : start + BATCH]
            moved = _moved(inputs[chosen])
            scores = network((moved - mean) / deviation + NOISE * torch.randn(len(chosen), 1, moved.shape[-1]))[..., 0]
            loss = -torch.log_softmax(scores, dim=1)[:, 0].mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    made = {"mean": mean.numpy(), "deviation": deviation.numpy()}
    for number, layer in enumerate(layers):
        made[f"{number}.weight"], made[f"{number}.bias"] = (
            each.detach().numpy() for each in (layer.weight, layer.bias)
        )
    return made


def _moved(inputs: torch.Tensor) -> torch.Tensor:
    by = int(torch.randint(-SHIFT, SHIFT + 1, ()))
    leads = inputs.view(*inputs.shape[:2], len(SEEN), -1)
    return torch.roll(leads, by, dims=-1).view(inputs.shape)


def values(arrays: Mapping[str, NDArray[np.float32]], beats: Beats, swap: str | None = None) -> NDArray[np.float64]:
    """Return the guard's log-odds for beats as they are, or after a swap of LIMB_SWAPS."""
    given = beats if swap is None else np.einsum("ij,njt->nit", LIMB_SWAPS[swap].astype(np.float32), beats)
    return log_odds(placement_scores(arrays, given))


def limit(arrays: Mapping[str, NDArray[np.float32]], beats: Beats) -> float:
    """Return the log-odds above which FALSE_ALARMS of these recordings lie."""
    return round(float(np.quantile(values(arrays, beats), 1 - FALSE_ALARMS)), 3)


def figures(arrays: Mapping[str, NDArray[np.float32]], beats: Beats, least: float) -> dict[str, float]:
    """Return AUC and sensitivity by swap, and the share of false alarms, of recordings as they are and swapped."""
    as_they_are = values(arrays, beats)
    swapped = {name: values(arrays, beats, name) for name in LIMB_SWAPS}
    groups = {"any exchange of two": np.concatenate([swapped[name] for name in list(LIMB_SWAPS)[:3]]), **swapped}
    made = {"recordings": float(len(beats)), "false alarms": round(float((as_they_are > least).mean()), 4)}
    at_one_percent = float(np.quantile(as_they_are, 1 - FALSE_ALARMS))
    two = groups["any exchange of two"]
    made["sensitivity at 1 % false alarms, any exchange of two"] = round(float((two > at_one_percent).mean()), 4)
    for name, found in groups.items():
        truth = np.repeat([False, True], [len(as_they_are), len(found)])
        made[f"AUC, {name}"] = round(auc(truth, np.concatenate([as_they_are, found])), 4)
        made[f"sensitivity, {name}"] = round(float((found > least).mean()), 4)
    return made
