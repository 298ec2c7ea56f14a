"""Associations that end: pynetdicom's acceptor with a bound on every wait, length and number that a peer can stretch.

pynetdicom 3.0 reads a PDU of any announced length for as long as it takes, shakes TLS hands in the thread that accepts
connections, takes any number of messages before it answers one, and lets its threads die of what they do not expect.
"""

import logging
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from queue import Empty
from socketserver import BaseServer
from typing import Any, Final, cast

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.dul import DULServiceProvider
from pynetdicom.events import EventHandlerType
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler

_LOG = logging.getLogger(__name__)

# PS3.8 D.1 bounds a P-DATA-TF PDU alone. 128 contexts with every transfer syntax there is make an A-ASSOCIATE-RQ that
# stays below.
MOST_REQUEST: Final = 256 * 1024  # bytes
MOST_COMMAND: Final = 16 * 1024  # bytes; a command set is some hundred (PS3.7 E)
_ABORT: Final = "Evt19"  # PS3.8 9.2.2, an invalid PDU: A-ABORT and close
_CLOSING: Final = "Sta13"  # PS3.8 9.2.2: awaiting that the connection closes
# How long the two threads of an association sleep at most, in seconds: what ends one without waking it is seen then.
LONGEST_WAIT: Final = 0.1
LONGEST_LISTEN: Final = 0.01


@dataclass(frozen=True)
class Bounds:
    """What a listener gives its peers at most.

    Attributes:
        most_associations: at once; twice as many connections may stand while they are turned away.
        most_bytes: of one object's dataset.
        max_pdu: bytes of a P-DATA-TF PDU, as negotiated.
        acse_seconds: from the connection to its association request, and for TLS before it.
        dimse_seconds: from the first to the last fragment of a message.
        idle_seconds: of silence, and for one PDU to arrive.

    Raises:
        ValueError: one of them is not positive, or the PDU below 4096 bytes (0 would lift its bound).
    """

    most_associations: int = 32
    most_bytes: int = 64 * 1024 * 1024
    max_pdu: int = 128 * 1024
    acse_seconds: float = 10
    dimse_seconds: float = 120
    idle_seconds: float = 30

    def __post_init__(self) -> None:
        if min(vars(self).values()) <= 0 or self.max_pdu < 4096:
            raise ValueError("Every bound of a DICOM listener must be positive, and a PDU may have 4096 bytes or more.")


class _Broken(Exception):
    """The peer broke a bound."""


