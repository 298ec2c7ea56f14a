"""What was read from a recording: the prediction, its explanations, or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg.canonical import SAMPLES, CanonicalEcg
from ecg.findings import Finding
from ecg.leads import LEADS
from ecg.measurement import NONE_MEASURED, Measurements
from ecg.quality import Quality


@dataclass(frozen=True)
class ModelName:
    """Which model it was: name, version, and the SHA-256 of its card, which in turn names its weights' digest.

    `statements` are the card's own, as sentences for the report: what it is for, what it does not assess, its figures.
    """

    name: str
    version: str
    digest: str
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class OperatingPoint:
    """A probability from which a finding would count, and what sensitivity and specificity it had where it was tuned.

    All are 0 to 1. They are no result: whoever tunes on a fold looks better there than elsewhere.
    """

    probability: float
    sensitivity: float
    specificity: float

    def __post_init__(self) -> None:
        if not all(0.0 <= each <= 1.0 for each in (self.probability, self.sensitivity, self.specificity)):
            raise ValueError(f"an operating point of {self.probability}, {self.sensitivity}, {self.specificity}")


@dataclass(frozen=True)
class Score:
    """A model's calibrated probability (0 to 1) of one finding, and the threshold from which it counts.

    `at_threshold` is the operating point of the threshold, `sensitive` the one whose sensitivity is 0.95; None where
    the model's card does not tell.
    """

    finding: Finding
    probability: float
    threshold: float
    at_threshold: OperatingPoint | None = None
    sensitive: OperatingPoint | None = None

    def __post_init__(self) -> None:
        if not (0.0 <= self.probability <= 1.0 and 0.0 < self.threshold < 1.0):
            raise ValueError(f"{self.finding.code}: probability {self.probability}, threshold {self.threshold}")

    @property
    def reached(self) -> bool:
        """Whether the probability is at or above the threshold."""
        return self.probability >= self.threshold

    @property
    def asserted(self) -> bool:
        """Whether the finding may be stated: it reached its threshold and is one that may be."""
        return self.reached and self.finding.asserted


@dataclass(frozen=True)
class Abstention:
    """Why no model read the recording: a code for machines, a sentence for people."""

    code: str
    reason: str


@dataclass(frozen=True)
class Declined:
    """An arm that was asked before and declined, and the code of its reason."""

    arm: str
    code: str


@dataclass(frozen=True)
class Check:
    """What a guard measured on the recording, and the highest value at which a model may read it.

    `reason` says in a sentence what a higher value means; `code` is that of the abstention.
    """

    code: str
    value: float
    limit: float
    reason: str

    @property
    def passed(self) -> bool:
        """Whether a model may read the recording, as far as this guard is concerned."""
        return self.value <= self.limit


@dataclass(frozen=True)
class Choice:
    """What the router chose.

    Attributes:
        why: why this arm, or none, as a sentence.
        models: SHA-256 over all models and guards it could ask.
        arm: the name of the arm that reads; None where none does.
        declined: the arms that it asked before, in their order.
        checks: what the guards measured; empty where no arm covers the recording.
    """

    why: str
    models: str
    arm: str | None = None
    declined: tuple[Declined, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What the router's choice said: scores of one model, or an abstention.

    Attributes:
        choice: why the router chose this model, or none.
        model: the model that read, None where none did.
        scores: one score for each finding of the model's card, medians over the windows it read.
        window: index of the window that is shown and explained: the one whose scores lie nearest to the medians.
        abstention: why no model read, None where one did.
    """

    choice: Choice
    model: ModelName | None = None
    scores: tuple[Score, ...] = ()
    window: int = 0
    abstention: Abstention | None = None

    def __post_init__(self) -> None:
        if (self.abstention is None) != bool(self.model and self.scores):
            raise ValueError("a prediction holds a model's scores, or an abstention, not both")

    @property
    def asserted(self) -> tuple[Score, ...]:
        """The scores whose findings may be stated, the one furthest above its threshold (in odds) first."""
        return tuple(sorted((each for each in self.scores if each.asserted), key=_excess, reverse=True))


def _excess(score: Score) -> float:
    return log_odds(score.probability) - log_odds(score.threshold)


