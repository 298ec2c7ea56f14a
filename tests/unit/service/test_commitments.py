"""Words on storage commitment wait in a real PostgreSQL for whoever asked, in whatever process."""

import threading
import time
from pathlib import Path

import psycopg
import pytest

from adapters.dicom.commitment import MAX_WAITING, Commitment, CommitmentInbox
from ecg.errors import Overloaded
from service.commitments import DatabaseInbox
from service.database import Database

WORD = Commitment("2.25.1", ("1.2.3", "1.2.4"), (("1.2.5", 0x0112), ("1.2.6", 0xA700)))


@pytest.fixture
def inbox(database: Database) -> DatabaseInbox:
    with database.transaction() as connection:
        connection.execute("truncate twelvelead.commitment")
    return DatabaseInbox(database)


def waiting(database: Database) -> int:
    with database.transaction() as connection:
        row = connection.execute("select count(*) from twelvelead.commitment").fetchone()
    return int(row[0]) if row else 0


def test_a_word_is_given_once_as_it_came(inbox: DatabaseInbox) -> None:
    port: CommitmentInbox = inbox
    assert port.result("2.25.1", 0) is None
    port.put(WORD)
    assert port.result("2.25.2", 0) is None
    assert port.result("2.25.1", 0) == WORD
    assert port.result("2.25.1", 0) is None


def test_of_two_words_the_later_counts(inbox: DatabaseInbox) -> None:
    inbox.put(WORD)
    inbox.put(Commitment("2.25.1", ("1.2.3",)))
    assert inbox.result("2.25.1", 0) == Commitment("2.25.1", ("1.2.3",))


def test_another_process_may_receive_it_while_one_waits(inbox: DatabaseInbox, database: Database) -> None:
    replica = Database(database.url, Path("unused"))
    try:
        timer = threading.Timer(0.2, DatabaseInbox(replica).put, [WORD])
        timer.start()
        assert inbox.result("2.25.1", 30) == WORD
        timer.join()
    finally:
        replica.close()


def test_waiting_ends(inbox: DatabaseInbox) -> None:
    began = time.monotonic()
    assert inbox.result("2.25.1", 0.2) is None
    assert time.monotonic() - began >= 0.2


def test_what_nobody_takes_vanishes_after_a_day(inbox: DatabaseInbox, database: Database) -> None:
    inbox.put(WORD)
    with database.transaction() as connection:
        connection.execute("update twelvelead.commitment set arrived_at = now() - interval '25 hours'")
    inbox.put(Commitment("2.25.2"))
    assert waiting(database) == 1 and inbox.result("2.25.1", 0) is None


def test_when_too_many_wait_the_oldest_go(inbox: DatabaseInbox, database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            "insert into twelvelead.commitment select '2.25.9' || n, '{}', '{}', '{}', now() - n * interval '1 second' "
            "from generate_series(1, %s) n",
            (MAX_WAITING + 50,),
        )
    inbox.put(WORD)
    assert waiting(database) == MAX_WAITING and inbox.result("2.25.1", 0) == WORD


def test_a_word_that_cannot_be_kept_is_not_acknowledged() -> None:
    class Away:
        def transaction(self) -> object:
            raise Overloaded

    with pytest.raises(Overloaded):
        DatabaseInbox(Away()).put(WORD)  # type: ignore[arg-type]


def test_no_row_is_written_twice_by_many_at_once(inbox: DatabaseInbox, database: Database) -> None:
    failed: list[psycopg.Error] = []

    def put() -> None:
        try:
            inbox.put(WORD)
        except psycopg.Error as error:
            failed.append(error)

    threads = [threading.Thread(target=put) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == [] and waiting(database) == 1
