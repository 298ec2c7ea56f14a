"""The other side of the sandbox: forks a process for each page, which may take so much memory and time and no more."""

import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

Work = Callable[[bytes], bytes]

MEMORY: Final = 1_000_000_000  # bytes beyond what the interpreter and its libraries have already
CPU_SECONDS: Final = 9  # a page takes 1 to 4; a refusal is due within 10
WALL_SECONDS: Final = 120  # where other work holds the cores; a page that waits for nothing ends by its CPU time


def serve(descriptor: int, work: Work) -> None:
    """Do work for each connection that comes through a socket, until that one's other side is closed.

    This process reads no page: what a page's process breaks, or could learn, ends with it.

    Args:
        descriptor: of a Unix socket; each message brings a socket to read from to its end, and to answer to.
        work: takes all that was read, gives all that is answered. Whatever it raises, nothing is answered.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that have ended
    with socket.socket(fileno=descriptor) as link:
        while True:
            message, brought, _, _ = socket.recv_fds(link, 1, 1)
            if not message:
                return
            with socket.socket(fileno=brought[0]) as asked:
                if not os.fork():
                    link.close()
                    _one(asked, work)


def _one(asked: socket.socket, work: Work) -> None:
    """Do the work of one page, and end."""
    status = 1
    with suppress(BaseException):  # the outermost boundary of this process; who waits hears nothing, and knows
        _limit()
        with asked.makefile("rb") as data:
            answer = work(data.read())
        asked.sendall(answer)
        status = 0
    os._exit(status)


def _limit() -> None:
    signal.alarm(WALL_SECONDS)
    for kind, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, _held() + MEMORY),
        (resource.RLIMIT_FSIZE, 0),  # no file is written
        (resource.RLIMIT_CORE, 0),  # a core would hold the page
    ):
        resource.setrlimit(kind, (most, most))


def _held() -> int:
    """Return the bytes of address space that this process has (proc(5), statm: in pages)."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
