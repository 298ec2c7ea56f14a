"""The options of the training commands: a frozen dataclass each, from which the command line is made."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from ecg.errors import EcgError

Asked = TypeVar("Asked")
SHIPPED = Path("models/weights")

Corpus = Annotated[Path, typer.Option("--corpus", help="PTB-XL in its official layout.", exists=True, file_okay=False)]
Out = Annotated[Path, typer.Option("--out", help="Where the run keeps recipe, checkpoint, log and weights.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Where prepared tensors lie, for several runs; not said: in the run.")
]
RecipeFile = Annotated[Path, typer.Argument(help="A recipe, such as training/recipes/twelve-lead.toml.", exists=True)]
Fold = Annotated[int, typer.Option("--fold", help="Which fold to measure on.")]
Split = Annotated[
    bool, typer.Option("--by-patients", help="Folds 1, 2, 3 are 70, 15, 15 % of the patients, not PTB-XL's folds.")
]


@dataclass(frozen=True)
class Prepare:
    """Read the corpus once, check it, and keep what a recipe's network eats, for runs with the same --cache."""

    recipe: RecipeFile
    corpus: Corpus
    cache: Annotated[Path, typer.Option("--cache", help="Where prepared tensors lie.")]


@dataclass(frozen=True)
class Fit:
    """Fit a network. Run it again with the same --out to go on after a kill. Several GPUs: torchrun -m training fit."""

    recipe: RecipeFile
    corpus: Corpus
    out: Out
    cache: Cache = None
    folds: Annotated[
        str | None,
        typer.Option(
            "--folds",
            metavar="TRAIN[:CALIBRATION]",
            help="Instead of the recipe's: 1-7:8 trains on folds 1 to 7, and watches and calibrates on 8.",
        ),
    ] = None


@dataclass(frozen=True)
class Calibrate:
    """Make a model of a fitted run, or of several: calibration and thresholds, on the fold that their recipes name."""

    corpus: Corpus
    out: Out
    others: Annotated[
        list[Path], typer.Option("--with", help="A further run whose outputs are averaged with it; again for more.")
    ] = field(default_factory=list)
    shifts: Annotated[
        list[float], typer.Option("--shift", help="Score each ECG moved by so many seconds; again for more.")
    ] = field(default_factory=list)
    cache: Cache = None


@dataclass(frozen=True)
class Export:
    """Write the weights and the card of a calibrated run."""

    corpus: Corpus
    out: Out
    to: Annotated[Path, typer.Option("--to", help="Where weights and card are written.")] = SHIPPED
    split: Split = False


@dataclass(frozen=True)
class Evaluate:
    """Print, per arm and label, the AUC with its 95 % bootstrap interval, and what the threshold does."""

    corpus: Corpus
    fold: Fold
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows to this file.")] = None
    weights: Annotated[
        Path, typer.Option("--weights", help="The directory of the cards, one card, or a calibrated run.")
    ] = SHIPPED
    against: Annotated[
        Path | None,
        typer.Option(help="Compare with the predictions in this CSV, which `predict` or others wrote."),
    ] = None
    subgroups: Annotated[bool, typer.Option("--subgroups", help="Also by sex, age, device, site and pacemaker.")] = (
        False
    )
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Draw ROC, reliability and coverage-risk into this directory.")
    ] = None
    show: Annotated[
        str,
        typer.Option(
            "--show",
            metavar="LEADS",
            help="Show the models only these: 'II', 'I,II', or '3x4' for a page with a strip.",
        ),
    ] = ""
    split: Split = False


@dataclass(frozen=True)
class Explain:
    """Print how far explanations can be trusted: random weights, deletion, top leads in infarctions."""

    corpus: Corpus
    fold: Fold
    count: Annotated[int, typer.Option("--count", min=1, help="How many ECGs with an asserted finding.")] = 100
    weights: Annotated[Path, typer.Option("--weights", help="The directory of the cards, or one card.")] = SHIPPED
    to: Annotated[Path | None, typer.Option("--to", help="Also write the tables into this page.")] = None


