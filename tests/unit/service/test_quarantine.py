"""The quarantine on a real PostgreSQL: whose an alias is, what waits for an operator, and who resolves it."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from ecg.errors import AlreadyResolved
from service.database import Database
from service.jobs import Job, Jobs
from service.quarantine import GROUNDS, Entry, Quarantine

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "service/jobs.py", ROOT / "adapters/fhir/ehr.py")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def jobs(database: Database) -> Jobs:
    with database.transaction() as connection:
        connection.execute(
            "truncate twelvelead.job, twelvelead.alias, twelvelead.destination, procrastinate_jobs cascade"
        )
    return Jobs(database)


@pytest.fixture
def quarantine(jobs: Jobs) -> Quarantine:
    return Quarantine(jobs)


def ecg(alias: str | None = "dicom:1.2.3", content: UUID | None = None) -> Job:
    job = Job(uuid4(), uuid4(), "ab" * 32, 0, NOW, "waiting", None, None)
    return replace(job, alias=alias, content=content or uuid4())


def queued(jobs: Jobs) -> list[tuple[str, dict[str, str]]]:
    with jobs.database.transaction() as connection:
        rows = connection.execute("select queue_name, args from procrastinate_jobs where status = 'todo' order by id")
        return [(queue, arguments) for queue, arguments in rows.fetchall()]


def audited(jobs: Jobs, subject: object) -> list[str]:
    query = "select action from twelvelead.audit where subject like %s order by at"
    with jobs.database.transaction() as connection:
        return [action for (action,) in connection.execute(query, (f"{subject}%",))]


def confined(quarantine: Quarantine) -> tuple[Job, Job, Entry]:
    """Accept two ECGs under one alias; return the first, the one in quarantine, and its entry."""
    first, second = ecg(), ecg()
    quarantine.jobs.accept([first])
    (kept,) = quarantine.jobs.accept([second])
    (entry,) = quarantine.listed()
    return first, kept, entry


def undeliverable(quarantine: Quarantine) -> tuple[Job, UUID, Entry]:
    """Interpret an ECG whose patient the EHR cannot match; return job, report and entry."""
    jobs, (one, report) = quarantine.jobs, (ecg(), uuid4())
    jobs.accept([one])
    jobs.set_live("ehr", True)
    jobs.set_live("pacs", True)
    jobs.interpreted(one.id, report)
    for _ in range(2):
        jobs.quarantined(report, "ehr", "patient-not-found")
    (entry,) = quarantine.listed()
    return one, report, entry


def test_an_ecg_under_another_ones_alias_is_recorded_and_not_queued(quarantine: Quarantine) -> None:
    first, second, entry = confined(quarantine)
    assert (second.state, second.error) == ("quarantined", "alias-conflict")
    assert quarantine.jobs.job(second.id) == second
    assert queued(quarantine.jobs) == [("interpret", {"job_id": str(first.id)})]
    assert (entry.job_id, entry.reason, entry.alias) == (second.id, "alias-conflict", "dicom:1.2.3")
    assert (entry.other_job_id, entry.destination, entry.resolution) == (first.id, None, None)
    assert audited(quarantine.jobs, second.id) == ["quarantined"]


def test_the_same_content_for_another_patient_is_told_apart(jobs: Jobs) -> None:
    content = uuid4()
    jobs.accept([ecg(content=content)])
    (second,) = jobs.accept([ecg(content=content)])
    assert second.error == "alias-other-patient"


def test_the_same_ecg_under_its_alias_or_another_is_known(jobs: Jobs, quarantine: Quarantine) -> None:
    first = ecg()
    for alias in ("dicom:1.2.3", "dicom:1.2.3", "dicom:9", None):
        assert jobs.accept([replace(first, id=uuid4(), alias=alias)])[0].identity == first.identity
    assert quarantine.listed() == [] and len(queued(jobs)) == 1


def test_without_an_alias_two_ecgs_are_two(jobs: Jobs, quarantine: Quarantine) -> None:
    assert [each.state for each in jobs.accept([ecg(None), ecg(None)])] == ["waiting", "waiting"]
    assert quarantine.listed() == []


def test_what_is_in_quarantine_and_comes_again_is_one_entry(jobs: Jobs, quarantine: Quarantine) -> None:
    _, second, entry = confined(quarantine)
    assert jobs.accept([replace(second, id=uuid4(), state="waiting", error=None)]) == [second]
    assert quarantine.listed() == [entry] and len(queued(jobs)) == 1


def test_of_two_that_come_at_once_one_owns_the_alias(jobs: Jobs, quarantine: Quarantine) -> None:
    threads, rounds = 8, 12
    for at in range(rounds):
        variants, start = [ecg(f"dicom:{at}"), ecg(f"dicom:{at}")], Barrier(threads)

        def store(number: int, variants: list[Job] = variants, start: Barrier = start) -> Job:
            start.wait(30)
            return jobs.accept([replace(variants[number % 2], id=uuid4())])[0]

        with ThreadPoolExecutor(threads) as pool:
            given = {each.identity: each for each in pool.map(store, range(threads))}
        assert sorted(each.state for each in given.values()) == ["quarantined", "waiting"]
        (owner,) = [each for each in given.values() if each.state == "waiting"]
        with jobs.database.transaction() as connection:
            held = connection.execute("select identity from twelvelead.alias where alias = %s", (f"dicom:{at}",))
            assert held.fetchall() == [(owner.identity,)]
    assert len(quarantine.listed()) == len(queued(jobs)) == rounds


def test_a_released_job_is_queued_and_is_an_ecg_of_its_own(quarantine: Quarantine) -> None:
    first, second, entry = confined(quarantine)
    quarantine.release(entry)
    jobs = quarantine.jobs
    assert [jobs.refreshed(each).state for each in (first, second)] == ["waiting", "waiting"]
    assert queued(jobs)[1:] == [("interpret", {"job_id": str(second.id)})]
    settled = quarantine.entry(entry.id)
    assert settled is not None and settled.resolution == "released" and settled.resolved_at is not None
    assert quarantine.listed() == [] and audited(jobs, entry.id) == ["quarantine-released"]
    assert jobs.accept([replace(second, id=uuid4())])[0].id == second.id, "no quarantine a second time"
    assert quarantine.listed() == []


def test_a_discarded_job_is_kept_and_never_queued(quarantine: Quarantine) -> None:
    _, second, entry = confined(quarantine)
    quarantine.discard(entry, "duplicate")
    jobs = quarantine.jobs
    kept = jobs.refreshed(second)
    assert (kept.state, kept.error) == ("discarded", "duplicate")
    assert jobs.accept([replace(second, id=uuid4(), state="waiting", error=None)])[0].state == "discarded"
    assert jobs.retry(second.id) == 0 and jobs.recover() == 0 and len(queued(jobs)) == 1
    jobs.failing(second.id, "late", final=False)
    assert jobs.refreshed(second).state == "discarded"
    settled = quarantine.entry(entry.id)
    assert settled is not None and (settled.resolution, settled.grounds) == ("discarded", "duplicate")


def test_a_delivery_in_quarantine_holds_up_no_other(quarantine: Quarantine) -> None:
    one, report, entry = undeliverable(quarantine)
    jobs = quarantine.jobs
    assert {each.destination: (each.state, each.error) for each in jobs.deliveries(one.id)} == {
        "ehr": ("quarantined", "patient-not-found"),
        "pacs": ("waiting", None),
    }
    assert (entry.job_id, entry.report_id, entry.destination) == (one.id, report, "ehr")
    assert entry.reason == "patient-not-found" and entry.other_job_id is None


def test_a_released_delivery_is_tried_again_and_may_come_back(quarantine: Quarantine) -> None:
    _, report, entry = undeliverable(quarantine)
    jobs, before = quarantine.jobs, len(queued(quarantine.jobs))
    quarantine.release(entry)
    assert jobs.delivery(report, "ehr").state == "waiting"
    assert queued(jobs)[before:] == [("deliver:ehr", {"report_id": str(report), "destination": "ehr", "version": "1"})]
    jobs.quarantined(report, "ehr", "patient-ambiguous")
    (again,) = quarantine.listed()
    assert again.id != entry.id and again.reason == "patient-ambiguous"


def test_a_discarded_delivery_stays_so(quarantine: Quarantine) -> None:
    one, report, entry = undeliverable(quarantine)
    quarantine.discard(entry, "wrong-patient")
    jobs, before = quarantine.jobs, len(queued(quarantine.jobs))
    jobs.undelivered(report, "ehr", "an attempt that ends late", final=False)
    assert jobs.retry(one.id) == 0 and len(queued(jobs)) == before
    kept = jobs.delivery(report, "ehr")
    assert (kept.state, kept.error) == ("discarded", "wrong-patient")


def test_retry_revives_nothing_that_is_in_quarantine(quarantine: Quarantine) -> None:
    _, second, _ = confined(quarantine)
    assert quarantine.jobs.retry(second.id) == 0
    assert quarantine.jobs.refreshed(second).state == "quarantined"


def test_resolving_twice_is_told(quarantine: Quarantine) -> None:
    _, second, entry = confined(quarantine)
    quarantine.release(entry)
    for again in (lambda: quarantine.release(entry), lambda: quarantine.discard(entry, "duplicate")):
        with pytest.raises(AlreadyResolved):
            again()
    assert quarantine.jobs.refreshed(second).state == "waiting"


def test_of_many_who_resolve_at_once_one_does(quarantine: Quarantine) -> None:
    _, _, entry = confined(quarantine)
    start = Barrier(8)

    def resolve(number: int) -> bool:
        start.wait(30)
        try:
            quarantine.discard(entry, "duplicate") if number % 2 else quarantine.release(entry)
        except AlreadyResolved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(resolve, range(8))) == 1
    assert len(audited(quarantine.jobs, entry.id)) == 1


def test_grounds_are_codes(quarantine: Quarantine) -> None:
    _, _, entry = confined(quarantine)
    with pytest.raises(ValueError, match="grounds"):
        quarantine.discard(entry, "the patient was Zebediah Quokka")
    assert quarantine.listed() == [entry] and all(" " not in each for each in GROUNDS)


def test_every_code_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "identity.md").read_text()
    told = set(re.findall(r'"((?:alias|patient)-[a-z-]+)"', "".join(each.read_text() for each in SOURCES)))
    assert {"alias-conflict", "patient-mismatch"} < told
    assert [code for code in sorted({*told, *GROUNDS}) if f"`{code}`" not in page] == []


def test_nothing_is_found_under_another_id(quarantine: Quarantine) -> None:
    assert quarantine.entry(uuid4()) is None
