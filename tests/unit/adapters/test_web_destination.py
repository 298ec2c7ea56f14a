"""Delivery to a PACS by STOW-RS: what each of its answers means for a retry, and that a repeat leaves one copy."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any, cast

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from adapters.dicom.outgoing import PDF, PICTURE, STRUCTURED, instance_uid
from adapters.dicom.pacs import PacsDestination
from adapters.dicom.rejection import succeeding
from adapters.dicom.results import encoded
from adapters.dicom.web import WebDestination, WebSettings
from adapters.exchange import Wire
from ecg.errors import DeliveryError, Refused, SetupError, Unconfirmed, Unreachable
from ecg.ports import Destination
from ecg.recording import Order
from ecg.report import Receipt, Report
from tests.golden.reports import amended, report, withdrawn

REPORT = report(asserted=("MI",))
UIDS = tuple(instance_uid(REPORT.id, part) for part in (PDF, PICTURE, STRUCTURED))
URL = "https://pacs.example/dicom-web"


def module(stored: tuple[str, ...] = (), failed: dict[str, int | None] | None = None) -> bytes:
    """Return a Store Instances Response Module (PS3.18 table I.1-1)."""
    dataset = Dataset()
    dataset.ReferencedSOPSequence, dataset.FailedSOPSequence = [], []
    for uid in (*stored, *(failed or {})):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", uid
        if uid in stored:
            dataset.ReferencedSOPSequence.append(item)
            continue
        if (reason := (failed or {})[uid]) is not None:
            item.FailureReason = reason
        dataset.FailedSOPSequence.append(item)
    return json.dumps(dataset.to_json_dict()).encode()


class Pacs:
    """A PACS that stores what comes, and answers what it is told to, the last for ever."""

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers) or [(200, module(UIDS))]
        self.asked: list[httpx.Request] = []
        self.held: dict[str, Dataset] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
        for part in request.content.split(b"--" + boundary)[1:-1]:
            dataset = dcmread(BytesIO(part.partition(b"\r\n\r\n")[2]))
            self.held[dataset.SOPInstanceUID] = dataset
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], content=answer[1])


class Tokens:
    """A TokenSource that counts."""

    def __init__(self) -> None:
        self.number = 1

    def token(self) -> str:
        return f"t{self.number}"

    def forget(self) -> None:
        self.number += 1


class Commits:
    """The DIMSE side of the PACS, which commits or fails."""

    def __init__(self, error: Exception | None = None, early: bool = False) -> None:
        self.error, self.early, self.asked = error, early, 0

    def committed_already(self, of: Report, objects: object) -> bool:
        return self.early

    def commit(self, of: Report, objects: object) -> None:
        self.asked += 1
        if self.error:
            raise self.error


def deliver(
    pacs: Callable[[httpx.Request], httpx.Response],
    tokens: Any = None,
    commitment: Any = None,
    what: Report = REPORT,
    held: Receipt | None = None,
) -> str:
    settings = WebSettings(URL, Wire(transport=httpx.MockTransport(pacs)))
    made: Destination = WebDestination("archive", settings, tokens, cast(PacsDestination | None, commitment))
    try:
        return made.deliver(what, held).reference
    finally:
        cast(WebDestination, made).close()


def test_all_objects_arrive_and_the_receipt_names_them() -> None:
    pacs = Pacs()
    assert deliver(pacs) == " ".join(UIDS)
    assert tuple(pacs.held) == UIDS
    assert [str(pacs.held[uid].SOPClassUID) for uid in UIDS] == [str(each.SOPClassUID) for each in encoded(REPORT)]
    (request,) = pacs.asked
    assert str(request.url) == f"{URL}/studies" and request.headers["Accept"] == "application/dicom+json"
    assert request.headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')


def test_a_repeat_leaves_one_copy() -> None:
    pacs = Pacs((503, b""), (200, module(UIDS)))
    with pytest.raises(Unreachable):
        deliver(pacs)
    assert deliver(pacs) == deliver(pacs)
    assert len(pacs.held) == 3


@pytest.mark.parametrize("reason", [0x0111, 0xB000, 0xB00E])
def test_duplicates_and_warnings_count_as_stored(reason: int) -> None:
    assert deliver(Pacs((409, module((), dict.fromkeys(UIDS, reason)))))
    assert deliver(Pacs((202, module((UIDS[0], UIDS[2]), {UIDS[1]: reason}))))


@pytest.mark.parametrize(
    "answer, error",
    [
        ((409, module((), dict.fromkeys(UIDS, 0xA700))), Unreachable),
        ((409, module((), dict.fromkeys(UIDS, 0x0110))), Unreachable),
        ((409, module((), dict.fromkeys(UIDS, None))), Unreachable),
        ((202, module(UIDS[:1], {UIDS[1]: 0xA700})), Unconfirmed),
        ((202, module(UIDS[:1], {UIDS[1]: 0xA900})), Refused),
        ((409, module((), dict.fromkeys(UIDS, 0xC000))), Refused),
        ((409, module((), dict.fromkeys(UIDS, 0x0122))), Refused),
        ((409, b""), Refused),
        ((200, module(UIDS[:1])), Unconfirmed),
        ((200, b""), Unconfirmed),
        ((200, b"<NativeDicomModel/>"), Unconfirmed),
        ((200, b"[]"), Unconfirmed),
        ((200, b'{"00081199": {"Value": [1, {"00081155": 2}]}, "00081198": 3}'), Unconfirmed),
        ((201, b""), Unconfirmed),
        ((204, b""), Unconfirmed),
        ((400, b""), Refused),
        ((403, b""), Refused),
        ((415, b""), Refused),
        ((429, b""), Unreachable),
        ((500, b""), Unconfirmed),
        ((503, b""), Unreachable),
        (httpx.ConnectError("no"), Unreachable),
        (httpx.ReadTimeout("no"), Unconfirmed),
        (httpx.RemoteProtocolError("no"), Unconfirmed),
    ],
)
def test_each_failure_says_what_a_retry_would_mean(answer: Any, error: type[DeliveryError]) -> None:
    with pytest.raises(error) as caught:
        deliver(Pacs(answer))
    assert caught.type is error
    said = str(caught.value)
    for secret in ("4711", "Muster", "Erika", "A-100", str(encoded(REPORT)[0].StudyInstanceUID)):
        assert secret not in said


def test_a_token_goes_along_and_a_new_one_once() -> None:
    pacs, tokens = Pacs((401, b""), (200, module(UIDS))), Tokens()
    assert deliver(pacs, tokens)
    assert [each.headers["Authorization"] for each in pacs.asked] == ["Bearer t1", "Bearer t2"]
    with pytest.raises(Refused):
        deliver(Pacs((401, b"")), tokens)


def test_stored_and_committed_is_delivered() -> None:
    pacs, commits = Pacs(), Commits()
    assert deliver(pacs, commitment=commits)
    assert (len(pacs.asked), commits.asked) == (1, 1)


def test_a_late_word_on_an_earlier_try_spares_the_repeat() -> None:
    pacs, commits = Pacs(), Commits(early=True)
    assert deliver(pacs, commitment=commits)
    assert (len(pacs.asked), commits.asked) == (0, 0)


@pytest.mark.parametrize("error, told", [(Unreachable, Unconfirmed), (Unconfirmed, Unconfirmed), (Refused, Refused)])
def test_what_is_stored_and_not_committed_is_not_delivered(error: Any, told: Any) -> None:
    with pytest.raises(told) as caught:
        deliver(Pacs(), commitment=Commits(error("why")))
    assert caught.type is told and str(caught.value) == "why"


def test_nothing_is_asked_to_be_committed_that_is_not_stored() -> None:
    commits = Commits()
    with pytest.raises(Unreachable):
        deliver(Pacs((503, b"")), commitment=commits)
    assert commits.asked == 0


def test_without_a_study_nothing_is_sent() -> None:
    pacs = Pacs()
    with pytest.raises(Refused, match="no study"):
        deliver(pacs, what=replace(REPORT, recording=replace(REPORT.recording, order=Order())))
    assert pacs.asked == []


def test_beyond_loopback_it_speaks_tls_only() -> None:
    with pytest.raises(SetupError, match="https"):
        WebDestination("archive", WebSettings("http://pacs.example/dicom-web"))


def test_a_later_version_is_stored_with_the_note_that_rejects_the_former() -> None:
    held = Receipt("archive", " ".join(UIDS))
    for later, modalities in ((amended(REPORT), ["DOC", "ECG", "SR", "KO"]), (withdrawn(REPORT), ["KO"])):
        uids = tuple(str(each.SOPInstanceUID) for each in succeeding(later, held))
        pacs, commits = Pacs((200, module(uids))), Commits()
        assert deliver(pacs, commitment=commits, what=later, held=held) == " ".join(uids)
        assert [each.Modality for each in pacs.held.values()] == modalities and tuple(pacs.held) == uids
        assert commits.asked == 1


def test_a_withdrawal_where_nothing_of_ours_is_asks_nobody() -> None:
    pacs, commits = Pacs(), Commits()
    assert deliver(pacs, commitment=commits, what=withdrawn(REPORT), held=Receipt("archive", "1.2.3")) == ""
    assert (pacs.asked, commits.asked) == ([], 0)


@pytest.mark.parametrize(
    "answer, commitment, partly",
    [
        ((409, module((), dict.fromkeys(UIDS, 0xC000))), None, False),
        ((202, module(UIDS[:1], {UIDS[1]: 0xC000})), None, True),
        ((200, module(UIDS)), Commits(Refused("why")), True),
    ],
)
def test_a_refusal_says_whether_a_part_is_there(answer: Any, commitment: Any, partly: bool) -> None:
    with pytest.raises(Refused) as caught:
        deliver(Pacs(answer), commitment=commitment)
    assert caught.value.partly is partly