@dataclass(frozen=True)
class Predict:
    """Write a model's probabilities for every recording of a fold, for `evaluate --against` and other programs."""

    corpus: Corpus
    fold: Fold
    to: Annotated[Path, typer.Option("--to", help="The CSV that is written: ecg_id, and a column for each label.")]
    card: Annotated[Path, typer.Option("--card", help="The model's card.")] = SHIPPED / "twelve-lead.json"
    split: Split = False


@dataclass(frozen=True)
class Ablate:
    """Fit variations of a recipe and measure each: data, rate, target, leads, networks. Goes on after a kill."""

    recipe: RecipeFile
    corpus: Corpus
    out: Annotated[Path, typer.Option("--out", help="Where the runs and the table lie.")]
    fold: Fold
    folds: Annotated[
        str, typer.Option("--folds", metavar="TRAIN:CALIBRATION", help="What the variations train on and watch.")
    ] = "1-7:8"
    epochs: Annotated[int, typer.Option("--epochs", help="Of each fit.")] = 10
    only: Annotated[
        list[str], typer.Option("--only", help="One variation by its name, such as '50 Hz'; again for more.")
    ] = field(default_factory=list)


@dataclass(frozen=True)
class Guards:
    """Fit the guards against swapped electrodes and unlike recordings: folds 1 to 7, limits on 8, figures on 9."""

    corpus: Corpus
    out: Annotated[Path, typer.Option("--out", help="Where the corpus's median beats are kept.")]
    to: Annotated[Path, typer.Option("--to", help="Where arrays and cards are written.")] = Path("models/guard_weights")


@dataclass(frozen=True)
class Gate:
    """Print how many recordings the quality gate refuses, by code."""

    corpus: Corpus
    folds: Annotated[list[int], typer.Option("--fold", help="Which of PTB-XL's folds; may be given several times.")]


@dataclass(frozen=True)
class Synthesise:
    """Draw recordings on pages of many looks, wear them, keep the truth beside them. A seed draws the same again."""

    corpus: Corpus
    out: Annotated[Path, typer.Option("--out", help="Where pages, truth (.npy) and styles (.json) are written.")]
    count: Annotated[int, typer.Option("--count", min=1, help="How many pages.")] = 100
    seed: Annotated[int, typer.Option("--seed", help="Of recordings, styles and wear.")] = 1
    folds: Annotated[
        list[int], typer.Option("--fold", help="Of which PTB-XL fold the recordings are; again for more.")
    ] = field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7, 8])
    quality: Annotated[str, typer.Option("--quality", help="clean, scan or photo.")] = "scan"
    unseen: Annotated[bool, typer.Option("--unseen", help="Papers, inks and fonts that nothing was tuned on.")] = False


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn what a user can mend into a line that says so."""
    try:
        yield
    except FileNotFoundError as error:
        raise typer.BadParameter(f"{error.filename} is not there.") from error
    except (EcgError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error


def command(app: typer.Typer, kind: type[Asked]) -> Callable[[Callable[[Asked], None]], Callable[[Asked], None]]:
    """Make a function that takes these options, as one frozen dataclass, a command of its own name."""
    of: Any = kind
    hints = get_type_hints(kind, include_extras=True)

    def register(function: Callable[[Asked], None]) -> Callable[[Asked], None]:
        def run(**given: Any) -> None:
            with errors_told():
                function(kind(**given))

        run.__doc__ = kind.__doc__
        run.__annotations__ = hints
        run.__dict__["__signature__"] = inspect.Signature([_parameter(each.name, hints) for each in fields(of)])
        app.command(name=function.__name__)(run)
        return function

    def _parameter(name: str, annotations: dict[str, Any]) -> inspect.Parameter:
        (declared,) = [each for each in fields(of) if each.name == name]
        default = declared.default
        if declared.default_factory is not MISSING:
            default = declared.default_factory()
        empty = inspect.Parameter.empty if default is MISSING else default
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=empty, annotation=annotations[name])

    return register
