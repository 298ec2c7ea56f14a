"""The training commands: fit, calibrate, export, evaluate, predict."""

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

OutOption = Annotated[Path, typer.Option("--out", help="Where the run keeps recipe, checkpoint, log and weights.")]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="Where prepared tensors lie, for several runs; not said: in --out.")
]
FoldsOption = Annotated[
    str | None,
    typer.Option(
        "--folds",
        metavar="TRAIN[:CALIBRATION]",
        help="Instead of the recipe's: 1-7:8 trains on folds 1 to 7, and watches and calibrates on 8.",
    ),
]


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
def fit(
    recipe: RecipeArgument,
    corpus: CorpusOption,
    out: OutOption,
    cache: CacheOption = None,
    folds: FoldsOption = None,
) -> None:
    """Fit a network. Run it again with the same --out to go on after a kill."""
    from training.corpus import Corpus
    from training.fit import fit as run
    from training.fit import load_data
    from training.recipe import read_recipe

    plan = read_recipe(recipe)
    if folds is not None:
        plan = plan.on_folds(folds)
    typer.echo(f"averaged weights: {run(load_data(Corpus(corpus), plan, cache or out), plan, out)}")


@app.command()
@errors_told()
def calibrate(corpus: CorpusOption, out: OutOption, cache: CacheOption = None) -> None:
    """Set calibration and thresholds of a fitted run on the fold that its recipe names for it."""
    from training.calibrate import calibrate as run
    from training.corpus import Corpus, prepared
    from training.labels import columns
    from training.run import open_run

    plan, source = open_run(out).recipe, Corpus(corpus)
    entries = source.fold(plan.calibration_fold)
    if not entries:
        raise ValueError(f"The corpus holds no recording of fold {plan.calibration_fold}.")
    signals = prepared(source, entries, plan.preparation, cache or out)
    truth = source.targets(entries)[:, columns(plan.targets)]
    typer.echo(run(plan, out, signals, truth).read_text(encoding="utf-8"))


@app.command()
@errors_told()
def export(
    corpus: CorpusOption,
    out: OutOption,
    to: Annotated[Path, typer.Option(help="Where weights and card are written.")] = Path("models/weights"),
) -> None:
    """Write the weights and the card of a calibrated run."""
    from training.corpus import Corpus
    from training.evaluate import table
    from training.export import export as run
    from training.run import open_run

    path, rows = run(open_run(out).recipe, out, Corpus(corpus), to)
    typer.echo(f"{table(rows)}\ncard: {path}")


@app.command()
@errors_told()
def evaluate(
    corpus: CorpusOption,
    fold: Annotated[int, typer.Option(help="Which of PTB-XL's folds to measure on.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows to this file.")] = None,
    weights: Annotated[Path, typer.Option(help="The directory of the cards, or one card.")] = Path("models/weights"),
    against: Annotated[
        Path | None, typer.Option(help="Compare with the predictions in this CSV, which `predict` or others wrote.")
    ] = None,
) -> None:
    """Print, per arm and label, the AUC with its 95 % bootstrap interval, and what the threshold does."""
    from models.network import load
    from training import compare
    from training.corpus import Corpus
    from training.evaluate import figures, recordings, score, table, write_json

    source, others = Corpus(corpus), None if against is None else compare.read_predictions(against)
    entries, rows = recordings(source, fold), []
    truth = source.targets(entries)
    for card in _cards(weights):
        classifier = load(card)
        given = score(classifier, source, entries)
        rows += figures(classifier, fold, truth, given)
        if others is not None:
            ours = compare.by_label(classifier, given)
            typer.echo(compare.table(classifier.card.arm, compare.compared(source, entries, ours, others)))
    typer.echo(table(rows))
    if json_file is not None:
        write_json(rows, json_file)


@app.command()
@errors_told()
def predict(
    corpus: CorpusOption,
    fold: Annotated[int, typer.Option(help="Which of PTB-XL's folds to predict.")],
    to: Annotated[Path, typer.Option(help="The CSV that is written: ecg_id, and a column for each label.")],
    card: Annotated[Path, typer.Option(help="The model's card.")] = Path("models/weights/twelve-lead.json"),
) -> None:
    """Write a model's probabilities for every recording of a fold, for `evaluate --against` and other programs."""
    from models.network import load
    from training.compare import by_label, write_predictions
    from training.corpus import Corpus
    from training.evaluate import recordings, score

    classifier, source = load(card), Corpus(corpus)
    entries = recordings(source, fold)
    write_predictions(to, entries, by_label(classifier, score(classifier, source, entries)))


@app.command()
@errors_told()
def quality(
    corpus: CorpusOption,
    fold: Annotated[list[int], typer.Option(help="Which of PTB-XL's folds; may be given several times.")],
) -> None:
    """Print how many recordings the quality gate refuses, by code."""
    from training import quality
    from training.corpus import Corpus

    source = Corpus(corpus)
    if not (entries := source.fold(*fold)):
        raise ValueError("The corpus holds no recording of these folds.")
    typer.echo(quality.table(quality.refusals(source, entries)))


def _cards(weights: Path) -> list[Path]:
    if weights.is_file():
        return [weights]
    if not (cards := sorted(weights.glob("*.json"))):
        raise ValueError(f"{weights} holds no model card.")
    return cards


@app.callback()
def main() -> None:
    """Train, calibrate, evaluate and export the models."""
