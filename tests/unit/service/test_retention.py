"""What is erased is gone everywhere, also when the process dies in between; what is not settled is never erased."""

import asyncio
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import httpx
import pytest
from procrastinate import App, PsycopgConnector
from procrastinate.testing import InMemoryConnector
from typer.testing import CliRunner

from ecg.errors import Overloaded
from ecg.payload import Payload
from ecg.ports import Router
from ecg.report import Receipt, Report
from models.router import CardRouter
from service.api.app import build_app
from service.archive import ARCHIVE
from service.blobs import Blobs, FolderBlobs
from service.bucket import BucketSettings, S3Blobs
from service.cli.main import app
from service.database import Database
from service.intake import Accepted, Intake
from service.jobs import Job, Jobs
from service.queueing import ERASE
from service.renderings import BUNDLE
from service.retention import Policy, Retention, schedule
from service.settings import Settings, load_settings
from service.store import Store
from service.versions import Versions
from service.wiring import Service
from service.worker import Workshop
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset
from tests.peers.seaweedfs import s3_server

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)
FOREVER = Policy()


class Ward:
    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        return Receipt("ward", "a reference")


@dataclass
class Dying:
    """A folder whose process is killed when so many blobs are deleted."""

    blobs: Blobs
    left: int

    def __getattr__(self, name: str) -> object:
        if name == "delete":
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        return getattr(self.blobs, name)


@dataclass
class House:
    """A service without its doors."""

    data: Path
    jobs: Jobs
    router: Router
    blobs: Blobs
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.blobs)
        settings = Settings(data=self.data)
        self.intake = Intake(self.store, self.jobs, settings)
        self.workshop = Workshop(self.router, self.store, self.jobs, settings)

    def retention(self, policy: Policy = FOREVER, blobs: Blobs | None = None) -> Retention:
        return Retention(self.jobs, Store(blobs or self.blobs), policy)

    def accept(self, data: bytes, at: datetime = LONG_AGO) -> Accepted:
        (one,) = self.intake.accept(Payload(data), at)
        return one

    def report_on(self, data: bytes) -> Job:
        job = self.accept(data).job
        self.workshop.interpret(job.id, last=False)
        self.done(job.id)
        return self.now(job)

    def done(self, job_id: UUID) -> None:
        """Take the job out of the queue, as a worker does that has succeeded."""
        with self.jobs.database.transaction() as connection:
            connection.execute("delete from procrastinate_jobs where args ->> 'job_id' = %s", (str(job_id),))

    def now(self, job: Job) -> Job:
        return self.jobs.refreshed(job)

    def kept(self) -> set[str]:
        """Return the names of all that holds a patient's data: payloads, reports' folders, resources, drafts."""
        at = [each for each in self.data.rglob("*") if each.is_file()]
        return {str(each.relative_to(self.data)) for each in at if "Device" not in each.parts}

    def pending(self) -> int:
        with self.jobs.database.transaction() as connection:
            return connection.execute("select from twelvelead.erasure where pending").rowcount

    def audited(self, job: Job) -> list[str]:
        with self.jobs.database.transaction() as connection:
            query = "select action || ': ' || subject from twelvelead.audit where subject like %s order by at"
            return [said for (said,) in connection.execute(query, (f"{job.id}%",))]


@pytest.fixture
def house(database: Database, router: CardRouter, tmp_path: Path) -> House:
    with database.transaction() as connection:
        connection.execute("truncate twelvelead.job, twelvelead.destination, procrastinate_jobs cascade")
    return House(tmp_path / "data", Jobs(database), router, FolderBlobs(tmp_path / "data"))


def ecg() -> bytes:
    return to_bytes(twelve_lead_dataset(square_wave(), who=Who(id=str(uuid4()))))


