"""Measures models on a fold: AUC with its interval, and what their thresholds do there."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.network import NetworkClassifier
from training.corpus import Corpus, Entry
from training.labels import TARGETS
from training.statistics import auc_interval, calibration_error

BATCH: Final = 16
TUNED: Final = "threshold and calibration tuned on this fold"


@dataclass(frozen=True)
class Row:
    """The figures of one arm for one label on one fold. `note` says what they must not be taken for."""

    arm: str
    label: str
    fold: int
    n: int
    positives: int
    auc: float
    auc_low: float
    auc_high: float
    threshold: float
    sensitivity: float
    specificity: float
    f1: float
    ece: float
    note: str


def score(classifier: NetworkClassifier, corpus: Corpus, entries: Sequence[Entry]) -> NDArray[np.float64]:
    """Return calibrated probabilities, float64 (entries, findings), each from the first 10 s of its recording."""
    logits = []
    with tqdm(total=len(entries), desc=classifier.card.arm, unit="ECG", mininterval=1) as bar:
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            logits.append(classifier.logits([corpus.window(entry) for entry in batch]))
            bar.update(len(batch))
    return classifier.probabilities(np.concatenate(logits))


def recordings(corpus: Corpus, fold: int) -> tuple[Entry, ...]:
    """Return every recording of a fold.

    Raises:
        ValueError: there is none.
    """
    if not (entries := corpus.fold(fold)):
        raise ValueError(f"The corpus holds no recording of fold {fold}.")
    return entries


def evaluate(classifier: NetworkClassifier, corpus: Corpus, fold: int) -> list[Row]:
    """Evaluate one model on every recording of a fold, also on those its card would decline.

    Raises:
        ValueError: the corpus holds no recording of that fold.
    """
    entries = recordings(corpus, fold)
    return figures(classifier, fold, corpus.targets(entries), score(classifier, corpus, entries))


def figures(
    classifier: NetworkClassifier, fold: int, truth: NDArray[np.bool_], probability: NDArray[np.float64]
) -> list[Row]:
    """Return the figures of each finding: `truth` bool (n, TARGETS), `probability` (n, findings of the card)."""
    codes = [finding.code for finding in TARGETS]
    tuned = TUNED if fold == classifier.card.corpus.calibration_fold else ""
    seen = "trained on this fold" if fold in classifier.card.corpus.train_folds else ""
    rows: list[Row] = []
    for column, finding in enumerate(classifier.card.findings):
        true, given = truth[:, codes.index(finding.code)], probability[:, column]
        interval = auc_interval(true, given)
        counted = given >= finding.threshold
        hits = float((counted & true).sum())
        rows.append(
            Row(
                arm=classifier.card.arm,
                label=finding.code,
                fold=fold,
                n=len(truth),
                positives=int(true.sum()),
                auc=round(interval.value, 4),
                auc_low=round(interval.low, 4),
                auc_high=round(interval.high, 4),
                threshold=finding.threshold,
                sensitivity=round(hits / max(float(true.sum()), 1.0), 4),
                specificity=round(float((~counted & ~true).sum()) / max(float((~true).sum()), 1.0), 4),
                f1=round(2 * hits / max(float(counted.sum() + true.sum()), 1.0), 4),
                ece=round(calibration_error(true, given), 4),
                note=seen or tuned,
            )
        )
    return rows


def table(rows: Sequence[Row]) -> str:
    """Lay rows out for a terminal."""
    head = (
        f"{'arm':<10}{'label':<12}{'fold':>5}{'n':>6}{'pos':>6}{'AUC':>8}  {'95 % interval':<18}{'thr':>7}{'sens':>7}"
    )
    lines = [f"{head}{'spec':>7}{'F1':>7}{'ECE':>7}"]
    for row in rows:
        interval = f"[{row.auc_low:.4f}, {row.auc_high:.4f}]"
        lines.append(
            f"{row.arm:<10}{row.label:<12}{row.fold:>5}{row.n:>6}{row.positives:>6}{row.auc:>8.4f}  {interval:<18}"
            f"{row.threshold:>7.3f}{row.sensitivity:>7.3f}{row.specificity:>7.3f}{row.f1:>7.3f}{row.ece:>7.3f}"
        )
    notes = sorted({row.note for row in rows if row.note})
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a JSON list; a figure that does not exist is null."""
    plain = [{key: _plain(value) for key, value in asdict(row).items()} for row in rows]
    path.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value