class _Socket(AssociationSocket):
    """A connection whose reads end, and which is closed whatever the peer has done to it."""

    def __init__(self, assoc: Association, client: socket.socket, bounds: Bounds) -> None:
        super().__init__(assoc, client_socket=client)
        self._bounds = bounds

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, or those before the peer closed.

        Raises:
            OSError: they are more than a PDU may have, or took too long.
        """
        connection, data = self.socket, bytearray()
        if connection is None or nr_bytes > max(self._bounds.max_pdu, MOST_REQUEST):
            raise ConnectionAbortedError(f"A PDU of {nr_bytes} bytes is not read.")
        end = time.monotonic() + self._bounds.idle_seconds
        try:
            while len(data) < nr_bytes:
                if (left := end - time.monotonic()) <= 0:
                    raise TimeoutError("A PDU did not arrive in time.")
                connection.settimeout(left)
                if not (part := connection.recv(min(nr_bytes - len(data), 65536))):
                    break
                data += part
        finally:
            connection.settimeout(self._bounds.idle_seconds)
        return data

    def _shutdown_socket(self) -> None:
        if self.socket is not None:
            _close(self.socket)


class _Provider(DULServiceProvider):
    """The upper layer: its thread sleeps until there is something to do.

    It ends in order where the state machine meets what it does not expect.
    """

    def __init__(self, assoc: Association) -> None:
        super().__init__(assoc)
        self.daemon = True
        self._run_loop_delay = 0.0  # it sleeps in _is_transport_event
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)

    def send_pdu(self, primitive: Any) -> None:
        """Place something in the queue of what is sent to the peer."""
        super().send_pdu(primitive)
        self._wake()

    def kill_dul(self) -> None:
        """Tell the thread to end."""
        super().kill_dul()
        self._wake()

    def stop_dul(self) -> bool:
        """End the thread where nothing is connected; say whether that was so."""
        if idle := self.state_machine.current_state == "Sta1":
            self.kill_dul()
            self.join()
        return idle

    def close(self) -> None:
        """Give back what a thread that has ended was woken by."""
        self._bell.close()
        self._ear.close()

    def _wake(self) -> None:
        with suppress(OSError):  # so many wait to be heard already, or it is closed
            self._bell.send(b"!")

    def _is_transport_event(self) -> bool:
        """Wait for the peer, or for something to send; pynetdicom would look a thousand times a second."""
        if self.event_queue.empty() and self.state_machine.current_state != _CLOSING:
            connection = self.socket.socket if self.socket else None
            if not (isinstance(connection, ssl.SSLSocket) and connection.pending()):
                with suppress(OSError, ValueError):  # it was closed meanwhile, which super() will see
                    ready, _, _ = select.select([self._ear, *filter(None, [connection])], [], [], LONGEST_WAIT)
                    if self._ear in ready:
                        self._ear.recv(4096)
        return super()._is_transport_event()

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        except Exception as error:  # its text may hold what the peer sent
            _LOG.warning("A peer broke the upper layer protocol: %s.", type(error).__name__)

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Any:
        """Return what has come. Who waits, waits for an association request: for no other, nor on a dead connection."""
        if not wait:
            return super().receive_pdu()
        end = time.monotonic() + (timeout or 0)
        while self.to_user_queue.empty() and self.is_alive() and time.monotonic() < end:
            time.sleep(0.002)
        primitive = super().receive_pdu()
        return primitive if isinstance(primitive, A_ASSOCIATE) else None


class _Messages(DIMSEServiceProvider):
    """Takes one message after the other, of bounded size and time."""

    def __init__(self, assoc: Association, bounds: Bounds) -> None:
        super().__init__(assoc)
        self._bounds = bounds
        self._begun = 0.0
        self._command = self._data = 0
        self.busy = False
        self.draining = False

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Add a part to the message; where that was its last, queue the message."""
        try:
            self._receive(primitive)
        except Exception as error:
            _LOG.warning("A message of a peer is not taken: %s.", type(error).__name__)
            self.message, self.busy = None, False
            self.dul.event_queue.put(_ABORT)

    def get_msg(self, block: bool = False) -> Any:
        """Return the next message and its context; wait a little for it where pynetdicom would ask again and again."""
        try:
            return self.msg_queue.get(timeout=self.dimse_timeout if block else LONGEST_LISTEN)
        except Empty:
            return None, None

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Answer, and give the peer its time again: what was spent here does not count as its silence."""
        super().send_msg(primitive, context_id)
        self.dul._idle_timer.restart()
        self.busy = False

    def _receive(self, primitive: P_DATA) -> None:
        if self.message is None:
            if self.draining:
                raise _Broken
            self.message, self.busy = DIMSEMessage(), True
            self._begun, self._command, self._data = time.monotonic(), 0, 0
        elif time.monotonic() - self._begun > self._bounds.dimse_seconds:
            raise _Broken
        self._bound(primitive)
        if not self.message.decode_msg(primitive, self.assoc):
            return
        message, self.message = self.message, None
        request = message.message_to_primitive()
        if isinstance(request, C_CANCEL) or message.context_id is None:
            self.busy = not self.msg_queue.empty()
            return
        # PS3.7 D.3.3.3: one operation at a time, as no other window is negotiated. So one may wait at most.
        if not self.msg_queue.empty():
            raise _Broken
        self.msg_queue.put((message.context_id, request))

    def _bound(self, primitive: P_DATA) -> None:
        """Keep of the dataset what proves that it is too large, and drop what comes after: the sender hears a status.

        PS3.8 E.2: the first byte of a fragment says whether it belongs to the command.
        """
        kept: list[list[object]] = []
        for context_id, fragment in primitive.presentation_data_value_list:
            if fragment[0] & 1:
                self._command += len(fragment)
                kept.append([context_id, fragment])
            else:
                kept.append([context_id, fragment if self._data <= self._bounds.most_bytes else fragment[:1]])
                self._data += len(fragment) - 1
        if self._command > MOST_COMMAND:
            raise _Broken
        primitive.presentation_data_value_list = kept  # type: ignore[assignment]  # it takes lists alone


class BoundedAssociation(Association):
    """An association that a peer asked for."""

    def __init__(self, ae: ApplicationEntity, client: socket.socket, bounds: Bounds) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.client = client
        self.around: AbstractContextManager[object] = nullcontext()
        self.dimse = self.messages = _Messages(self, bounds)
        self.dul = self.upper_layer = _Provider(self)
        # Again, for their timers live in the upper layer.
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout
        self.set_socket(_Socket(self, client, bounds))

    def run_reactor(self) -> None:
        """Shake hands and serve the association until it ends; then leave neither thread nor socket behind."""
        with self.around:
            self._serve()

    def _serve(self) -> None:
        try:
            if isinstance(self.client, ssl.SSLSocket):
                self.client.settimeout(self.acse_timeout)
                self.client.do_handshake()
            super().run_reactor()
        except Exception as error:
            _LOG.warning("An association ended: %s.", type(error).__name__)
        finally:
            self.dul.kill_dul()
            _shut(self.client)
            if self._started_dul:
                self.dul.join()
            self.upper_layer.close()
            _close(self.client)

    def end(self) -> None:
        """Abort, without waiting for it."""
        if self.is_established:
            self.abort(block=False)
        else:
            _shut(self.client)

    def _bind_defaults(self) -> None:
        """Bind pynetdicom's answers to what has no handler, but not those handlers that log PDUs and messages."""
        for event in evt._INTERVENTION_EVENTS:
            self.bind(event, evt.get_default_handler(event))


