"""What is counted is what happened, under labels that nobody outside can multiply; and the page lists all of it."""

import socket
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydicom.data import get_testdata_file

from adapters.dicom.results import encapsulated_pdf, part10
from ecg.errors import MalformedPayload, Refused, Unconfirmed, Unreachable
from ecg.payload import Payload
from ecg.report import Receipt, Report
from models.router import CardRouter
from service.database import Database
from service.gauges import Gauges
from service.intake import Intake
from service.jobs import Jobs
from service.metrics import Metrics
from service.readiness import Readiness
from service.settings import Settings
from service.store import Store
from service.worker import Workshop
from tests.conftest import ISSUED
from tests.golden import reports
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset

Samples = dict[tuple[str, frozenset[str]], float]


def samples(exposition: bytes) -> Samples:
    """Return every sample: its name and the values of its labels, to its value."""
    families = text_string_to_metric_families(exposition.decode())
    return {(s.name, frozenset(s.labels.values()) - {""}): s.value for family in families for s in family.samples}


@dataclass
class Fake:
    failure: Exception | None

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        if self.failure is not None:
            raise self.failure
        return Receipt("ward", "a reference")


@pytest.fixture
def intake(jobs: Jobs, tmp_path: Path) -> Intake:
    with jobs.database.transaction() as connection:
        connection.execute("truncate twelvelead.job, twelvelead.delivery, procrastinate_jobs cascade")
    return Intake(Store(tmp_path / "data"), jobs, Settings(data=tmp_path / "data"))


@pytest.fixture
def workshop(intake: Intake, router: CardRouter) -> Workshop:
    for arm, model in router.arms:
        intake.metrics.model(arm, model.digest)
    return Workshop(router, intake.store, intake.jobs, intake.settings, intake.metrics)


def ecg(age: str = "060Y") -> Payload:
    dataset = twelve_lead_dataset(square_wave(), who=Who(id=str(uuid4())))
    dataset.PatientAge = age
    return Payload(to_bytes(dataset))


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def counted(intake: Intake) -> Samples:
    return samples(intake.metrics.exposition())


def interpreted(intake: Intake, workshop: Workshop, payload: Payload | None = None) -> UUID:
    (one,) = intake.accept(payload or ecg(), ISSUED)
    workshop.interpret(one.job.id, last=False)
    report = intake.jobs.refreshed(one.job).report_id
    assert report is not None
    return report


def test_what_becomes_of_payloads_is_counted_by_door(intake: Intake) -> None:
    one = ecg()
    intake.accept(one, ISSUED, "dicom")
    intake.accept(one, ISSUED, "http")
    with pytest.raises(MalformedPayload):
        intake.accept(Payload(one.data[:20_000]), ISSUED)
    found = counted(intake)
    for labels in ({"dicom", "accepted"}, {"http", "known"}, {"http", "refused", "malformed-payload"}):
        assert found["twelvelead_payloads_total", frozenset(labels)] == 1
    assert found["twelvelead_acceptance_seconds_count", frozenset({"http"})] == 2


def test_our_own_output_is_counted_as_dropped(intake: Intake, read_sample: Report) -> None:
    assert intake.accept(Payload(part10(encapsulated_pdf(read_sample))), ISSUED) == ()
    assert counted(intake)["twelvelead_payloads_total", frozenset({"http", "dropped"})] == 1


def test_an_interpretation_is_timed_by_stage_and_counted_by_arm(intake: Intake, workshop: Workshop) -> None:
    interpreted(intake, workshop, Payload(Path(get_testdata_file("waveform_ecg.dcm")).read_bytes()))  # a real heart
    found = counted(intake)
    for stage in ("read", "interpret", "render", "store"):
        assert found["twelvelead_interpretation_seconds_count", frozenset({stage})] == 1
    assert found["twelvelead_interpretations_total", frozenset({"done"})] == 1
    assert found["twelvelead_predictions_total", frozenset({"12-lead"})] == 1


def test_an_abstention_is_counted_by_its_code() -> None:
    metrics = Metrics()
    metrics.interpreted(reports.report(abstained=True).reading.prediction)
    assert samples(metrics.exposition())["twelvelead_abstentions_total", frozenset({"too-few-leads"})] == 1


