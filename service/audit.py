"""The audit trail: who did what to which of our ids, by which door, and how it ended. Rows are only ever added."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.database import Database


@dataclass(frozen=True)
class Actor:
    """Who acts, and by which door: 'key:NAME', 'oidc:SUBJECT', 'ae:TITLE', 'operator:NAME', 'loopback', 'worker'."""

    who: str
    door: str


WORKER: Final = Actor("worker", "worker")
_ACTOR: Final[ContextVar[Actor]] = ContextVar("actor", default=WORKER)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Let what is written to the trail within the block name this actor."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)


@dataclass(frozen=True)
class Deed:
    """One row of the trail. `subject` holds ids and names of ours, never a patient's."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    outcome: str
    door: str


class Audit:
    """The trail in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, action: str, subject: str = "", outcome: str = "done") -> None:
        """Add a row in a transaction of its own.

        Raises:
            Overloaded: it cannot be kept, so what it tells of must not go on.
        """
        with self._database.transaction() as connection:
            write(connection, action, subject, outcome)

    def listed(self, since: datetime | None = None, subject: str = "", most: int = 100) -> list[Deed]:
        """Return the newest rows, newest first; `subject` is a part of one, such as a report's id."""
        query = (
            "select * from twelvelead.audit where (%s::timestamptz is null or at >= %s) "
            "and strpos(subject, %s) > 0 order by id desc limit %s"
        )
        return self._database.rows(Deed, query, (since, since, subject, most))


def write(connection: Any, action: str, subject: str = "", outcome: str = "done") -> None:
    """Add a row in the transaction of what it tells of."""
    actor = _ACTOR.get()
    connection.execute(
        "insert into twelvelead.audit (who, action, subject, outcome, door) values (%s, %s, %s, %s, %s)",
        (actor.who, action, subject, outcome, actor.door),
    )
