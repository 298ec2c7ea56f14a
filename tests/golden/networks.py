"""Tiny networks with cards and weights files, for the tests of whatever loads or runs a model."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save

from models.nets.resnet1d import ResNet1d, ResNet1dShape

CODES: Final = ("NORM", "MI", "STTC")
CARD: Final = "tiny.json"
WEIGHTS: Final = "tiny.safetensors"


def shape(outputs: int = len(CODES)) -> ResNet1dShape:
    """Return the shape of a network of some thousand weights."""
    return ResNet1dShape(leads=12, outputs=outputs, widths=(8, 16), blocks=(1, 1), kernel=5, stem_kernel=7)


def network(seed: int = 0, outputs: int = len(CODES)) -> ResNet1d:
    """Return a network in which every weight is random, also those that begin as 0 or 1 when one is trained."""
    torch.manual_seed(seed)
    made = ResNet1d(shape(outputs)).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.3 + (1.0 if name.endswith("norm.weight") else 0.0))
    return made


def finding(code: str, threshold: float = 0.5, **changed: Any) -> dict[str, Any]:
    """Return a card's entry for one output."""
    rule = {"threshold_rule": "none: made for a test", "positives": 50}
    return {"code": code, "slope": 1.0, "intercept": 0.0, "threshold": threshold, **rule, **changed}


def card(weights: bytes, codes: Sequence[str] = CODES) -> dict[str, Any]:
    """Return a whole card for the weights of `network(outputs=len(codes))`."""
    return {
        "name": "tiny",
        "version": "0.0.1",
        "arm": "12-lead",
        "intended_use": "Tests.",
        "not_for": ["Not for patients."],
        "findings": [finding(code) for code in codes],
        "limits": {},
        "preparation": {"fs": 100, "cutoff": 45.0, "taps": 101},
        "network": {"kind": "resnet1d", "shape": asdict(shape(len(codes)))},
        "weights": {
            "file": WEIGHTS,
            "sha256": hashlib.sha256(weights).hexdigest(),
            "dtype": "float32",
            "parameters": 1,
        },
        "corpus": {
            "name": "none",
            "version": "0",
            "licence": "none",
            "citation": [],
            "train_folds": [1, 2],
            "calibration_fold": 9,
            "recordings": 0,
            "label_rule": "none",
            "left_out": "none",
        },
        "figures": [],
        "figures_command": "none",
        "recipe": {},
    }


def write(directory: Path, seed: int = 0, **changed: Any) -> Path:
    """Write weights and card into a directory, with some entries of the card `changed`; return the card's path."""
    weights = save(network(seed).state_dict())
    (directory / WEIGHTS).write_bytes(weights)
    return write_card(directory, {**card(weights), **changed})


def write_card(directory: Path, content: dict[str, Any]) -> Path:
    """Write a card as JSON; return its path."""
    path = directory / CARD
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
