"""A trained model as a Classifier: scores windows by its networks and its card, explains what it asserted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg.canonical import CanonicalEcg
from ecg.leads import LEADS
from ecg.quality import Quality, WindowQuality
from ecg.reading import Abstention, Choice, Explanation, ModelName, Prediction
from ecg.recording import Recording
from models.card import WEIGHTS as WEIGHTS
from models.card import Card, SignedCard, read_card
from models.ensemble import Ensemble, load_ensemble
from models.explain.reported import Asked, explained
from models.explain.scorer import Scorer
from models.limits import first_broken_limit, leads_read, usable_windows

BATCH: Final = 12  # windows at once: more gain nothing on one core


class NetworkClassifier:
    """One network or several with their card. Thread-safe: nothing in it changes after it is made."""

    def __init__(self, signed: SignedCard, ensemble: Ensemble) -> None:
        self.card: Card = signed.card
        self.digest: str = signed.digest
        self.name = ModelName(signed.card.name, signed.card.version, signed.digest, signed.card.statements())
        self.ensemble = ensemble

    def declines(self, windows: Sequence[CanonicalEcg], recording: Recording, quality: Quality) -> Abstention | None:
        """Say which limit of the card the recording breaks, or None where it is covered."""
        return first_broken_limit(self.card.limits, recording, quality)

    def reads(self, quality: Quality) -> int:
        """Return how many leads of a recording that it does not decline it reads."""
        return leads_read(self.card.limits, quality)

    def logits(self, windows: Sequence[CanonicalEcg]) -> NDArray[np.float64]:
        """Return the networks' averaged outputs, float64 (windows, findings), in the order of the card.

        They are scored BATCH at a time, which is as good as alone: a window's score does not depend on its company.
        """
        parts = [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]
        with torch.inference_mode():
            made = [self.ensemble.logits(*_tensors(part)).double().numpy() for part in parts]
        return np.concatenate(made)

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated probabilities for logits (..., findings)."""
        columns = [each.log_odds(logits[..., at]) for at, each in enumerate(self.card.findings)]
        return np.asarray(1.0 / (1.0 + np.exp(-np.stack(columns, axis=-1))))

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality, choice: Choice) -> Prediction:
        """Score the usable windows, and take the median of each finding."""
        usable = usable_windows(self.card.limits, quality)
        logits = self.logits([self._offered(windows[index], quality.windows[index]) for index in usable])
        middle = np.median(logits, axis=0)
        shown = usable[int(np.abs(logits - middle).sum(axis=1).argmin())]
        scores = tuple(
            each.score(float(probability))
            for each, probability in zip(self.card.findings, self.probabilities(middle), strict=True)
        )
        return Prediction(choice, model=self.name, scores=scores, window=shown)

    def explain(
        self, windows: Sequence[CanonicalEcg], prediction: Prediction, *, thorough: bool = False
    ) -> tuple[Explanation, ...]:
        """Explain every finding that is asserted, on the window that is shown; see models.explain.reported."""
        window = self._read(windows[prediction.window])
        return explained(self.scorers(), self.asked(prediction), window, prediction.window, thorough=thorough)

    def asked(self, prediction: Prediction) -> tuple[Asked, ...]:
        """Return what is to be explained: the findings that are asserted."""
        outputs = {each.code: (at, each.line_at_threshold) for at, each in enumerate(self.card.findings)}
        return tuple(Asked(each.finding, *outputs[each.finding.code]) for each in prediction.asserted)

    def scorers(self) -> tuple[Scorer, ...]:
        """Return the networks as their explanations see them: calibrated by the card's line, differentiable."""
        slope, intercept = (
            torch.tensor([getattr(each, name) for each in self.card.findings]) for name in ("slope", "intercept")
        )
        return tuple(
            Scorer(each.prepare, each.network, slope, intercept, each.weight) for each in self.ensemble.members
        )

    def _read(self, window: CanonicalEcg) -> CanonicalEcg:
        """Return a window with those leads alone that the networks take."""
        taken = {lead for each in self.ensemble.members for lead in each.prepare.preparation.leads}
        read = np.array([lead in taken for lead in LEADS])[:, None]
        return window if read.all() else CanonicalEcg(np.where(read, window.signal, np.float32(0)), window.mask & read)

    def _offered(self, window: CanonicalEcg, quality: WindowQuality) -> CanonicalEcg:
        """Return what the networks get to see: a model that asks for no lead does without those that are faulty."""
        if self.card.limits.leads or not quality.faults:
            return window
        sound = np.array([lead not in dict(quality.faults) for lead in LEADS])[:, None]
        return CanonicalEcg(np.where(sound, window.signal, np.float32(0)), window.mask & sound)


def load(card_path: Path) -> NetworkClassifier:
    """Load a model by its card, whose digests prove its weights.

    Raises:
        ModelRefused: the card or the weights are missing, changed, or do not fit each other.
    """
    signed = read_card(card_path)
    return NetworkClassifier(signed, load_ensemble(signed.card, card_path))


def use_threads(threads: int) -> None:
    """Let torch use so many threads for one ECG. Scores do not depend on it beyond rounding."""
    torch.set_num_threads(threads)


def _tensors(windows: Sequence[CanonicalEcg]) -> tuple[Tensor, Tensor]:
    signal = torch.from_numpy(np.stack([window.signal for window in windows]))
    return signal, torch.from_numpy(np.stack([window.mask for window in windows]))
