"""Schema, backup and move of a ledger with ECGs in it, on the embedded PostgreSQL and on an external one."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.folder import FolderDestination
from ecg.errors import SetupError
from ecg.payload import Payload
from models.router import CardRouter
from service.backup import back_up, restore
from service.database import Database
from service.intake import Intake
from service.jobs import Job, Jobs
from service.keys import Keys, generate
from service.retention import Policy, Retention
from service.schema import applied, check_schema, downgrade, known, migrate
from service.settings import Settings
from service.store import Store
from service.worker import Workshop
from tests.conftest import ISSUED
from tests.golden.site import ecg
from tests.peers import postgresql

JOBS = "select id, identity, payload_sha256, part, accepted_at, state, report_id, error from twelvelead.job order by id"
DELIVERIES = (
    "select report_id, destination, job_id, state, attempts, reference, error from twelvelead.delivery order by 1, 2"
)
WAITING = (
    "select args ->> 'job_id' from procrastinate_jobs where status = 'todo' and task_name = 'interpret' order by 1"
)
TABLES = ("job", "delivery", "destination", "audit", "alias", "version", "resource", "holding", "site_key", "api_key")
Open = Callable[[str], Database]


class Place:
    """A ledger with its store and its ward, and the work done on them as listeners and workers do it."""

    def __init__(self, database: Database, at: Path, router: CardRouter) -> None:
        settings = Settings(data=at / "data")
        self.database, self.jobs, self.store = database, Jobs(database), Store(settings.data)
        self.intake = Intake(self.store, self.jobs, settings)
        self.workshop = Workshop(router, self.store, self.jobs, settings)
        self.ward = at / "ward"

    def accept(self, number: int, issued: datetime = ISSUED) -> Job:
        (accepted,) = self.intake.accept(Payload(ecg(number)), issued)
        return accepted.job

    def work(self, job_id: UUID) -> None:
        """Interpret and deliver, as a worker does what is queued."""
        self.workshop.interpret(job_id, last=False)
        for each in self.jobs.deliveries(job_id):
            self.workshop.deliver(each.report_id, FolderDestination(self.ward), "ward", last=False)

    def reports(self) -> list[str]:
        return sorted(each.name for each in self.ward.iterdir() if not each.name.startswith("."))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Return a function: a kind to a new database of it, migrated."""
    with ExitStack() as stack:

        def made(kind: str) -> Database:
            if kind == "external" and postgresql.MISSING:
                pytest.skip(postgresql.MISSING)
            url = stack.enter_context(postgresql.cluster()).url if kind == "external" else ""
            database = Database(url, tmp_path_factory.mktemp("db") / "postgres")
            stack.callback(database.close)
            return database

        yield made


def rows(database: Database, query: str) -> list[Any]:
    with database.transaction() as connection:
        return connection.execute(query.encode()).fetchall()


def held(database: Database) -> dict[str, list[Any]]:
    return {name: rows(database, f"select * from twelvelead.{name} order by 1, 2") for name in TABLES}


@pytest.mark.parametrize("kind", ["embedded", "external"])
def test_migrations_go_down_and_up_again_with_ecgs_in_them(
    opened: Open, kind: str, tmp_path: Path, router: CardRouter
) -> None:
    database = opened(kind)
    place = Place(database, tmp_path, router)
    place.jobs.set_live("ward", True)
    for number in range(2):
        place.work(place.accept(number).id)
    waiting = place.accept(2)
    before, delivered = rows(database, JOBS), rows(database, DELIVERIES)
    assert {each[5] for each in before} == {"done", "waiting"} and {each[3] for each in delivered} == {"delivered"}
    for name in reversed(known()[1:]):
        with database.transaction() as connection:
            (former,) = [each for each in known() if int(each[:4]) == int(name[:4]) - 1]
            assert downgrade(connection, former[:4]) == [name]
        assert rows(database, JOBS) == before and rows(database, DELIVERIES) == delivered, name
    with pytest.raises(SetupError, match=r"would forget them"), database.transaction() as connection:
        downgrade(connection, "0000")
    with pytest.raises(SetupError, match=f"{known()[-1]}.*database migrate"), database.transaction() as connection:
        check_schema(connection)
    with pytest.raises(SetupError, match="no migration 0099"), database.transaction() as connection:
        downgrade(connection, "0099")
    with database.transaction() as connection:
        assert migrate(connection) == known()[1:] and applied(connection) == known()
        check_schema(connection)
    assert rows(database, JOBS) == before and rows(database, DELIVERIES) == delivered
    assert place.accept(0).id in {each[0] for each in before}, "it is known"
    place.work(waiting.id)
    place.work(place.accept(3).id)
    assert len(place.reports()) == 4


