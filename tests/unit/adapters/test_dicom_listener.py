"""The DICOM listener: what it hands on, what it answers, whom it turns away, and what it survives."""

import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.uid import JPEGBaseline8Bit
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association

from adapters.dicom.associations import Bounds
from adapters.dicom.codes import SECONDARY_CAPTURE, TRANSFER_SYNTAXES, transfer_syntaxes
from adapters.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Commitment
from adapters.dicom.listener import STORAGE_CLASSES, VERIFICATION, Listener, ListenerSettings, Surroundings
from adapters.dicom.statuses import STATUSES, status_of
from adapters.dicom.tls import TlsFiles
from adapters.readers import read
from ecg import errors
from ecg.payload import Payload
from ecg.report import identity
from tests.golden.certificates import Authority
from tests.golden.dicom_files import BIG, DEFLATED, EXPLICIT, IMPLICIT, ROOT, square_wave, to_bytes, twelve_lead_dataset
from tests.golden.payloads import GOLDEN

ECG, GENERAL, AMBULATORY, GENERAL_32, PDF, CAPTURE, STRUCTURED, NOTE = STORAGE_CLASSES
CT = "1.2.840.10008.5.1.4.1.1.2"
BOUNDS = Bounds(acse_seconds=1, dimse_seconds=2, idle_seconds=1)
SETTINGS = ListenerSettings(port=0, bounds=BOUNDS)
HERE, ELSEWHERE = (ip_network("127.0.0.0/8"),), (ip_network("192.0.2.0/24"),)
NAME = "Planted^Patricia"

Accept = Callable[[Payload], object]


class Taken(list[Payload]):
    """An accept that keeps what it gets."""

    def __call__(self, payload: Payload) -> None:
        self.append(payload)


def refuse(error: BaseException) -> Accept:
    def accept(payload: Payload) -> None:
        raise error

    return accept


@contextmanager
def listening(accept: Accept, settings: ListenerSettings = SETTINGS, committed: Any = None) -> Iterator[Listener]:
    """Listen, and see that no thread is left behind."""
    before = set(threading.enumerate())
    with Listener(settings, accept, committed) as listener:
        yield listener
    left = [each.name for each in threading.enumerate() if each not in before and each.is_alive()]
    assert not left


def call(listener: Listener, *, classes: Any = None, called: str = "TWELVELEAD", **options: Any) -> Association:
    """Ask for an association, of each class in every transfer syntax by its own context."""
    caller = AE(options.pop("calling", "CART"))
    caller.acse_timeout = caller.dimse_timeout = caller.network_timeout = 10
    for each in classes or (VERIFICATION, ECG):
        for syntax in options.get("syntaxes", TRANSFER_SYNTAXES):
            caller.add_requested_context(each, syntax)
    options.pop("syntaxes", None)
    # pynetdicom leaves its socket open where the listener was quicker to close.
    opened: list[socket.socket] = []
    handlers: Any = [
        (evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc.dul.socket.socket)),
        (evt.EVT_CONN_CLOSE, lambda event: [each.close() for each in opened]),
    ]
    return caller.associate("127.0.0.1", listener.port, ae_title=called, evt_handlers=handlers, **options)


def send(listener: Listener, data: bytes, **options: Any) -> Dataset:
    """Store one object on an association of its own, and return the answer."""
    association = call(listener, **options)
    assert association.is_established
    try:
        return association.send_c_store(file_of(data))
    finally:
        association.release()


def file_of(data: bytes) -> Dataset:
    return dcmread(BytesIO(data))


def echoes(listener: Listener, **options: Any) -> bool:
    association = call(listener, classes=(VERIFICATION,), **options)
    if not association.is_established:
        return False
    answer = association.send_c_echo()
    association.release()
    return "Status" in answer and answer.Status == 0


def an_ecg(syntax: str = EXPLICIT, sop_class: str = ECG) -> bytes:
    ds = twelve_lead_dataset(square_wave())
    ds.PatientName, ds.SOPClassUID = NAME, sop_class
    return to_bytes(ds, syntax)


