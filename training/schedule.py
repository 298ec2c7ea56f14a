"""How the learning rate of a run rises and falls."""

import math
from collections.abc import Sequence
from typing import Final

from training.recipe import Recipe

PATIENCE: Final = 5  # epochs without a lower watched loss, after which a plateau halves the rate


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
