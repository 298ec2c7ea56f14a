"""Work pauses while the database is away, and begins anew when something that it wrote was lost."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from procrastinate.exceptions import ConnectorException

from ecg.errors import Overloaded
from service.embedded import Embedded
from service.outages import Connector, outlive
from tests.peers.postgresql import postmaster


def test_a_statement_that_came_to_nothing_is_told(tmp_path: Path) -> None:
    server = Embedded(tmp_path / "postgres")

    async def lose() -> bool:
        connector = Connector(server.url)
        await connector.open_async()
        try:
            await connector.execute_query_async("select 1")
            assert not connector.lost.is_set()
            os.kill(postmaster(tmp_path / "postgres"), signal.SIGKILL)
            with pytest.raises(ConnectorException):
                await connector.execute_query_async("select pg_sleep(10)")
            return connector.lost.is_set()
        finally:
            await connector.close_async()

    assert asyncio.run(lose())
    server.close()


class Told(Exception):
    """The end of a test."""


def shifts(*ends: Exception | None) -> tuple[Callable[[], Awaitable[None]], list[str]]:
    told, waiting = list[str](), list(ends)

    async def shift() -> None:
        told.append("shift")
        if (end := waiting.pop(0)) is not None:
            raise end

    return shift, told


def test_a_shift_that_the_database_ended_is_followed_by_another_once_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.outages.PAUSE", 0.01)
    shift, told = shifts(Overloaded(), None, Told())
    answers = [False, False, True, True]

    def check() -> None:
        told.append("asked")
        if not answers.pop(0):
            raise Overloaded

    with pytest.raises(Told):
        asyncio.run(outlive(shift, check))
    assert told == ["shift", "asked", "asked", "asked", "shift", "asked", "shift"]
