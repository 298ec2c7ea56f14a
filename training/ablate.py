"""The published system's ablations: what data, rate, target, leads and the number of networks are worth, in a table."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import torch

from ecg.leads import LEADS, LIMB_LEADS
from models.ensemble import averaged
from training.calibrate import common_targets, run_logits
from training.corpus import Corpus, Entry, prepared
from training.fit import fit, load_data
from training.labels import columns
from training.recipe import Recipe
from training.run import Run, open_run
from training.statistics import auc_interval

TABLE: Final = "ablations.csv"
UPSAMPLED: Final = "upsampled from 100 Hz: not a test of the paper"
NETWORKS: Final = 3  # of the largest ensemble


@dataclass(frozen=True)
class Variation:
    """One fit for each recipe; several are averaged. `note` says what its figures must not be taken for."""

    name: str
    recipes: tuple[Recipe, ...]
    note: str = ""


@dataclass(frozen=True)
class Ablated:
    """A figure of the table: the AUC of a label on the fold that is measured, with its 95 % interval."""

    variation: str
    label: str
    fold: int
    n: int
    positives: int
    auc: float
    auc_low: float
    auc_high: float
    note: str


def variations(base: Recipe, *, high_rate: bool) -> tuple[Variation, ...]:
    """Return what is varied of a recipe, the recipe itself first.

    Args:
        base: the recipe.
        high_rate: whether the corpus is read at 500 Hz.
    """
    seeds = tuple(replace(base, seed=base.seed + more) for more in range(NETWORKS))
    made = [Variation("as it is", (base,)), Variation("10 % of the data", (replace(base, share=0.1),))]
    for fs, cutoff in ((50, 22.0), (100, 45.0), (500, 249.0)):
        preparation = replace(base.preparation, fs=fs, cutoff=cutoff, taps=1 if fs == 500 else 101)
        note = UPSAMPLED if fs == 500 and not high_rate else ""
        made.append(Variation(f"{fs} Hz", (replace(base, preparation=preparation),), note))
    for target in base.targets:
        made.append(Variation(f"{target} alone", (replace(base, targets=(target,)),)))
    for name, leads in (("Lead II", ("II",)), ("limb leads", LIMB_LEADS), ("V1 to V6", LEADS[6:]), ("12 leads", LEADS)):
        made.append(Variation(name, (replace(base, preparation=replace(base.preparation, leads=leads)),)))
    made += [Variation(f"{count} networks", seeds[:count]) for count in range(2, NETWORKS + 1)]
    return tuple(made)


def ablate(asked: Sequence[Variation], corpus: Corpus, out: Path, fold: int) -> list[Ablated]:
    """Fit each variation, one after the other, and measure it on a fold; a run that was killed goes on where it was.

    Runs of one recipe are fitted once. The table is written anew after each variation.

    Raises:
        ValueError: the fold is empty, or was learned from.
    """
    if not (entries := corpus.fold(fold)):
        raise ValueError(f"The corpus holds no recording of fold {fold}.")
    if any(fold in recipe.train_folds for variation in asked for recipe in variation.recipes):
        raise ValueError(f"Fold {fold} is trained on.")
    rows: list[Ablated] = []
    fitted: dict[Recipe, Run] = {}
    for variation in asked:
        for recipe in variation.recipes:
            if recipe not in fitted:
                fitted[recipe] = _fitted(recipe, corpus, out, len(fitted))
        runs = [fitted[recipe] for recipe in variation.recipes]
        rows += _measured(variation, runs, corpus, entries, out)
        _write(rows, out / TABLE)
    return rows


def table(rows: Sequence[Ablated]) -> str:
    """Lay rows out as Markdown."""
    lines = ["| variation | label | fold | recordings | positives | AUC | 95 % interval | note |"]
    lines.append("|---|---|---:|---:|---:|---:|---|---|")
    for row in rows:
        interval = f"{row.auc_low:.4f} to {row.auc_high:.4f}"
        lines.append(
            f"| {row.variation} | {row.label} | {row.fold} | {row.n} | {row.positives} | {row.auc:.4f} | {interval} | "
            f"{row.note} |"
        )
    return "\n".join(lines)


def _fitted(recipe: Recipe, corpus: Corpus, out: Path, number: int) -> Run:
    directory = out / f"run-{number:02d}"
    fit(load_data(corpus, recipe, out), recipe, directory)
    return open_run(directory)


def _measured(
    variation: Variation, runs: Sequence[Run], corpus: Corpus, entries: Sequence[Entry], cache: Path
) -> list[Ablated]:
    codes = common_targets(runs)
    each = [run_logits(run, codes, prepared(corpus, entries, run.recipe.preparation, cache), (0.0,)) for run in runs]
    logits = averaged(each, [1 / len(runs)] * len(runs), "logits").to(torch.float64).numpy()
    truth, rows = corpus.targets(entries)[:, columns(codes)], []
    for at, code in enumerate(codes):
        found = auc_interval(truth[:, at], logits[:, at])
        value, low, high = (round(figure, 4) for figure in (found.value, found.low, found.high))
        counted = (len(entries), int(truth[:, at].sum()))
        rows.append(Ablated(variation.name, code, entries[0].fold, *counted, value, low, high, variation.note))
    return rows


def _write(rows: Sequence[Ablated], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
