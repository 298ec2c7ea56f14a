"""Before every route: who asks is known, counted and written down, or nothing is answered."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from ecg.errors import Overloaded
from service.api.app import build_app
from service.api.rates import FAILURES, neighbourhood
from service.audit import Audit, Deed
from service.database import Database
from service.intake import Intake
from service.jobs import Jobs
from service.keys import Keys
from service.settings import Settings
from service.store import Store
from tests.unit.service.test_access import ROUTED

REPORT = str(uuid4())


@dataclass
class Site:
    """An application on a real database, asked from a given address."""

    app: FastAPI
    database: Database

    def ask(self, method: str, path: str, address: str = "127.0.0.1", **headers: str) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(sent())

    def newest(self, most: int = 1) -> list[Deed]:
        return Audit(self.database).listed(most=most)

    def key(self, *scopes: str) -> dict[str, str]:
        return {"X-API-Key": Keys(self.database).create(f"k{uuid4()}", scopes)}


def site(database: Database, at: Path, **given: Any) -> Site:
    settings = Settings(data=at / "data", **given)
    return Site(build_app(Intake(Store(settings.data), Jobs(database), settings)), database)


@pytest.fixture
def guarded(database: Database, tmp_path: Path) -> Site:
    return site(database, tmp_path, require_credentials=True)


@pytest.fixture
def open_site(database: Database, tmp_path: Path) -> Site:
    return site(database, tmp_path)


PUBLIC = ("/health/", "/fhir/metadata", "/openapi.json")


@pytest.mark.parametrize("method, path", [each for each in ROUTED if not each[1].startswith(PUBLIC)])
def test_each_route_is_closed_to_nobody_and_says_so_in_its_own_form(guarded: Site, method: str, path: str) -> None:
    answer = guarded.ask(method, path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="twelvelead"')
    form = "fhir+json" if path.startswith("/fhir") else "problem+json"
    assert answer.headers["Content-Type"] == f"application/{form}"
    (row,) = guarded.newest()
    assert (row.who, row.outcome, row.door) == ("nobody@127.0.0.1", "401", "http")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/fhir/metadata", "/openapi.json"])
def test_what_is_public_needs_nothing_and_leaves_no_trace(guarded: Site, path: str) -> None:
    before = guarded.newest()
    assert guarded.ask("GET", path).status_code == 200
    assert guarded.newest() == before


def test_what_is_not_there_is_closed_too(guarded: Site) -> None:
    assert guarded.ask("GET", "/v1/nothing").status_code == 401
    assert guarded.ask("GET", "/v1/nothing", **guarded.key("system/*.*")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "tl_unknown"},
        {"Authorization": "Bearer tl_unknown"},
        {"Authorization": "Bearer a.token.here"},
        {"Authorization": "Bearer a", "X-API-Key": "b"},
    ],
)
def test_a_credential_that_does_not_count_is_told_so(guarded: Site, headers: dict[str, str]) -> None:
    answer = guarded.ask("GET", f"/v1/reports/{REPORT}", **headers)
    assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_key_comes_by_either_header_and_is_named_in_the_trail(guarded: Site) -> None:
    key = guarded.key("system/DiagnosticReport.rs")["X-API-Key"]
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer {key}"}):
        assert guarded.ask("GET", f"/v1/reports/{REPORT}", **headers).status_code == 404
    (row,) = guarded.newest()
    assert row.who.startswith("key:k") and key not in row.who
    assert (row.action, row.subject, row.outcome) == ("read report", "", "404")


def test_a_scope_that_is_too_small_is_refused_with_the_one_that_is_needed(guarded: Site) -> None:
    key = guarded.key("system/DiagnosticReport.s", "system/Media.r")
    answer = guarded.ask("GET", f"/fhir/DiagnosticReport/{REPORT}", **key)
    assert answer.status_code == 403 and answer.json()["issue"][0]["code"] == "forbidden"
    assert 'error="insufficient_scope", scope="system/DiagnosticReport.r"' in answer.headers["WWW-Authenticate"]
    assert [(each.subject, each.outcome) for each in guarded.newest()] == [(REPORT, "403")]
    assert guarded.ask("GET", f"/fhir/Media/{REPORT}", **key).status_code == 404
    assert "twelvelead/operate" in guarded.ask("GET", f"/v1/jobs/{REPORT}", **key).headers["WWW-Authenticate"]


def test_a_route_that_has_no_row_is_refused_even_on_loopback(open_site: Site) -> None:
    open_site.app.get("/forgotten")(lambda: {"all": "data"})
    assert open_site.ask("GET", "/forgotten").status_code == 403


def test_on_loopback_nobody_is_asked_and_the_trail_says_so(open_site: Site) -> None:
    assert open_site.ask("GET", f"/v1/jobs/{REPORT}", Authorization="Basic x").status_code == 404
    assert [(each.who, each.action) for each in open_site.newest()] == [("loopback", "read job")]


def test_no_foreign_text_of_a_request_reaches_the_trail(open_site: Site) -> None:
    open_site.ask("GET", "/fhir/Patient/PLANTED-4711?name=Zebediah")
    open_site.ask("GET", "/v1/reports/PLANTED-4711/Zebediah.pdf")
    with open_site.database.transaction() as connection:
        rows = connection.execute("select a::text from twelvelead.audit a").fetchall()
    assert not [row for row in rows if re.search("PLANTED|Zebediah", row[0])]


@pytest.mark.parametrize("path, form", [("/v1/reports", "problem+json"), ("/fhir/DiagnosticReport", "fhir+json")])
def test_what_cannot_be_written_down_is_not_answered(open_site: Site, path: str, form: str) -> None:
    jobs = SimpleNamespace(check=None, database=Full())
    intake = SimpleNamespace(settings=Settings(), store=Kept(), jobs=jobs, metrics=None)
    answer = Site(build_app(cast(Any, intake)), open_site.database).ask("GET", f"{path}/{REPORT}")
    assert answer.status_code == 503 and answer.headers["Content-Type"] == f"application/{form}"
    assert b"secret" not in answer.content


class Kept:
    """A store that has everything."""

    def file(self, *_: object) -> bytes:
        return b'{"secret": 1}'

    def resource(self, *_: object) -> bytes:
        return b'{"secret": 1}'

    def check(self) -> None:
        pass


class Full:
    """A database that takes nothing more."""

    def transaction(self) -> object:
        raise Overloaded


def test_too_many_requests_of_one_caller_are_told_when_to_come_again(database: Database, tmp_path: Path) -> None:
    limited = site(database, tmp_path, require_credentials=True, rate_per_minute=3)
    one, other = limited.key("system/*.rs"), limited.key("system/*.rs")
    statuses = [limited.ask("GET", f"/v1/reports/{REPORT}", **one).status_code for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    answer = limited.ask("GET", f"/fhir/Media/{REPORT}", **one)
    assert answer.json()["issue"][0]["code"] == "throttled" and 1 <= int(answer.headers["Retry-After"]) <= 120
    assert limited.ask("GET", f"/v1/reports/{REPORT}", **other).status_code == 404
    assert [each.outcome for each in limited.newest(3)] == ["404", "429", "404"]  # of the refusals the first alone


def test_an_address_that_fails_again_and_again_is_not_listened_to_for_a_while(guarded: Site) -> None:
    good = guarded.key("system/*.rs")
    asked = [guarded.ask("GET", "/v1/reports/1", "10.0.0.1").status_code for _ in range(FAILURES.amount + 2)]
    assert asked == [401] * FAILURES.amount + [429] * 2
    assert guarded.ask("GET", f"/v1/reports/{REPORT}", "10.0.0.1", **good).status_code == 429
    assert guarded.ask("GET", f"/v1/reports/{REPORT}", "10.0.0.2", **good).status_code == 404
    assert guarded.ask("GET", "/health/live", "10.0.0.1").status_code == 200


@pytest.mark.parametrize(
    "address, counted",
    [("10.0.0.1", "10.0.0.1"), ("2001:db8::1", "2001:db8::/64"), ("2001:db8::2", "2001:db8::/64"), ("", "elsewhere")],
)
def test_addresses_of_one_host_are_counted_as_one(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted


def test_only_the_hosts_of_the_settings_are_answered(database: Database, tmp_path: Path) -> None:
    named = site(database, tmp_path, hosts=("ecg.example.org",))
    assert named.ask("GET", "/health/live", Host="ecg.example.org").status_code == 200
    assert named.ask("GET", "/health/live", Host="localhost").status_code == 400
