"""Side-cars: what they declare reaches the file that they lie beside, and what they may not say is refused."""

import json
import re
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest

from adapters.archive import packed
from adapters.declared import agreed_time, as_said, merged
from adapters.readers import read, unwrapped
from adapters.sidecar import MAX_BYTES, declared_in
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient, Recording
from service.cli.read import declared as said_in_words
from service.cli.read import gathered
from tests.golden.csv_files import millivolt, saved
from tests.golden.dicom_files import Who, square_wave, twelve_lead_dataset
from tests.golden.dicom_files import to_bytes as dicom
from tests.golden.fhir_files import observation, to_bytes

PAGE = (Path(__file__).parents[3] / "docs" / "declaring.md").read_text()
UV = saved((millivolt()[:, [0, 1, 7]] * 1000).round(), fmt="%d").encode()
(EXAMPLE,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def read_all(held: dict[str, bytes], declared: Declared | None = None) -> list[Recording]:
    payload = Payload(packed(held), declared=declared or Declared())
    return [each for inner in unwrapped(payload) for each in read(inner)]


def as_json(**said: Any) -> bytes:
    return json.dumps(said).encode()


CAR = as_json(fs=500, unit="uV", leads=["I", "II", "V2"])


def assert_is_read(recordings: list[Recording]) -> None:
    (one,) = recordings
    assert (one.waveform.leads, one.waveform.fs) == (("I", "II", "V2"), 500.0)
    assert np.abs(one.waveform.signal - millivolt()[:, [0, 1, 7]].T).max() < 0.0006


# The page says the truth.


def test_the_example_of_the_page_declares_all_that_can_be() -> None:
    declared = declared_in(EXAMPLE.encode())
    assert declared == Declared(
        fs=500.0,
        unit="uV",
        leads=("I", "II", "V2"),
        patient=Patient("4711", "HOSPITAL", "Quokka^Zebediah", date(1961, 2, 3), "M", 64.0),
        order=Order("A-1", "RIS", "P-1", "F-1", "V-1", "1.2.826.0.1.3680043.8.498.1", "urgent"),
        acquired_at=datetime.fromisoformat("2026-01-31T08:15:00+01:00"),
    )
    said = json.loads(EXAMPLE)
    assert list(said) == ["fs", "unit", "leads", "acquired_at", "patient", "order"]
    assert set(said) == {each.name for each in fields(Declared)}
    assert list(said["patient"]) == [each.name for each in fields(Patient)]
    assert list(said["order"]) == [each.name for each in fields(Order)]


def test_the_command_and_the_query_of_the_page_read_the_table() -> None:
    (query,) = re.findall(r"^POST /v1/ecgs\?(.*)$", PAGE, re.MULTILINE)
    (command,) = re.findall(r"^twelvelead read ecg\.csv (--declare .*)$", PAGE, re.MULTILINE)
    words = command.removeprefix("--declare ").split(" --declare ")
    assert as_said(dict(parse_qsl(query))) == said_in_words(words)
    assert_is_read(list(read(Payload(UV, declared=said_in_words(words)))))


def test_the_table_of_the_page_needs_nothing_declared() -> None:
    (header,) = re.findall(r"```text\n(#.*?)```", PAGE, re.DOTALL)
    times = np.arange(len(millivolt())) / 500
    rows = saved(np.column_stack([times, millivolt()[:, [0, 1, 7]]]), delimiter=";")
    (one,) = read(Payload((header + rows).encode()))
    assert_is_read([one])
    assert one.acquired_at == datetime.fromisoformat("2026-01-31T08:15:00+01:00")


def test_the_command_takes_a_file_and_its_side_car(tmp_path: Path) -> None:
    (names,) = re.findall(r"`twelvelead read (\S+ \S+)`", PAGE)
    paths = [tmp_path / each for each in names.split()]
    for path, data in zip(paths, (UV, EXAMPLE.encode()), strict=True):
        path.write_bytes(data)
    inner = unwrapped(Payload(gathered(paths, 10)))
    (one,) = (each for payload in inner for each in read(payload))
    assert_is_read([one])
    assert one.patient.id == "4711" and one.order.accession_number == "A-1"
    assert "4711" not in repr(one) and one.acquired_at == datetime(2026, 1, 31, 7, 15, tzinfo=UTC)


# Which file it belongs to.


@pytest.mark.parametrize(
    "held",
    [
        {"a/ecg.csv": UV, "a/ecg.json": CAR},
        {"ecg.json": CAR, "ecg.csv": UV},
        {"ecg.TXT": UV, "ecg.JSON": CAR},
        {"0/ecg.csv": UV, "1/declared.json": CAR},
    ],
    ids=["same folder", "first", "capitals", "only two"],
)
def test_it_belongs_to_the_file_of_its_name_or_the_only_one(held: dict[str, bytes]) -> None:
    assert_is_read(read_all(held))


def test_each_of_several_belongs_to_its_own() -> None:
    other = as_json(fs=250, unit="uV", leads=["I", "II", "V3"])
    one, two = read_all({"one.csv": UV, "two.csv": UV, "one.json": CAR, "two.json": other})
    assert_is_read([one])
    assert (two.waveform.leads, two.waveform.fs) == (("I", "II", "V3"), 250.0)


def test_two_of_one_file_are_refused() -> None:
    with pytest.raises(MalformedPayload, match="two side-cars"):
        read_all({"ecg.csv": UV, "ecg.json": CAR, "ecg.JSON": as_json(patient={"id": "2"})})


def test_the_micro_sign_is_ucums_u() -> None:
    for sign in "\u00b5\u03bc":
        assert declared_in(as_json(unit=f"{sign}V")) == as_said({"unit": f"{sign}V"}) == Declared(unit="uV")


def test_one_that_belongs_to_none_is_an_ecg_that_is_none() -> None:
    with pytest.raises(UnknownFormat):
        read_all({"one.csv": UV, "two.csv": UV, "one.json": CAR, "two.json": CAR, "three.json": CAR})


def test_a_fhir_resource_is_an_ecg_and_not_a_side_car() -> None:
    (one,) = read_all({"ecg.json": to_bytes(observation())})
    (two,) = read_all({"ecg.json": to_bytes(observation()), "declared.json": as_json(order={"priority": "stat"})})
    assert one.waveform.leads == two.waveform.leads and two.order.priority == "stat"


def test_what_the_request_declares_must_agree_and_is_completed() -> None:
    assert_is_read(read_all({"a.csv": UV, "a.json": as_json(leads=["I", "II", "V2"])}, Declared(fs=500.0, unit="uV")))
    assert_is_read(read_all({"a.csv": UV, "a.json": CAR}, Declared(fs=500.0)))
    for contradicting in (Declared(fs=250.0), Declared(unit="mV"), Declared(leads=("II", "I", "V2"))):
        with pytest.raises(MalformedPayload, match="two places"):
            read_all({"a.csv": UV, "a.json": CAR}, contradicting)


def test_two_patients_two_orders_or_two_times_do_not_merge() -> None:
    when = datetime(2026, 1, 31, 12, 0)
    whole = Declared(patient=Patient(id="1"), order=Order(accession_number="A"), acquired_at=when)
    assert merged(whole, Declared()) == merged(Declared(), whole) == merged(whole, whole) == whole
    for other in (
        Declared(patient=Patient(id="2")),
        Declared(order=Order(accession_number="B")),
        Declared(acquired_at=when.replace(hour=13)),
    ):
        with pytest.raises(MalformedPayload, match="disagree"):
            merged(whole, other)


# What it may not say.


@pytest.mark.parametrize(
    "said",
    [
        {"fs": "500"}, {"fs": 0}, {"fs": -1}, {"fs": True}, {"fs": 1e300}, {"unit": 5}, {"unit": ""},
        {"unit": "x" * 300},
        {"leads": "I,II"}, {"leads": []}, {"leads": ["I", 2]}, {"leads": ["I"] * 65},
        {"acquired_at": "2026-01-31"}, {"acquired_at": "31.01.2026 12:00"}, {"acquired_at": "2026-02-31T12:00"},
        {"patient": "4711"}, {"patient": {"sex": "female"}}, {"patient": {"birth_date": "1961"}},
        {"patient": {"birth_date": "1961-02-30"}}, {"patient": {"age": "64"}}, {"patient": {"age": -1}},
        {"patient": {"id": 4711}}, {"patient": {"name": "Quokka\nZebediah"}},
        {"order": {"priority": "soon"}}, {"order": {"study_uid": "1.2.x"}}, {"order": {"study_uid": "1.02"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload) as refusal:
        declared_in(as_json(**said))
    assert not re.search("Quokka|4711|1961|female", str(refusal.value))


@pytest.mark.parametrize("said", [{"Fs": 500}, {"patient": {"Quokka": 1}}, {"order": {"number": "4711"}}], ids=str)
def test_an_unknown_key_is_answered_with_those_that_are_known(said: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload, match=r"may be (fs, unit, leads|id, issuer|accession_number)") as refusal:
        declared_in(as_json(**said))
    assert not re.search("Quokka|4711", str(refusal.value))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b"\xff{}", b'{"fs": 1, "fs": 2}', b'{"fs": NaN}', b"[" * 60_000,
     b'{"fs": 1' + b"0" * 5000 + b"}",
     b" " * (MAX_BYTES + 1)],
    ids=["empty", "list", "cut", "bytes", "twice", "NaN", "deep", "digits", "large"],
)  # fmt: skip
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPayload):
        declared_in(data)


def test_null_says_nothing() -> None:
    assert declared_in(as_json(fs=None, patient={"id": None}, order=None)) == Declared(patient=Patient())


@pytest.mark.parametrize("ecg", [to_bytes(observation()), dicom(twelve_lead_dataset(square_wave()))])
def test_the_time_of_an_ecg_that_says_its_own_must_agree(ecg: bytes) -> None:
    said = "2024-02-29T12:34:56+01:00"
    (recording,) = read_all({"a": ecg, "a.json": as_json(acquired_at=said)})
    assert recording.acquired_at is not None and recording.acquired_at.microsecond == 250_000
    with pytest.raises(MalformedPayload, match="time"):
        read_all({"a": ecg, "a.json": as_json(acquired_at=said.replace("2024", "2020"))})


@pytest.mark.parametrize(
    "ecg",
    [to_bytes(observation(effectiveDateTime=None)), dicom(twelve_lead_dataset(square_wave(), who=Who(acquired=None)))],
)
def test_the_time_of_an_ecg_that_says_none_is_the_declared_one(ecg: bytes) -> None:
    (recording,) = read_all({"a": ecg, "a.json": as_json(acquired_at="2024-02-29T12:34:56Z")})
    assert recording.acquired_at == datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)


def test_a_time_without_a_zone_may_be_of_any() -> None:
    here = datetime(2024, 2, 29, 12)
    for utc, same in ((here, True), (here.replace(hour=0), True), (here.replace(day=28, hour=20), False)):
        if same:
            assert agreed_time(here, utc.replace(tzinfo=UTC)) == here
        else:
            with pytest.raises(MalformedPayload, match="time"):
                agreed_time(here, utc.replace(tzinfo=UTC))
