"""The ledger on both PostgreSQLs: one job for one ECG, deliveries to what is live, nothing lost or doubled."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ecg.errors import Overloaded, SetupError
from service.audit import Audit
from service.database import Database
from service.jobs import Job, Jobs
from tests.peers import postgresql

MIGRATIONS = Path(__file__).parents[3] / "service" / "migrations"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=["embedded", "external"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "external" and postgresql.MISSING:
        pytest.skip(postgresql.MISSING)
    with postgresql.cluster() if request.param == "external" else nullcontext() as cluster:
        made = Database(cluster.url if cluster else "", tmp_path_factory.mktemp("db") / "postgres")
        yield made
        made.close()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    with database.transaction() as connection:
        connection.execute(
            "truncate twelvelead.job, twelvelead.delivery, twelvelead.destination, procrastinate_jobs cascade"
        )
    return Jobs(database)


def job(**changes: object) -> Job:
    made = {"id": uuid4(), "identity": uuid4(), "payload_sha256": "ab" * 32, "part": 0, "accepted_at": NOW}
    return Job(**{**made, "state": "waiting", "report_id": None, "error": None, **changes})  # type: ignore[arg-type]


def queued(database: Database) -> list[tuple[str, dict[str, str]]]:
    with database.transaction() as connection:
        rows = connection.execute("select queue_name, args from procrastinate_jobs where status = 'todo' order by id")
        return [(queue, arguments) for queue, arguments in rows.fetchall()]


def test_an_accepted_ecg_is_recorded_and_queued_together(jobs: Jobs, database: Database) -> None:
    one = job()
    assert jobs.accept([one]) == [one]
    assert jobs.job(one.id) == one
    assert queued(database) == [("interpret", {"job_id": str(one.id)})]


def test_the_same_ecg_again_gets_its_first_job_and_is_queued_no_more(jobs: Jobs, database: Database) -> None:
    first = job()
    jobs.accept([first])
    assert jobs.accept([job(identity=first.identity)]) == [first]
    assert len(queued(database)) == 1


def test_many_at_once_make_one_job(jobs: Jobs, database: Database) -> None:
    identity = uuid4()
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: jobs.accept([job(identity=identity)])[0].id, range(32)))
    assert len(set(given)) == 1 and len(queued(database)) == 1


def test_what_fails_in_the_middle_leaves_nothing(jobs: Jobs, database: Database) -> None:
    good = job()
    with pytest.raises(psycopg.Error):
        jobs.accept([good, job(payload_sha256=None)])
    assert jobs.job(good.id) is None and queued(database) == []


def test_the_payloads_of_new_ecgs_are_kept_and_the_trail_is_written_before_anything_is_committed(
    jobs: Jobs, database: Database
) -> None:
    first, second = job(), job()
    jobs.accept([first], deed="send ecg")
    kept: list[Job] = []
    again = job(identity=first.identity)

    def keep(new: list[Job]) -> None:
        assert jobs.job(second.id) is None, "another connection sees it already"
        kept.extend(new)

    assert jobs.accept([again, second], keep, "send ecg") == [first, second]
    jobs.accept([job(identity=first.identity)], keep)
    assert kept == [second], "known ones are not kept again"
    told = [(each.action, each.subject, each.outcome) for each in Audit(database).listed(most=2)]
    assert told == [("send ecg", f"{first.id} {second.id}", "accepted"), ("send ecg", str(first.id), "accepted")]


def test_what_cannot_be_kept_is_neither_recorded_nor_in_the_trail(jobs: Jobs, database: Database) -> None:
    one = job()

    def full(new: list[Job]) -> None:
        raise Overloaded("The disk is full.")

    with pytest.raises(Overloaded):
        jobs.accept([one], full, "send ecg")
    assert jobs.job(one.id) is None and queued(database) == [] and Audit(database).listed(subject=str(one.id)) == []


def test_a_report_goes_to_the_destinations_that_are_live_and_only_once(jobs: Jobs, database: Database) -> None:
    one, report = job(), uuid4()
    jobs.accept([one])
    jobs.set_live("ehr", True)
    jobs.set_live("pacs", True)
    jobs.set_live("pacs", False)
    for _ in range(2):
        jobs.interpreted(one.id, report)
    assert [(each.destination, each.state) for each in jobs.deliveries(one.id)] == [("ehr", "waiting")]
    assert [queue for queue, _ in queued(database)] == ["interpret", "deliver:ehr"]
    assert jobs.live() == {"ehr"}


def test_a_dead_letter_keeps_its_reason_and_can_be_retried(jobs: Jobs, database: Database) -> None:
    one, report = job(), uuid4()
    jobs.accept([one])
    jobs.set_live("ehr", True)
    jobs.interpreted(one.id, report)
    jobs.undelivered(report, "ehr", "patient-not-found", final=True)
    (dead,) = jobs.deliveries(one.id)
    assert (dead.state, dead.error, dead.attempts) == ("dead", "patient-not-found", 1)
    assert jobs.retry(one.id) == 1 and jobs.retry(one.id) == 0
    assert jobs.delivery(report, "ehr").state == "waiting"
    jobs.delivered(report, "ehr", "DiagnosticReport/1")
    jobs.undelivered(report, "ehr", "too late", final=True)
    assert jobs.delivery(report, "ehr").state == "delivered"


def test_an_interpretation_that_failed_for_good_can_be_retried(jobs: Jobs, database: Database) -> None:
    one = job()
    jobs.accept([one])
    jobs.failing(one.id, "malformed-payload", final=False)
    assert [each.state for each in jobs.listed("waiting")] == ["waiting"]
    jobs.failing(one.id, "malformed-payload", final=True)
    assert [(each.state, each.error) for each in jobs.listed("dead")] == [("dead", "malformed-payload")]
    assert jobs.retry(one.id) == 1
    assert [queue for queue, _ in queued(database)] == ["interpret", "interpret"]


def test_what_the_queue_lost_is_queued_again_once(jobs: Jobs, database: Database) -> None:
    one, report = job(accepted_at=datetime.now(UTC) - timedelta(minutes=5)), uuid4()
    other = job(accepted_at=NOW)
    jobs.accept([one, other])
    jobs.set_live("ehr", True)
    jobs.interpreted(other.id, report)
    with database.transaction() as connection:
        connection.execute("delete from procrastinate_jobs")
    assert jobs.recover() == 2 and jobs.recover() == 0
    assert sorted(queue for queue, _ in queued(database)) == ["deliver:ehr", "interpret"]


def test_a_database_that_is_there_is_migrated_once(database: Database, tmp_path: Path) -> None:
    again = Database(database.url, tmp_path)
    with again.transaction() as connection:
        names = [name for (name,) in connection.execute("select name from twelvelead_migration order by name")]
    assert names == sorted(each.name for each in MIGRATIONS.glob("*.sql"))
    again.close()


def test_a_database_that_is_not_there_is_the_operators_to_mend(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="database") as caught:
        Database("postgresql://nobody:secret@127.0.0.1:1/none", tmp_path)
    assert "secret" not in str(caught.value)