class _Handler(RequestHandler):
    server: "Server"

    def _create_association(self) -> Association:
        server = self.server
        association = BoundedAssociation(self.ae, self.request, server.bounds)
        association.name = "AcceptorThread"  # by which pynetdicom knows them
        association._server = server
        association.around = server.around(next(server.numbers))
        acceptor = association.acceptor
        acceptor.ae_title, acceptor.address_info = server.ae_title, self.local
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        acceptor.supported_contexts = deepcopy(server.contexts)
        association.requestor.address_info = self.remote
        for event, handler, *_ in server.wanted:
            association.bind(event, handler)
        return association


class Server(AssociationServer):
    """Accepts connections, each of which becomes an association in its own thread."""

    request_queue_size = 128  # connections that the system keeps until they are accepted

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        bounds: Bounds,
        tls: ssl.SSLContext | None = None,
        share_port: bool = False,
    ) -> None:
        self.bounds = bounds
        self.share_port = share_port
        self.wanted: tuple[EventHandlerType, ...] = ()
        self.around: Callable[[int], AbstractContextManager[object]] = nullcontext
        self.numbers = count(1)
        contexts: list[PresentationContext] = ae.supported_contexts
        super().__init__(ae, address, ae.ae_title, contexts, tls, request_handler=_Handler)
        self.draining = False

    def server_bind(self) -> None:
        """Bind the address, where wanted beside other processes that do so too (socket(7), SO_REUSEPORT)."""
        if self.share_port:
            cast(socket.socket, self.socket).setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. TLS begins in its own thread, so that no peer keeps the others out."""
        client, address = cast(socket.socket, self.socket).accept()
        client.settimeout(self.bounds.idle_seconds)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # answers are small, and must not wait
        if self.ssl_context is None:
            return client, address
        try:
            return self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False), address
        except OSError:
            client.close()
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take so many connections that those above the limit can still be told so (A-ASSOCIATE-RJ)."""
        return not self.draining and len(self.active_associations) < 2 * self.bounds.most_associations

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say that a connection did not become an association."""
        _LOG.warning("A connection was dropped: %s.", getattr(sys.exc_info()[0], "__name__", "unknown"))

    def drain(self, seconds: float) -> None:
        """Accept no more, let messages under way end within so many seconds, and end every association."""
        end = time.monotonic() + seconds
        self.draining = True
        BaseServer.shutdown(self)
        self.server_close()
        associations = [each for each in self.active_associations if isinstance(each, BoundedAssociation)]
        for each in associations:
            each.messages.draining = True
        while any(each.messages.busy and each.is_alive() for each in associations) and time.monotonic() < end:
            time.sleep(0.01)
        for each in associations:
            each.end()
        for each in associations:
            each.join(max(0.0, end - time.monotonic()) + 1)

    def _bind_defaults(self) -> None:
        """Bind nothing: an association binds its own."""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # the peer was quicker
        return


def _close(connection: socket.socket) -> None:
    _shut(connection)
    connection.close()