def log_odds(probability: float) -> float:
    """Return the natural logarithm of the odds of a probability; certainty has those of all but 1e-9."""
    certain = min(probability, 1 - 1e-9)
    return float(np.log(certain / (1 - certain)))


@dataclass(frozen=True)
class MapCheck:
    """What an explanation was put to, and how it did.

    Attributes:
        name: 'deletion', 'insertion' or 'stability'.
        value: what was measured.
        least: what it has to exceed.
        unit: the unit of both.
    """

    name: str
    value: float
    least: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether the value exceeds what it has to."""
        return self.value > self.least


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a method says the network looked at, or that it is withheld.

    Attributes:
        finding: which score is explained.
        method: the method's true name.
        relevance: float32, read-only, scaled so that its largest size is 1. (1, 5000) on the canonical time grid from a
            method that knows no leads, (12, 5000) from one that attributes to leads and time, both not negative; (12,)
            from one that attributes to whole leads: there, a lead that speaks against the finding has a negative one.
            (0, 5000) where it is withheld: a map that failed a check holds no value that could be drawn.
        peak: what the value 1 stands for.
        unit: the unit of `peak`.
        window: index of the window it belongs to.
        checks: what it was put to. One that failed means that it is withheld.
        flips: the leads that, removed together, take the score across its threshold, as few as were found; empty where
            none were found, or the method does not look for them.
    """

    finding: Finding
    method: str
    relevance: NDArray[np.float32]
    peak: float
    unit: str
    window: int = 0
    checks: tuple[MapCheck, ...] = ()
    flips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, whole = self.relevance.shape, (len(LEADS),)
        if shape not in {(0, SAMPLES), (1, SAMPLES), (len(LEADS), SAMPLES), whole}:
            raise ValueError(f"relevance has shape {shape}")
        least, most = (float(self.relevance.min()), float(self.relevance.max())) if self.relevance.size else (0.0, 0.0)
        if not (
            np.isfinite([least, most]).all() and least >= (-1 - 1e-6 if shape == whole else 0) and most <= 1 + 1e-6
        ):
            raise ValueError("relevance must lie between 0 and 1, or -1 and 1 for whole leads")
        if self.withheld == bool(shape[0]) or not set(self.flips) <= set(LEADS):
            raise ValueError(f"{self.method}: what failed a check is withheld, and leads are of the twelve")
        self.relevance.setflags(write=False)

    @property
    def id(self) -> str:
        """By what a sentence names it."""
        return f"explanation:{self.method}:{self.finding.code}"

    @property
    def withheld(self) -> bool:
        """Whether it failed a check and is not shown."""
        return not all(each.passed for each in self.checks)

    @property
    def runs_in_time(self) -> bool:
        """Whether there is a map to draw along the traces."""
        return self.relevance.ndim == 2 and not self.withheld

    @property
    def knows_leads(self) -> bool:
        """Whether it attributes to leads, or only to time."""
        return bool(self.relevance.shape[0] == len(LEADS))

    @property
    def top_lead(self) -> str | None:
        """The lead that matters most for the finding; None where leads are not known, or none speaks for it."""
        if not self.knows_leads:
            return None
        by_lead = self.relevance if self.relevance.ndim == 1 else self.relevance.sum(axis=1)
        return LEADS[int(by_lead.argmax())] if by_lead.max() > 0 else None


@dataclass(frozen=True)
class Reading:
    """All that was read from one recording. `windows` are in the order of time."""

    windows: Sequence[CanonicalEcg]
    quality: Quality
    prediction: Prediction
    explanations: tuple[Explanation, ...] = ()
    measurements: Measurements = NONE_MEASURED

    @property
    def shown(self) -> CanonicalEcg:
        """The window that is shown and explained."""
        return self.windows[self.prediction.window]

    @property
    def maps(self) -> tuple[Explanation, ...]:
        """The explanations that are drawn along the traces: none that is withheld, none of whole leads."""
        return tuple(each for each in self.explanations if each.runs_in_time)

    @property
    def withheld(self) -> tuple[Explanation, ...]:
        """The explanations that failed a check."""
        return tuple(each for each in self.explanations if each.withheld)

    def by_lead(self, finding: Finding) -> Explanation | None:
        """Return what each whole lead matters for a finding; None where nothing tells."""
        return next((e for e in self.explanations if e.finding == finding and e.relevance.shape == (len(LEADS),)), None)