def test_a_patients_right_takes_payload_report_and_resources_at_once(house: House) -> None:
    other, one = house.report_on(ecg()), house.report_on(ecg())
    before = {name for name in house.kept() if str(other.report_id) in name or other.payload_sha256 in name}
    assert one.report_id is not None and other.report_id is not None
    resources = [name for name in house.kept() if name.startswith("resources/DiagnosticReport")]
    assert len(resources) == 2
    assert house.retention().erase(one.id, "patient-request", NOW)
    assert house.store.files(one.report_id) == {} and house.store.files(other.report_id)
    assert house.store.resource("DiagnosticReport", one.report_id) is None
    assert not any(str(one.report_id) in name or one.payload_sha256 in name for name in house.kept())
    assert before <= house.kept() and len([n for n in house.kept() if n.startswith("resources/Diag")]) == 1
    tomb = house.now(one)
    assert (tomb.state, tomb.identity, tomb.report_id) == ("erased", one.identity, one.report_id)
    assert house.audited(one) == [f"erased report payload: {one.id} patient-request"] and house.pending() == 0


def test_the_device_that_reports_share_stays(house: House) -> None:
    one, other = house.report_on(ecg()), house.report_on(ecg())
    devices = sorted((house.data / "resources" / "Device").iterdir())
    house.retention().erase(one.id, "test-data", NOW)
    assert sorted((house.data / "resources" / "Device").iterdir()) == devices and devices
    house.retention().erase(other.id, "test-data", NOW)
    assert house.kept() == set()


def test_an_erased_ecg_that_comes_again_is_known_and_kept_nowhere(house: House) -> None:
    data = ecg()
    one = house.report_on(data)
    house.retention().erase(one.id, "patient-request", NOW)
    again = house.accept(data, NOW)
    assert again.known and again.job.id == one.id and again.job.state == "erased"
    assert house.kept() == set()
    assert house.jobs.retry(one.id) == 0 and house.jobs.recover() == 0


def test_the_door_tells_the_sender_that_it_was_erased(house: House) -> None:
    data = ecg()
    one = house.report_on(data)
    house.retention().erase(one.id, "patient-request", NOW)

    async def ask(method: str, path: str, body: bytes = b"") -> httpx.Response:
        transport = httpx.ASGITransport(app=build_app(house.intake))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, content=body)

    answer = asyncio.run(ask("POST", "/v1/ecgs", data))
    assert answer.status_code == 409 and answer.json()["code"] == "erased"
    told = asyncio.run(ask("GET", f"/v1/jobs/{one.id}")).json()
    assert told["state"] == "erased" and list(told["links"]) == ["job"]
    assert asyncio.run(ask("GET", f"/v1/reports/{one.report_id}")).status_code == 404
    assert house.kept() == set()


def test_a_crash_at_any_step_is_finished_by_a_sweep(house: House) -> None:
    for steps in count():
        one = house.report_on(ecg())
        assert one.report_id is not None
        dying = Dying(house.blobs, steps)
        try:
            house.retention(blobs=dying).erase(one.id, "patient-request", NOW)  # type: ignore[arg-type]  # __getattr__
            break
        except KeyboardInterrupt:
            pass
        assert house.now(one).state == "erased" and house.pending() == 1, "first the ledger"
        files = house.store.files(one.report_id)
        assert not files or {BUNDLE, ARCHIVE} <= set(files), "never half a report"
        assert house.kept() and house.retention().sweep() == 1 and house.pending() == 0
        assert house.kept() == set()
    assert steps > 5 and house.kept() == set()


def test_a_folder_that_was_moved_aside_when_the_process_died_is_removed(house: House) -> None:
    one = house.report_on(ecg())
    (house.data / "reports" / str(one.report_id)).rename(house.data / "erased" / "moved")
    house.retention().erase(one.id, "patient-request", NOW)
    assert not list((house.data / "erased").iterdir())


def test_what_a_worker_writes_while_it_is_erased_goes_with_the_next_sweep(house: House) -> None:
    job = house.accept(ecg()).job
    report_id = uuid4()
    assert house.jobs.holding(job.id, report_id)
    assert not house.retention().erase(job.id, "patient-request", NOW), "it is in a worker's hands"
    house.store.put_report(report_id, 1, {BUNDLE: b'{"entry": []}'}, lambda files, former: {})
    house.jobs.interpreted(job.id, report_id)
    assert house.now(job).state == "erased" and house.jobs.deliveries(job.id) == []
    assert house.retention().sweep() == 0 and house.store.files(report_id) == {}
    house.store.put_report(report_id, 1, {BUNDLE: b'{"entry": []}'}, lambda files, former: {})
    house.done(job.id)
    assert house.retention().sweep() == 1 and house.retention().sweep() == 0
    assert house.kept() == set()


