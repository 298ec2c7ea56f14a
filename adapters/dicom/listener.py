"""The DICOM listener: C-ECHO, C-STORE of what may hold an ECG, and a PACS's word on storage commitment."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context

from adapters.dicom import statuses
from adapters.dicom.associations import Bounds, Server
from adapters.dicom.codes import STORAGE_CLASSES, transfer_syntaxes
from adapters.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Commitment, answer
from adapters.dicom.elements import Item
from adapters.dicom.tls import TlsFiles, server_context
from ecg.errors import EcgError, MalformedPayload, SetupError
from ecg.payload import Payload

_LOG = logging.getLogger(__name__)

VERIFICATION: Final = "1.2.840.10008.1.1"  # PS3.4 A.4
COMMITMENT_EVENTS: Final = (1, 2)  # PS3.4 J.3.3.1: all is kept; failures exist
# PS3.8 9.3.4: rejected for good, by the service user, calling AE title not recognised.
CALLER_UNKNOWN: Final = (1, 1, 3)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class ListenerSettings:
    """Where a listener listens, and to whom.

    Attributes:
        host, port: its address; port 0 takes a free one.
        ae_title: by which it must be called.
        callers: the AE titles that may call, each with the networks it may call from; none given: anyone, which a
            loopback address alone allows.
        bounds: what a caller may ask of it.
        tls: its certificate; None: plain text.
        plain_off_loopback: whether an address that is not loopback may do without TLS with callers' certificates; then
            names and networks are all that is known of callers, and what is sent can be read on the way.
        share_port: whether other processes may listen on the same port.

    Raises:
        ValueError: anyone might call from elsewhere, callers from there prove nothing although they should, or a title
            is no AE title (PS3.5 6.2: 1 to 16 characters).
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "TWELVELEAD"
    callers: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    tls: TlsFiles | None = None
    plain_off_loopback: bool = False
    share_port: bool = False

    def __post_init__(self) -> None:
        if self.host != "localhost" and not ip_address(self.host).is_loopback:
            self._check_off_loopback()
        for title in (self.ae_title, *self.callers):
            if not 1 <= len(title.strip()) <= 16 or not title.isascii() or not title.isprintable() or "\\" in title:
                raise ValueError("An AE title has 1 to 16 ASCII characters, and no backslash.")

    def _check_off_loopback(self) -> None:
        if not self.callers:
            raise ValueError("A DICOM listener on an address that is not loopback must name its callers.")
        if self.tls is not None and self.tls.ca is not None:
            return
        if not self.plain_off_loopback:
            raise ValueError(
                "A DICOM listener on an address that is not loopback needs TLS with callers' certificates."
            )
        if any(not network.prefixlen for networks in self.callers.values() for network in networks):
            raise ValueError("Without TLS the callers of a DICOM listener must be named with networks of their own.")

    def allows(self, title: str, address: str) -> bool:
        """Say whether that AE may call from that address."""
        if not self.callers:
            return True
        source = ip_address(address)
        if isinstance(source, IPv6Address) and source.ipv4_mapped:
            source = source.ipv4_mapped
        return any(source in network for network in self.callers.get(title.strip(), ()))


@dataclass(frozen=True)
class Surroundings:
    """What goes around what callers ask.

    Attributes:
        association: entered in an association's thread for as long as it lasts; it gets the association's number.
        caller: entered around each request; it gets the caller's AE title.
        refused: gets the reason of each refusal that is the listener's own, not of `accept`.
    """

    association: Callable[[int], AbstractContextManager[object]] = nullcontext
    caller: Callable[[str], AbstractContextManager[object]] = nullcontext
    refused: Callable[[str], object] = lambda reason: None


