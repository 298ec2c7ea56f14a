"""PostgreSQL from Debian's packages, as a site runs it: a cluster of its own, reached by URL."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.golden.processes import kill_server

BIN = max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), default=Path("pg_ctl")).parent
MISSING = "" if (BIN / "initdb").is_file() else "no external PostgreSQL: apt-get install postgresql-15"
HERE = "here"  # the network namespace of whoever asks
USER = "postgres" if os.geteuid() == 0 else None  # PostgreSQL does not run as root


class Cluster:
    """A cluster. It listens on a Unix socket; in a network namespace, also HERE, on all of its addresses as well."""

    def __init__(self, at: Path, namespace: str = "") -> None:
        self.data, self.at = at / "data", at
        self.url = f"postgresql://postgres@/postgres?host={at}"
        self._inside = ["ip", "netns", "exec", namespace] if namespace not in ("", HERE) else []
        self._options = f"-k {at} -h '{'*' if namespace else ''}'"
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=utf8", f"--pgdata={self.data}")
        if namespace:
            with (self.data / "pg_hba.conf").open("a") as access:
                access.write("host all all samenet trust\n")

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self.data), "-o", self._options, "-l", str(self.at / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-D", str(self.data), "-m", mode, "stop")

    def kill(self) -> None:
        kill_server(postmaster(self.data))

    def revive(self) -> None:
        """Start it after a kill, as an init system does: orphans of the one that was killed are killed first.

        One that waits for a lock that a killed one held would wait for ever.
        """
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if each.name() == "postgres" and each.cwd() == str(self.data):
                    each.kill()
        end = time.monotonic() + 60
        while True:
            try:
                return self.start()
            except subprocess.CalledProcessError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def _run(self, program: str, *words: str) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        changed = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if USER else []
        subprocess.run([*self._inside, *changed, BIN / program, *words], check=True, cwd="/", **quiet)  # type: ignore[call-overload]


def postmaster(data: Path) -> int:
    """Return the pid of the server of a data directory."""
    return int((data / "postmaster.pid").read_text().split()[0])


@contextmanager
def cluster(namespace: str = "") -> Iterator[Cluster]:
    """Run a cluster until the end of the block."""
    at = Path(tempfile.mkdtemp(prefix="pg-"))  # not below pytest's own, which nobody but its owner may enter
    try:
        if USER:
            shutil.chown(at, USER)
        made = Cluster(at, namespace)
        made.start()
        yield made
        with suppress(subprocess.CalledProcessError):
            made.stop("immediate")
    finally:
        shutil.rmtree(at, ignore_errors=True)
