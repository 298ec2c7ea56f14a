"""The quarantine from outside: what senders are told, and how it is resolved by HTTP and by the command."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE

from adapters.dicom.codes import EXPLICIT_LITTLE, TWELVE_LEAD_ECG
from adapters.dicom.listener import Listener, ListenerSettings
from ecg.errors import Unidentified
from ecg.report import Receipt, Report
from models.router import CardRouter
from service.api.app import build_app
from service.cli.errors import EXIT_SETUP
from service.database import Database
from service.intake import Intake
from service.jobs import Jobs
from service.settings import Settings
from service.store import Store
from service.worker import Workshop
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
JSON = {"Content-Type": "application/json"}
LATER = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    data = tmp_path_factory.mktemp("data")
    store = Store(data)
    database = Database("", data / "postgres")
    yield Intake(store, Jobs(database), Settings(data=data))
    database.close()


@pytest.fixture
def ask(intake: Intake) -> Callable[..., httpx.Response]:
    app = build_app(intake)

    def asked(method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    return asked


Ask = Callable[..., httpx.Response]


def two(who: str | None = None) -> tuple[Dataset, Dataset]:
    """Return two ECGs of one patient under one SOP Instance UID."""
    patient = Who(name="Zebediah^Quokka", id=f"PLANTED-{who or uuid4()}")
    one, other = (twelve_lead_dataset(square_wave(seconds), who=patient) for seconds in (10, 8))
    other.SOPInstanceUID = one.SOPInstanceUID
    return one, other


def confined(ask: Ask) -> tuple[str, str]:
    """Post two ECGs under one alias; return the ids of the entry and of its job."""
    for each in two():
        answer = ask("POST", "/v1/ecgs", content=to_bytes(each), headers=LATER)
        assert answer.status_code == 202
    (job,) = answer.json()["jobs"]
    assert (job["state"], job["error"]) == ("quarantined", "alias-conflict")
    entries = ask("GET", "/v1/quarantine").json()["entries"]
    return next(each["id"] for each in entries if each["job_id"] == job["id"]), job["id"]


def test_a_sender_by_http_is_told_at_once_that_it_is_kept(ask: Ask) -> None:
    one, other = two()
    ask("POST", "/v1/ecgs", content=to_bytes(one), headers=LATER)
    answer = ask("POST", "/v1/ecgs", content=to_bytes(other))  # it waits for no report
    assert answer.status_code == 202 and answer.json()["jobs"][0]["state"] == "quarantined"
    assert ask("GET", answer.headers["Location"]).json()["state"] == "quarantined"


def test_a_sender_by_dicom_is_told_success(intake: Intake) -> None:
    listener = Listener(ListenerSettings(port=0), lambda payload: intake.accept(payload, datetime.now(UTC)))
    entity = AE()
    entity.add_requested_context(TWELVE_LEAD_ECG, EXPLICIT_LITTLE)
    before = len(intake.jobs.listed("quarantined"))
    with listener:
        association = entity.associate("127.0.0.1", listener.port, ae_title="TWELVELEAD")
        assert association.is_established
        for each in two():
            each.file_meta = Dataset()
            each.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE
            assert association.send_c_store(each).Status == 0x0000
        association.release()
    assert len(intake.jobs.listed("quarantined")) == before + 1


def test_an_entry_names_no_patient(ask: Ask) -> None:
    entry, job = confined(ask)
    told = ask("GET", f"/v1/quarantine/{entry}")
    assert told.status_code == 200 and told.json()["job_id"] == job
    assert told.json()["other_job_id"] and told.json()["alias"].startswith("dicom:2.25.")
    assert not any(planted in told.text for planted in ("Zebediah", "Quokka", "PLANTED"))


@pytest.mark.parametrize("action", ["release", "discard"])
def test_a_page_in_a_browser_cannot_resolve(ask: Ask, action: str) -> None:
    entry, job = confined(ask)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = ask(
            "POST",
            f"/v1/quarantine/{entry}/{action}",
            content=b'{"reason": "duplicate"}',
            headers={"Content-Type": kind},
        )
        assert answer.status_code == 415, kind
    assert ask("GET", f"/v1/jobs/{job}").json()["state"] == "quarantined"


def test_a_released_job_waits_for_its_report_and_is_resolved_once(ask: Ask) -> None:
    entry, job = confined(ask)
    answer = ask("POST", f"/v1/quarantine/{entry}/release", headers=JSON)
    assert (answer.status_code, answer.json()["resolution"]) == (200, "released")
    assert ask("GET", f"/v1/jobs/{job}").json()["state"] == "waiting"
    for action, body in (("release", {}), ("discard", {"reason": "duplicate"})):
        again = ask("POST", f"/v1/quarantine/{entry}/{action}", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "already-resolved")


def test_a_discarded_job_says_why(ask: Ask) -> None:
    entry, job = confined(ask)
    answer = ask("POST", f"/v1/quarantine/{entry}/discard", json={"reason": "test-recording"})
    assert (answer.status_code, answer.json()["grounds"]) == (200, "test-recording")
    told = ask("GET", f"/v1/jobs/{job}").json()
    assert (told["state"], told["error"]) == ("discarded", "test-recording")


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"reason": "Zebediah Quokka"}', b"{", b'{"reason": "duplicate", "a": 1}']
)
def test_other_grounds_are_refused_and_not_repeated(ask: Ask, body: bytes) -> None:
    entry, _ = confined(ask)
    answer = ask("POST", f"/v1/quarantine/{entry}/discard", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert "Quokka" not in answer.text
    assert ask("GET", f"/v1/quarantine/{entry}").json()["resolution"] is None


@pytest.mark.parametrize("place", [uuid4(), "none"])
def test_what_is_not_there_is_a_problem(ask: Ask, place: object) -> None:
    for method, path, more in (
        ("GET", "", {}),
        ("POST", "/release", {"headers": JSON}),
        ("POST", "/discard", {"json": {"reason": "duplicate"}}),
    ):
        assert ask(method, f"/v1/quarantine/{place}{path}", **more).status_code == 404


def test_the_priority_of_a_request_is_its_jobs(ask: Ask) -> None:
    one, _ = two()
    answer = ask("POST", "/v1/ecgs?priority=stat", content=to_bytes(one), headers=LATER)
    assert answer.json()["jobs"][0]["priority"] == "stat"
    wrong = ask("POST", "/v1/ecgs?priority=Quokka", content=to_bytes(one), headers=LATER)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid-query") and "Quokka" not in wrong.text


class Ehr:
    """An EHR that knows no patient until it is told."""

    known = False

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        if not self.known:
            raise Unidentified("patient-not-found")
        return Receipt("ehr", "DiagnosticReport/1")


def test_a_patient_the_ehr_cannot_match_waits_and_others_go_on(intake: Intake, router: CardRouter, ask: Ask) -> None:
    for name in ("ehr", "ward"):
        intake.jobs.set_live(name, True)
    job = ask("POST", "/v1/ecgs", content=to_bytes(two()[0]), headers=LATER).json()["jobs"][0]["id"]
    workshop, ehr, ward = Workshop(router, intake.store, intake.jobs, intake.settings), Ehr(), Ehr()
    workshop.interpret(job, last=False)
    report = intake.jobs.deliveries(job)[0].report_id
    ward.known = True
    for name, destination in (("ehr", ehr), ("ward", ward)):
        workshop.deliver(report, destination, name, last=False)  # raises nothing, so that nothing is tried again
        intake.jobs.set_live(name, False)
    told = {each["destination"]: each for each in ask("GET", f"/v1/jobs/{job}").json()["deliveries"]}
    assert (told["ehr"]["state"], told["ehr"]["error"], told["ward"]["state"]) == (
        "quarantined", "patient-not-found", "delivered",
    )  # fmt: skip
    (entry,) = [each for each in ask("GET", "/v1/quarantine").json()["entries"] if each["destination"] == "ehr"]
    workshop.deliver(report, ehr, "ehr", last=False)
    ehr.known = True
    workshop.deliver(report, ehr, "ehr", last=False)
    assert intake.jobs.delivery(report, "ehr").state == "quarantined", "nothing goes before it is released"
    ask("POST", f"/v1/quarantine/{entry['id']}/release", headers=JSON)
    workshop.deliver(report, ehr, "ehr", last=False)
    assert intake.jobs.delivery(report, "ehr").state == "delivered"


def test_the_command_lists_shows_and_resolves(intake: Intake, ask: Ask) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = environ | {"TWELVELEAD_DATA": str(intake.settings.data)}
        return subprocess.run([COMMAND, "quarantine", *words], env=env, capture_output=True, text=True, timeout=60)

    (one, job), (other, _) = confined(ask), confined(ask)
    listed = run("list").stdout
    assert one in listed and other in listed and "alias-conflict" in listed
    shown = run("show", one).stdout
    assert job in shown and "alias-conflict" in shown and "has that alias" in shown
    assert run("release", one).stdout == "released\n"
    again = run("release", one)
    assert again.returncode == EXIT_SETUP and "already-resolved" in again.stderr
    assert run("discard", other).returncode == 2 and run("discard", other, "--reason", "Quokka").returncode == 2
    assert run("discard", other, "--reason", "duplicate").stdout == "discarded\n"
    assert "discarded duplicate" in run("show", other).stdout
    assert run("show", str(uuid4())).returncode == 2
    assert not any(planted in listed + shown for planted in ("Zebediah", "Quokka", "PLANTED"))
