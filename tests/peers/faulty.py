"""A proxy before a real peer that misbehaves for a while, as networks and servers do."""

import socket
import threading
import time
from contextlib import closing, suppress
from typing import Final

BIG: Final = 20_000  # bytes: what asks to store a report is larger, what asks for anything else is smaller
PAUSE: Final = 2.0  # seconds
KINDS: Final = ("down", "slow", "dies", "garbage", "hangs up")
FORBIDDEN: Final = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/fhir+json\r\nContent-Length: 35\r\nConnection: close\r\n\r\n"
    b'{"resourceType":"OperationOutcome"}'
)


class Proxy:
    """Listens on loopback and passes on to `peer`, a port; `fault` says how it fails, for so many storing requests.

    down: closes each connection. slow: answers late. dies: the peer stores, its answer is lost. garbage: the peer
    stores, its answer becomes noise. hangs up: the request is lost half way. forbidden: answers 403, as HTTP.
    """

    def __init__(self, peer: int) -> None:
        self.peer, self.fault, self.left, self.stored = peer, "", 0, 0
        self.live: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.door.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def fail(self, fault: str, times: int = 1) -> None:
        """Misbehave from now on, so many times; count storing requests anew."""
        self.fault, self.left, self.stored = fault, times, 0
        for each in self.live:  # what is kept alive would go on as before
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.live.clear()

    def _listen(self) -> None:
        while True:
            client, _ = self.door.accept()
            if self.fault == "down" and self._due():
                client.close()
                continue
            self.live.append(client)
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _due(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def _pass_on(self, client: socket.socket) -> None:
        with closing(client), closing(socket.create_connection(("127.0.0.1", self.peer))) as server:
            state = _Connection(client, server)
            back = threading.Thread(target=self._back, args=(state,), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(65536):
                    self._forth(state, data)
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _forth(self, state: "_Connection", data: bytes) -> None:
        state.sent += len(data)
        if state.sent > BIG and not state.storing:
            state.storing = True
            self.stored += 1
            state.fault = self.fault if self.fault and self._due() else ""
        if state.fault == "hangs up":
            raise ConnectionResetError
        if state.fault == "forbidden":
            time.sleep(0.2)  # until the whole request is likely there
            state.client.sendall(FORBIDDEN)
            raise ConnectionResetError
        state.server.sendall(data)

    def _back(self, state: "_Connection") -> None:
        with suppress(OSError):
            while data := state.server.recv(65536):
                if state.fault == "dies":
                    break
                if state.fault == "garbage":
                    data = bytes(each ^ 0xA5 for each in data)
                if state.fault == "slow":
                    time.sleep(PAUSE)
                state.client.sendall(data)
                state.sent, state.storing, state.fault = 0, False, ""  # the next request on this connection
        with suppress(OSError):
            state.client.shutdown(socket.SHUT_RDWR)


class _Connection:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server, self.sent, self.storing, self.fault = client, server, 0, False, ""