@contextmanager
def connected(listener: Listener) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:
        yield connection


def closed_by_peer(connection: socket.socket) -> bool:
    """Read until the listener closes the connection; an A-ABORT may come before."""
    try:
        while connection.recv(4096):
            continue
    except ConnectionError:
        return True
    return True


# What is handed on


def test_it_answers_an_echo() -> None:
    with listening(Taken()) as listener:
        assert echoes(listener)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_an_ecg_arrives_as_it_was_sent(syntax: str) -> None:
    taken, sent = Taken(), an_ecg(syntax)
    with listening(taken) as listener:
        assert send(listener, sent, syntaxes=(syntax,)).Status == 0
    (before,), (after,) = read(Payload(sent)), read(taken[0])
    assert taken[0].media_type == "application/dicom"
    assert file_of(taken[0].data).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(before.waveform.signal, after.waveform.signal, equal_nan=True)
    assert identity(before) == identity(after)


def test_pydicoms_sample_is_the_same_ecg_after_a_store() -> None:
    taken, sent = Taken(), next(iter(GOLDEN.values()))()
    with listening(taken) as listener:
        assert send(listener, sent.data).Status == 0
    (before,), (after,) = read(sent), read(taken[0])
    assert np.array_equal(before.waveform.signal, after.waveform.signal, equal_nan=True)
    assert identity(before) == identity(after)


@pytest.mark.parametrize("sop_class", STORAGE_CLASSES)
def test_every_class_is_taken_in_every_transfer_syntax(sop_class: str) -> None:
    taken = Taken()
    with listening(taken) as listener:
        taken_in = transfer_syntaxes(sop_class)
        association = call(listener, classes=(sop_class,), syntaxes=(*TRANSFER_SYNTAXES, JPEGBaseline8Bit))
        assert len(association.accepted_contexts) == len(taken_in)
        for syntax in taken_in:
            assert association.send_c_store(file_of(an_ecg(syntax, sop_class))).Status == 0
        association.release()
    assert [file_of(each.data).file_meta.TransferSyntaxUID for each in taken] == list(taken_in)
    assert (JPEGBaseline8Bit in taken_in) == (sop_class == SECONDARY_CAPTURE)


def test_a_class_of_no_use_gets_no_context() -> None:
    with listening(Taken()) as listener:
        association = call(listener, classes=(VERIFICATION, CT))
        assert {each.abstract_syntax for each in association.accepted_contexts} == {VERIFICATION}
        association.release()


def test_an_object_of_another_class_than_its_context_is_refused() -> None:
    taken = Taken()
    with listening(taken) as listener:
        association = call(listener, syntaxes=(EXPLICIT,))
        for context in association._accepted_cx.values():
            if context.abstract_syntax == ECG:
                context.abstract_syntax = CT  # what the caller believes
        assert association.send_c_store(file_of(an_ecg(sop_class=CT))).Status == 0x0122
        association.release()
    assert taken == []


# What is answered


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownFormat(), 0x0000),
        (errors.MalformedPayload(), 0xA900),
        (errors.AmbiguousPayload(declare=("fs",)), 0xC000),
        (errors.PayloadError(), 0xC000),
        (errors.Overloaded(), 0xA700),
        (errors.ModelRefused(), 0xC001),
        (errors.Unreachable(), 0xC001),
        (RuntimeError(NAME), 0xC001),
        (MemoryError(), 0xC001),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else f"{value:04X}",
)
def test_an_error_becomes_its_status(error: Exception, status: int, caplog: pytest.LogCaptureFixture) -> None:
    with listening(refuse(error)) as listener, caplog.at_level(logging.DEBUG, logger="adapters"):
        association = call(listener)
        answer = association.send_c_store(file_of(an_ecg()))
        assert answer.Status == status
        assert ("ErrorComment" in answer) == (status != 0)
        assert association.send_c_echo().Status == 0, "the association goes on"
        association.release()
    assert NAME not in str(answer) and "Planted" not in caplog.text


def test_every_error_has_a_status() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert all(status_of(each()) in STATUSES.values() for each in kinds)


