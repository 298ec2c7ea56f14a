"""Fits a network by a recipe: seeded, resumable after each epoch, with a progress bar and a CSV log."""

import csv
import json
import os
import shutil
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
from training.crew import Crew
from training.digitisation import as_digitised
from training.distil import softened
from training.labels import columns
from training.masking import keep_some
from training.precision import half
from training.recipe import Recipe
from training.run import CHECKPOINT, LOG, LOWEST, WEIGHTS, keep_recipe, start_from
from training.schedule import rate
from training.statistics import auc

ALONE: Final = Crew()


@dataclass(frozen=True, eq=False)
class Data:
    """What a run learns from, and what it is watched on: signals (n, leads, time), truth 0 or 1 (n, outputs)."""

    signals: NDArray[np.float32]
    truth: NDArray[np.float32]
    watched: NDArray[np.float32]
    watched_truth: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class State:
    """A run in memory: the network, its average, what moves it, and who works on it."""

    network: Net
    averaged: Net
    optimiser: torch.optim.Optimizer
    crew: Crew = ALONE

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Return by name what a checkpoint holds."""
        return {"network": self.network, "averaged": self.averaged, "optimiser": self.optimiser}


def load_data(corpus: Corpus, recipe: Recipe, cache: Path) -> Data:
    """Prepare the training folds and the calibration fold. The statements stand behind the targets, where they help.

    Where the recipe has teachers, the truth of the training folds is mixed with what they say.
    """
    train, watched = corpus.training(recipe.train_folds), corpus.fold(recipe.calibration_fold)
    if recipe.share < 1:
        drawn = np.random.default_rng(recipe.seed).permutation(len(train))[: round(recipe.share * len(train))]
        train = tuple(train[at] for at in np.sort(drawn))
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


def fit(data: Data, recipe: Recipe, out: Path, crew: Crew = ALONE) -> Path:
    """Fit, and return the file with the averaged weights. A run that was killed goes on after its last whole epoch.

    Those weights are of the last epoch, or, where the recipe has patience, of the one with the lowest watched loss.

    Raises:
        ValueError: there are fewer recordings than a batch holds, a batch cannot be shared by the crew, or `out` holds
            a run of another recipe.
    """
    if len(data.signals) < recipe.batch:
        raise ValueError(f"{len(data.signals)} recordings are fewer than a batch of {recipe.batch}.")
    if recipe.batch % crew.size:
        raise ValueError(f"A batch of {recipe.batch} cannot be shared by {crew.size} processes.")
    out.mkdir(parents=True, exist_ok=True)
    state = _begun(recipe, data.truth.shape[1], crew)
    watched = _resume(out / CHECKPOINT, recipe, state)
    crew.wait()
    learner = crew.learner(state.network)
    if crew.leads:
        keep_recipe(out, recipe)
    while len(watched) < recipe.epochs and not _out_of_patience(recipe, watched):
        loss = _epoch(data, recipe, watched, state, learner)
        logits = watched_logits(state.averaged, data, crew.device)
        watched.append(_cross_entropy(logits[:, : len(recipe.targets)], data.watched_truth))
        if crew.leads:
            if recipe.patience and watched[-1] == min(watched):
                _save(state.averaged, out / LOWEST)
            _keep(out / CHECKPOINT, recipe, watched, state)
            told = {"loss": loss, "watched": watched[-1]} | auc_of_targets(recipe, logits, data)
            _log(out / LOG, len(watched), told)
    if crew.leads:
        if recipe.patience:
            shutil.copyfile(out / LOWEST, out / WEIGHTS)
        else:
            _save(state.averaged, out / WEIGHTS)
    crew.wait()
    return out / WEIGHTS


def _out_of_patience(recipe: Recipe, watched: Sequence[float]) -> bool:
    return bool(recipe.patience and watched) and len(watched) - int(np.argmin(watched)) > recipe.patience


def _save(network: nn.Module, path: Path) -> None:
    save_file({name: value.cpu() for name, value in network.state_dict().items()}, path)


def _begun(recipe: Recipe, outputs: int, crew: Crew) -> State:
    """Return a run before its first epoch, the same in every process."""
    torch.manual_seed(recipe.seed)
    network = recipe.untrained(outputs)
    if recipe.initial:
        start_from(network, Path(recipe.initial))
    averaged = recipe.untrained(outputs).requires_grad_(False)
    averaged.load_state_dict(network.state_dict())
    network, averaged = network.to(crew.device), averaged.to(crew.device)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return State(network, averaged, kind(network.parameters(), weight_decay=recipe.weight_decay), crew)


def watched_logits(network: Net, data: Data, device: torch.device = ALONE.device) -> NDArray[np.float32]:
    """Return the logits on the watched fold, float32 (n, outputs)."""
    network.eval()
    with torch.inference_mode():
        parts = [network(torch.from_numpy(part).to(device)).cpu().numpy() for part in _batches(data.watched, 256)]
    return np.concatenate(parts)


def auc_of_targets(recipe: Recipe, logits: NDArray[np.float32], data: Data) -> dict[str, float]:
    """Return the AUC of each target on the watched fold: to watch a run, not to report it."""
    return {code: auc(data.watched_truth[:, at], logits[:, at]) for at, code in enumerate(recipe.targets)}


def _epoch(data: Data, recipe: Recipe, watched: Sequence[float], state: State, learner: nn.Module) -> float:
    epoch, crew = len(watched), state.crew
    # Each epoch draws from its own stream, so that a resumed run meets the same numbers as an unbroken one. All of a
    # crew draw the same batch, and each takes its part.
    rng = np.random.default_rng((recipe.seed, epoch))
    torch.manual_seed(int(rng.integers(2**31)) + crew.rank)
    learner.train()
    order = rng.permutation(len(data.signals))
    steps = len(order) // recipe.batch
    total, name = 0.0, f"epoch {epoch + 1}/{recipe.epochs}"
    for step in (bar := tqdm(range(steps), name, unit="step", mininterval=2, disable=not crew.leads)):
        at = np.sort(order[step * recipe.batch : (step + 1) * recipe.batch])
        signal, truth = augmented(torch.from_numpy(data.signals[at]), torch.from_numpy(data.truth[at]), recipe, rng)
        done = epoch * steps + step
        for group in state.optimiser.param_groups:
            group["lr"] = rate(recipe, done / (recipe.epochs * steps), watched)
        total += _step(learner, state.optimiser, crew.share(signal), crew.share(truth))
        _average(state.averaged, state.network, min(recipe.averaging, (1 + done) / (10 + done)))
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
    signal = keep_some(signal, recipe.masking, leads, rng)
    return as_digitised(signal, recipe.digitisation, fs, leads, rng), truth


def _step(network: nn.Module, optimiser: torch.optim.Optimizer, signal: Tensor, truth: Tensor) -> float:
    with half(signal.device):
        logits = network(signal)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), truth)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach())


def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            kept = averaged.state_dict()[name]
            if value.is_floating_point():
                kept.lerp_(value, 1 - decay)
            else:
                kept.copy_(value)


def _cross_entropy(logits: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    loss = functional.binary_cross_entropy_with_logits(torch.from_numpy(logits), torch.from_numpy(truth).float())
    return float(loss)


def _resume(path: Path, recipe: Recipe, state: State) -> list[float]:
    """Load the last whole epoch, and return the watched losses up to it."""
    if not path.exists():
        return []
    kept = torch.load(path, weights_only=True, map_location=state.crew.device)
    if kept["recipe"] != _plain(recipe):
        raise ValueError(f"{path.parent} holds a run of another recipe; choose another --out.")
    for name, part in state.parts().items():
        part.load_state_dict(kept[name])
    return [float(each) for each in kept["watched"]]


def _keep(path: Path, recipe: Recipe, watched: Sequence[float], state: State) -> None:
    unfinished = path.with_suffix(".part")
    parts = {name: part.state_dict() for name, part in state.parts().items()}
    torch.save({"recipe": _plain(recipe), "watched": list(watched), **parts}, unfinished)
    os.replace(unfinished, path)


def _plain(recipe: Recipe) -> str:
    return json.dumps(recipe.as_dict(), sort_keys=True)


def _log(path: Path, epoch: int, figures: dict[str, float]) -> None:
    row = {"epoch": epoch, **{name: f"{value:.5f}" for name, value in figures.items()}}
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
