"""Which model reads a recording, and why: a pure function of what the recording offers and what the cards ask."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ecg.canonical import FS, SAMPLES, CanonicalEcg
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.ports import Arm, Classifier
from ecg.quality import Quality, assess
from ecg.reading import Abstention, Choice, Explanation, Prediction
from ecg.recording import Recording


@dataclass(frozen=True)
class Chosen:
    """An arm that reads."""

    classifier: Classifier
    choice: Choice

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Prediction:
        return self.classifier.predict(windows, quality, self.choice)

    def explain(self, windows: Sequence[CanonicalEcg], prediction: Prediction) -> tuple[Explanation, ...]:
        return self.classifier.explain(windows, prediction)


@dataclass(frozen=True)
class Abstaining:
    """An arm that does not read, and says why."""

    abstention: Abstention
    models: str

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Prediction:
        return Prediction(Choice(self.abstention.reason, self.models), abstention=self.abstention)

    def explain(self, windows: Sequence[CanonicalEcg], prediction: Prediction) -> tuple[Explanation, ...]:
        return ()


class CardRouter:
    """Takes the first classifier whose card covers the recording; where none does, the first one's reason stands.

    Args:
        arms: name of the arm, as in its card, and its classifier; in the order of preference, at least one.
    """

    def __init__(self, arms: Sequence[tuple[str, Classifier]]) -> None:
        if not arms:
            raise ValueError("a router needs at least one model")
        self.arms = tuple(arms)
        self.digest = combined(each.digest for _, each in arms)

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
        """Choose the arm."""
        reasons: list[Abstention] = []
        for name, classifier in self.arms:
            declined = classifier.declines(windows, recording, quality)
            if declined is None:
                why = f"The {name} model was chosen: its card covers this recording."
                return Chosen(classifier, Choice(why, self.digest))
            reasons.append(declined)
        return Abstaining(reasons[0], self.digest)


def combined(digests: Iterable[str]) -> str:
    """Return the SHA-256 over all models that a router chooses from, by the digests of their cards in their order."""
    return hashlib.sha256("\0".join(digests).encode()).hexdigest()


def canned_ecg() -> CanonicalEcg:
    """Return a canonical ECG that is always the same: in every lead a spike of 1 mV and 80 ms, 72 times a minute."""
    at = np.arange(SAMPLES) / FS
    spike = np.clip(1 - np.abs((at % (60 / 72)) - 0.4) / 0.04, 0, None).astype(np.float32)
    return CanonicalEcg(np.tile(spike, (len(LEADS), 1)), np.ones((len(LEADS), SAMPLES), dtype=np.bool_))
