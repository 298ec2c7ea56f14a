"""Delivery to a simulated PACS: what each of its faults means for a retry, and that a repeat leaves one copy."""

import gc
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from socketserver import BaseServer
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from adapters.dicom.codes import COMPREHENSIVE_SR, ENCAPSULATED_PDF, KEY_OBJECT_SELECTION, SECONDARY_CAPTURE
from adapters.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Commitment, MemoryInbox
from adapters.dicom.outgoing import PDF, PICTURE, STRUCTURED, instance_uid
from adapters.dicom.pacs import VERIFICATION, PacsDestination, PacsSettings, Timeouts, tls_context
from adapters.dicom.results import encoded
from ecg.errors import DeliveryError, Refused, Unconfirmed, Unreachable
from ecg.ports import Destination
from ecg.recording import Order
from ecg.report import Receipt, Report
from tests.golden.reports import amended, report, withdrawn

REPORT = report(asserted=("MI",))
UIDS = tuple(instance_uid(REPORT.id, part) for part in (PDF, PICTURE, STRUCTURED))
QUICK = Timeouts(connect=2, associate=1, response=1, commitment=0.6, linger=0.3)
ALL = (ENCAPSULATED_PDF, SECONDARY_CAPTURE, COMPREHENSIVE_SR, PUSH_MODEL)


@pytest.fixture
def _collected() -> Iterator[None]:
    """Collect the sockets that pynetdicom could not connect and does not close, so that no other test hears of them."""
    yield
    gc.collect()


def connecting_in_vain(test: Callable[..., None]) -> Callable[..., None]:
    ignored = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    return pytest.mark.usefixtures("_collected")(pytest.mark.filterwarnings(ignored)(test))


def heard() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Pacs:
    """A simulated PACS: it answers C-STORE by `status`, in turn, and commitment by `commit`."""

    statuses: tuple[int, ...] = (0x0000,)
    classes: tuple[str, ...] = ALL
    action_status: int = 0x0000
    commit: Callable[[Dataset], Dataset | None] = lambda asked: kept(asked)
    delay: float = 0.0
    dies: str = ""
    reject: tuple[int, int, int] | None = None
    require_called: bool = False
    tls: ssl.SSLContext | None = None
    hears: threading.Event = field(default_factory=heard)
    held: dict[str, Dataset] = field(default_factory=dict)
    stored: int = 0
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[int]:
        entity = AE("PACS")
        entity.require_called_aet = self.require_called
        for each in self.classes:
            entity.add_supported_context(each)
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_DIMSE_SENT, self._sent),
            (evt.EVT_PDU_RECV, self._received),
        ]
        server = entity.make_server(
            ("127.0.0.1", 0), evt_handlers=handlers, ssl_context=self.tls, server_class=ThreadedAssociationServer
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            BaseServer.shutdown(server)
            server.server_close()
            thread.join()

    def _requested(self, event: Event) -> None:
        if self.reject:
            event.assoc.acse.send_reject(*self.reject)
            event.assoc.is_rejected = True
            event.assoc.kill()

    def _received(self, event: Event) -> None:
        if type(event.pdu).__name__ == "P_DATA_TF":
            self.hears.wait()

    def _store(self, event: Event) -> int:
        status = self.statuses[min(self.stored, len(self.statuses) - 1)]
        self.stored += 1
        if self.dies == "before storing":
            event.assoc.abort()
        time.sleep(self.delay)
        if status < 0x0200 or status >> 12 == 0xB:
            self.held[event.dataset.SOPInstanceUID] = event.dataset
        if self.dies == "after storing":
            event.assoc.abort()
        return status

    def _action(self, event: Event) -> tuple[int, None]:
        self.asked.append(event.action_information.TransactionUID)
        if self.dies == "when asked":
            event.assoc.abort()
        self.information = event.action_information
        return self.action_status, None

    def _sent(self, event: Event) -> None:
        """Give the word on the same association, once the request is answered."""
        if type(event.message).__name__ == "N_ACTION_RSP" and self.action_status == 0:
            threading.Thread(target=self._report, args=(event.assoc,)).start()

    def _report(self, association: Any) -> None:
        word = self.commit(self.information)
        if word is not None:
            association.send_n_event_report(word, 1 + ("FailedSOPSequence" in word), PUSH_MODEL, PUSH_MODEL_INSTANCE)


def kept(asked: Dataset) -> Dataset:
    word = Dataset()
    word.TransactionUID, word.ReferencedSOPSequence = asked.TransactionUID, asked.ReferencedSOPSequence
    return word


def lost(reason: int) -> Callable[[Dataset], Dataset]:
    def word(asked: Dataset) -> Dataset:
        information = Dataset()
        information.TransactionUID = asked.TransactionUID
        information.ReferencedSOPSequence = asked.ReferencedSOPSequence[:1]
        information.FailedSOPSequence = asked.ReferencedSOPSequence[1:]
        information.FailedSOPSequence[0].FailureReason = reason
        return information

    return word


def destination(port: int, *, commitment: bool = False, **changed: Any) -> PacsDestination:
    settings = PacsSettings("127.0.0.1", port, "PACS", timeouts=QUICK, commitment=commitment)
    return PacsDestination("archive", replace(settings, **changed), MemoryInbox())


def test_it_is_a_destination() -> None:
    made: Destination = destination(104)
    assert made.deliver is not None


@pytest.mark.parametrize("commitment", [False, True])
def test_all_objects_arrive_and_the_receipt_names_them(commitment: bool) -> None:
    pacs = Pacs()
    with pacs.running() as port:
        receipt = destination(port, commitment=commitment).deliver(REPORT)
    assert (receipt.destination, receipt.reference) == ("archive", " ".join(UIDS))
    assert tuple(pacs.held) == UIDS
    assert pacs.held[UIDS[0]].EncapsulatedDocument.startswith(REPORT.pdf)
    assert len(pacs.asked) == commitment


def test_a_repeat_leaves_one_copy_and_asks_under_the_same_transaction() -> None:
    pacs = Pacs()
    with pacs.running() as port:
        ours = destination(port, commitment=True)
        assert ours.deliver(REPORT) == ours.deliver(REPORT)
    assert (len(pacs.held), pacs.stored) == (3, 6)
    assert len(set(pacs.asked)) == 1


def test_two_destinations_never_take_each_others_word() -> None:
    pacs = Pacs()
    with pacs.running() as port:
        for name in ("one", "two"):
            replace(destination(port, commitment=True), name=name).deliver(REPORT)
    assert len(set(pacs.asked)) == 2


@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0xB007, 0x0107, 0x0111])
def test_success_warnings_and_duplicates_count_as_stored(status: int) -> None:
    with Pacs(statuses=(status,)).running() as port:
        assert destination(port).deliver(REPORT).reference