def test_nothing_is_acknowledged_before_it_is_kept() -> None:
    kept = threading.Event()

    def slow(payload: Payload) -> None:
        time.sleep(1.5 * BOUNDS.idle_seconds)
        kept.set()

    with listening(slow) as listener:
        association = call(listener)
        assert association.send_c_store(file_of(an_ecg())).Status == 0
        assert kept.is_set()
        assert association.send_c_echo().Status == 0, "our time is not the caller's silence"
        association.release()


def test_each_association_has_a_number_around_all_that_its_thread_does() -> None:
    said: list[str] = []

    @contextmanager
    def around(number: int) -> Iterator[None]:
        said.append(f"begin {number} {threading.current_thread().name}")
        yield
        said.append(f"end {number}")

    def accept(payload: Payload) -> None:
        said.append(f"accept {threading.current_thread().name}")

    ecg = to_bytes(twelve_lead_dataset(square_wave()))
    with Listener(SETTINGS, accept, surroundings=Surroundings(around)) as listener:
        for _ in range(2):
            send(listener, ecg)
    thread = "AcceptorThread"
    assert sorted(said) == sorted(
        [f"begin 1 {thread}", f"accept {thread}", "end 1", f"begin 2 {thread}", f"accept {thread}", "end 2"]
    )
    assert said[:2] == [f"begin 1 {thread}", f"accept {thread}"]


def test_an_object_that_is_too_large_is_refused_and_the_next_one_taken() -> None:
    taken, small = Taken(), an_ecg()
    bounds = replace(BOUNDS, most_bytes=len(small) + 1000)
    large = twelve_lead_dataset(square_wave(seconds=60))
    with listening(taken, replace(SETTINGS, bounds=bounds)) as listener:
        association = call(listener)
        assert association.send_c_store(file_of(to_bytes(large))).Status == 0xA700
        assert association.send_c_store(file_of(small)).Status == 0
        association.release()
    assert [len(each.data) for each in taken] == [pytest.approx(len(small), abs=200)]


# Whom it turns away


@pytest.mark.parametrize(
    ("callers", "calling", "called", "reason"),
    [
        ({}, "CART", "OTHER", 0x07),
        ({"CART": HERE}, "OTHER", "TWELVELEAD", 0x03),
        ({"CART": ELSEWHERE}, "CART", "TWELVELEAD", 0x03),
        ({"CART": ELSEWHERE, "OTHER": HERE}, "CART", "TWELVELEAD", 0x03),
        ({"CART": ()}, "CART", "TWELVELEAD", 0x03),
    ],
)
def test_who_is_not_known_is_rejected(callers: Any, calling: str, called: str, reason: int) -> None:
    with listening(Taken(), replace(SETTINGS, callers=callers)) as listener:
        association = call(listener, calling=calling, called=called)
        assert association.is_rejected
        answer: Any = association.acceptor.primitive
        assert (answer.result, answer.result_source, answer.diagnostic) == (1, 1, reason)
        if not callers:
            assert echoes(listener), "others are served as before"


def test_who_is_known_is_served() -> None:
    with listening(Taken(), replace(SETTINGS, callers={"CART": (*ELSEWHERE, *HERE)})) as listener:
        assert echoes(listener)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_is_not_open_to_all_beyond_loopback(host: str) -> None:
    everywhere = (ip_network("0.0.0.0/0"),)
    with pytest.raises(ValueError, match="callers"):
        ListenerSettings(host=host, plain_off_loopback=True)
    for files in (None, TlsFiles(Path("a"), Path("b"))):
        with pytest.raises(ValueError, match="TLS with callers' certificates"):
            ListenerSettings(host=host, callers={"CART": HERE}, tls=files)
    with pytest.raises(ValueError, match="networks of their own"):
        ListenerSettings(host=host, callers={"CART": everywhere}, plain_off_loopback=True)
    mutual = TlsFiles(Path("a"), Path("b"), Path("c"))
    assert ListenerSettings(host=host, callers={"CART": everywhere}, tls=mutual).allows("CART", "192.0.2.1")
    plain = ListenerSettings(host=host, callers={"CART": HERE}, plain_off_loopback=True)
    assert plain.allows("CART", "::ffff:127.0.0.1") and not plain.allows("CART", "192.0.2.1")


