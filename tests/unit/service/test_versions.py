"""A report's versions on a real ledger: one is made at a time, and each destination gets them in order, or the last."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import psycopg.conninfo
import pytest

from ecg.errors import Conflict, DeliveryError, Refused, Unconfirmed, Unidentified, UnknownReport, Unreachable
from ecg.payload import Payload
from ecg.report import Receipt, Report
from models.router import CardRouter
from service import versions as versions_module
from service.api.app import build_app
from service.database import Database
from service.deliveries import Delivery
from service.intake import Intake
from service.jobs import Jobs
from service.quarantine import Quarantine
from service.retention import Policy, Retention
from service.search import Criteria, Index
from service.store import Store
from service.versions import NEVER_SENT, Version, Versions, made_with, models_of
from service.worker import Workshop
from tests.conftest import ISSUED
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset

LATER = datetime(2026, 2, 1, 9, tzinfo=UTC)


@dataclass
class Ward:
    """A destination that fails as told, in turn, and remembers what it was given, and what that replaced."""

    failures: list[Exception | None] = field(default_factory=list)
    given: list[tuple[int, str, str | None]] = field(default_factory=list)

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        self.given.append((report.version, report.status, held.state if held else None))
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        return Receipt("ward", "a reference", f"state of {report.version}")


@pytest.fixture
def versions(jobs: Jobs) -> Versions:
    return Versions(jobs.database)


@pytest.fixture
def report(intake: Intake, workshop: Workshop) -> UUID:
    """Return the id of a report that is kept and goes to the ward."""
    data = to_bytes(twelve_lead_dataset(square_wave(), who=Who(id=str(uuid4()))))
    (one,) = intake.accept(Payload(data), ISSUED)
    workshop.interpret(one.job.id, last=False)
    job = intake.jobs.refreshed(one.job)
    assert job.report_id is not None
    return job.report_id


def deliver(workshop: Workshop, report: UUID, ward: Ward, version: int, *, last: bool = False) -> None:
    with suppress(DeliveryError):
        workshop.deliver(report, ward, "ward", last=last, version=version)


def amended(workshop: Workshop, versions: Versions, report: UUID) -> Version:
    asked = versions.amend(report, LATER, "something else")
    assert asked is not None
    workshop.revise(report, asked.version, last=False)
    return asked


def withdrawn(workshop: Workshop, versions: Versions, report: UUID) -> Version:
    asked = versions.withdraw(report, LATER, "quality")
    workshop.revise(report, asked.version, last=False)
    return asked


def states(jobs: Jobs, report: UUID) -> list[str]:
    query = "select * from twelvelead.delivery where report_id = %s order by version"
    return [each.state for each in jobs.database.rows(Delivery, query, (report,))]


def test_what_has_not_changed_is_not_made_again_unless_it_must(
    versions: Versions, report: UUID, router: CardRouter, intake: Intake
) -> None:
    assert models_of(intake.settings) == router.digest, "the cards alone tell what would read"
    now = made_with(models_of(intake.settings), intake.settings)
    assert versions.amend(report, LATER, now) is None and len(versions.versions(report)) == 1
    forced = versions.amend(report, LATER, now, force=True)
    assert forced is not None and (forced.version, forced.kind, forced.state) == (2, "amended", "waiting")


@pytest.mark.parametrize("changed", [{"site_zone": "Europe/Rome"}, {"patient_systems": {"": "urn:oid:1.2"}}])
def test_a_setting_that_shows_in_a_report_is_a_change(intake: Intake, changed: dict[str, object]) -> None:
    assert made_with("models", intake.settings) != made_with("models", intake.settings.model_copy(update=changed))
    assert made_with("models", intake.settings) != made_with("others", intake.settings)


def test_one_version_is_made_at_a_time(versions: Versions, report: UUID) -> None:
    def asking(_: int) -> str:
        try:
            return "made" if versions.amend(report, LATER, "something else") else "unchanged"
        except Conflict as error:
            return error.code

    with ThreadPoolExecutor(24) as pool:
        said = list(pool.map(asking, range(24)))
    assert sorted(set(said)) == ["conflict", "made"] and said.count("made") == 1
    assert [each.version for each in versions.versions(report)] == [1, 2]


def test_a_report_that_is_not_there_cannot_be_amended(versions: Versions) -> None:
    with pytest.raises(UnknownReport):
        versions.amend(uuid4(), LATER, "something else")
    with pytest.raises(UnknownReport):
        versions.withdraw(uuid4(), LATER, "quality")


def test_an_amendment_is_the_same_report_read_again(
    workshop: Workshop, versions: Versions, report: UUID, intake: Intake
) -> None:
    before = intake.store.files(report)
    asked = amended(workshop, versions, report)
    files = intake.store.files(report)
    kept = json.loads(files["report.json"])
    assert (kept["id"], kept["version"], kept["status"]) == (str(report), 2, "amended")
    assert kept["issued"] == LATER.isoformat(), "the time of the request, however late it is made"
    assert intake.store.files(report, 1) == before and intake.store.versions(report) == [1, 2]
    workshop.revise(report, asked.version, last=False)
    assert intake.store.files(report) == files
    assert [each.state for each in versions.versions(report)] == ["done", "done"]


def test_the_resources_that_are_served_are_those_of_the_latest_version(
    workshop: Workshop, versions: Versions, report: UUID, intake: Intake
) -> None:
    first = json.loads(intake.store.resource("DiagnosticReport", report) or b"")
    former = [UUID(each["reference"].partition("/")[2]) for each in first["result"]]
    assert first["meta"]["versionId"] == "1" and first["meta"]["lastUpdated"] == first["issued"]
    amended(workshop, versions, report)
    second = json.loads(intake.store.resource("DiagnosticReport", report) or b"")
    assert (second["meta"]["versionId"], second["meta"]["lastUpdated"]) == ("2", LATER.isoformat())
    assert second["status"] == "amended" and len(second["result"]) == len(former)
    for each in former:
        held = json.loads(intake.store.resource("Observation", each) or b"")
        assert (held["status"], held["meta"]["versionId"]) == ("entered-in-error", "2")
    withdrawn(workshop, versions, report)
    last = json.loads(intake.store.resource("DiagnosticReport", report) or b"")
    assert (last["status"], last["meta"]["versionId"]) == ("entered-in-error", "3") and "result" not in last


def test_a_withdrawn_report_claims_nothing_and_is_final(
    workshop: Workshop, versions: Versions, report: UUID, intake: Intake
) -> None:
    withdrawn(workshop, versions, report)
    files = intake.store.files(report)
    kept = json.loads(files["report.json"])
    assert (kept["status"], kept["reason"], kept["prediction"]["scores"]) == ("entered-in-error", "quality", [])
    assert "WITHDRAWN on 2026-02-01 09:00:00" in kept["sentences"][0]["text"]
    assert sorted(files) == ["archive.json", "bundle.json", "report.json", "report.pdf"]
    for ask in (lambda: versions.amend(report, LATER, "x"), lambda: versions.withdraw(report, LATER, "safety")):
        with pytest.raises(Conflict, match="for good"):
            ask()


def test_versions_go_out_in_order_and_each_knows_what_it_replaces(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward()
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    withdrawn(workshop, versions, report)
    for version in (2, 3, 1, 2, 3):
        deliver(workshop, report, ward, version)
    assert ward.given == [(1, "preliminary", None), (3, "entered-in-error", "state of 1")]
    assert states(workshop.jobs, report) == ["delivered", "superseded", "delivered"]


def test_what_was_never_sent_is_superseded(workshop: Workshop, versions: Versions, report: UUID) -> None:
    ward = Ward([Unreachable("away")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    for version in (1, 2):
        deliver(workshop, report, ward, version)
    assert ward.given == [(1, "preliminary", None), (2, "amended", None)]
    assert states(workshop.jobs, report) == ["superseded", "delivered"]


@pytest.mark.parametrize("last", [False, True])
def test_what_may_have_arrived_is_settled_first(
    workshop: Workshop, versions: Versions, report: UUID, last: bool
) -> None:
    ward = Ward([Unconfirmed("no answer"), Unreachable("away")])
    deliver(workshop, report, ward, 1)
    deliver(workshop, report, ward, 1, last=last)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    assert [version for version, _, _ in ward.given] == [1, 1, 1, 2] and ward.given[-1][2] == "state of 1"
    assert states(workshop.jobs, report) == ["delivered", "delivered"]


def test_a_worker_that_died_in_the_middle_leaves_it_open(workshop: Workshop, versions: Versions, report: UUID) -> None:
    ward = Ward([KeyboardInterrupt()])  # type: ignore[list-item]  # as a kill would, it passes every handler
    with pytest.raises(KeyboardInterrupt):
        deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    assert [version for version, _, _ in ward.given] == [1, 1, 2]


def test_what_holds_up_the_next_version_is_told_there(workshop: Workshop, versions: Versions, report: UUID) -> None:
    ward = Ward([Unconfirmed("no answer"), Refused("full")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    held_up = workshop.jobs.delivery(report, "ward", 2)
    assert (held_up.state, held_up.error) == ("dead", "version 1: full")
    assert workshop.jobs.retry(held_up.job_id) == 2
    for version in (1, 2):
        deliver(workshop, report, ward, version)
    assert states(workshop.jobs, report) == ["delivered", "delivered"]


def test_what_fails_here_while_it_holds_up_the_next_version_ends_both(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([Unconfirmed("no answer")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    ward.failures.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        deliver(workshop, report, ward, 2)
    assert states(workshop.jobs, report) == ["dead", "dead"]


def test_a_refused_first_version_does_not_hold_up_the_next(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([Refused("patient-not-found")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    assert ward.given[-1] == (2, "amended", None) and states(workshop.jobs, report) == ["dead", "delivered"]


def test_nothing_is_withdrawn_where_nothing_was_sent(workshop: Workshop, versions: Versions, report: UUID) -> None:
    ward = Ward([Refused("patient-mismatch")])
    deliver(workshop, report, ward, 1)
    withdrawn(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    assert len(ward.given) == 1 and workshop.jobs.delivery(report, "ward", 2).reference == NEVER_SENT


def test_a_changed_report_is_a_dead_letter_with_that_reason(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([None, Refused("changed at destination")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    dead = workshop.jobs.delivery(report, "ward", 2)
    assert (dead.state, dead.error) == ("dead", "changed at destination")


def test_a_version_goes_where_the_report_went_and_nowhere_else(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    workshop.jobs.set_live("ward", False)
    workshop.jobs.set_live("new", True)
    try:
        amended(workshop, versions, report)
    finally:
        workshop.jobs.set_live("ward", True)
        workshop.jobs.set_live("new", False)
    assert [
        (each.destination, each.version) for each in workshop.jobs.deliveries(versions.version(report, 1).job_id)
    ] == [
        ("ward", 1),
        ("ward", 2),
    ]


def test_a_version_that_fails_for_good_leaves_the_way_free(
    workshop: Workshop, versions: Versions, report: UUID, intake: Intake
) -> None:
    versions.amend(report, LATER, "something else")
    broken = Workshop(workshop.router, empty_store(intake), workshop.jobs, workshop.settings)
    with pytest.raises(LookupError):
        broken.revise(report, 2, last=True)
    failed = versions.version(report, 2)
    assert (failed.state, failed.error) == ("dead", "LookupError")
    assert withdrawn(workshop, versions, report).version == 3
    assert json.loads(intake.store.files(report)["report.json"])["status"] == "entered-in-error"


def empty_store(intake: Intake) -> Store:
    """Return a store that holds no payload."""
    return Store(intake.settings.data / "elsewhere")


def test_what_the_queue_lost_is_queued_again_once(versions: Versions, report: UUID, jobs: Jobs) -> None:
    asked = versions.amend(report, LATER, "something else")
    assert asked is not None
    with jobs.database.transaction() as connection:
        connection.execute("delete from procrastinate_jobs where task_name = 'revise'")
    assert jobs.recover() >= 1 and jobs.recover() == 0
    with pytest.raises(Conflict):
        versions.amend(report, LATER, "something else")


def test_who_asked_is_audited(versions: Versions, report: UUID, jobs: Jobs) -> None:
    versions.withdraw(report, LATER, "safety")
    with jobs.database.transaction() as connection:
        query = "select subject from twelvelead.audit where action = 'withdrawn-requested'"
        assert (f"{report} 2",) in connection.execute(query).fetchall()


def test_versions_are_listed_by_their_latest(versions: Versions, report: UUID, workshop: Workshop) -> None:
    amended(workshop, versions, report)
    (latest,) = [each for each in versions.listed(10_000) if each.report_id == report]
    assert latest == versions.version(report, 2) and latest.version == 2


def test_what_was_issued_before_there_were_versions_is_its_first(jobs: Jobs, tmp_path: Path) -> None:
    url = jobs.database.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database older")
    older = psycopg.conninfo.make_conninfo(url, dbname="older")
    report, job = uuid4(), uuid4()
    with psycopg.connect(older) as connection:
        connection.execute("create table twelvelead_migration (name text primary key)")
        connection.execute("insert into twelvelead_migration values ('0001_spine.sql')")
        connection.execute((Path(versions_module.__file__).parent / "migrations" / "0001_spine.sql").read_bytes())
        connection.execute(
            "insert into twelvelead.job (id, identity, payload_sha256, part, accepted_at, state, report_id) "
            "values (%s, %s, 'ab', 0, %s, 'done', %s)",
            (job, uuid4(), ISSUED, report),
        )
        connection.execute(
            "insert into twelvelead.delivery (report_id, destination, job_id, state, reference) "
            "values (%s, 'ward', %s, 'delivered', 'a reference'), (%s, 'ehr', %s, 'dead', null)",
            (report, job, report, job),
        )
    database = Database(older, tmp_path)
    (first,) = Versions(database).versions(report)
    went = Jobs(database).deliveries(job)
    asked = Versions(database).amend(report, LATER, "now")
    database.close()
    assert (first.version, first.kind, first.state, first.requested_at) == (1, "first", "done", ISSUED)
    assert [(each.destination, each.version, each.state, each.open) for each in went] == [
        ("ehr", 1, "dead", True),
        ("ward", 1, "delivered", False),
    ]
    assert asked is not None and asked.version == 2, "what it was made with is not known"


def test_what_waits_for_an_operator_is_superseded_by_a_later_version(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([Unidentified("patient-not-found"), Unidentified("patient-ambiguous")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    jobs, quarantine = workshop.jobs, Quarantine(workshop.jobs)
    assert states(jobs, report) == ["superseded", "quarantined"]
    (entry,) = [each for each in quarantine.listed() if each.report_id == report]
    assert (entry.version, entry.reason, entry.destination) == (2, "patient-ambiguous", "ward")
    quarantine.release(entry)
    deliver(workshop, report, ward, 2)
    assert states(jobs, report) == ["superseded", "delivered"] and ward.given[-1] == (2, "amended", None)


def test_a_released_delivery_is_superseded_where_a_later_one_waits(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([Unidentified("patient-not-found")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    quarantine = Quarantine(workshop.jobs)
    quarantine.release(next(each for each in quarantine.listed() if each.report_id == report))
    deliver(workshop, report, ward, 1)
    deliver(workshop, report, ward, 2)
    assert states(workshop.jobs, report) == ["superseded", "delivered"] and len(ward.given) == 2


def test_what_may_have_arrived_and_waits_for_an_operator_keeps_the_later_version_waiting(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([Unconfirmed("no answer"), Unidentified("patient-inactive")])
    deliver(workshop, report, ward, 1)
    deliver(workshop, report, ward, 1)
    withdrawn(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    jobs, quarantine = workshop.jobs, Quarantine(workshop.jobs)
    assert states(jobs, report) == ["quarantined", "quarantined"] and len(ward.given) == 2
    entries = sorted((each for each in quarantine.listed() if each.report_id == report), key=lambda each: each.since)
    assert [each.reason for each in entries] == ["patient-inactive", "former-unsettled"]
    for each in entries:
        quarantine.release(each)
    deliver(workshop, report, ward, 2)
    assert states(jobs, report) == ["delivered", "delivered"]
    assert [version for version, _, _ in ward.given] == [1, 1, 1, 2] and ward.given[-1][2] == "state of 1"


def test_what_an_operator_has_discarded_goes_there_in_no_later_version(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    deliver(workshop, report, Ward([Unidentified("patient-mismatch")]), 1)
    quarantine = Quarantine(workshop.jobs)
    quarantine.discard(next(each for each in quarantine.listed() if each.report_id == report), "wrong-patient")
    amended(workshop, versions, report)
    assert states(workshop.jobs, report) == ["discarded"]


def test_a_discarded_amendment_does_not_keep_the_withdrawal_from_who_holds_the_first(
    workshop: Workshop, versions: Versions, report: UUID
) -> None:
    ward = Ward([None, Unidentified("patient-inactive")])
    deliver(workshop, report, ward, 1)
    amended(workshop, versions, report)
    deliver(workshop, report, ward, 2)
    quarantine = Quarantine(workshop.jobs)
    quarantine.discard(next(each for each in quarantine.listed() if each.report_id == report), "not-needed")
    withdrawn(workshop, versions, report)
    deliver(workshop, report, ward, 3)
    assert states(workshop.jobs, report) == ["delivered", "discarded", "delivered"]
    assert ward.given[-1] == (3, "entered-in-error", "state of 1")


def test_the_search_follows_the_versions(
    workshop: Workshop, versions: Versions, report: UUID, jobs: Jobs, intake: Intake
) -> None:
    index = Index(jobs.database, None)
    first = json.loads(intake.store.resource("DiagnosticReport", report) or b"")
    patient = first["subject"]["identifier"]["value"]
    former = UUID(first["result"][0]["reference"].partition("/")[2])
    asked = Criteria("DiagnosticReport", patients=((index.token(None, patient),),))

    def found() -> list[tuple[UUID, int]]:
        return [(each.id, each.version) for each in index.find(asked, 10).found]

    def version(kind: str, id_: UUID) -> int:
        held = index.held(kind, id_)
        assert held is not None
        return held.version

    assert found() == [(report, 1)] and version("Observation", former) == 1
    amended(workshop, versions, report)
    assert found() == [(report, 2)] and version("Observation", former) == 2
    withdrawn(workshop, versions, report)
    assert found() == [(report, 3)] and version("Observation", former) == 2


def test_what_is_served_over_fhir_has_the_version_of_its_tag(
    workshop: Workshop, versions: Versions, report: UUID, intake: Intake
) -> None:
    def get(path: str, tag: str = "") -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(build_app(intake))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get(path, headers={"If-None-Match": tag})

        return asyncio.run(ask())

    first = get(f"/fhir/DiagnosticReport/{report}")
    patient = first.json()["subject"]["identifier"]["value"]
    former = first.json()["result"][0]["reference"]
    amended(workshop, versions, report)
    second = get(f"/fhir/DiagnosticReport/{report}", first.headers["ETag"])
    assert (first.headers["ETag"], second.headers["ETag"]) == ('W/"1"', 'W/"2"')
    assert second.status_code == 200 and second.json()["status"] == "amended"
    assert second.json()["meta"]["versionId"] == "2"
    retired = get(f"/fhir/{former}")
    assert retired.json()["status"] == "entered-in-error"
    assert retired.headers["ETag"] == f'W/"{retired.json()["meta"]["versionId"]}"' == 'W/"2"'
    (entry,) = get(f"/fhir/DiagnosticReport?patient:identifier={patient}").json()["entry"]
    assert entry["resource"] == second.json()


def test_a_version_is_as_urgent_as_its_ecg(versions: Versions, report: UUID, jobs: Jobs) -> None:
    with jobs.database.transaction() as connection:
        connection.execute("update twelvelead.job set priority = 3 where report_id = %s", (report,))
    versions.withdraw(report, LATER, "safety")
    query = "select priority from procrastinate_jobs where task_name = 'revise' and args ->> 'report_id' = %s"
    with jobs.database.transaction() as connection:
        assert connection.execute(query, (str(report),)).fetchall() == [(3,)]


def test_what_was_erased_is_neither_amended_nor_made(
    workshop: Workshop, versions: Versions, report: UUID, intake: Intake
) -> None:
    asked = versions.amend(report, LATER, "something else")
    assert asked is not None
    retention = Retention(workshop.jobs, intake.store, Policy())
    assert not retention.erase(asked.job_id, "patient-request", LATER), "a worker has the version in hand"
    assert not versions.holding(asked)
    workshop.revise(report, 2, last=False)
    versions.made(asked, (), None)
    assert intake.store.versions(report) == [] and versions.versions(report) == []
    with pytest.raises(UnknownReport):
        versions.withdraw(report, LATER, "safety")


def test_without_its_ecg_no_further_version_is_made(versions: Versions, report: UUID, jobs: Jobs) -> None:
    with jobs.database.transaction() as connection:
        connection.execute(
            "insert into twelvelead.erasure (job_id, payload_at) select id, now() from twelvelead.job "
            "where report_id = %s",
            (report,),
        )
    for ask in (lambda: versions.amend(report, LATER, "x"), lambda: versions.withdraw(report, LATER, "safety")):
        with pytest.raises(Conflict, match="erased"):
            ask()