@pytest.mark.parametrize(
    ("statuses", "error"),
    [
        ((0xA700,), Unreachable),
        ((0xA702,), Unreachable),
        ((0x0110,), Unreachable),
        ((0x0000, 0xA700), Unconfirmed),
        ((0xA900,), Refused),
        ((0x0000, 0xA901), Refused),
        ((0xC000,), Refused),
        ((0xC123,), Refused),
        ((0x0122,), Refused),
        ((0x0124,), Refused),
    ],
)
def test_each_failure_says_what_a_retry_would_mean(statuses: tuple[int, ...], error: type[DeliveryError]) -> None:
    with Pacs(statuses=statuses).running() as port:
        said = failure(destination(port), error)
    assert f"0x{statuses[-1]:04X}" in said


@pytest.mark.parametrize(
    "classes", [(ENCAPSULATED_PDF,), ("1.2.840.10008.1.1",), (ENCAPSULATED_PDF, SECONDARY_CAPTURE)]
)
def test_a_class_that_is_not_taken_is_refused_before_anything_is_sent(classes: tuple[str, ...]) -> None:
    pacs = Pacs(classes=classes)
    with pacs.running() as port:
        assert "does not take" in failure(destination(port, commitment=True), Refused)
    assert pacs.stored == 0


@pytest.mark.parametrize(
    ("reject", "error"),
    [((1, 1, 7), Refused), ((1, 1, 3), Refused), ((2, 3, 1), Unreachable), ((2, 3, 2), Unreachable)],
)
def test_a_rejection_is_for_good_or_for_now(reject: tuple[int, int, int], error: type[DeliveryError]) -> None:
    with Pacs(reject=reject).running() as port:
        assert f"result {reject[0]}, source {reject[1]}, reason {reject[2]}" in failure(destination(port), error)


def test_a_wrong_called_title_is_refused() -> None:
    with Pacs(require_called=True).running() as port:
        failure(destination(port, ae_title="OTHER"), Refused)


@connecting_in_vain
def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failure(destination(taken.getsockname()[1]), Unreachable)
    failure(destination(104, host="no-such-host.invalid"), Unreachable)


def test_an_echo_tells_that_it_is_there_and_takes_what_we_send() -> None:
    pacs = Pacs(classes=(*ALL, VERIFICATION))
    with pacs.running() as port:
        destination(port, commitment=True).check()
    assert pacs.stored == 0 and pacs.asked == []
    with Pacs(classes=(VERIFICATION, SECONDARY_CAPTURE)).running() as port, pytest.raises(Refused, match="PDF"):
        destination(port).check()


