"""Fits, measures and writes the guards: arrays in safetensors, and a card with limit and figures beside each."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save

from models.guards import GuardCard
from training import outliers, reversal
from training.beats import MedianBeats, collect
from training.corpus import Corpus

TRAIN: Final = (1, 2, 3, 4, 5, 6, 7)
LIMIT: Final = 8
FIGURES: Final = 9
MODULES: Final = {"reversal": reversal, "outlier": outliers}
RULE: Final = "so that 1 % of fold {fold} lie beyond it"
COMMAND: Final = "python -m training guards --corpus DIR --out RUN"
VERSION: Final = "1.0.0"


def run(corpus: Corpus, out: Path, to: Path) -> list[Path]:
    """Fit both guards on folds 1 to 7, set their limits on 8, measure on 9; return the cards that were written.

    Raises:
        ValueError: a fold holds no recording.
    """
    entries = [entry for entry in corpus.entries if entry.fold in (*TRAIN, LIMIT, FIGURES)]
    if missing := [fold for fold in (*TRAIN, LIMIT, FIGURES) if not any(entry.fold == fold for entry in entries)]:
        raise ValueError(f"The corpus holds no recording of fold {', '.join(map(str, missing))}.")
    beats = collect(corpus, entries, out)
    to.mkdir(parents=True, exist_ok=True)
    return [_write(kind, beats, to) for kind in MODULES]


def _write(kind: str, beats: MedianBeats, to: Path) -> Path:
    module = MODULES[kind]
    arrays = module.fit(beats.of(*TRAIN))
    data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    limit = module.limit(arrays, beats.of(LIMIT))
    file = f"{kind}.safetensors"
    weights = {
        "file": file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "dtype": "float32",
        "parameters": sum(array.size for array in arrays.values()),
    }
    content: dict[str, Any] = {
        "kind": kind,
        "version": VERSION,
        "limit": limit,
        "limit_rule": RULE.format(fold=LIMIT),
        "weights": weights,
        "corpus": "PTB-XL 1.0.1, 100 Hz (CC BY 4.0; Wagner et al., Sci Data 7, 154 (2020)): median beats",
        "train_folds": TRAIN,
        "limit_fold": LIMIT,
        "figures_fold": FIGURES,
        "figures": module.figures(arrays, beats.of(FIGURES), limit),
        "figures_command": COMMAND,
    }
    (to / file).write_bytes(data)
    card = to / f"{kind}.json"
    card.write_text(GuardCard(**content).model_dump_json(indent=1) + "\n", encoding="utf-8")
    return card


def told(card: Path) -> str:
    """Lay a card's figures out for a terminal."""
    kept = json.loads(card.read_text(encoding="utf-8"))
    lines = [f"  {name:<44}{value:>10g}" for name, value in kept["figures"].items()]
    return "\n".join([f"{kept['kind']}: limit {kept['limit']:g}, fold {kept['figures_fold']}", *lines])
