"""Spans: all of one ECG are one trace, whichever process tells of them, and no error's text is in them."""

from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from ecg.errors import Unreachable
from service.metrics import Metrics
from service.tracing import Tracing, tracing_to
from tests.golden.collector import collecting


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def spans(exporter: InMemorySpanExporter, job: UUID) -> dict[str, ReadableSpan]:
    """Let two processes tell of an ECG's way."""
    listener, worker = Tracing(exporter), Tracing(exporter)
    listener.accepted(job, 0.25, door="dicom", part=0)
    listener.flush()
    with worker.span(job, "interpret", attempt=1), Metrics(worker).stopwatch().stage("read"):
        pass
    with pytest.raises(Unreachable), worker.span(job, "deliver", destination="ehr"):
        raise Unreachable("Quokka's EHR is away")
    worker.flush()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_its_acceptance_is_the_first_and_stages_stand_below_their_work(exporter: InMemorySpanExporter) -> None:
    job = uuid4()
    found = spans(exporter, job)
    assert set(found) == {"accept", "interpret", "read", "deliver"}
    assert {span.context.trace_id for span in found.values()} == {job.int}
    first = found["accept"]
    assert first.parent is None and first.end_time - first.start_time == 250_000_000  # type: ignore[operator]
    for name in ("interpret", "deliver"):
        assert found[name].parent is not None and found[name].parent.span_id == first.context.span_id
    assert found["read"].parent == found["interpret"].context
    assert len({span.context.span_id for span in found.values()}) == 4


def test_a_failure_is_told_by_its_code_alone(exporter: InMemorySpanExporter) -> None:
    found = spans(exporter, uuid4())["deliver"]
    assert (found.status.status_code, found.status.description) == (StatusCode.ERROR, Unreachable.code)
    assert not found.events and "Quokka" not in found.to_json()


def test_a_share_of_ecgs_is_traced_and_those_wholly(exporter: InMemorySpanExporter) -> None:
    listener, worker = Tracing(exporter, 0.3), Tracing(exporter, 0.3)
    for number in range(200):
        job = UUID(int=number + (1 << 90), version=4)
        listener.accepted(job, 0.0)
        with worker.span(job, "interpret"), worker.stage("read"):
            pass
    listener.flush()
    worker.flush()
    by_trace: dict[int, set[str]] = {}
    for span in exporter.get_finished_spans():
        by_trace.setdefault(span.context.trace_id, set()).add(span.name)
    assert 30 < len(by_trace) < 90
    assert all(names == {"accept", "interpret", "read"} for names in by_trace.values())


def test_nothing_is_told_where_nobody_listens() -> None:
    silent = Tracing()
    silent.accepted(uuid4(), 0.1)
    with silent.span(uuid4(), "interpret"), silent.stage("read"):
        pass
    silent.close()


def test_spans_go_by_otlp_to_where_the_settings_say() -> None:
    job = uuid4()
    with collecting() as collector:
        tracing = tracing_to(collector.endpoint, 1)
        tracing.accepted(job, 0.1, door="http")
        tracing.close()
        (span,) = collector.spans()
    assert UUID(bytes=span.trace_id) == job and span.name == "accept"