@pytest.mark.parametrize("title", ["", " ", "A" * 17, "A\\B", "A\nB", "Ä"])
def test_an_ae_title_must_be_one(title: str) -> None:
    with pytest.raises(ValueError, match="AE title"):
        ListenerSettings(ae_title=title)


def test_bounds_must_bound() -> None:
    for wrong in ({"most_bytes": 0}, {"idle_seconds": -1}, {"max_pdu": 0}):
        with pytest.raises(ValueError, match="bound"):
            Bounds(**wrong)


def test_a_port_that_is_taken_is_a_setup_error() -> None:
    with listening(Taken()) as listener, pytest.raises(errors.SetupError):
        Listener(replace(SETTINGS, port=listener.port), Taken()).start()


def test_too_many_associations_are_told_so() -> None:
    with listening(Taken(), replace(SETTINGS, bounds=replace(BOUNDS, most_associations=2))) as listener:
        held = [call(listener) for _ in range(2)]
        third = call(listener)
        assert third.is_rejected
        answer: Any = third.acceptor.primitive
        assert (answer.result, answer.result_source, answer.diagnostic) == (2, 3, 2)
        for each in held:
            each.release()


# Storage commitment


def event_of(stored: tuple[str, ...], failed: tuple[str, ...] = (), transaction: str | None = ROOT + ".9") -> Dataset:
    ds = Dataset()
    if transaction:
        ds.TransactionUID = transaction
    for keyword, uids in (("ReferencedSOPSequence", stored), ("FailedSOPSequence", failed)):
        items = []
        for uid in uids:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = PDF, uid
            if keyword == "FailedSOPSequence":
                item.FailureReason = 0x0112
            items.append(item)
        if items:
            setattr(ds, keyword, items)
    return ds


def report(listener: Listener, ds: Dataset, kind: int = 2, instance: str = PUSH_MODEL_INSTANCE) -> int:
    roles = [build_role(PUSH_MODEL, scp_role=True)]
    association = call(listener, classes=(PUSH_MODEL,), syntaxes=(EXPLICIT,), ext_neg=roles)
    assert association.is_established
    answer, _ = association.send_n_event_report(ds, kind, PUSH_MODEL, instance)
    association.release()
    return int(answer.Status)


def test_a_commitment_is_handed_on() -> None:
    told: list[Commitment] = []
    with listening(Taken(), committed=told.append) as listener:
        assert report(listener, event_of((ROOT + ".3", ROOT + ".4")), 1) == 0
        assert report(listener, event_of((ROOT + ".3",), (ROOT + ".4",))) == 0
        assert report(listener, event_of((ROOT + ".3",), (), None)) == 0x0115
        assert report(listener, event_of((ROOT + ".3",)), 3) == 0x0113
        assert report(listener, event_of((ROOT + ".3",)), instance=ROOT) == 0x0112
    assert told == [
        Commitment(ROOT + ".9", (ROOT + ".3", ROOT + ".4"), ()),
        Commitment(ROOT + ".9", (ROOT + ".3",), ((ROOT + ".4", 0x0112),)),
    ]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_what_is_no_uid_is_not_kept_of_a_commitment() -> None:
    told: list[Commitment] = []
    with listening(Taken(), committed=told.append) as listener:
        assert report(listener, event_of((ROOT + ".3", NAME), (NAME,))) == 0
        assert report(listener, event_of((ROOT + ".3",), (), NAME)) == 0x0115
    assert told == [Commitment(ROOT + ".9", (ROOT + ".3",), ())]


def test_a_commitment_that_is_not_kept_is_not_acknowledged() -> None:
    def fail(commitment: Commitment) -> None:
        raise errors.Overloaded

    with listening(Taken(), committed=fail) as listener:
        assert report(listener, event_of((ROOT + ".3",)), 1) == 0x0110


