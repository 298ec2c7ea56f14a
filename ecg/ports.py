"""The ports: what a reader, a classifier and a destination must be able to do."""

from collections.abc import Sequence
from typing import Protocol

from ecg.canonical import CanonicalEcg
from ecg.payload import Payload
from ecg.quality import Quality
from ecg.reading import Abstention, Check, Choice, Explanation, Prediction
from ecg.recording import Recording
from ecg.report import Receipt, Report


class Reader(Protocol):
    """Reads one format. Pure: the same payload gives the same recordings."""

    @property
    def name(self) -> str:
        """The format's name, as `twelvelead formats` prints it."""

    def claims(self, payload: Payload) -> bool:
        """Say by a look at the first bytes whether this reader is the one for the payload. Never raises."""

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read every ECG in the payload.

        Raises:
            PayloadError: one of its kinds, with what the sender must change.
        """


class Wrapper(Protocol):
    """Takes off what ECGs come wrapped in: an archive of files, a document of a health record. Pure."""

    @property
    def name(self) -> str:
        """What it takes off, as `twelvelead formats` prints it."""

    def claims(self, payload: Payload) -> bool:
        """Say whether the payload is such a wrapping, and not itself what a reader reads. Never raises."""

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return what is inside, in its order, at least one; each inherits patient and order from the wrapping.

        Raises:
            PayloadError: one of its kinds, with what the sender must change.
        """


class Classifier(Protocol):
    """A trained model with its card."""

    @property
    def digest(self) -> str:
        """SHA-256 of the card, which names the weights' digest."""

    def declines(self, windows: Sequence[CanonicalEcg], recording: Recording, quality: Quality) -> Abstention | None:
        """Say which limit of the card the recording breaks, or None where it is covered."""

    def reads(self, quality: Quality) -> int:
        """Return how many leads of a recording that it does not decline it reads."""

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality, choice: Choice) -> Prediction:
        """Score the usable windows, one after the other, and take the median of each finding."""

    def explain(
        self, windows: Sequence[CanonicalEcg], prediction: Prediction, *, thorough: bool = False
    ) -> tuple[Explanation, ...]:
        """Explain every finding that is asserted, on the window that is shown; thoroughly if it may take seconds."""


class Guard(Protocol):
    """Looks for what would make every model's reading wrong, such as electrodes that were swapped."""

    @property
    def digest(self) -> str:
        """SHA-256 of the card by which it judges."""

    def check(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Check | None:
        """Measure a recording; None where it holds too little for this guard to judge."""


class Arm(Protocol):
    """A router's choice: a model and why, or an abstention and why."""

    def predict(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Prediction:
        """Predict with the model chosen, or abstain."""

    def explain(
        self, windows: Sequence[CanonicalEcg], prediction: Prediction, *, thorough: bool = False
    ) -> tuple[Explanation, ...]:
        """Explain what was predicted; nothing where the arm abstains."""


class Router(Protocol):
    """Chooses the arm for a recording."""

    def route(self, windows: Sequence[CanonicalEcg], recording: Recording, quality: Quality) -> Arm:
        """Choose by what the recording offers and what the cards ask. Pure."""


class Destination(Protocol):
    """Takes reports. Idempotent: delivering twice leaves one copy."""

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        """Deliver a report; `held` is the receipt of the version that it replaces there, None where there is none.

        Raises:
            DeliveryError: one of its kinds, by what a retry would mean.
        """
