"""Fits a network by a recipe: seeded, resumable after each epoch, with a progress bar and a CSV log."""

import csv
import json
import math
import os
from collections.abc import Iterator, Sequence
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

from models.architectures import Net
from training import augment
from training.corpus import Corpus, prepared
from training.distil import softened
from training.labels import columns
from training.masking import keep_some
from training.recipe import Recipe
from training.run import CHECKPOINT, LOG, WEIGHTS, keep_recipe, start_from
from training.statistics import auc

PATIENCE: Final = 5  # epochs without a lower watched loss, after which a plateau halves the rate
State = tuple[Net, Net, torch.optim.Optimizer]  # the network, its average, what moves it


@dataclass(frozen=True, eq=False)
class Data:
    """What a run learns from, and what it is watched on: signals (n, leads, time), truth 0 or 1 (n, outputs)."""

    signals: NDArray[np.float32]
    truth: NDArray[np.float32]
    watched: NDArray[np.float32]
    watched_truth: NDArray[np.bool_]


def load_data(corpus: Corpus, recipe: Recipe, cache: Path) -> Data:
    """Prepare the training folds and the calibration fold. The statements stand behind the targets, where they help.

    Where the recipe has teachers, the truth of the training folds is mixed with what they say.
    """
    train, watched = corpus.training(recipe.train_folds), corpus.fold(recipe.calibration_fold)
    wanted = columns(recipe.targets)
    truth = corpus.targets(train)[:, wanted]
    if recipe.helpers:
        truth = np.concatenate([truth, corpus.helpers(train)], axis=1)
    return Data(
        prepared(corpus, train, recipe.preparation, cache),
        softened(corpus, train, recipe, truth.astype(np.float32), cache),
        prepared(corpus, watched, recipe.preparation, cache),
        corpus.targets(watched)[:, wanted],
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
    network = recipe.untrained(data.truth.shape[1])
    if recipe.initial:
        start_from(network, Path(recipe.initial))
    averaged = recipe.untrained(data.truth.shape[1]).requires_grad_(False)
    averaged.load_state_dict(network.state_dict())
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    optimiser = kind(network.parameters(), weight_decay=recipe.weight_decay)
    state = (network, averaged, optimiser)
    watched = _resume(out / CHECKPOINT, recipe, state)
    keep_recipe(out, recipe)
    for epoch in range(len(watched), recipe.epochs):
        loss = _epoch(data, recipe, watched, state)
        logits = watched_logits(averaged, data)
        watched.append(_cross_entropy(logits[:, : len(recipe.targets)], data.watched_truth))
        _keep(out / CHECKPOINT, recipe, watched, state)
        _log(out / LOG, epoch, {"loss": loss, "watched": watched[-1]} | auc_of_targets(recipe, logits, data))
    save_file(averaged.state_dict(), out / WEIGHTS)
    return out / WEIGHTS


def watched_logits(network: Net, data: Data) -> NDArray[np.float32]:
    """Return the logits on the watched fold, float32 (n, outputs)."""
    network.eval()
    with torch.inference_mode():
        return np.concatenate([network(torch.from_numpy(part)).numpy() for part in _batches(data.watched, 256)])


def auc_of_targets(recipe: Recipe, logits: NDArray[np.float32], data: Data) -> dict[str, float]:
    """Return the AUC of each target on the watched fold: to watch a run, not to report it."""
    return {code: auc(data.watched_truth[:, at], logits[:, at]) for at, code in enumerate(recipe.targets)}


def _epoch(data: Data, recipe: Recipe, watched: Sequence[float], state: State) -> float:
    (network, averaged, optimiser), epoch = state, len(watched)
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
        signal, truth = augmented(signal, truth, recipe, rng)
        for group in optimiser.param_groups:
            group["lr"] = rate(recipe, (epoch * steps + step) / (recipe.epochs * steps), watched)
        total += _step(network, optimiser, signal, truth)
        _average(averaged, network, min(recipe.averaging, (1 + epoch * steps + step) / (10 + epoch * steps + step)))
        bar.set_postfix(loss=f"{total / (step + 1):.4f}")
    return total / max(steps, 1)


def augmented(signal: Tensor, truth: Tensor, recipe: Recipe, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Change a batch as the recipe says. What is off draws nothing, so that it moves no other draw."""
    fs, leads = recipe.preparation.fs, recipe.preparation.leads
    signal = augment.stretch(signal, recipe.stretch, rng)
    signal = augment.shift_in_time(signal, round(recipe.shift * fs), rng)
    signal, truth = augment.mix(signal, truth, recipe.mixup, rng)
    signal = augment.amplify(signal, recipe.gain, rng)
    signal = augment.wander(signal, recipe.wander, fs, leads, rng)
    signal = augment.noise(signal, recipe.noise, leads, rng)
    return keep_some(signal, recipe.masking, leads, rng), truth


def _step(network: nn.Module, optimiser: torch.optim.Optimizer, signal: Tensor, truth: Tensor) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(signal)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), truth)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach())


def rate(recipe: Recipe, progress: float, watched: Sequence[float]) -> float:
    """Return the learning rate at `progress` (0 to 1) of a run, after epochs with these watched losses."""
    if recipe.schedule == "one-cycle":
        return learning_rate(recipe, progress)
    return plateau_rate(recipe, watched) * (min(1.0, progress / recipe.warm_up) if recipe.warm_up else 1.0)


def plateau_rate(recipe: Recipe, watched: Sequence[float]) -> float:
    """Return the rate halved for each time that the watched loss has not fallen for PATIENCE epochs."""
    halved, best, waited = 0, math.inf, 0
    for loss in watched:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited > PATIENCE:
            halved, waited = halved + 1, 0
    return recipe.learning_rate * 0.5**halved


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


def _parts(state: State) -> dict[str, nn.Module | torch.optim.Optimizer]:
    return dict(zip(("network", "averaged", "optimiser"), state, strict=True))


def _cross_entropy(logits: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    loss = functional.binary_cross_entropy_with_logits(torch.from_numpy(logits), torch.from_numpy(truth).float())
    return float(loss)


def _resume(path: Path, recipe: Recipe, state: State) -> list[float]:
    """Load the last whole epoch, and return the watched losses up to it."""
    if not path.exists():
        return []
    kept = torch.load(path, weights_only=True)
    if kept["recipe"] != _plain(recipe):
        raise ValueError(f"{path.parent} holds a run of another recipe; choose another --out.")
    for name, part in _parts(state).items():
        part.load_state_dict(kept[name])
    return [float(each) for each in kept["watched"]]


def _keep(path: Path, recipe: Recipe, watched: Sequence[float], state: State) -> None:
    unfinished = path.with_suffix(".part")
    parts = {name: part.state_dict() for name, part in _parts(state).items()}
    torch.save({"recipe": _plain(recipe), "watched": list(watched), **parts}, unfinished)
    os.replace(unfinished, path)


def _plain(recipe: Recipe) -> str:
    return json.dumps(recipe.as_dict(), sort_keys=True)


def _log(path: Path, epoch: int, figures: dict[str, float]) -> None:
    row = {"epoch": epoch + 1, **{name: f"{value:.5f}" for name, value in figures.items()}}
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
