"""What was declared with a payload lies beside it, and a worker reads the payload as the door did."""

import stat
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient
from models.router import CardRouter
from service.declaration import keep, kept
from service.intake import Intake
from service.jobs import Jobs
from service.settings import Settings
from service.store import Store
from service.worker import Workshop
from tests.conftest import ISSUED
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset

WHOLE = Declared(
    fs=500.0,
    unit="mV",
    leads=("I", "II"),
    patient=Patient("PLANTED-4711", "HOSPITAL", "Zebediah^Quokka", date(1961, 2, 3), "F", 63.5),
    order=Order("A-1", priority="stat"),
    acquired_at=datetime(2024, 2, 29, 12, 34, 56, 250000, tzinfo=timezone(timedelta(hours=1))),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def intake(jobs: Jobs, store: Store, tmp_path: Path) -> Intake:
    return Intake(store, jobs, Settings(data=tmp_path / "data"))


def nobodys(*, named: bool) -> bytes:
    """Return an ECG that says nothing of its patient; with an instance UID where it is `named`."""
    ds = twelve_lead_dataset(square_wave(), who=Who(None, None, None, None, None))
    if not named:
        del ds.SOPInstanceUID
    return to_bytes(ds)


def test_it_comes_back_as_it_was(store: Store) -> None:
    payload = Payload(b"an ECG", declared=WHOLE)
    digest = keep(store, payload)
    again = kept(store, payload.sha256, digest)
    assert (again.data, again.declared) == (payload.data, WHOLE)
    assert keep(store, payload) == digest, "twice does no harm"


def test_a_time_without_a_zone_comes_back_without_one(store: Store) -> None:
    payload = Payload(b"an ECG", declared=Declared(acquired_at=datetime(2024, 2, 29, 12, 34)))
    assert kept(store, payload.sha256, keep(store, payload)).declared == payload.declared


def test_nothing_declared_leaves_no_file(store: Store, tmp_path: Path) -> None:
    payload = Payload(b"an ECG")
    assert keep(store, payload) is None
    assert kept(store, payload.sha256, None).declared == Declared()
    assert [each.name for each in (tmp_path / "data/payloads").rglob("*") if each.is_file()] == [payload.sha256]


def test_it_lies_beside_the_payload_for_its_owner_alone(store: Store, tmp_path: Path) -> None:
    payload = Payload(b"an ECG", declared=WHOLE)
    place = tmp_path / "data/payloads" / payload.sha256[:2] / f"{payload.sha256}.{keep(store, payload)}.json"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600 and b"Quokka" in place.read_bytes()


def test_its_digest_cannot_be_guessed_without_the_payload(store: Store) -> None:
    assert keep(store, Payload(b"one", declared=WHOLE)) != keep(store, Payload(b"other", declared=WHOLE))


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_what_is_damaged_is_not_read(store: Store, tmp_path: Path, damage: object) -> None:
    payload = Payload(b"an ECG", declared=WHOLE)
    digest = keep(store, payload)
    damage(tmp_path / "data/payloads" / payload.sha256[:2] / f"{payload.sha256}.{digest}.json")  # type: ignore[operator]
    with pytest.raises(LookupError, match="declared"):
        kept(store, payload.sha256, digest)


def test_the_same_bytes_for_two_patients_are_two_reports(intake: Intake, router: CardRouter) -> None:
    data, workshop = nobodys(named=False), Workshop(router, intake.store, intake.jobs, intake.settings)
    declared = [Declared(patient=Patient(id=each, issuer="HOSPITAL")) for each in ("A", "B", "A")]
    jobs = [intake.accept(Payload(data, declared=each), ISSUED)[0].job for each in declared]
    assert jobs[0].id == jobs[2].id != jobs[1].id and {each.state for each in jobs} == {"waiting"}
    for at, (job, owner) in enumerate(zip(jobs[:2], "AB", strict=True)):
        workshop.interpret(job.id, last=True)
        report = intake.jobs.refreshed(job).report_id
        assert report is not None
        bundle = intake.store.file(report, "bundle.json") or b""
        assert f'"{owner}"'.encode() in bundle and f'"{"BA"[at]}"'.encode() not in bundle


def test_the_same_instance_for_another_patient_is_in_quarantine(intake: Intake) -> None:
    data = nobodys(named=True)
    first, second = (
        intake.accept(Payload(data, declared=Declared(patient=Patient(id=each))), ISSUED)[0].job for each in ("C", "D")
    )
    assert first.id != second.id and first.identity != second.identity
    assert (first.state, second.state, second.error) == ("waiting", "quarantined", "alias-other-patient")


def test_the_same_instance_with_other_content_is_in_quarantine(intake: Intake) -> None:
    one, other = twelve_lead_dataset(square_wave(), who=Who(id="E")), twelve_lead_dataset(square_wave(8))
    other.SOPInstanceUID, other.PatientID = one.SOPInstanceUID, one.PatientID
    first, second = (intake.accept(Payload(to_bytes(each)), ISSUED)[0].job for each in (one, other))
    assert first.alias == second.alias == f"dicom:{one.SOPInstanceUID}"
    assert (first.state, second.state, second.error) == ("waiting", "quarantined", "alias-conflict")


def test_a_name_where_a_uid_should_be_is_not_in_a_table(intake: Intake) -> None:
    ds = twelve_lead_dataset(square_wave(), who=Who(id="F"))
    data = to_bytes(ds).replace(ds.SOPInstanceUID.encode(), b"Zebediah Quokka".ljust(len(ds.SOPInstanceUID)))
    alias = intake.accept(Payload(data), ISSUED)[0].job.alias
    assert alias is not None and alias.startswith("dicom:") and "Quokka" not in alias


def test_what_is_declared_is_in_no_table(intake: Intake) -> None:
    declared = replace(WHOLE, fs=None, unit=None, leads=(), order=Order(placer_number="PLANTED", priority="stat"))
    (one,) = intake.accept(Payload(nobodys(named=False), declared=declared), ISSUED)
    assert (one.job.priority, one.known) == (3, False)
    with intake.jobs.database.transaction() as connection:
        tables = ["twelvelead.job", "twelvelead.alias", "twelvelead.quarantine", "procrastinate_jobs"]
        rows = repr([connection.execute(f"select * from {table}").fetchall() for table in tables])
    assert str(one.job.declared) in rows
    assert not any(planted in rows for planted in ("Zebediah", "Quokka", "PLANTED", "1961"))
