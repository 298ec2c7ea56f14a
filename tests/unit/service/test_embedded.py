"""The embedded database starts whatever a kill left behind, and one server serves all who share its directory."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from service.embedded import Embedded
from tests.peers.postgresql import postmaster

# Another process that shares the server, and brings it back on every line it is given.
SHARER = """
import sys
import time
from pathlib import Path
from service.embedded import Embedded
server = Embedded(Path(sys.argv[1]))
print("shared", flush=True)
for _ in sys.stdin:
    print(server.revive(), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Embedded(tmp_path / "postgres").close()
    return tmp_path / "postgres"


@contextmanager
def sharer(home: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", SHARER, str(home)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "shared\n"
        yield process


def starts(home: Path) -> None:
    server = Embedded(home)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    server.close()


def runs(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def killed(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while runs(pid):
        time.sleep(0.01)


@pytest.mark.parametrize("left", ["", "4242\n", "-4242\n{home}\n", "4242\n{home}\n1700000000\n5432\n{home}\n\n"])
def test_a_kill_while_it_wrote_its_pid_stands_in_nobodys_way(home: Path, left: str) -> None:
    (home / "postmaster.pid").write_text(left.format(home=home))
    starts(home)


def test_a_pid_that_is_another_process_by_now_is_not_taken_for_the_server(home: Path) -> None:
    lines = [os.getpid(), home, 1700000000, 5432, home, "", "  1234567    1234567", "ready   "]
    (home / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
    starts(home)


def test_processes_that_share_it_bring_it_back_together(home: Path) -> None:
    server = Embedded(home)
    with sharer(home) as other:
        assert other.stdin is not None and other.stdout is not None
        for _ in range(3):
            before = postmaster(home)
            killed(before)
            other.stdin.write("\n")
            other.stdin.flush()
            assert server.revive() and other.stdout.readline() == "True\n"
            assert postmaster(home) != before
            with psycopg.connect(server.url) as connection:
                assert connection.execute("select 1").fetchone() == (1,)
        other.stdin.close()
    server.close()


def test_an_orphan_that_waits_for_ever_is_ended(home: Path) -> None:
    server = Embedded(home)
    with psycopg.connect(server.url) as connection:
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)
        killed(postmaster(home))
        assert server.revive() and not runs(orphan)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    server.close()


def test_who_was_killed_is_no_user_any_more(home: Path) -> None:
    server = Embedded(home)
    with sharer(home) as other:
        other.kill()
        other.wait()
    assert server.revive()
    pid = postmaster(home)
    server.close()
    assert not runs(pid)
