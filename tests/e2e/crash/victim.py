"""The command `twelvelead`, which kills itself or its database at one step.

    CRASH_AT='{"step": ..., "door": ..., "skip": ..., "delay": ..., "note": ..., "postmaster": ...}' victim.py serve ...

The calls at the system's boundary are wrapped; nothing in the product knows of it.
"""

import io
import json
import os
import signal
import stat
import sys
import threading
import time
from asyncio import selector_events
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from pynetdicom.transport import AssociationSocket

from tests.e2e.crash.steps import AFTER, AMID, BEFORE, BOTH, DATABASE, STEPS
from tests.golden.processes import kill_server

P_DATA_TF = 0x04  # PS3.8 9.3.5


class Trap:
    """Springs once, at its step."""

    def __init__(self, step: str, door: str, skip: int, delay: float, **places: str) -> None:
        self.step = next(each for each in STEPS if each.name == step)
        self.door, self.left, self.delay = door, skip, delay
        self.note, self.postmaster = places["note"], places["postmaster"]
        self.lock = threading.Lock()

    def armed(self, at: str, door: str = "") -> bool:
        """Say whether this call is the one."""
        if self.step.at != at:
            return False
        called = _called()
        if self.step.below and self.step.below not in called:
            return False
        if self.door and self.door != (door or ("dicom" if "Listener._store" in called else "http")):
            return False
        with self.lock:
            self.left -= 1
            return self.left == -1

    def spring(self, backend: int = 0) -> None:
        """Kill who is to be killed, at once; a note for the matrix comes first."""
        Path(self.note).touch()
        if self.step.victim in {DATABASE, BOTH}:
            for pid in (int(Path(self.postmaster).read_text().split()[0]), backend):
                if pid:
                    kill_server(pid)
        if self.step.victim != DATABASE:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, at: str, call: Callable[..., Any], *given: Any, door: str = "", **more: Any) -> Any:
        """Make a call at the boundary."""
        armed = self.armed(at, door)
        if armed and self.step.when == BEFORE:
            self.spring()
        if armed and self.step.when == AMID and at == "commit":
            later = (self.delay, given[0].info.backend_pid)
            threading.Thread(target=lambda: (time.sleep(later[0]), self.spring(later[1]))).start()
        result = call(*given, **more)
        if armed and self.step.when == AMID and at == "open":
            return Half(result.detach(), self)
        if armed and self.step.when == AFTER:
            self.spring()
        return result


class Half(io.BufferedWriter):
    """A file of which the first half of what is written gets to the disk."""

    def __init__(self, raw: Any, trap: Trap) -> None:
        super().__init__(raw)
        self.trap = trap

    def write(self, data: Any) -> int:
        super().write(bytes(data)[: len(data) // 2])
        self.flush()
        self.trap.spring()
        raise AssertionError("it was killed")


def _called() -> set[str]:
    """Return the qualified names of the functions that are being executed in this thread."""
    names, frame = set(), sys._getframe(1)
    while frame is not None:
        names.add(frame.f_code.co_qualname)
        frame = frame.f_back  # type: ignore[assignment]
    return names


def wrap(trap: Trap) -> None:
    """Put the trap around every call at the system's boundary."""
    plain = {name: getattr(os, name) for name in ("fdopen", "fsync", "link", "rename")}

    def fsync(file: int) -> None:
        kind = "fsync-folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "fsync-file"
        trap.around(kind, plain["fsync"], file)

    os.fsync = fsync  # type: ignore[assignment]
    for name, at in (("fdopen", "open"), ("link", "link"), ("rename", "rename")):
        setattr(os, name, lambda *given, at=at, name=name, **more: trap.around(at, plain[name], *given, **more))
    read, commit = Path.read_bytes, psycopg.Connection.commit
    Path.read_bytes = lambda path: trap.around("read", read, path)  # type: ignore[method-assign]
    psycopg.Connection.commit = lambda each: trap.around("commit", commit, each)  # type: ignore[method-assign]
    transport = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write, send = transport.write, AssociationSocket.send

    def answer(door: Any, data: bytes) -> Any:
        if bytes(data[:12]) != b"HTTP/1.1 202":
            return write(door, data)
        return trap.around("answer", write, door, data, door="http")

    def respond(door: Any, data: bytes) -> Any:
        if not door.assoc.is_acceptor or data[0] != P_DATA_TF:
            return send(door, data)
        return trap.around("answer", send, door, data, door="dicom")

    transport.write = answer
    AssociationSocket.send = respond  # type: ignore[method-assign]


if __name__ == "__main__":
    if at := os.environ.get("CRASH_AT"):
        wrap(Trap(**json.loads(at)))
    from service.cli.main import app

    app()