@connecting_in_vain
def test_an_echo_to_nobody_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable):
        destination(port).check()


def test_dying_before_or_after_storing_is_unconfirmed() -> None:
    for dies in ("before storing", "after storing"):
        with Pacs(dies=dies).running() as port:
            failure(destination(port), Unconfirmed)


def test_storing_and_dying_before_the_answer_leaves_one_copy_in_the_end() -> None:
    pacs = Pacs(dies="after storing")
    with pacs.running() as port:
        failure(destination(port), Unconfirmed)
        pacs.dies = ""
        destination(port).deliver(REPORT)
    assert sorted(pacs.held) == sorted(UIDS)


def test_a_slow_answer_is_unconfirmed() -> None:
    with Pacs(delay=1.5).running() as port:
        began = time.monotonic()
        failure(destination(port), Unconfirmed)
        assert time.monotonic() - began < 5


@connecting_in_vain
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, bytes(range(256)) * 40, None])
def test_whoever_answers_garbage_or_nothing_is_unreachable(answer: bytes | None) -> None:
    with listening(lambda connection: babble(connection, answer)) as port:
        began = time.monotonic()
        failure(destination(port), Unreachable)
        assert time.monotonic() - began < 5


def test_dying_when_asked_to_commit_is_unconfirmed() -> None:
    with Pacs(dies="when asked").running() as port:
        failure(destination(port, commitment=True), Unconfirmed)


@pytest.mark.parametrize(
    ("action_status", "error"), [(0x0213, Unconfirmed), (0x0110, Unconfirmed), (0x0122, Refused), (0x0124, Refused)]
)
def test_a_refused_request_for_commitment(action_status: int, error: type[DeliveryError]) -> None:
    with Pacs(action_status=action_status).running() as port:
        assert f"0x{action_status:04X}" in failure(destination(port, commitment=True), error)


@pytest.mark.parametrize(
    ("reason", "error"),
    [(0x0110, Unconfirmed), (0x0112, Unconfirmed), (0x0213, Unconfirmed), (0x0131, Unconfirmed), (0x0122, Refused)],
)
def test_what_is_not_committed_is_not_delivered(reason: int, error: type[DeliveryError]) -> None:
    with Pacs(commit=lost(reason)).running() as port:
        assert f"0x{reason:04X}" in failure(destination(port, commitment=True), error)


def test_no_word_in_time_is_unconfirmed_and_a_late_one_spares_the_repeat() -> None:
    pacs = Pacs(commit=lambda asked: None)
    with pacs.running() as port:
        ours = destination(port, commitment=True)
        failure(ours, Unconfirmed)
        ours.inbox.put(Commitment(pacs.asked[0], UIDS))
        assert ours.deliver(REPORT).reference == " ".join(UIDS)
    assert pacs.stored == 3


def test_a_late_word_that_is_not_good_is_spent_and_the_repeat_decides() -> None:
    pacs = Pacs(commit=lambda asked: None)
    with pacs.running() as port:
        ours = destination(port, commitment=True)
        failure(ours, Unconfirmed)
        ours.inbox.put(Commitment(pacs.asked[0], UIDS[:1], ((UIDS[1], 0x0112),)))
        pacs.commit = kept
        ours.deliver(REPORT)
    assert pacs.stored == 6


def test_the_word_may_come_on_another_association() -> None:
    inbox = MemoryInbox()

    def elsewhere(asked: Dataset) -> None:
        time.sleep(QUICK.linger + 0.1)  # our association is closed by then
        inbox.put(Commitment(asked.TransactionUID, UIDS))

    with Pacs(commit=elsewhere).running() as port:
        replace(destination(port, commitment=True), inbox=inbox).deliver(REPORT)


@connecting_in_vain
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")
def test_tls_proves_the_pacs_and_never_falls_back_to_plain_text(tmp_path: Path) -> None:
    for name in ("pacs", "other"):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.pem")]
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, *files, *subject], check=True, capture_output=True)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / "pacs.pem", tmp_path / "pacs.key")
    with Pacs(tls=served).running() as port:
        destination(port, tls=tls_context(tmp_path / "pacs.pem")).deliver(REPORT)
        failure(destination(port, tls=tls_context(tmp_path / "other.pem")), Unreachable)
    with Pacs().running() as port:
        failure(destination(port, tls=tls_context(tmp_path / "pacs.pem")), Unreachable)


