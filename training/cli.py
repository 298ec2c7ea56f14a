"""The training commands: prepare, fit, calibrate, export, evaluate, predict, ablate, quality, explain, synthesise."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from training import options
from training.options import command

if TYPE_CHECKING:
    from training.corpus import Corpus

app = typer.Typer(help="Train, calibrate, evaluate and export the models.", no_args_is_help=True)


@command(app, options.Prepare)
def prepare(asked: options.Prepare) -> None:
    from training.corpus import Corpus, prepared
    from training.recipe import read_recipe

    plan = read_recipe(asked.recipe)
    corpus = Corpus(asked.corpus, by_patients=plan.by_patients)
    for entries in (corpus.training(plan.train_folds), corpus.fold(plan.calibration_fold)):
        if not entries:
            raise ValueError("The corpus holds none of the recipe's recordings.")
        made = prepared(corpus, entries, plan.preparation, asked.cache)
        typer.echo(f"{made.shape[0]} recordings, {made.shape[1]} leads, {made.shape[2]} samples")


@command(app, options.Fit)
def fit(asked: options.Fit) -> None:
    from training.corpus import Corpus
    from training.crew import crew
    from training.fit import fit as run
    from training.fit import load_data
    from training.plots import curves
    from training.recipe import read_recipe

    plan = read_recipe(asked.recipe)
    if asked.folds is not None:
        plan = plan.on_folds(asked.folds)
    corpus = Corpus(asked.corpus, by_patients=plan.by_patients)
    with crew() as us:
        if not us.leads:
            us.wait()  # for what the first prepares and keeps
        data = load_data(corpus, plan, asked.cache or asked.out)
        if us.leads:
            us.wait()
        weights = run(data, plan, asked.out, us)
        if us.leads:
            typer.echo(f"averaged weights: {weights}\ntraining curves: {curves(asked.out)}")


@command(app, options.Calibrate)
def calibrate(asked: options.Calibrate) -> None:
    from training.calibrate import calibrate as run
    from training.calibrate import table
    from training.corpus import Corpus
    from training.run import open_run

    runs = [open_run(each) for each in (asked.out, *asked.others)]
    corpus = Corpus(asked.corpus, by_patients=runs[0].recipe.by_patients)
    typer.echo(table(run(runs, corpus, asked.cache, asked.shifts or [0.0])))


@command(app, options.Export)
def export(asked: options.Export) -> None:
    from training.corpus import Corpus
    from training.evaluate import table
    from training.export import export as run

    path, rows = run(asked.out, Corpus(asked.corpus, by_patients=asked.split), asked.to)
    typer.echo(f"{table(rows)}\ncard: {path}")


@command(app, options.Evaluate)
def evaluate(asked: options.Evaluate) -> None:
    from models.network import load
    from training import compare, plots
    from training.corpus import Corpus
    from training.evaluate import figures, recordings, score, table, write_json
    from training.subgroups import subgroups

    source = Corpus(asked.corpus, by_patients=asked.split)
    others = None if asked.against is None else compare.read_predictions(asked.against)
    entries, rows, parts = recordings(source, asked.fold), [], []
    truth = source.targets(entries)
    for card in _cards(asked.weights, source):
        classifier = load(card)
        given = score(classifier, source, entries, asked.show)
        measured = figures(classifier, asked.fold, truth, given)
        rows += measured
        if asked.subgroups:
            parts += subgroups(classifier, asked.fold, entries, truth, given)
        if asked.plots is not None:
            plots.evaluation(asked.plots, classifier, truth, given)
        if others is not None:
            ours = compare.by_label(classifier, given)
            typer.echo(compare.table(classifier.card.arm, compare.compared(source, entries, ours, others)))
    typer.echo(table(rows + parts))
    if asked.json_file is not None:
        write_json(rows + parts, asked.json_file)


@command(app, options.Predict)
def predict(asked: options.Predict) -> None:
    from models.network import load
    from training.compare import by_label, write_predictions
    from training.corpus import Corpus
    from training.evaluate import recordings, score

    classifier, source = load(asked.card), Corpus(asked.corpus, by_patients=asked.split)
    entries = recordings(source, asked.fold)
    write_predictions(asked.to, entries, by_label(classifier, score(classifier, source, entries)))


@command(app, options.Gate)
def quality(asked: options.Gate) -> None:
    from training import quality
    from training.corpus import Corpus

    source = Corpus(asked.corpus)
    if not (entries := source.fold(*asked.folds)):
        raise ValueError("The corpus holds no recording of these folds.")
    typer.echo(quality.table(quality.refusals(source, entries)))


@command(app, options.Ablate)
def ablate(asked: options.Ablate) -> None:
    from dataclasses import replace

    from training.ablate import ablate as run
    from training.ablate import table, variations
    from training.corpus import Corpus
    from training.recipe import read_recipe

    base = replace(read_recipe(asked.recipe).on_folds(asked.folds), epochs=asked.epochs)
    corpus = Corpus(asked.corpus, by_patients=base.by_patients)
    every = variations(base, high_rate=corpus.high_rate)
    if unknown := [name for name in asked.only if name not in {each.name for each in every}]:
        raise ValueError(f"No variation {', '.join(unknown)}; there are {', '.join(each.name for each in every)}.")
    chosen = [each for each in every if not asked.only or each.name in asked.only]
    typer.echo(table(run(chosen, corpus, asked.out, asked.fold)))


@command(app, options.Guards)
def guards(asked: options.Guards) -> None:
    from training.corpus import Corpus
    from training.guards import run, told

    for card in run(Corpus(asked.corpus), asked.out, asked.to):
        typer.echo(told(card))


@command(app, options.Explain)
def explain(asked: options.Explain) -> None:
    from models.network import load, use_threads
    from training import explanation_tables
    from training.corpus import Corpus

    use_threads(1)
    source = Corpus(asked.corpus)
    tables = [
        explanation_tables.measured(load(card), source, asked.fold, asked.count)
        for card in _cards(asked.weights, source)
    ]
    typer.echo("\n".join(tables))
    if asked.to is not None:
        explanation_tables.write(tables, asked.to)


@command(app, options.Synthesise)
def synthesise(asked: options.Synthesise) -> None:
    from training.corpus import Corpus
    from training.synthesise.write import Order, chosen
    from training.synthesise.write import synthesise as run

    corpus = Corpus(asked.corpus)
    entries = chosen(corpus, asked.folds, asked.count, asked.seed)
    run(corpus, entries, asked.out, Order(asked.seed, asked.quality, asked.unseen))
    typer.echo(f"{len(entries)} pages: {asked.out}")


def _cards(weights: Path, corpus: "Corpus") -> list[Path]:
    """Return the cards of a directory, one card, or that of a calibrated run, which is written for it."""
    from training.calibrate import CALIBRATION
    from training.export import write_model

    if weights.is_file():
        return [weights]
    if (weights / CALIBRATION).exists():
        return [write_model(weights, corpus, weights / "model")]
    if not (cards := sorted(weights.glob("*.json"))):
        raise ValueError(f"{weights} holds no model card.")
    return cards


@app.callback()
def main() -> None:
    """Train, calibrate, evaluate and export the models."""
