"""Sets calibration and thresholds of a fitted network on the calibration fold, with the weights as they will ship."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.card import LEAST_POSITIVES
from training.recipe import Recipe
from training.run import WEIGHTS
from training.statistics import best_f1_threshold, platt

CALIBRATION: Final = "calibration.json"


@dataclass(frozen=True)
class Calibrated:
    """What calibration found for one finding."""

    code: str
    slope: float
    intercept: float
    threshold: float
    positives: int


def shipped_weights(recipe: Recipe, run: Path, codes: Sequence[str]) -> dict[str, Tensor]:
    """Return the averaged weights of a run in float16, with the outputs of these targets alone, in this order."""
    weights = load_file(run / WEIGHTS)
    kept = [recipe.targets.index(code) for code in codes]
    for name in ("classify.weight", "classify.bias"):
        weights[name] = weights[name][kept]
    return {name: value.half().contiguous() if value.is_floating_point() else value for name, value in weights.items()}


def calibrate(recipe: Recipe, run: Path, signals: np.ndarray, truth: np.ndarray) -> Path:
    """Calibrate on prepared `signals`, float32 (n, leads, time), with `truth`, bool (n, targets of the recipe).

    Return the file made.

    A finding with fewer than 50 positives gets no threshold, and is left out.
    """
    network = recipe.untrained(len(recipe.targets)).eval()
    weights = shipped_weights(recipe, run, recipe.targets)
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    with torch.inference_mode():
        parts = [network(torch.from_numpy(part)).double().numpy() for part in np.array_split(signals, 20)]
    logits = np.concatenate(parts)
    found: list[Calibrated] = []
    for column, code in enumerate(recipe.targets):
        positives = int(truth[:, column].sum())
        if positives < LEAST_POSITIVES:
            continue
        fitted = platt(truth[:, column], logits[:, column])
        slope, intercept = round(fitted.slope, 5), round(fitted.intercept, 5)
        threshold = best_f1_threshold(truth[:, column], type(fitted)(slope, intercept)(logits[:, column]))
        found.append(Calibrated(code, slope, intercept, round(threshold, 4), positives))
    path = run / CALIBRATION
    path.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n", encoding="utf-8")
    return path