def test_no_commitment_is_taken_where_nobody_waits_for_one() -> None:
    with listening(Taken()) as listener:
        association = call(listener, classes=(PUSH_MODEL,), ext_neg=[build_role(PUSH_MODEL, scp_role=True)])
        assert not association.is_established


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "hospital")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "stranger")


@pytest.fixture
def secured(authority: Authority) -> ListenerSettings:
    pair = authority.sign("listener")
    return replace(SETTINGS, tls=TlsFiles(pair.certificate, pair.key, authority.certificate))


def as_client(authority: Authority, signed_by: Authority | None) -> tuple[ssl.SSLContext, str]:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if signed_by is not None:
        pair = signed_by.sign("cart")
        context.load_cert_chain(pair.certificate, pair.key)
    return context, "localhost"


def test_tls_serves_whom_the_ca_has_signed(secured: ListenerSettings, authority: Authority) -> None:
    taken = Taken()
    with listening(taken, secured) as listener:
        assert echoes(listener, tls_args=as_client(authority, authority))
        assert send(listener, an_ecg(), tls_args=as_client(authority, authority)).Status == 0
    assert len(taken) == 1


def refused(listener: Listener, client: tuple[ssl.SSLContext, str] | None) -> bool:
    """Knock with the head of a PDU: whoever is refused hears a TLS alert or nothing, and no PDU."""
    try:
        with connected(listener) as plain:
            knocking = plain if client is None else client[0].wrap_socket(plain, server_hostname=client[1])
            with knocking:
                knocking.sendall(b"\x01\x00" + struct.pack(">L", 68) + bytes(68))
                return knocking.recv(1) in (b"", b"\x15")
    except (ssl.SSLError, ConnectionError):
        return True


def test_tls_refuses_everyone_else(secured: ListenerSettings, authority: Authority, stranger: Authority) -> None:
    with listening(Taken(), secured) as listener:
        assert refused(listener, as_client(authority, None))
        assert refused(listener, as_client(authority, stranger))
        assert refused(listener, None), "plain text"
        assert not refused(listener, as_client(authority, authority)), "this one hears an A-ABORT"
        assert echoes(listener, tls_args=as_client(authority, authority))


def test_tls_is_1_2_or_newer(secured: ListenerSettings, authority: Authority) -> None:
    old, name = as_client(authority, authority)
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with listening(Taken(), secured) as listener, connected(listener) as connection:
        with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"):
            old.wrap_socket(connection, server_hostname=name)
        assert echoes(listener, tls_args=as_client(authority, authority))


def test_a_silent_tls_caller_keeps_nobody_out(secured: ListenerSettings, authority: Authority) -> None:
    with listening(Taken(), secured) as listener, connected(listener) as silent:
        begun = time.monotonic()
        assert echoes(listener, tls_args=as_client(authority, authority))
        assert time.monotonic() - begun < BOUNDS.acse_seconds
        assert closed_by_peer(silent)


def test_tls_files_must_be_there(tmp_path: Path) -> None:
    settings = replace(SETTINGS, tls=TlsFiles(tmp_path / "a", tmp_path / "b"))
    with pytest.raises(errors.SetupError):
        Listener(settings, Taken()).start()


# What it survives


def half_open(connection: socket.socket) -> None:
    """Say nothing."""


def random_bytes(connection: socket.socket) -> None:
    connection.sendall(np.random.default_rng(1).bytes(4096))


def slow_loris(connection: socket.socket) -> None:
    """Announce a request of 200 bytes, and send one now and then."""
    connection.sendall(b"\x01\x00" + struct.pack(">L", 200))
    for _ in range(3):
        time.sleep(0.1)
        connection.sendall(b"\0")


def huge_pdu(connection: socket.socket) -> None:
    connection.sendall(b"\x01\x00" + struct.pack(">L", 0xFFFFFFFF) + bytes(65536))


def broken_request(connection: socket.socket) -> None:
    connection.sendall(b"\x01\x00" + struct.pack(">L", 68) + b"\0\1" + bytes(66))


