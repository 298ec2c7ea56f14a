"""One trained network as a Classifier: loads checked weights, scores windows, explains what it asserted."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from ecg.canonical import CanonicalEcg
from ecg.errors import ModelRefused
from ecg.quality import Quality
from ecg.reading import Abstention, Choice, Explanation, ModelName, Prediction, log_odds
from ecg.recording import Recording
from models.card import WEIGHTS as WEIGHTS
from models.card import Card, SignedCard, read_card
from models.explain.reported import Asked, explained
from models.explain.scorer import Scorer
from models.limits import first_broken_limit, usable_windows
from models.nets.paper import PaperCnn, PaperShape
from models.nets.resnet1d import ResNet1d, ResNet1dShape
from models.nets.statespace1d import StateSpace1d, StateSpace1dShape
from models.prepare import Preparation, Prepare

Net = ResNet1d | StateSpace1d | PaperCnn
NETS: Final[dict[str, tuple[Callable[..., Net], Callable[..., object]]]] = {
    "resnet1d": (ResNet1d, ResNet1dShape),
    "statespace1d": (StateSpace1d, StateSpace1dShape),
    "paper": (PaperCnn, PaperShape),
}


def build(kind: str, shape: dict[str, object], card: str) -> Net:
    """Build an untrained network from its name and shape, as the file `card` declares them.

    Raises:
        ModelRefused: no such architecture, or a shape that does not fit it.
    """
    if kind not in NETS:
        raise ModelRefused(f"The card {card} asks for a network of the kind {kind!r}, which is not known.")
    make, shape_of = NETS[kind]
    try:
        return make(shape_of(**{key: tuple(v) if isinstance(v, list) else v for key, v in shape.items()}))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"A {kind} network cannot have the shape that the card {card} declares.") from error


class NetworkClassifier:
    """A network with its card. Thread-safe: nothing in it changes after it is made."""

    def __init__(self, signed: SignedCard, network: Net) -> None:
        self.card: Card = signed.card
        self.digest: str = signed.digest
        self.name = ModelName(signed.card.name, signed.card.version, signed.digest, signed.card.statements())
        self._network: Net = network.eval().requires_grad_(False)
        self._prepare = Prepare(Preparation(**signed.card.preparation.model_dump()))
        self._slope = np.array([each.slope for each in signed.card.findings])
        self._intercept = np.array([each.intercept for each in signed.card.findings])

    def declines(self, windows: Sequence[CanonicalEcg], recording: Recording, quality: Quality) -> Abstention | None:
        """Say which limit of the card the recording breaks, or None where it is covered."""
        return first_broken_limit(self.card.limits, recording, quality)

    def logits(self, windows: Sequence[CanonicalEcg]) -> NDArray[np.float64]:
        """Return the network's raw outputs, float64 (windows, findings), in the order of the card."""
        with torch.inference_mode():
            prepared = self._prepare(*_tensors(windows))
            return np.asarray(self._network(prepared).double().numpy())

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated probabilities for logits (..., findings)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self._slope * logits + self._intercept))))

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality, choice: Choice) -> Prediction:
        """Score the usable windows, one after the other, and take the median of each finding."""
        usable = usable_windows(self.card.limits, quality)
        # One by one, so that a window's score does not depend on its company.
        logits = np.concatenate([self.logits([windows[index]]) for index in usable])
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
        window = windows[prediction.window]
        return explained(self.scorers(), self.asked(prediction), window, prediction.window, thorough=thorough)

    def asked(self, prediction: Prediction) -> tuple[Asked, ...]:
        """Return what is to be explained: the findings that are asserted."""
        codes = [each.code for each in self.card.findings]
        return tuple(
            Asked(each.finding, codes.index(each.finding.code), log_odds(each.threshold))
            for each in prediction.asserted
        )

    def scorers(self) -> tuple[Scorer, ...]:
        """Return the network as its explanations see it: calibrated log-odds, differentiable."""
        slope, intercept = (torch.tensor(each, dtype=torch.float32) for each in (self._slope, self._intercept))
        return (Scorer(self._prepare, self._network, slope, intercept),)


def load(card_path: Path) -> NetworkClassifier:
    """Load a model by its card: check the digest, read safetensors (never a pickle), build the network.

    Raises:
        ModelRefused: the card or the weights are missing, changed, or do not fit each other.
    """
    signed = read_card(card_path)
    weights = signed.card.weights
    try:
        data = (card_path.parent / weights.file).read_bytes()
    except OSError as error:
        raise ModelRefused(f"The weights {weights.file} cannot be read.") from error
    if (digest := hashlib.sha256(data).hexdigest()) != weights.sha256:
        raise ModelRefused(f"The weights {weights.file} have SHA-256 {digest[:12]}..., not {weights.sha256[:12]}... .")
    network = build(signed.card.network.kind, signed.card.network.shape, card_path.name)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_safetensors(data).items()}, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise ModelRefused(f"The weights {weights.file} do not fit the network of their card.") from error
    if network.shape.outputs != (count := len(signed.card.findings)):
        raise ModelRefused(f"The card {card_path.name} lists {count} findings for {network.shape.outputs} outputs.")
    try:
        return NetworkClassifier(signed, network)
    except ValueError as error:
        raise ModelRefused(f"The card {card_path.name} declares a preparation that cannot be: {error}.") from error


def use_threads(threads: int) -> None:
    """Let torch use so many threads for one ECG. Scores do not depend on it beyond rounding."""
    torch.set_num_threads(threads)


def _tensors(windows: Sequence[CanonicalEcg]) -> tuple[Tensor, Tensor]:
    signal = torch.from_numpy(np.stack([window.signal for window in windows]))
    return signal, torch.from_numpy(np.stack([window.mask for window in windows]))