@pytest.mark.parametrize("kind", ["embedded", "external"])
def test_what_an_older_release_could_not_go_on_with_is_not_taken_back(
    opened: Open, kind: str, tmp_path: Path, router: CardRouter
) -> None:
    database = opened(kind)
    place = Place(database, tmp_path, router)
    job = place.accept(0)
    place.work(job.id)
    Retention(place.jobs, place.store, Policy(0, 0)).erase(job.id, "test-data", ISSUED)
    with pytest.raises(SetupError, match="1 ECGs were erased"), database.transaction() as connection:
        downgrade(connection, "0006")
    with database.transaction() as connection:
        check_schema(connection)


@pytest.mark.parametrize("kind, to", [("embedded", "embedded"), ("external", "external"), ("embedded", "external")])
def test_a_ledger_is_restored_or_moved_and_nothing_is_lost_or_doubled(
    opened: Open, tmp_path: Path, router: CardRouter, kind: str, to: str
) -> None:
    """Of three ECGs one is delivered, one is delivered after the backup, one waits; then the database is lost."""
    database, file = opened(kind), tmp_path / "ledger.zip"
    place = Place(database, tmp_path, router)
    place.jobs.set_live("ward", True)
    key = generate()
    Keys(database).take("cart", key, ["system/Observation.c"])
    first, second, third = (place.accept(number) for number in range(3))
    place.work(first.id)
    assert back_up(database, file) == 3 and file.stat().st_mode & 0o077 == 0
    before = held(database)
    place.work(second.id)  # which the backup does not know
    database.close()
    other = Place(opened(to), tmp_path, router)
    assert restore(other.database, file) == 3
    assert held(other.database) == before
    assert other.jobs.recover(after=0) == 2
    assert rows(other.database, WAITING) == sorted([(str(second.id),), (str(third.id),)])
    assert Keys(other.database).found(key) is not None
    assert other.accept(0).id == first.id and other.accept(2).id == third.id, "they are known"
    for job in (first, second, third, other.accept(3)):
        other.work(job.id)
    assert len(other.reports()) == 4
    assert {each[5] for each in rows(other.database, JOBS)} == {"done"}
    with pytest.raises(SetupError, match="knows ECGs already"):
        restore(other.database, file)
    shutil.rmtree(other.ward)


def test_a_backup_that_is_damaged_or_of_another_schema_changes_nothing(opened: Open, tmp_path: Path) -> None:
    database, file = opened("embedded"), tmp_path / "ledger.zip"
    assert back_up(database, file) == 0
    with pytest.raises(SetupError, match="already"):
        back_up(database, file)
    (key,) = rows(database, "select value from twelvelead.site_key")
    data = file.read_bytes()
    for broken in (data[: len(data) // 2], b"no backup", data.replace(b"site_key", b"site_kez")):
        file.write_bytes(broken)
        with pytest.raises(SetupError, match="backup"):
            restore(database, file)
    file.write_bytes(data)
    with database.transaction() as connection:
        downgrade(connection, known()[-2][:4])
    with pytest.raises(SetupError, match=f"{known()[-1]}.*{known()[-2]}"):
        restore(database, file)
    assert rows(database, "select value from twelvelead.site_key") == [key]
