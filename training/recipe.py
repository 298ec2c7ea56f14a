"""A recipe: everything that decides what a training run makes, read from TOML, or from the JSON that a run keeps."""

import json
import tomllib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from ecg.canonical import SECONDS
from models.architectures import NETS, Net
from models.nets.paper import PaperShape
from models.nets.resnet1d import ResNet1dShape
from models.nets.statespace1d import StateSpace1dShape
from models.prepare import Preparation
from training.labels import TARGETS, columns

ANY_LEADS: Final = ("subset", "image")  # the arms that read whichever leads are there


@dataclass(frozen=True)
class Teacher:
    """Fitted runs whose averaged probabilities are learned beside the truth (Hinton et al., arXiv 1503.02531).

    Attributes:
        runs: directories of runs.
        weight: the teachers' share in the loss, 0 to 1.
        shifts: seconds by which they see each recording moved, one after the other.
    """

    runs: tuple[str, ...]
    weight: float = 0.5
    shifts: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if not (self.runs and self.shifts and 0 < self.weight <= 1):
            raise ValueError("A teacher needs runs, shifts, and a weight above 0 and up to 1.")


@dataclass(frozen=True)
class Recipe:
    """How to train one network, on a `share` of the recordings of its folds. `averaging` is the decay per step.

    Folds are PTB-XL's, or, where `split` is 'patients', 1, 2 and 3: 70, 15 and 15 % of the patients.

    `targets` are the outputs that count; with `helpers` the corpus's statements are learned beside them. A `schedule`
    is 'one-cycle' or 'plateau': then the rate is halved when the watched loss has not fallen for five epochs. With
    `patience` a run ends after so many epochs without a lower watched loss, and keeps the weights of the lowest; at 0
    it goes to its end, and keeps the last. `initial` is a run, or a file of weights, to start from: what fits by name
    and shape is taken over.

    Augmentation, each off at 0: `mixup` is the alpha of its beta; `shift` is in seconds; `stretch` and `gain` are
    shares; `wander` and `noise` are in mV at the electrodes; `masking` is the share of recordings that keep only some
    leads, or leads for some of the time; `digitisation` is the share that is seen as read off a page, after
    everything else.
    """

    name: str
    version: str
    arm: str
    train_folds: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    calibration_fold: int = 9
    share: float = 1.0
    split: Literal["folds", "patients"] = "folds"
    seed: int = 1
    epochs: int = 20
    batch: int = 128
    optimiser: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["one-cycle", "plateau"] = "one-cycle"
    learning_rate: float = 0.004
    weight_decay: float = 0.02
    patience: int = 0
    warm_up: float = 0.2
    mixup: float = 0.4
    shift: float = 0.5
    stretch: float = 0.0
    gain: float = 0.0
    wander: float = 0.0
    noise: float = 0.0
    masking: float = 0.0
    digitisation: float = 0.0
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
    initial: str = ""
    teacher: Teacher | None = None
    preparation: Preparation = field(default_factory=Preparation)

    def __post_init__(self) -> None:
        columns(self.targets)  # they are known
        if self.network not in NETS:
            raise ValueError(f"{self.network} is none of the networks {', '.join(NETS)}.")
        if self.calibration_fold in self.train_folds:
            raise ValueError(f"Fold {self.calibration_fold} cannot be trained on and calibrated on.")
        if self.preparation.z_score and (self.gain or self.wander or self.noise or self.digitisation):
            raise ValueError("A gain, wander, noise or digitisation in mV has no meaning after a z-score of each lead.")

    @property
    def by_patients(self) -> bool:
        """Whether its folds are those of the patient split."""
        return self.split == "patients"

    @property
    def any_leads(self) -> bool:
        """Whether its arm reads whichever leads are there."""
        return self.arm in ANY_LEADS

    def on_folds(self, words: str) -> "Recipe":
        """Return the recipe with other folds, as '1-7:8' names them: for training, and, if said, for calibration.

        Raises:
            ValueError: it names none, or one fold for both.
        """
        train, _, calibration = words.partition(":")
        watched = folds_of(calibration) if calibration else (self.calibration_fold,)
        if len(watched) != 1:
            raise ValueError(f"{words} names more than one fold to calibrate on.")
        return replace(self, train_folds=folds_of(train), calibration_fold=watched[0])

    def shape(self, outputs: int) -> ResNet1dShape | StateSpace1dShape | PaperShape:
        """Return the network's shape with this many outputs."""
        leads = len(self.preparation.leads)
        if self.network == "paper":
            samples = SECONDS * self.preparation.fs
            return PaperShape(leads, outputs, self.widths, self.kernels, samples, dropout=self.dropout)
        if self.network == "statespace1d":
            (layers,), (stem, width) = self.blocks, self.widths
            return StateSpace1dShape(
                leads, outputs, (stem, width), layers, self.stem_kernel, self.kernel, dropout=self.dropout
            )
        return ResNet1dShape(leads, outputs, self.widths, self.blocks, self.kernel, self.stem_kernel, self.dropout)

    def untrained(self, outputs: int) -> Net:
        """Return the network with this many outputs, as it is before training."""
        return NETS[self.network][0](self.shape(outputs))

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, for cards and logs."""
        return asdict(self)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from TOML, or from JSON as a run keeps it.

    Raises:
        ValueError: it cannot be read, or a key is unknown or missing.
    """
    text = path.read_text(encoding="utf-8")
    try:
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        preparation = Preparation(**_tuples(table.pop("preparation", {})))
        teacher = table.pop("teacher", None)
        return Recipe(
            **_tuples(table), preparation=preparation, teacher=Teacher(**_tuples(teacher)) if teacher else None
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def folds_of(words: str) -> tuple[int, ...]:
    """Return the folds that '1-7' or '1,2,5-7' names.

    Raises:
        ValueError: it names none.
    """
    try:
        parts = [[int(end) for end in part.split("-")] for part in words.split(",")]
    except ValueError as error:
        raise ValueError(f"{words} is no list of folds such as 1-7 or 1,2,5.") from error
    folds = tuple(fold for ends in parts for fold in range(ends[0], ends[-1] + 1))
    if not folds or any(len(ends) > 2 for ends in parts):
        raise ValueError(f"{words} is no list of folds such as 1-7 or 1,2,5.")
    return folds


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
