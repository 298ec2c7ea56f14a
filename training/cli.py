"""The training commands: fit, calibrate, export, evaluate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ecg.errors import EcgError

app = typer.Typer(help="Train, calibrate, evaluate and export the models.", no_args_is_help=True)

CorpusOption = Annotated[
    Path, typer.Option("--corpus", help="PTB-XL in its official layout.", exists=True, file_okay=False)
]
RecipeArgument = Annotated[
    Path, typer.Argument(help="A recipe, such as training/recipes/twelve-lead.toml.", exists=True)
]

OutOption = Annotated[Path, typer.Option("--out", help="Where the run keeps checkpoint, log, weights and tensors.")]


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn what a user can mend into a line that says so."""
    try:
        yield
    except FileNotFoundError as error:
        raise typer.BadParameter(f"{error.filename} is not there.") from error
    except (EcgError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
@errors_told()
def fit(recipe: RecipeArgument, corpus: CorpusOption, out: OutOption) -> None:
    """Fit a network. Run it again with the same --out to go on after a kill."""
    from training.corpus import Corpus
    from training.fit import fit as run
    from training.fit import load_data
    from training.recipe import read_recipe

    plan = read_recipe(recipe)
    typer.echo(f"averaged weights: {run(load_data(Corpus(corpus), plan, out), plan, out)}")


@app.command()
@errors_told()
def calibrate(recipe: RecipeArgument, corpus: CorpusOption, out: OutOption) -> None:
    """Set calibration and thresholds of a fitted run on the recipe's calibration fold."""
    from training.calibrate import calibrate as run
    from training.corpus import Corpus, prepared
    from training.labels import columns
    from training.recipe import read_recipe

    plan, source = read_recipe(recipe), Corpus(corpus)
    entries = source.fold(plan.calibration_fold)
    if not entries:
        raise ValueError(f"The corpus holds no recording of fold {plan.calibration_fold}.")
    signals = prepared(source, entries, plan.preparation, out)
    truth = source.targets(entries)[:, columns(plan.targets)]
    typer.echo(run(plan, out, signals, truth).read_text(encoding="utf-8"))


@app.command()
@errors_told()
def export(
    recipe: RecipeArgument,
    corpus: CorpusOption,
    out: OutOption,
    to: Annotated[Path, typer.Option(help="Where weights and card are written.")] = Path("models/weights"),
) -> None:
    """Write the weights and the card of a calibrated run."""
    from training.corpus import Corpus
    from training.evaluate import table
    from training.export import export as run
    from training.recipe import read_recipe

    path, rows = run(read_recipe(recipe), out, Corpus(corpus), to)
    typer.echo(f"{table(rows)}\ncard: {path}")


@app.command()
@errors_told()
def evaluate(
    corpus: CorpusOption,
    fold: Annotated[int, typer.Option(help="Which of PTB-XL's folds to measure on.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows to this file.")] = None,
    weights: Annotated[Path, typer.Option(help="The directory of the cards.")] = Path("models/weights"),
    high_rate: Annotated[bool, typer.Option("--high-rate", help="Read the 500 Hz signals.")] = False,
) -> None:
    """Print, per arm and label, the AUC with its 95 % bootstrap interval, and what the threshold does."""
    from models.network import load
    from training.corpus import Corpus
    from training.evaluate import evaluate as run
    from training.evaluate import table, write_json

    source, cards = Corpus(corpus, high_rate=high_rate), sorted(weights.glob("*.json"))
    if not cards:
        raise ValueError(f"{weights} holds no model card.")
    rows = [row for card in cards for row in run(load(card), source, fold)]
    typer.echo(table(rows))
    if json_file is not None:
        write_json(rows, json_file)


@app.callback()
def main() -> None:
    """Train, calibrate, evaluate and export the models."""