def abort_first(connection: socket.socket) -> None:
    connection.sendall(b"\x07\x00" + struct.pack(">L", 4) + bytes(4))


def data_first(connection: socket.socket) -> None:
    connection.sendall(b"\x04\x00" + struct.pack(">L", 6) + struct.pack(">LBB", 2, 1, 3))


@pytest.mark.parametrize(
    "attack", [half_open, random_bytes, slow_loris, huge_pdu, broken_request, abort_first, data_first]
)
def test_it_outlives_a_hostile_connection(attack: Callable[[socket.socket], None]) -> None:
    taken = Taken()
    with listening(taken) as listener:
        with connected(listener) as connection:
            begun = time.monotonic()
            attack(connection)
            assert closed_by_peer(connection)
            assert time.monotonic() - begun < 4 * BOUNDS.acse_seconds
        assert echoes(listener)
    assert taken == []


def raw_association(listener: Listener) -> tuple[Association, socket.socket, int]:
    """Return an established association, its socket to write to as one likes, and the id of its ECG context."""
    association = call(listener, syntaxes=(EXPLICIT,))
    association._reactor_checkpoint.clear()  # our own reactor stays out of it
    context = next(each for each in association.accepted_contexts if each.abstract_syntax == ECG)
    connection: Any = association.dul.socket.socket  # type: ignore[union-attr]
    return association, connection, int(context.context_id or 0)


def pdu(context: int, control: int, data: bytes) -> bytes:
    """Return a P-DATA-TF PDU of one fragment (PS3.8 9.3.5)."""
    item = struct.pack(">LBB", len(data) + 2, context, control) + data
    return b"\x04\x00" + struct.pack(">L", len(item)) + item


