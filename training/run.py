"""A run on disk: the recipe it was fitted by, its checkpoint, its log and its averaged weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors.torch import load_file
from torch import Tensor

from models.architectures import Net
from training.recipe import Recipe, read_recipe

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "averaged.safetensors"
LOWEST: Final = "lowest.safetensors"  # of a run with patience
LOG: Final = "log.csv"
RECIPE: Final = "recipe.json"


@dataclass(frozen=True)
class Run:
    """A fitted run, by its directory and the recipe that it kept."""

    directory: Path
    recipe: Recipe

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights, float32."""
        return load_file(self.directory / WEIGHTS)


def open_run(directory: Path) -> Run:
    """Open a fitted run.

    Raises:
        ValueError: it is none, or is not finished.
    """
    if not (directory / RECIPE).exists() or not (directory / WEIGHTS).exists():
        raise ValueError(f"{directory.name} is no finished run: it needs {RECIPE} and {WEIGHTS}.")
    return Run(directory, read_recipe(directory / RECIPE))


def keep_recipe(directory: Path, recipe: Recipe) -> None:
    """Write beside a run what it is fitted by."""
    text = json.dumps({key: value for key, value in recipe.as_dict().items() if value is not None}, indent=1)
    (directory / RECIPE).write_text(text + "\n", encoding="utf-8")


def start_from(network: Net, initial: Path) -> int:
    """Take over from a run, or from a file of weights, what fits by name and shape; return how many tensors.

    Raises:
        ValueError: nothing fits.
        FileNotFoundError: it is not there.
    """
    source = load_file(initial / WEIGHTS if initial.is_dir() else initial)
    own = network.state_dict()
    fitting = {name: value.float() if value.is_floating_point() else value for name, value in source.items()}
    fitting = {name: value for name, value in fitting.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise ValueError(f"Nothing in {initial.name} fits the network of this recipe.")
    network.load_state_dict(fitting, strict=False)
    return len(fitting)