def test_what_is_erased_is_interpreted_and_held_no_more(house: House) -> None:
    job = house.accept(ecg()).job
    house.retention().erase(job.id, "patient-request", NOW)
    house.workshop.interpret(job.id, last=True)
    assert not house.jobs.holding(job.id, uuid4())
    house.jobs.failing(job.id, "malformed-payload", final=True)
    assert (house.now(job).state, house.now(job).error) == ("erased", None) and house.kept() == set()


def test_a_delivery_that_waits_is_not_made(house: House) -> None:
    house.jobs.set_live("ward", True)
    one = house.report_on(ecg())
    assert one.report_id is not None
    house.retention().erase(one.id, "wrong-patient", NOW)
    house.workshop.deliver(one.report_id, Ward(), "ward", last=False)
    house.jobs.undelivered(one.report_id, "ward", "too late", final=False)
    assert [each.state for each in house.jobs.deliveries(one.id)] == ["erased"]
    assert house.jobs.retry(one.id) == 0 and house.jobs.recover() == 0


def test_by_default_nothing_is_ever_erased(house: House) -> None:
    house.report_on(ecg())
    before = house.kept()
    assert house.retention().apply(datetime(2100, 1, 1, tzinfo=UTC)) == 0 and house.kept() == before


def test_policy_erases_what_is_old_and_settled(house: House) -> None:
    house.jobs.set_live("ward", True)
    old = house.report_on(ecg())
    assert old.report_id is not None
    house.workshop.deliver(old.report_id, Ward(), "ward", last=False)
    young = house.accept(ecg(), NOW - timedelta(days=89)).job
    policy = Policy(payload_days=90, report_days=90)
    assert house.retention(policy).apply(NOW) == 2 and house.retention(policy).apply(NOW) == 0
    assert house.now(old).state == "erased" and house.now(young).state == "waiting"
    assert house.kept() == {f"payloads/{young.payload_sha256[:2]}/{young.payload_sha256}"}
    assert house.audited(old) == [f"erased report: {old.id} retention", f"erased payload: {old.id} retention"]
    (delivery,) = house.jobs.deliveries(old.id)
    assert (delivery.state, delivery.reference) == ("delivered", "a reference")


@pytest.mark.parametrize("state", ["waiting", "dead", "quarantined"])
def test_policy_leaves_what_a_destination_has_not_got(house: House, state: str) -> None:
    house.jobs.set_live("ward", True)
    house.jobs.set_live("ehr", True)
    one = house.report_on(ecg())
    assert one.report_id is not None
    house.workshop.deliver(one.report_id, Ward(), "ehr", last=False)
    with house.jobs.database.transaction() as connection:
        connection.execute("update twelvelead.delivery set state = %s where destination = 'ward'", (state,))
    before = house.kept()
    assert house.retention(Policy(1, 1)).apply(NOW) == 0 and house.kept() == before


def test_the_term_counts_from_the_latest_version(house: House) -> None:
    one = house.report_on(ecg())
    assert one.report_id is not None
    versions = Versions(house.jobs.database)
    asked = versions.amend(one.report_id, NOW - timedelta(days=89), "something else")
    assert asked is not None
    policy, before = Policy(payload_days=90, report_days=90), house.kept()
    assert house.retention(policy).apply(NOW + timedelta(days=365)) == 0, "a version of it is being made"
    house.workshop.revise(one.report_id, 2, last=False)
    with house.jobs.database.transaction() as connection:
        connection.execute("delete from procrastinate_jobs")
    assert house.retention(policy).apply(NOW) == 0 and house.kept() > before
    assert house.retention(policy).apply(NOW + timedelta(days=2)) == 2 and house.kept() == set()
    with house.jobs.database.transaction() as connection:
        for table in ("version", "resource", "holding"):
            assert (
                connection.execute(f"select from twelvelead.{table} where report_id = %s", (one.report_id,)).rowcount
                == 0
            )