def test_an_interpretation_that_fails_is_counted_with_its_stage_and_why(intake: Intake, workshop: Workshop) -> None:
    (one,) = intake.accept(ecg(), ISSUED)
    for kept in (intake.settings.data / "payloads").rglob("*"):
        if kept.is_file():
            kept.unlink()
    for last in (False, True):
        with pytest.raises(LookupError):
            workshop.interpret(one.job.id, last=last)
    found = counted(intake)
    assert found["twelvelead_interpretations_total", frozenset({"failed", "LookupError"})] == 1
    assert found["twelvelead_interpretations_total", frozenset({"dead", "LookupError"})] == 1
    assert found["twelvelead_interpretation_seconds_count", frozenset({"read"})] == 2


@pytest.mark.parametrize(
    "failure, outcome", [(None, "delivered"), (Refused("no"), "refused"), (Unreachable(), "unreachable"),
                         (Unconfirmed(), "unconfirmed"), (KeyError("Zebediah"), "failed")]
)  # fmt: skip
def test_a_delivery_is_counted_by_how_it_ends(
    intake: Intake, workshop: Workshop, failure: Exception | None, outcome: str
) -> None:
    report = interpreted(intake, workshop)
    if failure is None or isinstance(failure, Refused):
        workshop.deliver(report, Fake(failure), "ward", last=False)
    else:
        with pytest.raises(type(failure)):
            workshop.deliver(report, Fake(failure), "ward", last=False)
    found = counted(intake)
    assert found["twelvelead_deliveries_total", frozenset({"ward", outcome})] == 1
    assert found["twelvelead_delivery_seconds_count", frozenset({"ward"})] == 1
    way = found.get(("twelvelead_accepted_to_delivered_seconds_count", frozenset({"ward"})), 0)
    assert way == (1 if failure is None else 0)


def test_a_scrape_tells_what_waits_and_how_long(intake: Intake, workshop: Workshop, database: Database) -> None:
    interpreted(intake, workshop)
    (old,) = intake.accept(ecg(), ISSUED - timedelta(days=1))
    (dead,) = intake.accept(ecg(), ISSUED)
    intake.jobs.failing(dead.job.id, "LookupError", final=True)
    metrics = Metrics()
    metrics.registry.register(Gauges(database, Readiness({}, awaited=["model"]), intake.settings.data))
    found = samples(metrics.exposition())
    assert found["twelvelead_jobs", frozenset({"waiting"})] == found["twelvelead_jobs", frozenset({"dead"})] == 1
    assert found["twelvelead_queue_depth", frozenset({"interpret", "todo"})] == 3
    assert found["twelvelead_queue_depth", frozenset({"deliver:ward", "todo"})] == 1
    assert found["twelvelead_deliveries_open", frozenset({"ward", "waiting"})] == 1
    with database.transaction() as connection:
        row = connection.execute("select extract(epoch from now() - %s)", (old.job.accepted_at,)).fetchone()
    assert row is not None and found["twelvelead_oldest_waiting_job_seconds", frozenset()] == pytest.approx(
        float(row[0]), abs=600
    )
    assert found["twelvelead_ledger_up", frozenset()] == 1 and found["twelvelead_ready", frozenset({"model"})] == 0
    assert found["twelvelead_disk_free_bytes", frozenset()] > 0


def test_a_scrape_without_a_database_says_so_and_tells_the_rest(tmp_path: Path) -> None:
    gone = Database("", tmp_path / "pg")
    gone.close()
    metrics = Metrics()
    metrics.registry.register(Gauges(gone, Readiness({}), tmp_path))
    found = samples(metrics.exposition())
    assert found["twelvelead_ledger_up", frozenset()] == 0
    assert ("twelvelead_jobs", frozenset({"waiting"})) not in found
    assert found["twelvelead_disk_free_bytes", frozenset()] > 0


def test_each_service_has_a_registry_of_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.payload("http", "accepted", "", 0.1)
    key = ("twelvelead_payloads_total", frozenset({"http", "accepted"}))
    assert key in samples(one.exposition()) and key not in samples(other.exposition())
