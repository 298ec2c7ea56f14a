"""What a model declares of itself: findings, thresholds, limits, preparation, origin, figures."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecg.errors import ModelRefused
from ecg.findings import FINDINGS, Finding
from ecg.leads import LEADS
from ecg.reading import OperatingPoint, Score

WEIGHTS: Final = Path(__file__).parent / "weights"  # where the release's cards lie
LEAST_POSITIVES: Final = 50  # no threshold is set on fewer calibration positives


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Point(_Part):
    """A probability from which a finding would count, with its sensitivity and specificity where it was tuned."""

    probability: float = Field(ge=0, le=1)
    sensitivity: float = Field(ge=0, le=1)
    specificity: float = Field(ge=0, le=1)

    @property
    def point(self) -> OperatingPoint:
        """The operating point of the vocabulary."""
        return OperatingPoint(self.probability, self.sensitivity, self.specificity)


class ScoredFinding(_Part):
    """One output of the network: its finding, how its logit becomes a probability, and from where it counts.

    probability = 1 / (1 + exp(-(slope * logit + intercept))) (Platt, 1999). `at_threshold` is what the threshold means
    where it was tuned, `sensitive` the point whose sensitivity is 0.95 there.
    """

    code: str
    slope: float = Field(gt=0)
    intercept: float
    threshold: float = Field(gt=0, lt=1)
    threshold_rule: str
    positives: int = Field(ge=LEAST_POSITIVES)
    at_threshold: Point | None = None
    sensitive: Point | None = None

    @property
    def finding(self) -> Finding:
        """The finding of the vocabulary."""
        return FINDINGS[self.code]

    def score(self, probability: float) -> Score:
        """Return a probability as the score of this finding."""
        at_threshold = self.at_threshold.point if self.at_threshold else None
        sensitive = self.sensitive.point if self.sensitive else None
        return Score(self.finding, probability, self.threshold, at_threshold, sensitive)


class Limits(_Part):
    """Outside these the model never runs. Years, seconds, Hz; `least_known` is a share of the 10 s window, per lead."""

    leads: tuple[str, ...] = LEADS
    least_known: float = Field(default=0.95, gt=0, le=1)
    least_age: float = 18
    longest: float = 60
    least_fs: float = 100
    highest_high_pass: float = 0.67
    lowest_low_pass: float = 40
    digitised: bool = False
    paced: bool = False
    not_assessed: tuple[str, ...] = ()


class Preprocessing(_Part):
    """The model's own preparation; see models.prepare."""

    fs: int
    cutoff: float
    taps: int
    leads: tuple[str, ...] = LEADS
    z_score: bool = False


class Network(_Part):
    """The architecture, by name, and its shape."""

    kind: str
    shape: dict[str, Any]


class Weights(_Part):
    """The weights file beside the card."""

    file: str = Field(pattern=r"^[\w.-]+\.safetensors$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    dtype: str
    parameters: int


class Corpus(_Part):
    """What the model was trained on and how its truth was made."""

    name: str
    version: str
    licence: str
    citation: tuple[str, ...]
    train_folds: tuple[int, ...]
    calibration_fold: int
    recordings: int
    label_rule: str
    left_out: str


class Figure(_Part):
    """A figure that was measured by the card's `figures_command`; `note` says what it must not be taken for."""

    label: str
    fold: int
    n: int
    positives: int
    auc: float
    auc_low: float
    auc_high: float
    note: str


class Card(_Part):
    """The whole card."""

    name: str
    version: str
    arm: str
    intended_use: str
    not_for: tuple[str, ...]
    findings: tuple[ScoredFinding, ...]
    limits: Limits
    preparation: Preprocessing
    network: Network
    weights: Weights
    corpus: Corpus
    figures: tuple[Figure, ...]
    figures_command: str
    recipe: dict[str, Any]

    def statements(self) -> tuple[str, ...]:
        """Return what a report should say of the model, as sentences."""
        limits = self.limits
        said = [
            self.intended_use,
            *self.not_for,
            f"Trained on {self.corpus.name} {self.corpus.version}, folds {_listed(self.corpus.train_folds)}; "
            f"thresholds and calibration tuned on fold {self.corpus.calibration_fold}.",
            f"Covers ages from {limits.least_age:g} years, {len(limits.leads)} leads, up to {limits.longest:g} s, from "
            f"{limits.least_fs:g} Hz, high-pass up to {limits.highest_high_pass:g} Hz, low-pass from "
            f"{limits.lowest_low_pass:g} Hz.",
        ]
        if limits.not_assessed:
            said.append(f"Not assessed: {', '.join(limits.not_assessed)}.")
        return tuple(said)


def _listed(folds: tuple[int, ...]) -> str:
    return (
        f"{folds[0]} to {folds[-1]}" if folds == tuple(range(folds[0], folds[-1] + 1)) else ", ".join(map(str, folds))
    )


@dataclass(frozen=True)
class SignedCard:
    """A card with the SHA-256 of its file."""

    card: Card
    digest: str


def read_card(path: Path) -> SignedCard:
    """Read a card.

    Raises:
        ModelRefused: it is missing, is not JSON, or breaks the card's schema.
    """
    try:
        text = path.read_bytes()
        card = Card.model_validate_json(text)
    except OSError as error:
        raise ModelRefused(f"The card {path.name} cannot be read.") from error
    except ValidationError as error:
        raise ModelRefused(f"The card {path.name} breaks its schema at {error.errors()[0]['loc']}.") from error
    if unknown := [each.code for each in card.findings if each.code not in FINDINGS]:
        raise ModelRefused(f"The card {path.name} scores findings that are not known: {', '.join(unknown)}.")
    if unknown := [lead for lead in card.limits.leads if lead not in LEADS]:
        raise ModelRefused(f"The card {path.name} asks for leads that are not known: {', '.join(unknown)}.")
    return SignedCard(card, hashlib.sha256(text).hexdigest())