@pytest.mark.parametrize("state", ["waiting", "dead", "quarantined"])
def test_policy_leaves_what_has_no_report_yet(house: House, state: str) -> None:
    house.accept(ecg())
    with house.jobs.database.transaction() as connection:
        connection.execute("update twelvelead.job set state = %s", (state,))
    before = house.kept()
    assert house.retention(Policy(1, 1)).apply(NOW) == 0 and house.kept() == before != set()


@pytest.mark.parametrize(("policy", "left"), [(Policy(payload_days=1), "reports"), (Policy(report_days=1), "payloads")])
def test_payloads_and_reports_have_terms_of_their_own(house: House, policy: Policy, left: str) -> None:
    data = ecg()
    one = house.report_on(data)
    assert house.retention(policy).apply(NOW) == 1
    assert {name.partition("/")[0] for name in house.kept()} - {"resources"} == {left}
    assert house.now(one).state == ("done" if left == "reports" else "erased")
    before = house.kept()
    assert house.accept(data).known and house.kept() == before
    assert house.retention(Policy(1, 1)).apply(NOW) == 1 and house.kept() == set()


def test_a_payload_of_several_ecgs_goes_with_the_last_of_them(house: House) -> None:
    data = ecg()
    first = house.report_on(data)
    second = replace(first, id=uuid4(), identity=uuid4(), part=1, report_id=None)
    house.jobs.accept([second])
    payload = f"payloads/{first.payload_sha256[:2]}/{first.payload_sha256}"
    house.retention().erase(first.id, "patient-request", NOW)
    assert house.retention().sharing(first.id) == [second.id] and house.kept() == {payload}
    house.retention().erase(second.id, "patient-request", NOW)
    assert house.retention().sharing(first.id) == [] and house.kept() == set()


def test_an_ecg_accepted_while_its_payload_is_erased_has_its_payload(house: House) -> None:
    data = ecg()
    payload = Payload(data)
    house.store.put_payload(payload.sha256, data)
    erasing, go_on = Event(), Event()

    def slowly() -> None:
        erasing.set()
        assert go_on.wait(60)
        house.store.erase_payload(payload.sha256)

    eraser = Thread(target=house.jobs.unless_held, args=(payload.sha256, slowly))
    eraser.start()
    assert erasing.wait(60)
    accepted: list[Accepted] = []
    door = Thread(target=lambda: accepted.append(house.accept(data)))
    door.start()
    door.join(0.5)
    assert not accepted, "the door waits for the eraser"
    go_on.set()
    eraser.join(60)
    door.join(60)
    assert house.store.payload(payload.sha256) == data and not accepted[0].known


def test_bytes_that_no_job_asks_for_are_erased(house: House) -> None:
    one = house.report_on(ecg())
    house.store.put_payload("ab" * 32, b"never acknowledged")
    before = house.kept()
    assert house.retention().strays() == 1 and house.retention().strays() == 0
    assert before - house.kept() == {f"payloads/ab/{'ab' * 32}"} and house.store.payload(one.payload_sha256)


def test_the_same_ecg_in_other_bytes_leaves_its_first_payload_alone(house: House) -> None:
    dataset = twelve_lead_dataset(square_wave())
    one = house.report_on(to_bytes(dataset))
    dataset.InstitutionName = "Elsewhere"
    assert house.accept(to_bytes(dataset)).job.id == one.id
    assert [name for name in house.kept() if "payloads" in name] == [
        f"payloads/{one.payload_sha256[:2]}/{one.payload_sha256}"
    ]


def test_a_store_that_is_away_costs_no_ecg_its_report(house: House) -> None:
    class Away(Store):
        def put_report(self, *_: object) -> None:
            raise Overloaded("The bucket is away.")

    job = house.accept(ecg()).job
    away = Workshop(house.router, Away(house.blobs), house.jobs, house.intake.settings)
    with pytest.raises(Overloaded):
        away.interpret(job.id, last=True)
    house.done(job.id)
    assert house.now(job).state == "waiting" and house.jobs.recover() == 1
    house.workshop.interpret(job.id, last=True)
    assert house.now(job).state == "done"


def test_a_bucket_is_erased_like_a_folder(house: House, tmp_path: Path) -> None:
    with s3_server(tmp_path) as settings:
        house = House(house.data, house.jobs, house.router, S3Blobs(settings))
        data = ecg()
        one = house.report_on(data)
        assert one.report_id is not None and house.store.resource("DiagnosticReport", one.report_id)
        assert house.retention(Policy(1, 1)).apply(NOW) == 2
        left = keys(settings)
    assert left and all("/Device/" in key for key in left)


