"""Whether this process can take and do work: model, store, database and queue, asked within a bound."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import wait
from typing import Final

from ecg.errors import Overloaded
from service.database import Database
from service.probes import Probe

log = logging.getLogger(__name__)

WAIT: Final = 2.0  # seconds for all parts together
KEEP: Final = 1.0  # seconds that an answer serves
FRESH: Final = 10.0  # seconds since a worker's last sign of life; they give one every two
DRAINING: Final = "draining"


class Readiness:
    """The parts that must be in order, and which of them are not.

    Args:
        checks: what raises where its part is not in order.
        awaited: parts that are not in order until they are said to be.
    """

    def __init__(self, checks: Mapping[str, Callable[[], None]], awaited: Iterable[str] = ()) -> None:
        self._probes = {name: Probe(check, KEEP) for name, check in checks.items()}
        self._awaited = dict.fromkeys(awaited, False)

    def reached(self, part: str) -> None:
        """Say that an awaited part is in order from now on."""
        self._awaited[part] = True

    def drain(self) -> None:
        """Say that the process is about to end: it is not ready any more."""
        self._awaited[DRAINING] = False

    def draining(self) -> bool:
        """Say whether the process is about to end."""
        return DRAINING in self._awaited

    def parts(self) -> dict[str, bool]:
        """Ask every part; return its name and whether it is in order. What does not answer in time is not."""
        asked = {name: probe.ask() for name, probe in self._probes.items()}
        wait(asked.values(), timeout=WAIT)
        answered = {name: each.done() and each.exception() is None for name, each in asked.items()}
        return {**self._awaited, **answered}

    def failing(self) -> list[str]:
        """Return the parts that are not in order."""
        return [name for name, good in self.parts().items() if not good]


def check_workers(database: Database) -> None:
    """Ask the queue for a worker that gives signs of life.

    Raises:
        Overloaded: there is none, or the queue does not answer.
    """
    with database.transaction() as connection:
        query = "select from procrastinate_workers where last_heartbeat > now() - make_interval(secs => %s) limit 1"
        if connection.execute(query, (FRESH,)).fetchone() is None:
            raise Overloaded("No worker gives signs of life.")
