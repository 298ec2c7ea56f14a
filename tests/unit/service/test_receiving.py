"""The body of a request: bounded in size and time, and whole."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import Request

from ecg.errors import EcgError, TooLarge
from service.api.problems import BrokenRequest, TooSlow
from service.api.receiving import body

CHUNK = {"type": "http.request", "body": b"ecg", "more_body": True}


def request(*messages: dict[str, Any]) -> Request:
    """Return a request whose body comes in these messages, and then stays away."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    received: Callable[[], Awaitable[dict[str, Any]]] = receive
    return Request({"type": "http", "headers": []}, received)


def test_a_body_comes_whole() -> None:
    last = {"type": "http.request", "body": b"!", "more_body": False}
    assert asyncio.run(body(request(CHUNK, CHUNK, last), 1)) == b"ecgecg!"


@pytest.mark.parametrize(
    "messages, most_mb, error",
    [
        ([CHUNK], 1, TooSlow),
        ([CHUNK, {"type": "http.disconnect"}], 1, BrokenRequest),
        ([CHUNK, CHUNK], 0.000_004, TooLarge),
    ],
    ids=["slow", "hung up", "large"],
)
def test_a_body_that_does_not_is_refused(messages: list[dict[str, Any]], most_mb: float, error: type[EcgError]) -> None:
    with pytest.raises(error):
        asyncio.run(body(request(*messages), most_mb, seconds=0.2))
