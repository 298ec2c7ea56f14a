"""Guards: what would make every reading wrong, judged on median beats by small arrays with cards of their own."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors

from ecg.bands import split
from ecg.beats import find_beats, median_beat
from ecg.canonical import CanonicalEcg
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.ports import Guard
from ecg.quality import Quality
from ecg.reading import Check
from models.card import Weights
from models.swaps import MATRICES, REPAIRS, seen, smooth

GUARDS: Final = Path(__file__).parent / "guard_weights"
LEAST_KNOWN: Final = 0.5  # share of each lead of a window: of less there are too few beats for their median
LEADING: Final = 8  # principal components that make up the coarse shape
INDEPENDENT: Final = [0, 1, *range(6, 12)]  # I, II, V1 to V6: the other limb leads follow from I and II

Arrays = Mapping[str, NDArray[np.float32]]


class GuardCard(BaseModel):
    """What a guard declares of itself: its limit and how it was chosen, what it was fitted and measured on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    version: str
    limit: float
    limit_rule: str
    weights: Weights
    corpus: str
    train_folds: tuple[int, ...]
    limit_fold: int
    figures_fold: int
    figures: dict[str, float]
    figures_command: str


class _MedianBeats:
    """What guards have in common: a card, arrays that it vouches for, and the median beats of sound windows."""

    def __init__(self, card: GuardCard, digest: str, arrays: Arrays) -> None:
        self.card, self.digest, self.arrays = card, digest, arrays

    def beats(self, windows: Sequence[CanonicalEcg], quality: Quality) -> NDArray[np.float32] | None:
        """Return median beats, float32 (windows, 12, 72), of the windows in which beats show in every lead."""
        made = []
        for window, judged in zip(windows, quality.windows, strict=True):
            if judged.beating.visible and not judged.unusable(LEADS, LEAST_KNOWN):
                bands = split(window)
                made.append(median_beat(bands, find_beats(bands)))
        found = [each for each in made if each is not None]
        return np.stack(found) if found else None


