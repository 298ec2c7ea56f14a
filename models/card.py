"""What a model declares of itself: findings, thresholds, limits, preparation, origin, figures."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

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

    z = slope * logit + intercept (Platt, 1999; a temperature has no intercept). The log-odds are z, or, where there are
    `knots`, what these (z, log-odds) say of it, by straight lines between them: the steps of an isotonic calibration
    (Zadrozny and Elkan, KDD 2002). `at_threshold` is what the threshold means where it was tuned, `sensitive` the point
    whose sensitivity is 0.95 there, `sensitive_90` the one whose sensitivity is 0.90.
    """

    code: str
    slope: float = Field(gt=0)
    intercept: float
    threshold: float = Field(gt=0, lt=1)
    threshold_rule: str
    positives: int = Field(ge=LEAST_POSITIVES)
    at_threshold: Point | None = None
    sensitive: Point | None = None
    sensitive_90: Point | None = None
    knots: tuple[tuple[float, float], ...] = ()
    calibration: str = "Platt"

    @field_validator("knots")
    @classmethod
    def _rise(cls, knots: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        pairs = pairwise(knots)
        if not all(one[0] < other[0] and one[1] <= other[1] for one, other in pairs):
            raise ValueError("knots rise")
        return knots

    def log_odds(self, logit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log-odds of logits, float64 of any shape."""
        z = self.slope * logit + self.intercept
        if not self.knots:
            return z
        at, to = np.array(self.knots).T
        return np.asarray(np.interp(z, at, to))

    @property
    def line_at_threshold(self) -> float:
        """What slope * logit + intercept is at the threshold: where the score reaches it."""
        wanted = float(np.log(self.threshold / (1 - self.threshold)))
        if not self.knots:
            return wanted
        at, to = np.array(self.knots).T
        return float(np.interp(wanted, to, at))

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
    """Outside these the model never runs. Years, seconds, Hz; `least_known` is a share of the 10 s window, per lead.

    Without `leads` the model reads whichever of the twelve are there, each for as long as it is known, `fewest` of them
    at least. `digital` and `digitised` say whether it reads recordings, pages, or both.
    """

    leads: tuple[str, ...] = LEADS
    least_known: float = Field(default=0.95, gt=0, le=1)
    fewest: int = Field(default=1, ge=1, le=len(LEADS))
    least_age: float = 18
    longest: float = 60
    least_fs: float = 100
    highest_high_pass: float = 0.67
    lowest_low_pass: float = 40
    digital: bool = True
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


class DeclaredMember(_Part):
    """One network of the model: its own preparation, its weights, and its share in the average."""

    preparation: Preprocessing
    network: Network
    weights: Weights
    weight: float = Field(default=1.0, gt=0, le=1)


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
    """The whole card.

    What the members put out is averaged over `shifts`, in seconds, and over the members, as `average` says. The only
    member's `preparation`, `network` and `weights` may stand in the card itself.
    """

    name: str
    version: str
    arm: str
    intended_use: str
    not_for: tuple[str, ...]
    findings: tuple[ScoredFinding, ...]
    limits: Limits
    members: tuple[DeclaredMember, ...] = Field(min_length=1)
    shifts: tuple[float, ...] = Field(default=(0.0,), min_length=1)
    average: Literal["logits", "probabilities"] = "logits"
    corpus: Corpus
    figures: tuple[Figure, ...]
    figures_command: str
    recipe: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _of_one_network(cls, data: Any) -> Any:
        own = ("preparation", "network", "weights")
        if not isinstance(data, dict) or "members" in data or not all(part in data for part in own):
            return data
        others = {key: value for key, value in data.items() if key not in own}
        return {**others, "members": [{part: data[part] for part in own}]}

    @field_validator("members")
    @classmethod
    def _share(cls, members: tuple[DeclaredMember, ...]) -> tuple[DeclaredMember, ...]:
        if abs(sum(each.weight for each in members) - 1) > 1e-3:
            raise ValueError("the members' weights make 1 together")
        return members

    def statements(self) -> tuple[str, ...]:
        """Return what a report should say of the model, as sentences."""
        limits = self.limits
        said = [
            self.intended_use,
            *self.not_for,
            f"Trained on {self.corpus.name} {self.corpus.version}, folds {_listed(self.corpus.train_folds)}; "
            f"thresholds and calibration tuned on fold {self.corpus.calibration_fold}.",
            f"Covers {_sources(limits)}, ages from {limits.least_age:g} years, {_counted(limits.leads)}, up to "
            f"{limits.longest:g} s, from {limits.least_fs:g} Hz, high-pass up to {limits.highest_high_pass:g} Hz, "
            f"low-pass from {limits.lowest_low_pass:g} Hz.",
        ]
        if limits.not_assessed:
            said.append(f"Not assessed: {', '.join(limits.not_assessed)}.")
        return tuple(said)


def _sources(limits: Limits) -> str:
    if limits.digitised:
        return "recordings and digitised pages" if limits.digital else "digitised pages"
    return "digital recordings"


def _counted(leads: tuple[str, ...]) -> str:
    return f"{len(leads)} leads" if len(leads) > 1 else f"lead {leads[0]}" if leads else "any of the twelve leads"


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
