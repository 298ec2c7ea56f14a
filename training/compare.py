"""Predictions as files, and two arms' AUC compared on the same recordings."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.network import NetworkClassifier
from training.corpus import Corpus, Entry
from training.labels import columns
from training.statistics import Interval, auc_difference

ID: Final = "ecg_id"
Predictions = Mapping[str, NDArray[np.float64]]  # by the label: probabilities, float64 (entries,)


@dataclass(frozen=True)
class Difference:
    """How much larger one arm's AUC of a label is than the other's on the same recordings, with its 95 % interval."""

    label: str
    n: int
    positives: int
    ours: float
    theirs: float
    difference: Interval


def by_label(classifier: NetworkClassifier, probability: NDArray[np.float64]) -> Predictions:
    """Return a model's probabilities, float64 (entries, findings), by their labels."""
    return {each.code: probability[:, column] for column, each in enumerate(classifier.card.findings)}


def write_predictions(path: Path, entries: Sequence[Entry], predictions: Predictions) -> None:
    """Write a CSV: a row for each recording, a column for each label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([ID, *predictions])
        for row, entry in enumerate(entries):
            writer.writerow([entry.ecg_id, *(f"{given[row]:.6f}" for given in predictions.values())])


def read_predictions(path: Path) -> dict[str, dict[int, float]]:
    """Return label to recording to probability, as `write_predictions` or another program wrote them.

    Raises:
        ValueError: it has no column ecg_id, or a cell is no number.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or ID not in rows[0]:
        raise ValueError(f"{path.name} has no rows with a column {ID}.")
    return {label: {int(row[ID]): float(row[label]) for row in rows} for label in rows[0] if label != ID}


def compared(
    corpus: Corpus, entries: Sequence[Entry], ours: Predictions, theirs: Mapping[str, Mapping[int, float]]
) -> list[Difference]:
    """Compare the labels that both have, on the recordings that both have, by a paired bootstrap.

    Raises:
        ValueError: they have no label or no recording in common.
    """
    found = []
    for label in [each for each in ours if each in theirs]:
        both = [row for row, entry in enumerate(entries) if entry.ecg_id in theirs[label]]
        if not both:
            raise ValueError(f"None of the {len(entries)} recordings has a prediction to compare with.")
        truth = corpus.targets([entries[row] for row in both])[:, columns([label])[0]]
        other = np.array([theirs[label][entries[row].ecg_id] for row in both])
        one, two, difference = auc_difference(truth, ours[label][both], other)
        found.append(Difference(label, len(both), int(truth.sum()), one, two, difference))
    if not found:
        raise ValueError("The two have no label in common.")
    return found


def table(arm: str, found: Sequence[Difference]) -> str:
    """Lay differences out for a terminal."""
    lines = [f"{'arm':<14}{'label':<12}{'n':>6}{'pos':>6}{'AUC':>8}{'other':>8}{'more by':>9}  95 % interval, paired"]
    for each in found:
        value, low, high = each.difference.value, each.difference.low, each.difference.high
        lines.append(
            f"{arm:<14}{each.label:<12}{each.n:>6}{each.positives:>6}{each.ours:>8.4f}{each.theirs:>8.4f}{value:>+9.4f}"
            f"  [{low:+.4f}, {high:+.4f}]"
        )
    return "\n".join(lines)
