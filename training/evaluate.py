"""Measures models on a fold: AUC with its interval, calibration, and what their thresholds do there."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg.canonical import SAMPLES, CanonicalEcg
from models.network import NetworkClassifier
from training.calibration import reliability_line
from training.corpus import Corpus, Entry
from training.labels import TARGETS
from training.masking import page, whole
from training.statistics import (
    at_threshold,
    auc_at_coverage,
    auc_interval,
    brier,
    calibration_error,
    calibration_error_by_chance,
    log_odds,
)

BATCH: Final = 12
COVERAGE: Final = 0.9
TUNED: Final = "threshold and calibration tuned on this fold"
EVERYONE: Final = "all"
STRIP: Final = ("II",)


@dataclass(frozen=True)
class Row:
    """The figures of one arm for one label on one fold. `note` says what they must not be taken for.

    `ece_chance` is what the calibration error of a perfect calibration stays below in 95 of 100 such folds;
    `slope` and `intercept` are the calibration's (1 and 0 are perfect); `auc_90` is the AUC over the nine tenths of the
    recordings that are furthest from the threshold; `group` is the subgroup.
    """

    arm: str
    label: str
    fold: int
    n: int
    positives: int
    auc: float
    auc_low: float
    auc_high: float
    sensitivity: float
    specificity: float
    f1: float
    threshold: float
    ece: float
    ece_chance: float
    brier: float
    slope: float
    intercept: float
    auc_90: float
    group: str
    note: str


def score(
    classifier: NetworkClassifier, corpus: Corpus, entries: Sequence[Entry], show: str = ""
) -> NDArray[np.float64]:
    """Return calibrated probabilities, float64 (entries, findings), each from the first 10 s of its recording.

    Args:
        classifier: the model.
        corpus: where the recordings are.
        entries: which of them.
        show: what the model gets to see: leads ('II', 'I,II'), or '3x4', a page in columns with lead II as its strip;
            not said: everything.

    Raises:
        ValueError: `show` names no lead.
    """
    known = shown(show)
    logits = []
    with tqdm(total=len(entries), desc=classifier.card.arm, unit="ECG", mininterval=1) as bar:
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            logits.append(classifier.logits([_masked(corpus.window(entry), known) for entry in batch]))
            bar.update(len(batch))
    return classifier.probabilities(np.concatenate(logits))


def shown(words: str) -> NDArray[np.bool_] | None:
    """Return what of a canonical ECG is shown, bool (12, 5000), None for everything.

    Raises:
        ValueError: it names no lead.
    """
    if not words:
        return None
    return page(SAMPLES, columns=4, strips=STRIP) if words == "3x4" else whole(SAMPLES, tuple(words.split(",")))


def _masked(window: CanonicalEcg, known: NDArray[np.bool_] | None) -> CanonicalEcg:
    if known is None:
        return window
    return CanonicalEcg(np.where(known, window.signal, np.float32(0)), window.mask & known)


def recordings(corpus: Corpus, fold: int) -> tuple[Entry, ...]:
    """Return every recording of a fold.

    Raises:
        ValueError: there is none.
    """
    if not (entries := corpus.fold(fold)):
        raise ValueError(f"The corpus holds no recording of fold {fold}.")
    return entries


def evaluate(classifier: NetworkClassifier, corpus: Corpus, fold: int, show: str = "") -> list[Row]:
    """Evaluate one model on every recording of a fold, also on those its card would decline; `show` as for `score`.

    Raises:
        ValueError: the corpus holds no recording of that fold.
    """
    entries = recordings(corpus, fold)
    return figures(classifier, fold, corpus.targets(entries), score(classifier, corpus, entries, show))


def figures(
    classifier: NetworkClassifier,
    fold: int,
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    group: str = EVERYONE,
) -> list[Row]:
    """Return the figures of each finding: `truth` bool (n, TARGETS), `probability` (n, findings of the card)."""
    codes = [finding.code for finding in TARGETS]
    tuned = TUNED if fold == classifier.card.corpus.calibration_fold else ""
    seen = "trained on this fold" if fold in classifier.card.corpus.train_folds else ""
    rows: list[Row] = []
    for column, finding in enumerate(classifier.card.findings):
        true, given = truth[:, codes.index(finding.code)], probability[:, column]
        interval = auc_interval(true, given)
        found = at_threshold(true, given, finding.threshold)
        both = 0 < true.sum() < len(true)
        slope, intercept = reliability_line(true, log_odds(given)) if both else (np.nan, np.nan)
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
                sensitivity=round(found.sensitivity, 4),
                specificity=round(found.specificity, 4),
                f1=round(found.f1, 4),
                threshold=finding.threshold,
                ece=round(calibration_error(true, given), 4),
                ece_chance=round(calibration_error_by_chance(given), 4),
                brier=round(brier(true, given), 4),
                slope=round(slope, 3),
                intercept=round(intercept, 3),
                auc_90=round(auc_at_coverage(true, given, finding.threshold, COVERAGE), 4),
                group=group,
                note=seen or tuned,
            )
        )
    return rows


def table(rows: Sequence[Row]) -> str:
    """Lay rows out for a terminal."""
    names = ("thr", "sens", "spec", "F1", "ECE", "chance", "Brier", "slope", "inter", "AUC90")
    right = "".join(f"{name:>7}" for name in names)
    lines = [f"{'arm':<14}{'label':<24}{'fold':>5}{'n':>6}{'pos':>6}{'AUC':>8}  {'95 % interval':<18}{right}  group"]
    for row in rows:
        interval = f"[{row.auc_low:.4f}, {row.auc_high:.4f}]"
        lines.append(
            f"{row.arm:<14}{row.label:<24}{row.fold:>5}{row.n:>6}{row.positives:>6}{row.auc:>8.4f}  {interval:<18}"
            f"{row.threshold:>7.3f}{row.sensitivity:>7.3f}{row.specificity:>7.3f}{row.f1:>7.3f}{row.ece:>7.3f}{row.ece_chance:>7.3f}"
            f"{row.brier:>7.3f}{row.slope:>7.2f}{row.intercept:>7.2f}{row.auc_90:>7.3f}  {row.group}"
        )
    notes = sorted({row.note for row in rows if row.note})
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a JSON list; a figure that does not exist is null."""
    plain = [{key: _plain(value) for key, value in asdict(row).items()} for row in rows]
    path.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value
