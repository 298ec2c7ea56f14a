"""Writes what models/ loads: float16 safetensors and the card that declares them."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from safetensors.torch import save

from ecg.leads import LEADS
from models.card import Card
from models.network import load
from training.calibrate import CALIBRATION, shipped_weights
from training.corpus import Corpus
from training.evaluate import Row, evaluate
from training.labels import RULE
from training.recipe import Recipe

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


def export(recipe: Recipe, run: Path, corpus: Corpus, directory: Path) -> tuple[Path, list[Row]]:
    """Write weights and card of a calibrated run; the card's figures come from the model as it was written.

    Returns:
        The card's path, and the figures in it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    calibration = json.loads((run / CALIBRATION).read_text(encoding="utf-8"))
    weights = shipped_weights(recipe, run, [each["code"] for each in calibration])
    data = save(weights)
    file = directory / f"{recipe.name}.safetensors"
    file.write_bytes(data)
    declared = {
        "file": file.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "dtype": "float16",
        "parameters": sum(value.numel() for value in weights.values() if value.is_floating_point()),
    }
    card = _card(recipe, declared, calibration, corpus)
    path = _write(card, directory / f"{recipe.name}.json")
    rows = evaluate(load(path), corpus, recipe.calibration_fold)
    kept = ("label", "fold", "n", "positives", "auc", "auc_low", "auc_high", "note")
    figures = [{key: getattr(row, key) for key in kept} for row in rows]
    return _write({**card, "figures": figures}, path), rows


def _card(recipe: Recipe, weights: dict[str, Any], calibration: list[dict[str, Any]], corpus: Corpus) -> dict[str, Any]:
    rule = f"highest F1 on fold {recipe.calibration_fold}; tuned on this fold"
    leads = recipe.preparation.leads
    shape = {key: value for key, value in vars(recipe.shape(len(calibration))).items()}
    return {
        "name": recipe.name,
        "version": recipe.version,
        "arm": recipe.arm,
        "intended_use": INTENDED_USE.format(leads=" ".join(leads) if len(leads) < len(LEADS) else "12-lead"),
        "not_for": NOT_FOR,
        "findings": [{**each, "threshold_rule": rule} for each in calibration],
        "limits": {"leads": leads, "not_assessed": ["pacing", "limb-lead reversal", "lead placement"]},
        "preparation": vars(recipe.preparation),
        "network": {"kind": recipe.network, "shape": shape},
        "weights": weights,
        "corpus": {
            "name": "PTB-XL",
            "version": "1.0.1, 100 Hz",
            "licence": "CC BY 4.0",
            "citation": CITATION,
            "train_folds": recipe.train_folds,
            "calibration_fold": recipe.calibration_fold,
            "recordings": len(corpus.training(recipe.train_folds)),
            "label_rule": RULE,
            "left_out": "recordings that are the same signal as one of another part of the split (near_duplicates.csv)",
        },
        "figures": [],
        "figures_command": COMMAND.format(fold=recipe.calibration_fold),
        "recipe": recipe.as_dict(),
    }


def _write(card: dict[str, Any], path: Path) -> Path:
    made = Card.model_validate(card)
    path.write_text(json.dumps(made.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
