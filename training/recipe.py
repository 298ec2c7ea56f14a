"""A recipe: everything that decides what a training run makes, read from TOML."""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ecg.leads import LEADS
from models.nets.resnet1d import ResNet1dShape
from models.prepare import Preparation


@dataclass(frozen=True)
class Recipe:
    """How to train one network. Folds are PTB-XL's; `shift` is in seconds; `averaging` is the decay per step."""

    name: str
    version: str
    arm: str
    train_folds: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    calibration_fold: int = 9
    seed: int = 1
    epochs: int = 20
    batch: int = 128
    learning_rate: float = 0.004
    weight_decay: float = 0.02
    warm_up: float = 0.2
    mixup: float = 0.4
    shift: float = 0.5
    averaging: float = 0.998
    network: str = "resnet1d"
    widths: tuple[int, ...] = (48, 96, 160, 256)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    kernel: int = 7
    stem_kernel: int = 15
    dropout: float = 0.2
    preparation: Preparation = field(default_factory=Preparation)

    def shape(self, outputs: int) -> ResNet1dShape:
        """Return the network's shape with this many outputs."""
        return ResNet1dShape(len(LEADS), outputs, self.widths, self.blocks, self.kernel, self.stem_kernel, self.dropout)

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, for cards and logs."""
        return asdict(self)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ValueError: a key is unknown or missing.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    preparation = Preparation(**table.pop("preparation", {}))
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    try:
        return Recipe(**{**table, **lists}, preparation=preparation)
    except TypeError as error:
        raise ValueError(f"{path.name}: {error}") from error
