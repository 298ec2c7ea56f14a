"""Runs what reads foreign pages in processes of their own, so that a hostile one costs its own report and no more."""

import selectors
import socket
import subprocess
import sys
import threading
import time
import weakref
from typing import Final

from adapters.scan.child import WALL_SECONDS

# What a child is started with: one thread, so that it may fork, and none of the service's secrets.
_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LANG": "C.UTF-8"}
# Beyond a page's own time: a first page waits until the libraries are loaded.
PATIENCE: Final = WALL_SECONDS + 60.0
MAX_ANSWER: Final = 64_000_000  # bytes: a page's signals are 0.5 MB, its overlay some MB
_CHUNK: Final = 1 << 20


class Sandbox:
    """Does work on bytes of foreign hands in processes of their own. Safe to use from several threads.

    A template process, which loads the libraries and reads no page, forks a process for each page: that costs
    milliseconds, and no page meets what another left behind.

    Args:
        start: Python statements that define `work`, a function from bytes to bytes.
    """

    def __init__(self, start: str) -> None:
        self._start = f"import sys\nfrom adapters.scan.child import serve\n{start}\nserve(int(sys.argv[1]), work)"
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._end: weakref.finalize[[socket.socket, subprocess.Popen[bytes]], Sandbox] | None = None

    def run(self, data: bytes) -> bytes | None:
        """Return what the work answers; None where it failed, or took more memory or time than it may."""
        here, there = socket.socketpair()
        with here:
            with there:
                self._send(there)
            return _talk(here, data)

    def warm(self) -> None:
        """Start the template process, so that the first page need not wait for it."""
        with self._lock:
            self._started()

    def close(self) -> None:
        """End the template process. It is started again where it is needed."""
        with self._lock:
            self._stop()

    def _send(self, asked: socket.socket) -> None:
        with self._lock:
            try:
                socket.send_fds(self._started(), [b"."], [asked.fileno()])
            except OSError:  # the template has ended, nobody knows why
                self._stop()
                socket.send_fds(self._started(), [b"."], [asked.fileno()])

    def _started(self) -> socket.socket:
        if self._link is None:
            here, there = socket.socketpair()
            with there:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-c", self._start, str(there.fileno())],
                    pass_fds=[there.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # a traceback may hold what a page says
                    env=_ENVIRONMENT,
                    start_new_session=True,  # Ctrl-C is for the service, which finishes what it has in hand
                )
            self._link, self._end = here, weakref.finalize(self, _end, here, process)
        return self._link

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._link = self._end = None


def _end(link: socket.socket, process: subprocess.Popen[bytes]) -> None:
    link.close()  # by that it ends
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _talk(link: socket.socket, data: bytes) -> bytes | None:
    """Send all of the data while hearing the answer to its end; None where that is too late or too much."""
    link.setblocking(False)
    held, left, end = bytearray(), memoryview(data), time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as ready:
        ready.register(link, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while (patience := end - time.monotonic()) > 0:
            events = sum(mask for _, mask in ready.select(patience))
            if events & selectors.EVENT_WRITE:
                left = _sent(link, left)
                if not left:
                    ready.modify(link, selectors.EVENT_READ)
            if events & selectors.EVENT_READ:
                chunk = _heard(link)
                held += chunk
                if not chunk or len(held) > MAX_ANSWER:
                    return bytes(held) if held and not chunk else None
    return None


def _sent(link: socket.socket, left: memoryview) -> memoryview:
    """Send what fits; return what is left. The other side hears of the end."""
    try:
        left = left[link.send(left[:_CHUNK]) :]
        if not left:
            link.shutdown(socket.SHUT_WR)
    except OSError:  # its process has ended; what it answered, if anything, can still be heard
        left = left[:0]
    return left


def _heard(link: socket.socket) -> bytes:
    try:
        return link.recv(_CHUNK)
    except ConnectionError:  # its process ended before it had read all
        return b""
