"""Ready is who can do the work: each part is asked within a bound, and one that hangs is named as one that fails."""

import threading
from pathlib import Path

import pytest

from ecg.errors import Overloaded
from service.database import Database
from service.probes import Probe
from service.readiness import Readiness, check_workers


def good() -> None:
    """Be in order."""


def bad() -> None:
    raise Overloaded


def test_every_part_in_order_is_ready() -> None:
    assert Readiness({"store": good, "queue": good}).failing() == []


def test_a_part_that_hangs_is_named_beside_one_that_fails_and_is_asked_once() -> None:
    release, asked = threading.Event(), list[int]()

    def hang() -> None:
        asked.append(1)
        release.wait(60)

    readiness = Readiness({"store": good, "database": hang, "queue": bad})
    try:
        assert readiness.failing() == ["database", "queue"]
        assert readiness.failing() == ["database", "queue"]
        assert len(asked) == 1
    finally:
        release.set()


def test_an_awaited_part_is_not_in_order_until_it_is_reached() -> None:
    readiness = Readiness({}, awaited=["model"])
    assert readiness.parts() == {"model": False}
    readiness.reached("model")
    assert readiness.failing() == []


def test_who_drains_is_not_ready_any_more() -> None:
    readiness = Readiness({"store": good})
    assert not readiness.draining() and readiness.failing() == []
    readiness.drain()
    assert readiness.draining() and readiness.failing() == ["draining"]


def test_an_answer_serves_for_a_while_and_then_it_is_asked_again() -> None:
    answers = iter(range(10))
    kept, never_kept = Probe(lambda: next(answers), keep=3600), Probe(lambda: next(answers), keep=0)
    assert [kept.ask().result(60) for _ in range(3)] == [0, 0, 0]
    assert [never_kept.ask().result(60) for _ in range(3)] == [1, 2, 3]


def test_an_error_is_the_askers_and_is_soon_forgotten() -> None:
    failures = iter([Overloaded()])

    def question() -> str:
        for failure in failures:
            raise failure
        return "well"

    probe = Probe(question, keep=3600)
    with pytest.raises(Overloaded):
        probe.ask().result(60)
    for _ in range(600):
        if probe.ask().exception(60) is None:
            break
        threading.Event().wait(0.1)
    assert probe.ask().result(60) == "well"


def beat(database: Database, ago: str) -> None:
    with database.transaction() as connection:
        connection.execute("delete from procrastinate_workers")
        connection.execute("insert into procrastinate_workers (last_heartbeat) values (now() - %s::interval)", (ago,))


def test_the_queue_is_in_order_where_a_worker_lives(database: Database) -> None:
    with pytest.raises(Overloaded):
        check_workers(database)
    beat(database, "1 hour")
    with pytest.raises(Overloaded):
        check_workers(database)
    beat(database, "1 second")
    check_workers(database)


def test_a_database_that_is_gone_is_named(tmp_path: Path) -> None:
    database = Database("", tmp_path / "pg")
    database.close()
    assert Readiness({"queue": lambda: check_workers(database)}).failing() == ["queue"]
