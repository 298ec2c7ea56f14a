"""What the process counts and times, for Prometheus. Labels are few: no patient, no id, no word of a caller's."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from ecg.errors import DeliveryError, EcgError, UnreadablePage
from ecg.reading import Prediction
from service.release import RELEASE
from service.tracing import Tracing

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
STAGES: Final = ("read", "interpret", "render", "store")
# Seconds. A delivery may wait for days, until a peer is there again.
QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SLOW: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
PATIENT: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 72 * 3600)

Door = Literal["http", "fhir", "stow", "dicom"]


def code_of(error: BaseException) -> str:
    """Return an error's code; where it is none of ours, the name of its class."""
    return error.code if isinstance(error, EcgError) else type(error).__name__


class Stopwatch:
    """Times the stages of one interpretation; `seconds` holds those that are over."""

    def __init__(self, histogram: Histogram, tracing: Tracing) -> None:
        self._histogram, self._tracing = histogram, tracing
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, also one that fails."""
        began = time.perf_counter()
        try:
            with self._tracing.stage(name):
                yield
        finally:
            taken = time.perf_counter() - began
            self.seconds[name] = round(taken, 4)
            self._histogram.labels(name).observe(taken)


class Metrics:
    """The metrics of one service, in a registry of their own, and its spans."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing or Tracing()
        self.registry = CollectorRegistry()
        self._payloads = Counter(
            "twelvelead_payloads",
            "Payloads by door and what became of them: accepted, known, dropped (a report of ours), refused (by code)",
            ("door", "outcome", "code"),
            registry=self.registry,
        )
        self._acceptance = Histogram(
            "twelvelead_acceptance_seconds",
            "Time from a payload in memory until it is durable and queued, or refused",
            ("door",),
            registry=self.registry,
            buckets=QUICK,
        )
        self._stages = Histogram(
            "twelvelead_interpretation_seconds",
            f"Time of an interpretation by stage: {', '.join(STAGES)}",
            ("stage",),
            registry=self.registry,
            buckets=SLOW,
        )
        self._interpretations = Counter(
            "twelvelead_interpretations",
            "Interpretations by outcome: done, failed (it is tried again), dead, refused (a page); and by the code",
            ("outcome", "code"),
            registry=self.registry,
        )
        self._predictions = Counter(
            "twelvelead_predictions", "ECGs that a model read, by arm", ("arm",), registry=self.registry
        )
        self._abstentions = Counter(
            "twelvelead_abstentions", "ECGs that no model read, by the reason's code", ("code",), registry=self.registry
        )
        self._reported = Histogram(
            "twelvelead_accepted_to_reported_seconds",
            "Time from the acceptance of an ECG until its report is kept",
            registry=self.registry,
            buckets=PATIENT,
        )
        self._certificates = Gauge(
            "twelvelead_certificate_expires_timestamp_seconds",
            "When the certificates end that this process has loaded, by the setting of their file (Unix time)",
            ("setting",),
            registry=self.registry,
        )
        self._models = Gauge(
            "twelvelead_model_info",
            "1 for each loaded model, with its arm and the SHA-256 of its card, which names that of its weights",
            ("arm", "card_sha256"),
            registry=self.registry,
        )
        build = Gauge("twelvelead_build_info", "1, with the release", ("version",), registry=self.registry)
        build.labels(RELEASE).set(1)
        self._arms: dict[str, str] = {}
        self._add_deliveries()
        ProcessCollector(registry=self.registry)

    def _add_deliveries(self) -> None:
        self._deliveries = Counter(
            "twelvelead_deliveries",
            "Attempts at delivery by destination and outcome: delivered, or the error's code",
            ("destination", "outcome"),
            registry=self.registry,
        )
        self._delivery = Histogram(
            "twelvelead_delivery_seconds",
            "Time of one attempt at delivery",
            ("destination",),
            registry=self.registry,
            buckets=SLOW,
        )
        self._way = Histogram(
            "twelvelead_accepted_to_delivered_seconds",
            "Time from the acceptance of an ECG until a destination holds its report",
            ("destination",),
            registry=self.registry,
            buckets=PATIENT,
        )

    def payload(self, door: Door, outcome: str, code: str, seconds: float) -> None:
        """Count what became of a payload: accepted, known, dropped, or refused with a code."""
        self._payloads.labels(door, outcome, code).inc()
        self._acceptance.labels(door).observe(seconds)

    def stopwatch(self) -> Stopwatch:
        """Return what times one interpretation."""
        return Stopwatch(self._stages, self.tracing)

    def model(self, arm: str, digest: str) -> None:
        """Name a model that is loaded, by its arm and the digest of its card."""
        self._models.labels(arm, digest).set(1)
        self._arms[digest] = arm

    def certificate(self, setting: str, expires: datetime) -> None:
        """Tell when the certificates of a file end."""
        self._certificates.labels(setting).set(expires.timestamp())

    def reported(self, accepted_at: datetime) -> None:
        """Time the way of an ECG from its acceptance to its report."""
        self._reported.observe(max(0.0, (datetime.now(UTC) - accepted_at).total_seconds()))

    def interpreted(self, prediction: Prediction) -> None:
        """Count an interpretation that is done, by the arm that read or the reason why none did."""
        self._interpretations.labels("done", "").inc()
        if prediction.abstention is not None:
            self._abstentions.labels(prediction.abstention.code).inc()
        elif prediction.model is not None:
            self._predictions.labels(self._arms.get(prediction.model.digest, "unknown")).inc()

    def not_interpreted(self, error: Exception, *, final: bool) -> None:
        """Count an interpretation that failed, for now or for good."""
        self._interpretations.labels("dead" if final else "failed", code_of(error)).inc()

    def refused(self, error: UnreadablePage) -> None:
        """Count a page on which there was no ECG to be read, by the reason."""
        self._interpretations.labels("refused", error.reason).inc()

    @contextmanager
    def delivering(self, destination: str, accepted_at: datetime) -> Iterator[None]:
        """Time an attempt at delivery, and count how it ends."""
        began, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "delivered"
            self._way.labels(destination).observe(max(0.0, (datetime.now(UTC) - accepted_at).total_seconds()))
        except DeliveryError as error:
            outcome = error.code
            raise
        finally:
            self._deliveries.labels(destination, outcome).inc()
            self._delivery.labels(destination).observe(time.perf_counter() - began)

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus (CONTENT_TYPE)."""
        return generate_latest(self.registry)
