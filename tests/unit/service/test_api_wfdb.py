"""A zip of WFDB records is taken by POST /v1/ecgs without a word on what it is: a report for each record."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from models.router import CardRouter
from service.api.app import build_app
from service.database import Database
from service.intake import Intake
from service.jobs import Jobs
from service.settings import Settings
from service.store import Store
from service.worker import Workshop
from tests.golden.wfdb_files import heart, written, zipped


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    at = tmp_path_factory.mktemp("wfdb")
    database = Database("", at / "postgres")
    yield Intake(Store(at / "data"), Jobs(database), Settings(data=at / "data"))
    database.close()


def post(intake: Intake, data: bytes) -> httpx.Response:
    async def posted() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(intake))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=100) as client:
            return await client.post("/v1/ecgs", content=data, headers={"Prefer": "respond-async"})

    return asyncio.run(posted())


def test_each_record_becomes_a_report(intake: Intake, router: CardRouter) -> None:
    answer = post(intake, zipped(written("a") | written("b", d_signal=heart()[::-1])))
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["jobs"]) == 2
    workshop = Workshop(router, intake.store, intake.jobs, intake.settings)
    for job in intake.jobs.listed("waiting"):
        workshop.interpret(job.id, last=True)
    assert [job.state for job in intake.jobs.listed()] == ["done", "done"]


def test_a_header_alone_is_told_what_it_lacks(intake: Intake) -> None:
    answer = post(intake, written()["r.hea"])
    assert answer.status_code == 422 and "in one zip" in answer.json()["detail"]
