"""Pages at the doors: taken unread, read by a worker, answered with a report that shows the page, or with a reason."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ecg.errors import UnreadablePage
from ecg.payload import Declared, Payload
from ecg.recording import Patient
from service.api.problems import of_error
from service.api.receiving import refused
from service.database import Database
from service.intake import Intake
from service.jobs import Jobs
from service.pages import PRINTED, refusal
from service.quarantine import Quarantine
from service.worker import Workshop
from tests.golden.page_files import pdf, twelve_lead_pdf

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
EVE = Declared(patient=Patient(id="4711", name="Example^Eve", sex="F", age=50))


@pytest.fixture(scope="module")
def jobs(database: Database) -> Jobs:
    """Give a ledger without a destination: a job ends with its report."""
    return Jobs(database)


def test_a_page_becomes_a_report_that_shows_it(intake: Intake, workshop: Workshop) -> None:
    payload = Payload(twelve_lead_pdf(62), declared=EVE)
    (one,) = intake.accept(payload, ISSUED)
    assert one.job.state == "waiting" and intake.store.traces(payload.sha256) is None
    workshop.interpret(one.job.id, last=False)
    job = intake.jobs.refreshed(one.job)
    assert job.state == "done" and job.report_id is not None
    files = intake.store.files(job.report_id)
    assert files["page.png"].startswith(b"\x89PNG")
    for name in ("report.json", "bundle.json"):
        assert b"Digitised from an image - experimental" in files[name]
    assert b'"layout": "3x4+1"' in files["report.json"] and b"Traces as found on the page" in files["bundle.json"]
    (again,) = intake.accept(payload, ISSUED)
    assert again.known and again.job.id == job.id
    assert intake.store.traces(payload.sha256) is not None  # deliveries and later versions stand on the same samples


def test_a_page_without_an_ecg_ends_its_job_with_the_reason(intake: Intake, workshop: Workshop) -> None:
    (one,) = intake.accept(Payload(pdf(text="No ECG here.")), ISSUED)
    workshop.interpret(one.job.id, last=False)
    job = intake.jobs.refreshed(one.job)
    assert job.state == "discarded" and job.report_id is None
    why = refusal(job.error)
    assert why is not None and refused([job]) is not None
    request = cast(Any, SimpleNamespace(url=SimpleNamespace(path="/v1/ecgs")))
    answer = of_error(request, why)
    assert answer.status_code == 422
    assert all(each in bytes(answer.body) for each in (b"unreadable-page", why.reason.encode(), b"advice"))
    assert intake.jobs.retry(job.id) == 1  # by a later release it may be readable


def test_another_patients_id_on_the_page_waits_for_an_operator(intake: Intake, workshop: Workshop) -> None:
    (one,) = intake.accept(Payload(twelve_lead_pdf(64, patient_id="9999"), declared=EVE), ISSUED)
    workshop.interpret(one.job.id, last=False)
    job = intake.jobs.refreshed(one.job)
    assert (job.state, job.error) == ("quarantined", PRINTED)
    quarantine = Quarantine(intake.jobs)
    (entry,) = [each for each in quarantine.listed() if each.job_id == job.id]
    quarantine.release(entry)
    workshop.interpret(one.job.id, last=False)
    assert intake.jobs.refreshed(one.job).state == "done"


def test_further_pages_have_jobs_of_their_own(intake: Intake, workshop: Workshop) -> None:
    (one,) = intake.accept(Payload(twelve_lead_pdf(66, pages=2), declared=EVE), ISSUED)
    workshop.interpret(one.job.id, last=False)
    (other,) = intake.others([one])
    assert other.job.part == 1
    workshop.interpret(other.job.id, last=False)
    reports = {intake.jobs.refreshed(each).report_id for each in (one.job, other.job)}
    assert len(reports) == 2 and None not in reports


def test_an_unknown_reason_is_no_refusal_of_a_page() -> None:
    assert refusal("payload") is None and refusal(None) is None
    assert isinstance(refusal("unreadable-page:no-ecg"), UnreadablePage)