def keys(settings: BucketSettings) -> list[str]:
    """Return all objects of the bucket, by the library itself."""
    import obstore
    from obstore.store import S3Store

    bucket = S3Store(
        "twelvelead",
        endpoint=settings.endpoint,
        access_key_id=settings.access_key,
        secret_access_key=settings.secret_key,
        client_options={"allow_http": True},
    )
    found = [each for batch in obstore.list(bucket) for each in batch]
    return [each["path"] for each in found if each["size"]]  # SeaweedFS lists folders, too


def test_the_queue_does_it_by_the_clock(house: House) -> None:
    interrupted, old = house.report_on(ecg()), house.report_on(ecg())
    with pytest.raises(KeyboardInterrupt):
        house.retention(blobs=Dying(house.blobs, 0)).erase(interrupted.id, "test-data", NOW)  # type: ignore[arg-type]
    house.store.put_payload("ab" * 32, b"never acknowledged")
    queue = App(connector=PsycopgConnector(conninfo=house.jobs.database.url))
    schedule(queue, house.retention(Policy(1, 1)))
    assert {task.task.name: task.cron for task in queue.periodic_registry.periodic_tasks.values()} == {
        "sweep-erased": "* * * * *",
        "apply-retention": "17 * * * *",
    }

    async def work() -> None:
        async with queue.open_async():
            for task in ("sweep-erased", "apply-retention"):
                await queue.tasks[task].defer_async(timestamp=int(NOW.timestamp()))
            await queue.run_worker_async(queues=[ERASE], wait=False, install_signal_handlers=False)

    asyncio.run(work())
    assert house.now(old).state == "erased" and house.kept() == set() and house.pending() == 0


def test_a_store_that_is_away_is_waited_for(house: House, caplog: pytest.LogCaptureFixture) -> None:
    class Away(Store):
        def sweep(self) -> None:
            raise Overloaded("The bucket is away.")

    queue = App(connector=InMemoryConnector())
    schedule(queue, Retention(house.jobs, Away(house.blobs), FOREVER))
    queue.tasks["sweep-erased"](timestamp=0)
    assert "goes on later" in caplog.text


def test_the_command_erases_by_report_or_job(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path_factory.mktemp("cli")
    monkeypatch.setenv("TWELVELEAD_DATA", str(data))
    service = Service(load_settings())
    with closing(service.database):
        service.jobs.set_live("ward", True)
        accepted = [Job(uuid4(), uuid4(), "ab" * 32, part, LONG_AGO, "waiting", None, None) for part in (0, 1)]
        service.store.put_payload("ab" * 32, b"two ECGs")
        service.jobs.accept(accepted)
        reports = [uuid4(), uuid4()]
        for job, report in zip(accepted, reports, strict=True):
            service.jobs.holding(job.id, report)
            service.store.put_report(report, 1, {BUNDLE: b'{"entry": []}'}, lambda files, former: {})
            service.jobs.interpreted(job.id, report)
        with service.database.transaction() as connection:
            connection.execute("delete from procrastinate_jobs")
        service.jobs.delivered(reports[0], "ward", "a reference")

        run = CliRunner().invoke(app, ["erase", str(reports[0]), "--reason", "patient-request"])
        assert run.exit_code == 0, run.output
        assert run.output.splitlines() == [
            f"{accepted[0].id} is erased",
            f"its payload stays: it holds the ECG of job {accepted[1].id} too",
            "ward holds a copy: a reference",
        ]
        run = CliRunner().invoke(app, ["erase", str(accepted[1].id), "--reason", "legal-order"])
        assert run.output.splitlines() == [f"{accepted[1].id} is erased"]
        assert not [each for kept in ("reports", "payloads") for each in (data / kept).rglob("*") if each.is_file()]
        assert CliRunner().invoke(app, ["erase", str(uuid4()), "--reason", "test-data"]).exit_code == 2
        assert CliRunner().invoke(app, ["erase", str(reports[0]), "--reason", "her name"]).exit_code == 2