class Listener:
    """Hands on what callers store, each object in its association's thread, and answers when that has returned.

    `accept` gets every object as a DICOM file in the transfer syntax it came in. Its error becomes the status of the
    answer; Success is sent after it has returned. `committed` gets storage commitments; without it none is taken.
    `surroundings` go around the threads of associations and the requests of callers.
    """

    def __init__(
        self,
        settings: ListenerSettings,
        accept: Callable[[Payload], object],
        committed: Callable[[Commitment], object] | None = None,
        surroundings: Surroundings = Surroundings(),
    ) -> None:
        self._settings = settings
        self._within, self._refused = surroundings.caller, surroundings.refused
        self._accept = accept
        self._committed = committed
        self._around = surroundings.association
        self._server: Server | None = None
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port on which it listens, or that of its settings before it is started."""
        return self._settings.port if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises:
            SetupError: the address cannot be had, or a TLS file cannot be loaded.
        """
        if self._server is not None:
            return
        settings = self._settings
        tls = None if settings.tls is None else server_context(settings.tls)
        try:
            address = (settings.host, settings.port)
            self._server = Server(self._entity(), address, settings.bounds, tls, settings.share_port)
        except OSError as error:
            raise SetupError(f"The DICOM listener cannot have port {settings.port} of its address.") from error
        self._server.wanted = (
            (evt.EVT_REQUESTED, self._check_caller),
            (evt.EVT_C_ECHO, lambda event: statuses.SUCCESS),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_EVENT_REPORT, self._commit),
        )
        self._server.around = self._around
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="dicom-listener", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 30) -> None:
        """Take no more associations, let objects under way be answered within so many seconds, and end."""
        if self._server is None or self._thread is None:
            return
        self._server.drain(seconds)
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _entity(self) -> ApplicationEntity:
        bounds = self._settings.bounds
        entity = ApplicationEntity(self._settings.ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = bounds.most_associations
        entity.maximum_pdu_size = bounds.max_pdu
        entity.acse_timeout, entity.dimse_timeout = bounds.acse_seconds, bounds.dimse_seconds
        entity.network_timeout = bounds.idle_seconds
        contexts = [_context(each) for each in (VERIFICATION, *STORAGE_CLASSES)]
        if self._committed is not None:
            # PS3.7 D.3.3.4: whoever sends an event report is the SCP, also where it asked for the association.
            contexts.append(_context(PUSH_MODEL))
            contexts[-1].scu_role, contexts[-1].scp_role = False, True
        for context in contexts:
            entity.add_supported_context(
                str(context.abstract_syntax), context.transfer_syntax, context.scu_role, context.scp_role
            )
        return entity

    def _check_caller(self, event: Event) -> None:
        """Reject a caller that is not allowed. pynetdicom goes on after an error in here: so that is a no."""
        association = event.assoc
        title = ""
        try:
            title = association.requestor.primitive.calling_ae_title  # type: ignore[union-attr]
            allowed = self._settings.allows(title, association.requestor.address_info.address)  # type: ignore[union-attr]
        except Exception:
            allowed = False
        if not allowed:
            _LOG.warning("Association rejected: the caller %r is not known there.", title)
            association.is_rejected = True
            association.acse.send_reject(*CALLER_UNKNOWN)
            association.kill()
            with self._within(title):
                self._refused("caller-unknown")

    def _store(self, event: Event) -> Dataset:
        """Hand on an object (PS3.4 B.2.3, PS3.7 9.1.1)."""
        size = 0
        try:
            stream: Any = event.request.DataSet  # type: ignore[union-attr]
            size = 0 if stream is None else stream.getbuffer().nbytes
            with self._within(str(event.assoc.requestor.ae_title)):
                status, comment = self._taken(event, size)
        except Exception as error:
            status = statuses.status_of(error)
            comment = error.code if isinstance(error, EcgError) else "failed"
            if status == statuses.FAILED:  # an error's text may hold what was sent
                _LOG.error("C-STORE failed: %s.", type(error).__name__)
        _LOG.info("C-STORE from %s, %d bytes: 0x%04X %s", event.assoc.requestor.ae_title, size, status, comment)
        return statuses.answer(status, "" if status == statuses.SUCCESS else comment)

    def _taken(self, event: Event, size: int) -> tuple[int, str]:
        """Hand on an object, or refuse it; return the status of the answer and its comment."""
        if event.request.AffectedSOPClassUID != event.context.abstract_syntax:
            self._refused("class-not-supported")
            return statuses.CLASS_NOT_SUPPORTED, "not the class of the context"
        if size > self._settings.bounds.most_bytes:
            self._refused("too-large")
            return statuses.OUT_OF_RESOURCES, f"more than {self._settings.bounds.most_bytes} bytes"
        if size == 0:
            self._refused(MalformedPayload.code)
            raise MalformedPayload("There is no dataset.")
        self._accept(Payload(event.encoded_dataset(), "application/dicom"))
        return statuses.SUCCESS, ""

    def _commit(self, event: Event) -> tuple[int, None]:
        """Hand on a storage commitment (PS3.4 J.3.3, PS3.7 10.1.1)."""
        request: Any = event.request
        if self._committed is None or event.context.abstract_syntax != PUSH_MODEL:
            return statuses.CLASS_NOT_SUPPORTED, None
        if request.AffectedSOPInstanceUID != PUSH_MODEL_INSTANCE:
            return statuses.NO_SUCH_INSTANCE, None
        if request.EventTypeID not in COMMITMENT_EVENTS:
            return statuses.NO_SUCH_EVENT, None
        try:
            commitment = answer(Item(event.event_information))
            if commitment is None:
                return statuses.INVALID_ARGUMENT, None
            self._committed(commitment)
        except Exception as error:
            _LOG.error("N-EVENT-REPORT failed: %s.", type(error).__name__)
            return statuses.PROCESSING_FAILURE, None
        caller, kept, lost = event.assoc.requestor.ae_title, len(commitment.stored), len(commitment.failed)
        _LOG.info("N-EVENT-REPORT from %s: %d kept, %d not", caller, kept, lost)
        return statuses.SUCCESS, None


def _context(abstract_syntax: str) -> PresentationContext:
    return build_context(abstract_syntax, list(transfer_syntaxes(abstract_syntax)))
