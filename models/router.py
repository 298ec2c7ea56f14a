"""Which model reads a recording, and why: a pure function of what the recording offers and what the cards ask."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ecg.canonical import FS, SAMPLES, CanonicalEcg
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.ports import Arm, Classifier, Guard
from ecg.quality import Quality, assess
from ecg.reading import Abstention, Choice, Declined, Explanation, Prediction
from ecg.recording import Recording
from models.card import Card
from models.limits import OTHER_SOURCE


@dataclass(frozen=True)
class Chosen:
    """An arm that reads."""

    classifier: Classifier
    choice: Choice

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Prediction:
        return self.classifier.predict(windows, quality, self.choice)

    def explain(
        self, windows: Sequence[CanonicalEcg], prediction: Prediction, *, thorough: bool = False
    ) -> tuple[Explanation, ...]:
        return self.classifier.explain(windows, prediction, thorough=thorough)


@dataclass(frozen=True)
class Abstaining:
    """An arm that does not read, and says why."""

    abstention: Abstention
    choice: Choice

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Prediction:
        return Prediction(self.choice, abstention=self.abstention)

    def explain(
        self, windows: Sequence[CanonicalEcg], prediction: Prediction, *, thorough: bool = False
    ) -> tuple[Explanation, ...]:
        return ()


class CardRouter:
    """Of the models whose cards cover a recording, takes the one that reads most of its leads, of equals the first.

    Where none does, the first one's reason stands, of those made for such a source, if any is. What is covered must
    also pass every guard: docs/routing.md.

    Args:
        arms: name of the arm, as in its card, and its classifier; in the order of preference, at least one.
        guards: what every recording must pass before any model reads it.
    """

    def __init__(self, arms: Sequence[tuple[str, Classifier]], guards: Sequence[Guard] = ()) -> None:
        if not arms:
            raise ValueError("a router needs at least one model")
        self.arms, self.guards = tuple(arms), tuple(guards)
        self.digest = combined([*(each.digest for _, each in arms), *(each.digest for each in guards)])

    def warm(self) -> None:
        """Score one canned ECG with every model, so that the first patient's is neither the first nor the slowest.

        Raises:
            ModelRefused: a model gives no probabilities.
        """
        ecg = canned_ecg()
        quality = assess([ecg])
        for name, classifier in self.arms:
            try:
                classifier.predict([ecg], quality, Choice("It was warmed.", self.digest))
            except (ValueError, ArithmeticError, RuntimeError) as error:
                raise ModelRefused(f"The {name} model cannot score the canned ECG.") from error

    def route(self, windows: Sequence[CanonicalEcg], recording: Recording, quality: Quality) -> Arm:
        """Choose the arm. Pure: the same recording has the same arm."""
        refusals = [classifier.declines(windows, recording, quality) for _, classifier in self.arms]
        asked = list(zip(self.arms, refusals, strict=True))
        declined = tuple(Declined(name, reason.code) for (name, _), reason in asked if reason is not None)
        covering = [arm for arm, reason in asked if reason is None]
        if not covering:
            reasons = [reason for reason in refusals if reason is not None]
            first = next((reason for reason in reasons if reason.code not in OTHER_SOURCE), reasons[0])
            return Abstaining(first, Choice(first.reason, self.digest, declined=declined))
        name, classifier = max(covering, key=lambda arm: arm[1].reads(quality))  # of equals the first
        checks = tuple(found for guard in self.guards if (found := guard.check(windows, quality)) is not None)
        for each in checks:
            if not each.passed:
                choice = Choice(each.reason, self.digest, None, (*declined, Declined(name, each.code)), checks)
                return Abstaining(Abstention(each.code, each.reason), choice)
        why = f"The {name} model was chosen: its card covers this recording."
        return Chosen(classifier, Choice(why, self.digest, name, declined, checks))


def preference(card: Card) -> tuple[int, str]:
    """Return the key by which arms are ordered: of those that read as many leads of a recording the first is taken.

    Arms made for certain leads stand before one that takes any, and the plainer name first: '12-lead' before
    '12-lead-fast'.
    """
    return -len(card.limits.leads), card.arm


def combined(digests: Iterable[str]) -> str:
    """Return the SHA-256 over all models that a router chooses from, by the digests of their cards in their order."""
    return hashlib.sha256("\0".join(digests).encode()).hexdigest()


def canned_ecg() -> CanonicalEcg:
    """Return a canonical ECG that is always the same: in every lead a spike of 1 mV and 80 ms, 72 times a minute."""
    at = np.arange(SAMPLES) / FS
    spike = np.clip(1 - np.abs((at % (60 / 72)) - 0.4) / 0.04, 0, None).astype(np.float32)
    return CanonicalEcg(np.tile(spike, (len(LEADS), 1)), np.ones((len(LEADS), SAMPLES), dtype=np.bool_))
