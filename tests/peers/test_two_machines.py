"""Two machines on one PostgreSQL and one store: one vanishes, never to return, and nothing is lost.

Each machine is a network namespace with a cable to a third, where the database is.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.golden.site import COMMAND, Site, ecg
from tests.peers import postgresql

FOLDER = '[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "{}"\n'
HANG = 240.0  # seconds, ten times what it takes
DOING = """
    select count(*) from procrastinate_jobs where status = 'doing' and worker_id = any(%s)
"""


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def machine(name: str, database: str, number: int) -> Iterator[str]:
    """Make a namespace with a cable to the database's; give the database's address on it."""
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "wire", "netns", name, "type", "veth", "peer", f"wire{number}", "netns", database)
        for place, end, address in ((name, "wire", 2), (database, f"wire{number}", 1)):
            run("ip", "-n", place, "addr", "add", f"10.77.{number}.{address}/30", "dev", end)
            run("ip", "-n", place, "link", "set", end, "up")
        yield f"postgresql://postgres@10.77.{number}.1/postgres"
    finally:
        run("ip", "netns", "delete", name)


@contextmanager
def namespace(name: str) -> Iterator[str]:
    try:
        run("ip", "netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespaces: they need root and iproute2")
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "delete", name)


@contextmanager
def two(at: Path) -> Iterator[tuple[Site, Site, postgresql.Cluster, str]]:
    """Give two sites that share database and store, the database, and the name of the first one's machine."""
    with ExitStack() as stack:
        database = stack.enter_context(namespace(f"twelvelead-{os.getpid()}"))
        names = [f"{database}-{number}" for number in (1, 2)]
        urls = [stack.enter_context(machine(name, database, place)) for place, name in enumerate(names, start=1)]
        cluster = stack.enter_context(postgresql.cluster(database))
        sites = []
        for name, url in zip(names, urls, strict=True):
            command = ("ip", "netns", "exec", name, *COMMAND)
            site = stack.enter_context(Site(at / name, FOLDER.format(at / "ward"), url, command))
            site.env["TWELVELEAD_DATA"] = str(at / "store")
            sites.append(site)
        yield sites[0], sites[1], cluster, names[0]


def store(site: Site, name: str, at: Path, numbers: range) -> None:
    """Send ECGs by C-STORE from the machine itself; all are acknowledged."""
    for number in numbers:
        (at / f"{number}.dcm").write_bytes(ecg(number))
    files = [str(at / f"{number}.dcm") for number in numbers]
    words = ["storescu", "-v", "-aec", "TWELVELEAD", "127.0.0.1", str(site.dicom_port), *files]
    told = subprocess.run(
        ["ip", "netns", "exec", name, *words], capture_output=True, text=True, check=True, timeout=HANG
    )
    assert told.stderr.count("(Success)") == len(numbers)


def test_what_a_vanished_machine_had_in_hand_is_done_by_the_other(tmp_path: Path) -> None:
    if postgresql.MISSING or not shutil.which("storescu"):
        pytest.skip(postgresql.MISSING or "no storescu: apt-get install dcmtk")
    with two(tmp_path) as (one, other, cluster, name), psycopg.connect(cluster.url, autocommit=True) as database:
        one.start().close()
        one.command("destinations", "go-live", "ward")
        end = time.monotonic() + HANG
        while len(mine := [each for (each,) in database.execute("select id from procrastinate_workers")]) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        other.start().close()
        store(one, name, tmp_path, range(8))
        while database.execute(DOING, (mine,)).fetchone() == (0,):
            assert time.monotonic() < end
        run("ip", "-n", name, "link", "set", "wire", "down")  # the database hears no goodbye
        one.kill()
        assert database.execute(DOING, (mine,)).fetchone() != (0,), "it had nothing in hand"
        store(other, name.removesuffix("1") + "2", tmp_path, range(8, 12))
        query = "select count(*) from twelvelead.delivery where state = 'delivered'"
        while database.execute(query).fetchone() != (12,):
            assert time.monotonic() < end, other.log.read_text()[-2000:]
            time.sleep(0.2)
        assert "work of a dead worker is taken over" in other.log.read_text()
        assert len([each for each in (tmp_path / "ward").iterdir() if not each.name.startswith(".")]) == 12