def store_command(message: int = 1) -> bytes:
    """Return a C-STORE-RQ's command set, implicit little endian (PS3.7 9.3.1.1)."""

    def element(number: int, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        return struct.pack("<HHL", 0, number, len(value)) + value

    body = element(0x0002, ECG.encode()) + element(0x0100, b"\x01\0") + element(0x0110, struct.pack("<H", message))
    body += element(0x0700, b"\0\0") + element(0x0800, b"\0\0") + element(0x1000, (ROOT + ".3").encode())
    return element(0, struct.pack("<L", len(body))) + body


def stops_midway(connection: socket.socket, context: int) -> None:
    connection.sendall(pdu(context, 3, store_command()) + pdu(context, 0, bytes(1000)))


def aborts_midway(connection: socket.socket, context: int) -> None:
    stops_midway(connection, context)
    connection.sendall(b"\x07\x00" + struct.pack(">L", 4) + bytes(4))


def hangs_up_midway(connection: socket.socket, context: int) -> None:
    stops_midway(connection, context)
    connection.shutdown(socket.SHUT_RDWR)


def trickles(connection: socket.socket, context: int) -> None:
    """Send fragments of one byte, each in time, for ever."""
    connection.sendall(pdu(context, 3, store_command()))
    for _ in range(10):
        time.sleep(0.3)
        connection.sendall(pdu(context, 0, b"\0"))


def sends_no_fragment(connection: socket.socket, context: int) -> None:
    connection.sendall(b"\x04\x00" + struct.pack(">L", 5) + struct.pack(">LB", 1, context))


def sends_no_command(connection: socket.socket, context: int) -> None:
    connection.sendall(pdu(context, 3, np.random.default_rng(2).bytes(400)))


def sends_an_endless_command(connection: socket.socket, context: int) -> None:
    connection.sendall(pdu(context, 1, bytes(60000)) * 4)


@pytest.mark.parametrize(
    "attack",
    [
        stops_midway,
        aborts_midway,
        hangs_up_midway,
        trickles,
        sends_no_fragment,
        sends_no_command,
        sends_an_endless_command,
    ],
)
def test_it_outlives_a_hostile_association(attack: Callable[[socket.socket, int], None]) -> None:
    taken = Taken()
    with listening(taken) as listener:
        association, connection, context = raw_association(listener)
        begun = time.monotonic()
        try:
            attack(connection, context)
        except OSError:  # the listener was quicker
            assert attack in (trickles, sends_an_endless_command)
        association.dul.join(6)
        assert not association.dul.is_alive() and time.monotonic() - begun < 6
        association._reactor_checkpoint.set()
        association.join(5)
        assert echoes(listener)
    assert taken == [], "nothing half-received is handed on"


def test_requests_in_a_heap_end_the_association() -> None:
    release = threading.Event()
    handled = []

    def slow(payload: Payload) -> None:
        handled.append(payload)
        release.wait(5)

    with listening(slow) as listener:
        association, connection, context = raw_association(listener)
        for number in range(8):
            connection.sendall(pdu(context, 3, store_command(number)) + pdu(context, 2, bytes(100)))
        association.dul.join(5)
        release.set()
        assert not association.dul.is_alive()
        association._reactor_checkpoint.set()
        association.join(5)
        assert echoes(listener)
    assert len(handled) <= 3


def test_two_hundred_connections_at_once_are_bounded() -> None:
    bounds = replace(BOUNDS, most_associations=8)
    most = []
    with listening(Taken(), replace(SETTINGS, bounds=bounds)) as listener:
        connections = [socket.create_connection(("127.0.0.1", listener.port), timeout=10) for _ in range(200)]
        for _ in range(20):
            most.append(sum(each.name == "AcceptorThread" for each in threading.enumerate()))
            time.sleep(0.02)
        assert all(closed_by_peer(each) for each in connections)
        for each in connections:
            each.close()
        assert eventually(lambda: echoes(listener))
    assert 8 <= max(most) <= 16


def eventually(holds: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


# How it ends


def test_stopping_lets_a_store_be_answered_and_takes_no_more() -> None:
    begun, answers = threading.Event(), []

    def slow(payload: Payload) -> None:
        begun.set()
        time.sleep(0.5)

    with listening(slow) as listener:
        busy, idle = call(listener), call(listener)
        sender = threading.Thread(target=lambda: answers.append(busy.send_c_store(file_of(an_ecg()))))
        sender.start()
        assert begun.wait(5)
        port = listener.port
        listener.stop()
        sender.join(5)
        assert [each.Status for each in answers] == [0]
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
        assert eventually(lambda: idle.is_aborted and busy.is_aborted)
        for each in (idle, busy):
            each.join(5)


def test_stopping_does_not_wait_for_ever() -> None:
    release, begun = threading.Event(), threading.Event()

    def stuck(payload: Payload) -> None:
        begun.set()
        release.wait(10)

    with listening(stuck) as listener:
        association = call(listener)
        sender = threading.Thread(target=lambda: association.send_c_store(file_of(an_ecg())))
        sender.start()
        assert begun.wait(5)
        before = time.monotonic()
        listener.stop(0.2)
        assert time.monotonic() - before < 3
        release.set()
        sender.join(5)
        association.join(5)
        assert eventually(lambda: not any(each.name == "AcceptorThread" for each in threading.enumerate()))


def test_it_can_be_started_again() -> None:
    listener = Listener(SETTINGS, Taken())
    for _ in range(2):
        listener.start()
        listener.start()
        assert echoes(listener)
        listener.stop()
        listener.stop()


def test_nothing_of_an_object_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with listening(Taken()) as listener, caplog.at_level(logging.INFO, logger="adapters"):
        caplog.clear()
        send(listener, an_ecg())
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("adapters")]
    assert any("C-STORE from CART" in each for each in ours)
    assert "Planted" not in "".join(ours)


def test_pynetdicoms_own_logging_handlers_are_not_bound() -> None:
    with listening(Taken()) as listener:
        association = call(listener)
        (ours,) = (each for each in threading.enumerate() if each.name == "AcceptorThread")
        assert isinstance(ours, Association)
        for event in (evt.EVT_DIMSE_RECV, evt.EVT_PDU_RECV, evt.EVT_DIMSE_SENT, evt.EVT_PDU_SENT):
            assert not ours.get_handlers(event)
        association.release()
