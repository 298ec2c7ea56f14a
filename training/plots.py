"""Pictures of runs and of evaluations: training curves, ROC, reliability, coverage and risk, as SVG files."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.network import NetworkClassifier
from training.labels import TARGETS
from training.run import LOG
from training.statistics import auc, certainty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 15
LEAST_KEPT = 0.2  # of the coverage, below which the risk is that of a few
NEEDS = "Pictures need matplotlib: pip install 'twelvelead[training]'."


def curves(run: Path) -> Path:
    """Draw a run's losses and AUCs by epoch; return the file."""
    with (run / LOG).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure, (left, right) = _page(2)
    for name in rows[0] if rows else ():
        if name != "epoch":
            axes = left if name in {"loss", "watched"} else right
            axes.plot(epochs, [float(row[name]) for row in rows], label=name)
    left.set(xlabel="epoch", ylabel="cross-entropy", title="Losses")
    right.set(xlabel="epoch", ylabel="AUC", title="Watched fold: to watch a run, no result")
    return _write(figure, (left, right), run / "curves.svg")


def evaluation(
    directory: Path, classifier: NetworkClassifier, truth: NDArray[np.bool_], given: NDArray[np.float64]
) -> Path:
    """Draw ROC, reliability and coverage against risk of each finding; return the file.

    Args:
        directory: where it is written, by the name of the model.
        classifier: the model.
        truth: bool (n, TARGETS).
        given: its probabilities, (n, findings of the card).
    """
    directory.mkdir(parents=True, exist_ok=True)
    codes = [finding.code for finding in TARGETS]
    figure, (roc, reliability, coverage) = _page(3)
    for column, finding in enumerate(classifier.card.findings):
        true, probability = truth[:, codes.index(finding.code)], given[:, column]
        if not 0 < true.sum() < len(true):
            continue
        order = np.argsort(-probability, kind="stable")
        hits, alarms = np.cumsum(true[order]) / true.sum(), np.cumsum(~true[order]) / (~true).sum()
        roc.plot(alarms, hits, label=f"{finding.code} {auc(true, probability):.3f}")
        parts = np.array_split(np.argsort(probability, kind="stable"), min(BINS, len(true)))
        said, seen = ([float(each[at].mean()) for at in parts] for each in (probability, true))
        reliability.plot(said, seen, marker=".", label=finding.code)
        sure = np.argsort(-certainty(probability, finding.threshold), kind="stable")
        wrong = np.cumsum(((probability >= finding.threshold) != true)[sure]) / np.arange(1, len(true) + 1)
        kept = np.arange(1, len(true) + 1) / len(true)
        coverage.plot(kept[kept >= LEAST_KEPT], wrong[kept >= LEAST_KEPT], label=finding.code)
    reliability.plot([0, 1], [0, 1], color="0.7", linestyle=":")
    roc.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC, with AUC")
    reliability.set(xlabel="probability said", ylabel="share seen", title=f"Reliability, {BINS} bins of equal mass")
    coverage.set(xlabel="coverage", ylabel="share read wrongly", title="Risk, abstaining near the threshold first")
    return _write(figure, (roc, reliability, coverage), directory / f"{classifier.card.name}.svg")


def _page(count: int) -> tuple[Any, tuple["Axes", ...]]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(NEEDS) from error
    figure = Figure(figsize=(6.5 * count, 6), layout="constrained")
    return figure, tuple(figure.subplots(1, count))


def _write(figure: Any, axes: tuple["Axes", ...], path: Path) -> Path:
    for each in axes:
        each.grid(color="0.9")
        if each.lines:
            each.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    return path
