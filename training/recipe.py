"""A recipe: everything that decides what a training run makes, read from TOML."""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.nets.paper import PaperShape
from models.nets.resnet1d import ResNet1dShape
from models.network import NETS, Net
from models.prepare import Preparation
from training.labels import TARGETS, columns


@dataclass(frozen=True)
class Recipe:
    """How to train one network. Folds are PTB-XL's; `shift` is in seconds; `averaging` is the decay per step.

    `targets` are the outputs that count; with `helpers` the corpus's statements are learned beside them. A `schedule`
    is 'one-cycle' or 'plateau': then the rate is halved when the watched loss has not fallen for five epochs.
    """

    name: str
    version: str
    arm: str
    train_folds: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    calibration_fold: int = 9
    seed: int = 1
    epochs: int = 20
    batch: int = 128
    optimiser: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["one-cycle", "plateau"] = "one-cycle"
    learning_rate: float = 0.004
    weight_decay: float = 0.02
    warm_up: float = 0.2
    mixup: float = 0.4
    shift: float = 0.5
    averaging: float = 0.998
    targets: tuple[str, ...] = tuple(each.code for each in TARGETS)
    helpers: bool = True
    network: str = "resnet1d"
    widths: tuple[int, ...] = (48, 96, 160, 256)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    kernel: int = 7
    stem_kernel: int = 15
    kernels: tuple[int, ...] = ()
    dropout: float = 0.2
    preparation: Preparation = field(default_factory=Preparation)

    def __post_init__(self) -> None:
        columns(self.targets)  # they are known
        if self.network not in NETS:
            raise ValueError(f"{self.network} is none of the networks {', '.join(NETS)}.")

    def shape(self, outputs: int) -> ResNet1dShape | PaperShape:
        """Return the network's shape with this many outputs."""
        leads = len(self.preparation.leads)
        if self.network == "paper":
            return PaperShape(leads, outputs, self.widths, self.kernels, dropout=self.dropout)
        return ResNet1dShape(leads, outputs, self.widths, self.blocks, self.kernel, self.stem_kernel, self.dropout)

    def untrained(self, outputs: int) -> Net:
        """Return the network with this many outputs, as it is before training."""
        return NETS[self.network][0](self.shape(outputs))

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, for cards and logs."""
        return asdict(self)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ValueError: a key is unknown or missing.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    preparation = Preparation(**_tuples(table.pop("preparation", {})))
    try:
        return Recipe(**_tuples(table), preparation=preparation)
    except TypeError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
