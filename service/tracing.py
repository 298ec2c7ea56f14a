"""Spans of each ECG's way, by OpenTelemetry: its job's id is its trace's id, so no context need travel with it.

A span holds ids of ours, codes and settings' names, never a word of a caller's: no error's text is recorded.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from service.release import RELEASE

EXPORT_SECONDS: Final = 5.0  # for one request to the collector
Attribute = str | int | bool

# Whose first span is being started; its ids follow from it, all others are random.
_FIRST: ContextVar[UUID | None] = ContextVar("first", default=None)


class _Ids(IdGenerator):
    def generate_trace_id(self) -> int:
        job = _FIRST.get()
        return secrets.randbits(128) or 1 if job is None else job.int

    def generate_span_id(self) -> int:
        job = _FIRST.get()
        return secrets.randbits(64) or 1 if job is None else _first_span(job)


def _first_span(job_id: UUID) -> int:
    """Return the id of the span of an ECG's acceptance, under which all its others stand, in whatever process."""
    return int.from_bytes(hashlib.sha256(job_id.bytes).digest()[:8]) or 1


def _share(job_id: UUID) -> float:
    """Return a number in [0, 1) that is the same in every process; a UUID's own bits are not all random."""
    return int.from_bytes(hashlib.sha256(job_id.bytes).digest()[8:16]) / 2**64


class Tracing:
    """Where spans go.

    Args:
        exporter: takes them; None: there are none.
        ratio: share of ECGs that are traced, each with all of its spans.
    """

    def __init__(self, exporter: SpanExporter | None = None, ratio: float = 1.0) -> None:
        self._ratio = ratio if exporter is not None else 0.0
        resource = Resource({"service.name": "twelvelead", "service.version": RELEASE})
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        if exporter is not None:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("twelvelead", RELEASE)

    def accepted(self, job_id: UUID, seconds: float, **attributes: Attribute) -> None:
        """Tell that an ECG was accepted, in a span that has just ended; it is the first of its trace."""
        if _share(job_id) >= self._ratio:
            return
        end = time.time_ns()
        token = _FIRST.set(job_id)
        try:
            span = self._tracer.start_span(
                "accept", Context(), SpanKind.SERVER, dict(attributes), start_time=end - int(seconds * 1e9)
            )
        finally:
            _FIRST.reset(token)
        span.end(end)

    @contextmanager
    def span(self, job_id: UUID, name: str, **attributes: Attribute) -> Iterator[None]:
        """Tell of work on an ECG, and by its error's code how it fails."""
        if _share(job_id) >= self._ratio:
            yield
            return
        first = SpanContext(job_id.int, _first_span(job_id), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        with self._within(set_span_in_context(NonRecordingSpan(first)), name, attributes):
            yield

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Tell of a part of the work that is being told of; nothing where none is."""
        if not get_current_span().is_recording():
            yield
            return
        with self._within(None, name, {}):
            yield

    @contextmanager
    def _within(self, context: Context | None, name: str, attributes: dict[str, Attribute]) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, context, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(StatusCode.ERROR, str(getattr(error, "code", type(error).__name__)))
                raise

    def flush(self) -> None:
        """Hand on what has not been yet."""
        self._provider.force_flush()

    def close(self) -> None:
        """Hand on what has not been yet, and end."""
        self._provider.shutdown()


def tracing_to(endpoint: str, ratio: float) -> Tracing:
    """Return what sends spans by OTLP over HTTP; an empty endpoint: nowhere."""
    return Tracing(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS) if endpoint else None, ratio)
