"""A report is explained on request: by the route and by the command; the patient's words are in no rendering."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from typer.testing import CliRunner

from adapters.fhir.frame import FhirSettings
from ecg.errors import UnknownReport
from ecg.report import Report
from service.api.access import READ_REPORTS, demand
from service.api.app import build_app
from service.archive import ARCHIVE, archived
from service.cli.main import app
from service.database import Database
from service.explaining import AUDIENCES, CLINICIAN, PATIENT, explained
from service.intake import Intake
from service.jobs import Jobs
from service.renderings import renderings
from service.settings import Settings
from service.store import Store
from service.wording import texts
from tests.golden import reports


@pytest.fixture(scope="module")
def made() -> Report:
    return reports.measured(reports.report(asserted=("MI",)))


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory, database: Database, made: Report) -> Intake:
    store = Store(tmp_path_factory.mktemp("store"))
    store.put_report(made.id, 1, {ARCHIVE: archived(made), **renderings(made, FhirSettings())}, lambda *_: {})
    return Intake(store, Jobs(database), Settings())


def ask(intake: Intake, path: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(build_app(intake)), base_url="http://localhost"
        ) as c:
            return await c.get(path)

    return asyncio.run(asked())


def plain(intake: Intake, report: UUID) -> set[str]:
    return {each.text for each in explained(intake.store, report, PATIENT, "en")}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def test_the_route_gives_a_clinician_the_sentences_with_their_ids(intake: Intake, made: Report) -> None:
    told = ask(intake, f"/v1/reports/{made.id}/explanation").json()
    assert told["for"] == CLINICIAN and told == ask(intake, f"/v1/reports/{made.id}/explanation?for=clinician").json()
    assert told["sentences"] == [{"text": each.text, "about": list(each.about)} for each in made.sentences]


def test_the_route_gives_a_patients_draft(intake: Intake, made: Report) -> None:
    told = ask(intake, f"/v1/reports/{made.id}/explanation?for=patient").json()
    assert {each["text"] for each in told["sentences"]} == plain(intake, made.id)
    assert told["sentences"][0]["text"] == texts()("patient.draft")


def test_an_unknown_report_and_an_unknown_audience_are_told(intake: Intake, made: Report) -> None:
    assert ask(intake, f"/v1/reports/{uuid4()}/explanation").status_code == 404
    assert ask(intake, f"/v1/reports/{made.id}/explanation?for=press").status_code == 422
    with pytest.raises(UnknownReport):
        explained(intake.store, uuid4(), PATIENT, "en")


def test_whoever_asks_needs_the_scope_of_reports() -> None:
    asked = demand("GET", f"/v1/reports/{uuid4()}/explanation")
    assert asked.scope == READ_REPORTS and asked.action == "read report"


def test_no_rendering_holds_a_patients_words(intake: Intake, made: Report) -> None:
    said = plain(intake, made.id)
    files = intake.store.files(made.id)
    assert len(files) > 3
    for name, data in files.items():
        if name.endswith(".json"):
            found = " ".join(strings(json.loads(data)))
            assert not [each for each in said if each in found], name


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_command_prints_it(
    audience: str, intake: Intake, made: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Opened:
        store, settings = intake.store, intake.settings

        def __enter__(self) -> "Opened":
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr("service.cli.reports.opened", Opened)
    done = CliRunner().invoke(app, ["reports", "explain", str(made.id), "--for", audience])
    assert done.exit_code == 0, done.output
    first = texts()("patient.draft") if audience == PATIENT else made.sentences[0].text
    assert done.output.startswith(first)
    assert ("[score:" in done.output or "[score-" in done.output) == (audience == CLINICIAN)


def test_the_command_names_the_audiences() -> None:
    done = CliRunner().invoke(app, ["reports", "explain", str(uuid4()), "--for", "press"])
    assert done.exit_code == 2 and "clinician, patient" in done.output
