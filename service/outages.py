"""Outages of the database: how they show, and work that pauses for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, LiteralString

from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException

from ecg.errors import Overloaded
from service.database import UNANSWERED

log = logging.getLogger(__name__)

LOST: Final = (Overloaded, ConnectorException, *UNANSWERED)
PAUSE: Final = 1.0  # seconds between questions to a database that does not answer
WAIT: Final = 5.0  # seconds for a connection of the queue


class Connector(PsycopgConnector):
    """The queue's connections. `lost` is set when nobody knows what became of a statement.

    procrastinate forgets a job whose end it could not write down: it would stay in the hands of a worker that lives,
    and its lock with it. So whoever works must begin anew, under another worker's id, when something was lost.
    """

    def __init__(self, url: str) -> None:
        super().__init__(conninfo=url, timeout=WAIT, reconnect_timeout=WAIT)
        self.lost = asyncio.Event()

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Execute a statement.

        Raises:
            ConnectorException: it came to nothing, or nobody knows.
        """
        try:
            await super().execute_query_async(query, **arguments)
        except ConnectorException as error:
            if isinstance(error.__cause__, UNANSWERED):  # else the database said no, as to a job that another ended
                self.lost.set()
            raise


async def outlive(shift: Callable[[], Awaitable[None]], check: Callable[[], None]) -> None:
    """Work in shifts, until cancelled: when the database was lost, the next begins once `check` gets its answer."""
    while True:
        try:
            await shift()
        except LOST as error:
            log.warning("work pauses: the database does not answer (%s)", type(error).__name__)
        while not await answered(check):
            await asyncio.sleep(PAUSE)


async def answered(check: Callable[[], None]) -> bool:
    """Say whether the database answers. The question itself brings back an embedded one that died."""
    try:
        await asyncio.to_thread(check)
    except Overloaded:
        return False
    return True
