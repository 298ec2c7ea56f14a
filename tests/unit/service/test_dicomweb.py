"""STOW-RS: what is taken, what is answered, and what it survives."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from adapters.dicom.codes import JPEG_BASELINE, SECONDARY_CAPTURE, STORAGE_CLASSES, TRANSFER_SYNTAXES
from adapters.dicom.results import encapsulated_pdf, part10
from ecg import errors
from ecg.payload import Payload
from service.api import dicomweb
from service.api.app import build_app
from service.api.multipart import MOST_PARTS
from service.intake import Intake
from service.metrics import Metrics
from service.settings import Settings
from service.store import Store
from tests.golden import reports
from tests.golden.dicom_files import EXPLICIT, ROOT, Who, square_wave, to_bytes, twelve_lead_dataset

STUDIES, STUDY = "/dicom-web/studies", f"/dicom-web/studies/{ROOT}.1"
ECG, CT = next(iter(STORAGE_CLASSES)), "1.2.840.10008.5.1.4.1.1.2"
TYPE = 'multipart/related; type="application/dicom"; boundary=xyz'
NAME = "Planted^Patricia"
REFERENCED, FAILED, OTHERS = "00081199", "00081198", "0008119A"


class Trail:
    def transaction(self) -> AbstractContextManager[Any]:
        return nullcontext(SimpleNamespace(execute=lambda *_: None))


NOTHING = SimpleNamespace(check=None, database=Trail())


class Door:
    """An intake that keeps what it gets, or refuses it."""

    def __init__(self, *failures: Exception | None) -> None:
        self.settings = Settings(max_payload_mb=1)
        self.store = self.jobs = NOTHING  # it keeps nothing, and its trail takes every row
        self.metrics = Metrics()
        self.failures = list(failures)
        self.taken: list[bytes] = []

    def accept(self, payload: Payload, issued: object, door: str) -> tuple[()]:
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        self.taken.append(payload.data)
        return ()


def ecg(number: int = 3, *, sop_class: str = ECG, syntax: str = EXPLICIT, study: str = ROOT + ".1") -> bytes:
    ds = twelve_lead_dataset(square_wave(), who=Who(name=NAME, study_uid=study))
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{ROOT}.{number}"
    return to_bytes(ds, syntax)


def multipart(*parts: bytes, head: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    return b"".join(b"--xyz\r\n" + head + b"\r\n" + part + b"\r\n" for part in parts) + b"--xyz--\r\n"


def ask(app: Any, content: Any, path: str = STUDIES, **headers: str) -> httpx.Response:
    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post(path, content=content, headers={"Content-Type": TYPE, **headers})

    return asyncio.run(post())


def post(door: Door, content: Any, path: str = STUDIES, **headers: str) -> httpx.Response:
    return ask(build_app(cast(Intake, door)), content, path, **headers)


def uids(answer: httpx.Response, sequence: str = REFERENCED) -> list[str]:
    return [each["00081155"]["Value"][0] for each in answer.json().get(sequence, {}).get("Value", [])]


def reasons(answer: httpx.Response, sequence: str = FAILED) -> list[int]:
    return [each["00081197"]["Value"][0] for each in answer.json().get(sequence, {}).get("Value", [])]


# What is taken


@pytest.mark.parametrize("path", [STUDIES, STUDY])
def test_objects_are_handed_on_as_they_were_sent(path: str) -> None:
    door, sent = Door(), [ecg(3), ecg(4)]
    answer = post(door, multipart(*sent), path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/dicom+json")
    assert uids(answer) == [f"{ROOT}.3", f"{ROOT}.4"]
    assert set(answer.json()) == {"00081190", REFERENCED}
    assert answer.json()[REFERENCED]["Value"][0]["00081150"] == {"vr": "UI", "Value": [ECG]}
    assert door.taken == sent


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_every_transfer_syntax_is_taken(syntax: str) -> None:
    door, sent = Door(), ecg(syntax=syntax)
    assert post(door, multipart(sent)).status_code == 200
    assert door.taken == [sent]


def test_a_picture_is_taken_as_jpeg_and_nothing_else_is() -> None:
    door, sent = Door(), ecg(syntax=JPEG_BASELINE, sop_class=SECONDARY_CAPTURE)
    assert post(door, multipart(sent, ecg(syntax=JPEG_BASELINE))).status_code == 202
    assert door.taken == [sent]


@pytest.mark.parametrize("sop_class", STORAGE_CLASSES)
def test_every_class_of_the_listener_is_taken(sop_class: str) -> None:
    assert uids(post(Door(), multipart(ecg(sop_class=sop_class)))) == [f"{ROOT}.3"]


def test_a_boundary_may_be_as_long_as_orthancs() -> None:
    long = "a" * 73
    body = multipart(ecg()).replace(b"--xyz", f"--{long}".encode()).rstrip()
    assert post(Door(), body, **{"Content-Type": TYPE.replace("xyz", long)}).status_code == 200


def test_a_part_need_not_name_its_type() -> None:
    assert post(Door(), multipart(ecg(), head=b"")).status_code == 200


def test_the_body_may_come_in_any_pieces() -> None:
    body, door = multipart(ecg(3), ecg(4)), Door()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 977):
            yield body[at : at + 977]

    assert post(door, pieces()).status_code == 200
    assert door.taken == [ecg(3), ecg(4)]


def test_our_own_reports_are_stored_and_dropped(tmp_path: Path) -> None:
    audited: list[str] = []

    def execute(statement: str, values: tuple[str, ...]) -> None:
        audited.append(values[1])

    row = SimpleNamespace(transaction=lambda: nullcontext(SimpleNamespace(execute=execute)))
    ledger = SimpleNamespace(check=None, database=row, accept=lambda wanted, *_: list(wanted))
    ours = part10(encapsulated_pdf(reports.report()))
    intake = Intake(Store(tmp_path), cast(Any, ledger), Settings(data=tmp_path))
    answer = ask(build_app(intake), multipart(ours))
    assert answer.status_code == 200 and len(uids(answer)) == 1
    assert "drop own output" in audited and not list((tmp_path / "payloads").rglob("*.*"))


# What is answered


@pytest.mark.parametrize(
    "error, reason",
    [
        (errors.MalformedPayload(), 0xA900),
        (errors.AmbiguousPayload(declare=("fs",)), 0xC000),
        (errors.ModelRefused(), 0xC001),
        (RuntimeError(NAME), 0xC001),
    ],
)
def test_an_error_becomes_its_reason(error: Exception, reason: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="adapters"):
        answer = post(Door(error), multipart(ecg()))
    assert (answer.status_code, reasons(answer), uids(answer, FAILED)) == (409, [reason], [f"{ROOT}.3"])
    assert "Planted" not in answer.text + caplog.text


def test_an_object_that_is_no_ecg_is_stored() -> None:
    assert post(Door(errors.UnknownFormat()), multipart(ecg())).status_code == 200


def test_some_failures_are_told_beside_what_is_stored() -> None:
    door = Door(None, errors.Overloaded(), None)
    answer = post(door, multipart(ecg(3), ecg(4), ecg(5), b"no DICOM at all"))
    assert answer.status_code == 202
    assert (uids(answer), uids(answer, FAILED), reasons(answer)) == (
        [f"{ROOT}.3", f"{ROOT}.5"],
        [f"{ROOT}.4"],
        [0xA700],
    )
    assert reasons(answer, OTHERS) == [0xC000]


def test_where_nothing_can_be_kept_the_request_is_to_come_again() -> None:
    answer = post(Door(errors.Overloaded(), errors.Overloaded()), multipart(ecg(3), ecg(4)))
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "30", "overloaded")


@pytest.mark.parametrize(
    "part, sequence, reason",
    [
        (ecg(sop_class=CT), FAILED, 0x0122),
        (ecg(study=ROOT + ".7"), FAILED, 0xA900),
        (b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI\x16\x001.2.840.10008.1.2.4.50", OTHERS, 0xC122),
        (b"\0" * 128 + b"DICM", OTHERS, 0xC000),
        (ecg()[:300], OTHERS, 0xC000),
        (b"x", OTHERS, 0xC000),
    ],
    ids=["class", "study", "syntax", "no-meta", "cut", "no-dicom"],
)
def test_what_is_not_taken_has_its_reason(part: bytes, sequence: str, reason: int) -> None:
    door = Door()
    answer = post(door, multipart(part), STUDY)
    assert (answer.status_code, reasons(answer, sequence), door.taken) == (409, [reason], [])


@pytest.mark.parametrize(
    "accept, status",
    [
        ("application/dicom+json", 200),
        ("*/*", 200),
        ("text/html, application/json;q=0.9", 200),
        ("application/dicom+xml", 406),
        ("text/html", 406),
    ],
)
def test_answers_are_dicom_json_only(accept: str, status: int) -> None:
    door = Door()
    assert post(door, multipart(ecg()), Accept=accept).status_code == status
    assert len(door.taken) == (status == 200)


# What it survives: nothing of a broken request is stored


@pytest.mark.parametrize(
    "content, content_type, status, code",
    [
        (multipart(ecg())[:-9], TYPE, 400, "broken-request"),
        (multipart(ecg(3), ecg(4))[:-2000], TYPE, 400, "broken-request"),
        (b"", TYPE, 400, "broken-request"),
        (b"--xyz--\r\n", TYPE, 400, "broken-request"),
        (multipart(ecg()), TYPE.replace("xyz", "other"), 400, "broken-request"),
        (multipart(ecg()), TYPE.partition("; boundary")[0], 400, "broken-request"),
        (multipart(ecg()), TYPE + "y" * 300, 400, "broken-request"),
        (multipart(ecg(), head=b"Content-Type application/dicom\r\n"), TYPE, 400, "broken-request"),
        (multipart(ecg(), head=b"X: " + b"y" * 100_000 + b"\r\n"), TYPE, 400, "broken-request"),
        (multipart(ecg(), head=b"".join(b"X%d: y\r\n" % n for n in range(5000))), TYPE, 400, "broken-request"),
        (multipart(multipart(ecg()), head=f"Content-Type: {TYPE}\r\n".encode()), TYPE, 415, "unknown-format"),
        (ecg(), "application/dicom", 415, "unknown-format"),
        (multipart(ecg()), TYPE.replace("dicom", "dicom+json"), 415, "unknown-format"),
        (multipart(ecg()), TYPE.replace("related", "form-data"), 415, "unknown-format"),
        (multipart(*[b"x"] * (MOST_PARTS + 1)), TYPE, 413, "too-large"),
        (multipart(*[b"x"] * 10_000), TYPE, 413, "too-large"),
        (multipart(bytes(1_000_000)), TYPE, 413, "too-large"),
    ],
)
def test_it_outlives_a_hostile_body(content: bytes, content_type: str, status: int, code: str) -> None:
    door = Door()
    answer = post(door, content, **{"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"], door.taken) == (status, code, [])
    assert post(door, multipart(ecg())).status_code == 200, "it still answers"


def test_a_multipart_within_a_part_is_no_object() -> None:
    assert reasons(post(Door(), multipart(multipart(ecg()).replace(b"xyz", b"abc"))), OTHERS) == [0xC000]


def test_a_study_that_is_none_is_a_broken_request() -> None:
    assert post(Door(), multipart(ecg()), f"{STUDIES}/{NAME}").status_code == 400


@pytest.mark.parametrize("path", [STUDIES, STUDY])
def test_a_slow_body_is_given_up(path: str) -> None:
    door, app = Door(), FastAPI()
    app.include_router(dicomweb.routes(cast(Intake, door), seconds=0.2))
    app.exception_handler(errors.EcgError)(_handler(build_app(cast(Intake, door))))

    async def slow() -> AsyncIterator[bytes]:
        yield multipart(ecg())[:100]
        await asyncio.sleep(60)
        yield multipart(ecg())[100:]

    answer = ask(app, slow(), path)
    assert (answer.status_code, answer.json()["code"], door.taken) == (408, "too-slow", [])


def _handler(app: FastAPI) -> Callable[..., Any]:
    return app.exception_handlers[errors.EcgError]  # type: ignore[return-value]


def test_no_refusal_quotes_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="adapters"), caplog.at_level(logging.DEBUG, logger="service"):
        answers = [
            post(Door(), NAME.encode()),
            post(Door(), multipart(ecg(), head=f"{NAME}\r\n".encode())),
            post(Door(), multipart(ecg()), **{"Content-Type": f"multipart/related; type={NAME}"}),
            post(Door(), multipart(NAME.encode())),
        ]
    assert not re.search("Planted|Patricia", "".join(each.text for each in answers) + caplog.text)