def test_whoever_accepts_and_then_reads_nothing_is_unconfirmed() -> None:
    large = replace(REPORT, pdf=REPORT.pdf + bytes(30_000_000))
    pacs = Pacs(hears=threading.Event())
    with pacs.running() as port:
        began = time.monotonic()
        with pytest.raises(Unconfirmed):
            destination(port).deliver(large)
        assert time.monotonic() - began < 10
        pacs.hears.set()


def test_without_a_study_nothing_is_sent() -> None:
    with pytest.raises(Refused, match="no study"):
        destination(104).deliver(report(order=Order()))


def test_no_error_names_the_patient_or_the_study() -> None:
    for pacs in (Pacs(statuses=(0xA900,)), Pacs(reject=(1, 1, 7)), Pacs(classes=(ENCAPSULATED_PDF,)), Pacs(delay=1.5)):
        with pacs.running() as port:
            said = failure(destination(port), DeliveryError)
        for secret in ("4711", "Muster", "Erika", "A-100", str(encoded(REPORT)[0].StudyInstanceUID)):
            assert secret not in said


@pytest.mark.parametrize(
    "wrong", [{"ae_title": each} for each in ("", " ", "a\\b", "é")] + [{"own_ae_title": "x" * 17}]
)
def test_settings_that_name_no_ae_are_none(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="AE title"):
        replace(destination(104).settings, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="port"):
        destination(0)


def test_the_inbox_gives_each_word_once_and_forgets_the_oldest() -> None:
    inbox = MemoryInbox()
    assert inbox.result("1", 0) is None
    threading.Timer(0.05, inbox.put, [Commitment("1")]).start()
    assert inbox.result("1", 2) == Commitment("1")
    assert inbox.result("1", 0) is None
    for number in range(5000):
        inbox.put(Commitment(str(number)))
    assert inbox.result("0", 0) is None
    assert inbox.result("4999", 0) == Commitment("4999")


def failure(ours: PacsDestination, error: type[DeliveryError]) -> str:
    with pytest.raises(error) as caught:
        ours.deliver(REPORT)
    return str(caught.value)


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hold a port at which `serve` treats the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def babble(connection: socket.socket, answer: bytes | None) -> None:
    connection.recv(65536)
    if answer is None:
        time.sleep(1.5)
    else:
        connection.sendall(answer)


def test_a_later_version_is_stored_before_the_note_that_rejects_the_former() -> None:
    pacs = Pacs(classes=(*ALL, KEY_OBJECT_SELECTION))
    with pacs.running() as port:
        ours = destination(port, commitment=True)
        held = ours.deliver(REPORT)
        second = ours.deliver(amended(REPORT), held)
        last = ours.deliver(withdrawn(amended(REPORT)), second)
    assert [each.Modality for each in pacs.held.values()] == [*["DOC", "ECG", "SR"] * 2, "KO", "KO"]
    assert " ".join(pacs.held) == " ".join(each.reference for each in (held, second, last))
    assert len(set(pacs.asked)) == 3


def test_a_site_may_leave_parts_out_that_its_pacs_does_not_take() -> None:
    pacs = Pacs(classes=(ENCAPSULATED_PDF, PUSH_MODEL, VERIFICATION))
    with pacs.running() as port:
        failure(destination(port, commitment=True), Refused)
        ours = destination(port, commitment=True)
        alone = replace(ours, settings=replace(ours.settings, parts=(PDF,)))
        alone.check()
        assert alone.deliver(REPORT).reference == UIDS[0]
    assert [each.Modality for each in pacs.held.values()] == ["DOC"]


@pytest.mark.parametrize("later", [amended, withdrawn])
def test_a_pacs_that_takes_no_notes_gets_nothing_of_a_later_version(later: Callable[[Report], Report]) -> None:
    pacs = Pacs()
    with pacs.running() as port:
        held = destination(port).deliver(REPORT)
        with pytest.raises(Refused, match="Key Object Selection") as caught:
            destination(port).deliver(later(REPORT), held)
    assert not caught.value.partly and len(pacs.held) == 3


def test_a_withdrawal_where_nothing_of_ours_is_asks_nobody() -> None:
    assert destination(104).deliver(withdrawn(REPORT), Receipt("archive", "1.2.3")).reference == ""


@pytest.mark.parametrize("statuses, partly", [((0xA900,), False), ((0x0000, 0xA900), True)])
def test_a_refusal_says_whether_a_part_is_there(statuses: tuple[int, ...], partly: bool) -> None:
    with Pacs(statuses=statuses).running() as port, pytest.raises(Refused) as caught:
        destination(port).deliver(REPORT)
    assert caught.value.partly is partly
