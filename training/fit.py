"""Fits a network by a recipe: seeded, resumable after each epoch, with a progress bar and a CSV log."""

import csv
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from models.nets.resnet1d import ResNet1d
from training import augment
from training.corpus import Corpus, prepared
from training.labels import TARGETS
from training.recipe import Recipe
from training.statistics import auc

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "averaged.safetensors"
LOG: Final = "log.csv"
Run = tuple[ResNet1d, ResNet1d, torch.optim.Optimizer]  # the network, its average, what moves it


@dataclass(frozen=True, eq=False)
class Data:
    """What a run learns from, and what it is watched on: signals (n, 12, time) in mV, truth 0 or 1 (n, outputs)."""

    signals: NDArray[np.float32]
    truth: NDArray[np.float32]
    watched: NDArray[np.float32]
    watched_truth: NDArray[np.bool_]


def load_data(corpus: Corpus, recipe: Recipe, cache: Path) -> Data:
    """Prepare the training folds and the calibration fold. The statements stand behind the targets, as helpers."""
    train, watched = corpus.training(recipe.train_folds), corpus.fold(recipe.calibration_fold)
    truth = np.concatenate([corpus.targets(train), corpus.helpers(train)], axis=1)
    return Data(
        prepared(corpus, train, recipe.preparation, cache),
        truth.astype(np.float32),
        prepared(corpus, watched, recipe.preparation, cache),
        corpus.targets(watched),
    )


def fit(data: Data, recipe: Recipe, out: Path) -> Path:
    """Fit, and return the file with the averaged weights. A run that was killed goes on after its last whole epoch.

    Raises:
        ValueError: there are fewer recordings than a batch holds, or `out` holds a run of another recipe.
    """
    if len(data.signals) < recipe.batch:
        raise ValueError(f"{len(data.signals)} recordings are fewer than a batch of {recipe.batch}.")
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = ResNet1d(recipe.shape(data.truth.shape[1]))
    averaged = ResNet1d(recipe.shape(data.truth.shape[1])).requires_grad_(False)
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
    run = (network, averaged, optimiser)
    first = _resume(out / CHECKPOINT, recipe, run)
    for epoch in range(first, recipe.epochs):
        loss = _epoch(data, recipe, epoch, run)
        _keep(out / CHECKPOINT, recipe, epoch, run)
        _log(out / LOG, epoch, loss, auc_of_targets(averaged, data))
    save_file(averaged.state_dict(), out / WEIGHTS)
    return out / WEIGHTS


def auc_of_targets(network: ResNet1d, data: Data) -> dict[str, float]:
    """Return the AUC of each target on the watched fold: to watch a run, not to report it."""
    network.eval()
    with torch.inference_mode():
        logits = np.concatenate([network(torch.from_numpy(part)).numpy() for part in _batches(data.watched, 256)])
    return {
        finding.code: auc(data.watched_truth[:, column], logits[:, column]) for column, finding in enumerate(TARGETS)
    }


def _epoch(data: Data, recipe: Recipe, epoch: int, run: Run) -> float:
    network, averaged, optimiser = run
    # Each epoch draws from its own stream, so that a resumed run meets the same numbers as an unbroken one.
    rng = np.random.default_rng((recipe.seed, epoch))
    torch.manual_seed(int(rng.integers(2**31)))
    network.train()
    order = rng.permutation(len(data.signals))
    steps = len(order) // recipe.batch
    total = 0.0
    for step in (bar := tqdm(range(steps), desc=f"epoch {epoch + 1}/{recipe.epochs}", unit="step", mininterval=2)):
        at = np.sort(order[step * recipe.batch : (step + 1) * recipe.batch])
        signal, truth = torch.from_numpy(data.signals[at]), torch.from_numpy(data.truth[at])
        signal = augment.shift_in_time(signal, round(recipe.shift * recipe.preparation.fs), rng)
        signal, truth = augment.mix(signal, truth, recipe.mixup, rng)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, (epoch * steps + step) / (recipe.epochs * steps))
        total += _step(network, optimiser, signal, truth)
        _average(averaged, network, min(recipe.averaging, (1 + epoch * steps + step) / (10 + epoch * steps + step)))
        bar.set_postfix(loss=f"{total / (step + 1):.4f}")
    return total / max(steps, 1)


def _step(network: nn.Module, optimiser: torch.optim.Optimizer, signal: Tensor, truth: Tensor) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(signal)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), truth)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach())


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Return the rate at `progress` (0 to 1) of a run: up and down again by cosines (Smith and Topin, 2017)."""
    if progress < recipe.warm_up:
        return recipe.learning_rate * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * progress / recipe.warm_up)))
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - recipe.warm_up) / (1 - recipe.warm_up)))


def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            kept = averaged.state_dict()[name]
            if value.is_floating_point():
                kept.lerp_(value, 1 - decay)
            else:
                kept.copy_(value)


def _parts(run: Run) -> dict[str, nn.Module | torch.optim.Optimizer]:
    return dict(zip(("network", "averaged", "optimiser"), run, strict=True))


def _resume(path: Path, recipe: Recipe, run: Run) -> int:
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    if kept["recipe"] != repr(recipe):
        raise ValueError(f"{path.parent} holds a run of another recipe; choose another --out.")
    for name, part in _parts(run).items():
        part.load_state_dict(kept[name])
    return int(kept["epoch"]) + 1


def _keep(path: Path, recipe: Recipe, epoch: int, run: Run) -> None:
    unfinished = path.with_suffix(".part")
    parts = {name: part.state_dict() for name, part in _parts(run).items()}
    torch.save({"recipe": repr(recipe), "epoch": epoch, **parts}, unfinished)
    os.replace(unfinished, path)


def _log(path: Path, epoch: int, loss: float, figures: dict[str, float]) -> None:
    row = {"epoch": epoch + 1, "loss": f"{loss:.5f}", **{name: f"{value:.5f}" for name, value in figures.items()}}
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    tqdm.write("  ".join(f"{name} {value}" for name, value in row.items()))


def _batches(array: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(array), size):
        yield array[start : start + size]
