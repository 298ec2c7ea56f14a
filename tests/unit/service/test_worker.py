"""The work itself, on a real ledger: each step may be repeated, each failure is recorded with what it means."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ecg.errors import Overloaded, Refused, Unreachable
from ecg.payload import Payload
from ecg.report import Receipt, Report, identity
from service.intake import Accepted, Intake
from service.jobs import Jobs
from service.store import Store
from service.worker import Workshop, build_queue, work
from tests.conftest import ISSUED
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset


@dataclass
class Fake:
    """A destination that fails as told, and remembers what it was given."""

    failure: Exception | None = None
    given: list[Report] = field(default_factory=list)

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        self.given.append(report)
        if self.failure is not None:
            raise self.failure
        return Receipt("ward", "a reference")


def accepted(intake: Intake) -> Accepted:
    data = to_bytes(twelve_lead_dataset(square_wave(), who=Who(id=str(uuid4()))))
    (one,) = intake.accept(Payload(data), ISSUED)
    return one


def interpreted(intake: Intake, workshop: Workshop) -> tuple[UUID, UUID]:
    job = accepted(intake).job.id
    workshop.interpret(job, last=False)
    report = intake.jobs.job(job)
    assert report is not None and report.report_id is not None
    return job, report.report_id


def test_an_accepted_ecg_becomes_a_report_issued_when_it_was_accepted(intake: Intake, workshop: Workshop) -> None:
    job, report = interpreted(intake, workshop)
    assert str(ISSUED.isoformat()).encode() in (intake.store.file(report, "report.json") or b"")
    before = intake.store.files(report)
    workshop.interpret(job, last=False)
    assert intake.store.files(report) == before and len(intake.jobs.deliveries(job)) == 1


def test_the_report_that_is_delivered_is_the_one_that_was_kept(intake: Intake, workshop: Workshop) -> None:
    job, report = interpreted(intake, workshop)
    ward = Fake()
    for _ in range(2):
        workshop.deliver(report, ward, "ward", last=False)
    (given,) = ward.given
    assert given.pdf == intake.store.file(report, "report.pdf") and given.id == report
    (delivery,) = intake.jobs.deliveries(job)
    assert (delivery.state, delivery.reference) == ("delivered", "a reference")


def test_a_refusal_is_for_good_and_raises_nothing(intake: Intake, workshop: Workshop) -> None:
    job, report = interpreted(intake, workshop)
    workshop.deliver(report, Fake(Refused("patient-not-found")), "ward", last=False)
    (delivery,) = intake.jobs.deliveries(job)
    assert (delivery.state, delivery.error) == ("dead", "patient-not-found")


def test_what_is_away_is_tried_again_until_the_last_time(intake: Intake, workshop: Workshop) -> None:
    job, report = interpreted(intake, workshop)
    for last, state in ((False, "waiting"), (True, "dead")):
        with pytest.raises(Unreachable):
            workshop.deliver(report, Fake(Unreachable("nobody answers")), "ward", last=last)
        assert [each.state for each in intake.jobs.deliveries(job)] == [state]


def test_a_damaged_payload_is_recorded_by_the_class_of_its_error(intake: Intake, workshop: Workshop) -> None:
    job = accepted(intake).job
    (intake.settings.data / "payloads" / job.payload_sha256[:2] / job.payload_sha256).write_bytes(b"damaged")
    with pytest.raises(LookupError):
        workshop.interpret(job.id, last=True)
    failed = intake.jobs.job(job.id)
    assert failed is not None and (failed.state, failed.error) == ("dead", "LookupError")


@dataclass
class Picky:
    """A destination that does not take one report for now, and takes all others."""

    never: UUID
    given: list[UUID] = field(default_factory=list)

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        if report.id == self.never:
            raise Unreachable
        self.given.append(report.id)
        return Receipt("ward", "a reference")


def test_a_report_that_waits_for_its_next_attempt_holds_up_no_other(intake: Intake, workshop: Workshop) -> None:
    first, second = (interpreted(intake, workshop)[1] for _ in range(2))
    ward = Picky(first)
    queue = build_queue(workshop, {"ward": ward}, intake.jobs.database.url)

    async def until_delivered() -> None:
        working = asyncio.create_task(work(queue, intake.jobs, ["ward"], 1, 1.0))
        while second not in ward.given:
            await asyncio.sleep(0.05)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(asyncio.wait_for(until_delivered(), 60))
    assert intake.jobs.delivery(first, "ward").state == "waiting"


class FullStore(Store):
    """A store whose disk is full."""

    def put_report(self, *_: object) -> None:
        raise Overloaded


def test_a_full_disk_makes_no_dead_letter_of_an_ecg(intake: Intake, workshop: Workshop) -> None:
    job = accepted(intake).job.id
    full = Workshop(workshop.router, FullStore(intake.settings.data), intake.jobs, intake.settings)
    with pytest.raises(Overloaded):
        full.interpret(job, last=True)
    waiting = intake.jobs.job(job)
    assert waiting is not None and (waiting.state, waiting.error) == ("waiting", "overloaded")
    workshop.interpret(job, last=True)
    done = intake.jobs.job(job)
    assert done is not None and done.state == "done"


def test_nothing_is_accepted_below_the_watermark(intake: Intake) -> None:
    full = Intake(intake.store, intake.jobs, intake.settings.model_copy(update={"least_free_mb": 10**9}))
    with pytest.raises(Overloaded, match="MB left"):
        accepted(full)


def test_our_own_output_gives_no_job(intake: Intake, workshop: Workshop, sample: Path) -> None:
    from adapters.dicom.results import encapsulated_pdf, part10

    (one,) = intake.accept(Payload(sample.read_bytes()), ISSUED)
    workshop.interpret(one.job.id, last=False)
    report = Fake()
    workshop.deliver(intake.jobs.deliveries(one.job.id)[0].report_id, report, "ward", last=False)
    assert intake.accept(Payload(part10(encapsulated_pdf(report.given[0]))), ISSUED) == ()


def test_the_ledger_knows_an_ecg_by_its_identity(intake: Intake, sample: Path) -> None:
    from service.intake import recordings

    (one,) = intake.accept(Payload(sample.read_bytes()), ISSUED)
    (recording,) = recordings(Payload(sample.read_bytes()), intake.settings)
    assert one.job.identity == identity(recording)


def test_no_table_holds_a_patients_datum(intake: Intake, workshop: Workshop, jobs: Jobs) -> None:
    data = to_bytes(twelve_lead_dataset(square_wave(), who=Who(name="Zebediah^Quokka", id="PLANTED-4711")))
    (one,) = intake.accept(Payload(data), ISSUED)
    workshop.interpret(one.job.id, last=False)
    with jobs.database.transaction() as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('twelvelead', 'public')"
        ).fetchall()
        assert len(tables) > 6
        rows = [row for schema, table in tables for row in connection.execute(f'select * from {schema}."{table}"')]
    said = repr(rows)
    assert str(one.job.id) in said, "the search looks where something is"
    assert not any(planted in said for planted in ("Zebediah", "Quokka", "PLANTED"))
