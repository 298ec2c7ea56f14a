"""Writes what models/ loads: float16 safetensors and the card that declares them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from safetensors.torch import save

from ecg.leads import LEADS
from models.card import Card
from models.network import load
from training.calibrate import Assembly, read_assembly, shipped_weights
from training.corpus import Corpus
from training.evaluate import Row, evaluate
from training.labels import RULE
from training.recipe import Recipe
from training.run import Run, open_run

INTENDED_USE: Final = (
    "Research and evaluation: scores of ECG patterns in resting {leads} ECGs of adults, for review by a physician."
)
NOT_FOR: Final = (
    "Not for decisions about patients without a physician's reading. Not for excluding acute coronary syndrome, and "
    "not for telling acute from old infarction.",
)
CITATION: Final = (
    "Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Sci Data 7, 154 (2020)",
    "Goldberger et al., PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101, e215 (2000)",
)
COMMAND: Final = "python -m training evaluate --corpus DIR --fold {fold}"
# What the figures of an arm for any leads are of, as `evaluate --show` names it, and in words.
SHOWN: Final = {
    "image": ("3x4", "of what a page of 3x4 with a strip of lead II shows, not digitised from one"),
    "subset": ("II", "of lead II alone"),
}
# A page shows most leads for a quarter of the time, less a label's width.
PAGES: Final = {"least_known": 0.2, "fewest": 8, "digital": False, "digitised": True}


def export(run: Path, corpus: Corpus, directory: Path) -> tuple[Path, list[Row]]:
    """Write weights and card of a calibrated run; the card's figures come from the model as it was written.

    Returns:
        The card's path, and the figures in it.
    """
    path = write_model(run, corpus, directory)
    fold = open_run(run).recipe.calibration_fold
    show, words = SHOWN.get(open_run(run).recipe.arm, ("", ""))
    rows = evaluate(load(path), corpus, fold, show)
    kept = ("label", "fold", "n", "positives", "auc", "auc_low", "auc_high", "note")
    figures = [{key: getattr(row, key) for key in kept} for row in rows]
    for each in figures if words else []:
        each["note"] = f"{each['note']}; {words}"
    return _write({**json.loads(path.read_text(encoding="utf-8")), "figures": figures}, path), rows


def write_model(run: Path, corpus: Corpus, directory: Path) -> Path:
    """Write weights and card of a calibrated run, without figures; return the card's path."""
    directory.mkdir(parents=True, exist_ok=True)
    assembly, recipe = read_assembly(run), open_run(run).recipe
    runs = [open_run(Path(each)) for each in assembly.runs]
    codes = [each["code"] for each in assembly.findings]
    members: list[dict[str, Any]] = []
    for number, each in enumerate(runs, 1):
        name = recipe.name if len(runs) == 1 else f"{recipe.name}-{number}"
        weights = _weights(each, codes, directory / f"{name}.safetensors")
        shape = asdict(each.recipe.shape(len(codes)))
        members.append(
            {
                "preparation": asdict(each.recipe.preparation),
                "network": {"kind": each.recipe.network, "shape": shape},
                "weights": weights,
                "weight": round(1 / len(runs), 6),
            }
        )
    return _write(_card(runs, assembly, members, corpus), directory / f"{recipe.name}.json")


def _weights(run: Run, codes: Sequence[str], path: Path) -> dict[str, Any]:
    """Write a run's weights; return what the card declares of them."""
    weights = shipped_weights(run, codes)
    data = save(weights)
    path.write_bytes(data)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "dtype": "float16",
        "parameters": sum(value.numel() for value in weights.values() if value.is_floating_point()),
    }


def _card(runs: Sequence[Run], assembly: Assembly, members: list[dict[str, Any]], corpus: Corpus) -> dict[str, Any]:
    recipe = runs[0].recipe
    rule = f"highest F1 on fold {recipe.calibration_fold}; tuned on this fold"
    folds = tuple(sorted({fold for run in runs for fold in run.recipe.train_folds}))
    return {
        "name": recipe.name,
        "version": recipe.version,
        "arm": recipe.arm,
        "intended_use": INTENDED_USE.format(leads=_leads(recipe)),
        "not_for": NOT_FOR,
        "findings": [{**each, "threshold_rule": rule} for each in assembly.findings],
        "limits": {
            "leads": () if recipe.any_leads else recipe.preparation.leads,
            **(PAGES if recipe.arm == "image" else {}),
            "not_assessed": ["limb-lead reversal where leads are missing", "placement of the chest electrodes"],
        },
        "members": members,
        "shifts": assembly.shifts,
        "average": assembly.average,
        "corpus": {
            "name": "PTB-XL",
            "version": "1.0.1, 100 Hz",
            "licence": "CC BY 4.0",
            "citation": CITATION,
            "train_folds": folds,
            "calibration_fold": recipe.calibration_fold,
            "recordings": len(corpus.training(folds)),
            "label_rule": RULE,
            "left_out": "recordings that are the same signal as one of another part of the split (near_duplicates.csv)",
        },
        "figures": [],
        "figures_command": COMMAND.format(fold=recipe.calibration_fold)
        + (f" --show {SHOWN[recipe.arm][0]}" if recipe.arm in SHOWN else ""),
        "recipe": recipe.as_dict() if len(runs) == 1 else {"members": [run.recipe.as_dict() for run in runs]},
    }


def _leads(recipe: Recipe) -> str:
    if recipe.any_leads:
        return "(any of the 12 leads)" if recipe.arm == "subset" else "digitised"
    leads = recipe.preparation.leads
    return "12-lead" if len(leads) == len(LEADS) else f"lead {' '.join(leads)}"


def _write(card: dict[str, Any], path: Path) -> Path:
    made = Card.model_validate(card)
    path.write_text(json.dumps(made.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