class ReversalGuard(_MedianBeats):
    """Asks whether the leads would look more like an ECG if limb electrodes had been exchanged."""

    def check(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Check | None:
        """Return the log-odds that limb electrodes are swapped; None where a lead is missing or shows no beats."""
        beats = self.beats(windows, quality)
        if beats is None:
            return None
        scores = np.median(placement_scores(self.arrays, beats), axis=0)
        repair = REPAIRS[int(scores[1:].argmax())]
        reason = f"Limb electrodes seem to be swapped: the leads look more like an ECG with {repair}."
        return Check("limb-reversal", round(float(log_odds(scores)), 3), self.card.limit, reason)


class OutlierGuard(_MedianBeats):
    """Asks whether the beats look like those of the recordings that the models were trained on."""

    def check(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Check | None:
        """Return how far the beats lie from the corpus's; None where a lead is missing or shows no beats."""
        beats = self.beats(windows, quality)
        if beats is None:
            return None
        value = float(np.median(distances(self.arrays, beats)))
        reason = "The beats look like none that the models were trained on: lead names, gain or speed may be wrong."
        return Check("out-of-distribution", round(value, 3), self.card.limit, reason)


def placement_scores(arrays: Arrays, beats: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how plausible beats (n, 12, 72) are after each exchange of limb electrodes, float32 (n, 6).

    The same small network scores each; their softmax is the probability of each, at equal chances beforehand.
    """
    layer = (seen(np.einsum("sij,njt->nsit", MATRICES, beats)) - arrays["mean"]) / arrays["deviation"]
    layer = np.maximum(layer @ arrays["0.weight"].T + arrays["0.bias"], 0)
    layer = np.maximum(layer @ arrays["1.weight"].T + arrays["1.bias"], 0)
    return np.asarray((layer @ arrays["2.weight"].T + arrays["2.bias"])[..., 0], dtype=np.float32)


def log_odds(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the log-odds of any exchange against none, float64 (...), of scores (..., 6)."""
    against = scores.astype(np.float64) - scores[..., :1]
    return np.asarray(np.logaddexp.reduce(against[..., 1:], axis=-1))


def distances(arrays: Arrays, beats: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far beats (n, 12, 72) lie from the corpus's, float64 (n,): most of its own have less than 1.

    The largest of `deviations`, each by what one in 500 of the corpus exceeds.
    """
    return np.asarray((deviations(arrays, beats) / arrays["exceeded"]).max(axis=-1), dtype=np.float64)


def deviations(arrays: Arrays, beats: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Mahalanobis distance of all coordinates and of the coarse shape, and how far each other one is off."""
    standard = (coordinates(arrays, beats).astype(np.float64) - arrays["centre"]) / arrays["spread"]
    together = np.sqrt(((standard @ arrays["whitening"]) ** 2).mean(axis=-1))
    leading = np.sqrt((standard[:, :LEADING] ** 2).mean(axis=-1))  # the coarse shape, which the finer ones outnumber
    return np.column_stack([together, leading, np.abs(standard[:, len(arrays["axes"]) :])])


def coordinates(arrays: Arrays, beats: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return principal components of beats as `seen`, and logarithms: of what those leave, of heights and steepness."""
    shape = (seen(beats) - arrays["mean"]) @ arrays["axes"].T
    rest = np.sqrt(((seen(beats) - arrays["mean"] - shape @ arrays["axes"]) ** 2).mean(axis=-1))
    limbs, chest = (np.sqrt((part**2).mean(axis=(-2, -1))) for part in (beats[:, :3], beats[:, 6:]))
    # Leads that were derived from three have no fourth independent part.
    shapes = smooth(beats[:, INDEPENDENT])
    energy = np.linalg.eigvalsh(np.einsum("nit,njt->nij", shapes, shapes))
    fourth = np.sqrt(np.maximum(energy[:, :-3].sum(axis=-1), 0) / np.maximum(energy.sum(axis=-1), 1e-12))
    slope = np.sqrt((np.diff(shapes, axis=-1) ** 2).mean(axis=(-2, -1)) / ((shapes**2).mean(axis=(-2, -1)) + 1e-12))
    logs = np.log(np.stack([rest, limbs, chest, fourth, slope], axis=-1) + 1e-4)
    return np.asarray(np.concatenate([shape, logs], axis=-1), dtype=np.float32)


KINDS: Final[dict[str, Callable[[GuardCard, str, Arrays], Guard]]] = {
    "reversal": ReversalGuard,
    "outlier": OutlierGuard,
}


def read_guard_cards(directory: Path = GUARDS) -> list[tuple[GuardCard, str]]:
    """Return every guard's card in a directory with the SHA-256 of its file, in the order in which they are asked.

    Raises:
        ModelRefused: one cannot be read, or breaks the cards' schema.
    """
    return [_card(path) for path in sorted(directory.glob("*.json"))]


def load_guards(directory: Path = GUARDS) -> tuple[Guard, ...]:
    """Load every guard whose card lies in a directory, each with its checked arrays.

    Raises:
        ModelRefused: a card or its arrays are missing, changed, or do not fit each other.
    """
    return tuple(_guard(directory, card, digest) for card, digest in read_guard_cards(directory))


def _card(path: Path) -> tuple[GuardCard, str]:
    try:
        text = path.read_bytes()
        card = GuardCard.model_validate_json(text)
    except (OSError, ValidationError) as error:
        raise ModelRefused(f"The guard's card {path.name} cannot be read.") from error
    if card.kind not in KINDS:
        raise ModelRefused(f"The guard's card {path.name} is of no kind that is known.")
    return card, hashlib.sha256(text).hexdigest()


def _guard(directory: Path, card: GuardCard, digest: str) -> Guard:
    try:
        data = (directory / card.weights.file).read_bytes()
        if hashlib.sha256(data).hexdigest() != card.weights.sha256:
            raise ModelRefused(f"The arrays {card.weights.file} are not those of their card.")
        return KINDS[card.kind](card, digest, load_safetensors(data))
    except (OSError, SafetensorError) as error:
        raise ModelRefused(f"The arrays {card.weights.file} cannot be loaded.") from error
