"""When the service itself fails, the client hears that it did, and nobody hears a patient's data."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from ecg.errors import EcgError, MalformedPayload, Overloaded, SetupError, Unreachable
from service.api.app import build_app
from service.api.problems import STATUS
from service.intake import Intake
from service.settings import Settings


class FailingStore:
    def __init__(self, failure: Callable[[], Exception]) -> None:
        self.failure = failure

    def file(self, *_: object) -> bytes:
        raise self.failure()

    def resource(self, *_: object) -> bytes:
        raise self.failure()

    def check(self) -> None:
        raise self.failure()


def nothing() -> None:
    """Be in order."""


class Trail:
    """A database that takes every row."""

    def transaction(self) -> AbstractContextManager[Any]:
        return nullcontext(SimpleNamespace(execute=lambda *_: None))


def asked(path: str, failure: Callable[[], Exception], headers: dict[str, str] | None = None) -> httpx.Response:
    jobs = SimpleNamespace(check=nothing, database=Trail())
    app = build_app(Intake(cast(Any, FailingStore(failure)), cast(Any, jobs), Settings()))

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(get())


def test_an_answer_has_the_id_of_its_request() -> None:
    given = "12345678-1234-5678-1234-567812345678"
    assert asked("/health/live", Overloaded, {"X-Request-Id": given}).headers["X-Request-Id"] == given
    made = [asked("/none", Overloaded, {"X-Request-Id": "Zebediah"}).headers["X-Request-Id"] for _ in range(2)]
    assert len({UUID(each) for each in made}) == 2


REPORT = "/v1/reports/00000000-0000-0000-0000-000000000001"
RESOURCE = "/fhir/Media/00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    "path, media_type", [(REPORT, "application/problem+json"), (RESOURCE, "application/fhir+json")]
)
def test_an_unforeseen_error_is_answered_and_never_quoted(
    path: str, media_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = asked(path, lambda: KeyError("Zebediah^Quokka"))  # nothing is raised past the application
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, media_type)
    assert "KeyError" in caplog.text
    assert "Zebediah" not in caplog.text + answer.text


def test_a_disk_that_takes_nothing_makes_the_service_unready_for_now() -> None:
    answer = asked("/health/ready", Overloaded)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "30"
    assert answer.json()["code"] == "not-ready" and answer.json()["failing"] == ["store"]


@pytest.mark.parametrize(
    "error, status", [(MalformedPayload, 422), (SetupError, 500), (Unreachable, 500), (EcgError, 500)]
)
def test_each_error_answers_as_its_nearest_class_in_the_table(error: type[EcgError], status: int) -> None:
    assert asked(REPORT, error).status_code == status


def test_the_table_has_an_answer_for_every_error() -> None:
    assert EcgError in STATUS
