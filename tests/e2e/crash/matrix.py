"""The crash matrix: kill at every step, again and again, under load by both doors; then count what is where.

python -m tests.e2e.crash.matrix [KILLS_A_STEP [PAGE]]    # kills of each step and database; Markdown page to write
"""

import itertools
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import httpx
import psycopg

from tests.e2e.crash import peers
from tests.e2e.crash.steps import BOTH, DATABASE, SERVICE, STEPS, TAKEN, Step
from tests.golden.site import Site, ecg
from tests.peers import postgresql

ROOT = Path(__file__).parents[3]
DESTINATIONS = """
[[destination]]
name = "ward"
kind = "folder"
directory = "{ward}"

[[destination]]
name = "pacs"
kind = "pacs"
host = "127.0.0.1"
port = {pacs}
ae_title = "PACS"
commitment = false

[[destination]]
name = "ehr"
kind = "ehr"
base_url = "http://127.0.0.1:{ehr}/fhir"
"""
FIRES = 300.0  # seconds in which a step must be reached, many times what it takes
SETTLES = 1800.0  # seconds
MOST_WAITING = 5  # ECGs that are acknowledged and not yet delivered, before the senders wait
EMBEDDED, EXTERNAL = "embedded", "external"
DOORS = ("http", "dicom")


@dataclass(frozen=True)
class Kill:
    """One kill that is to be."""

    step: Step
    door: str
    half: int  # of the matrix, where two databases share it


@dataclass
class Sent:
    """What the senders sent: the round in which an ECG was first sent, and what was acknowledged."""

    rounds: dict[int, int] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    refused: int = 0
    again: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What came of the kills on one database, by step."""

    database: str
    kills: Counter[str]
    redelivered: Counter[str]
    lost: Counter[str]
    doubled: Counter[str]
    acknowledged: int
    unacknowledged: int
    changed: int


class Round:
    """The kills on one database, one after the other, on one site that lives through all of them."""

    def __init__(self, at: Path, kills: Sequence[Kill], stack: ExitStack, database: str) -> None:
        self.at, self.kills, self.database = at, kills, database
        self.lifted = threading.Event()  # the senders wait for nothing
        self.rng, self.numbers, self.sent = random.Random(len(kills)), itertools.count(), Sent()
        self.cluster = stack.enter_context(postgresql.cluster()) if database == EXTERNAL else None
        self.shelves = {name: peers.Shelf(at / name) for name in ("pacs", "ehr")}
        for shelf in self.shelves.values():
            shelf.at.mkdir()
        ports = {name: stack.enter_context(getattr(peers, name)(self.shelves[name])) for name in self.shelves}
        tables = DESTINATIONS.format(ward=at / "ward", **ports)
        command = (sys.executable, "-m", "tests.e2e.crash.victim")
        self.site = Site(at, tables, self.cluster.url if self.cluster else "", command)
        self.site.env |= {"PYTHONPATH": str(ROOT), "TWELVELEAD_PATIENT_SYSTEMS": f'{{"HOSPITAL": "{peers.SYSTEM}"}}'}
        for name in ("ward", "pacs", "ehr"):
            self.site.command("destinations", "go-live", name)
        self.home = self.cluster.data if self.cluster else self.site.data / "postgres"

    def run(self) -> Outcome:
        """Kill, then count.

        Raises:
            AssertionError: a step never fired, or something is where it should not be.
        """
        try:
            for number, kill in enumerate(self.kills):
                began = time.monotonic()
                self._kill(number, kill)
                told = f"{number + 1}/{len(self.kills)} {kill.step.name} {kill.door}"
                print(f"{self.database} {told}: {time.monotonic() - began:.1f} s", flush=True)
            with self.site.start() as client:
                self._settle(client)
            return self._outcome()
        finally:
            if self.site.process is not None and self.site.process.poll() is None:
                self.site.kill()
            if not self.cluster:
                with suppress(OSError):
                    self.site.kill_database()

    def _kill(self, number: int, kill: Kill) -> None:
        step, note = kill.step, self.at / f"note-{number}"
        self.lifted.clear()
        if step.doors or step.below == TAKEN:  # it is reached by what is sent, not by what waits
            self.lifted.set()
        for shelf in self.shelves.values():
            shelf.round = number
        told = {
            "step": step.name,
            "door": kill.door,
            "skip": self.rng.randint(0, step.skip),
            "delay": self.rng.uniform(0, 0.002),
            "note": str(note),
            "postmaster": str(self.home / "postmaster.pid"),
        }
        with self.site.start(CRASH_AT=json.dumps(told)) as client:
            assert self.site.process is not None
            process = self.site.process
            if step.at in self.shelves:
                self._trap(self.shelves[step.at], int(told["skip"]), process, note)
            with self._sending(client, number):
                end = time.monotonic() + FIRES
                while not note.exists():
                    assert time.monotonic() < end, f"never reached: {step.name} {kill.door}"
                    assert process.poll() is None, f"it ended by itself at: {step.name}"
                    time.sleep(0.02)
                if step.victim != DATABASE:
                    self.site.gone()
                if self.cluster and step.victim in {DATABASE, BOTH}:
                    self.cluster.revive()
                if step.victim == DATABASE:
                    self._goes_on(process)
        if step.victim == DATABASE:
            self.site.kill()  # it would finish first if it were asked to stop: this kill is not counted

    def _trap(self, shelf: peers.Shelf, skip: int, process: "subprocess.Popen[bytes]", note: Path) -> None:
        left = itertools.count(skip, -1)

        def stored() -> None:
            if next(left) == 0:
                note.touch()
                process.kill()

        shelf.stored = stored

    def _goes_on(self, process: "subprocess.Popen[bytes]") -> None:
        """See that the service outlives the loss of its database: it acknowledges again."""
        self.lifted.set()
        before, end = len(self.sent.acknowledged), time.monotonic() + FIRES
        while len(self.sent.acknowledged) < before + 2:
            assert process.poll() is None, "the service ended with its database"
            assert time.monotonic() < end, "nothing is acknowledged after the database was lost"
            time.sleep(0.05)

    @contextmanager
    def _sending(self, client: httpx.Client, number: int) -> Iterator[None]:
        """Send by both doors at once until the end of the block; give up half of what was not acknowledged."""
        stop = threading.Event()
        doors = (
            lambda each: by_http(client, each),
            lambda each: self._by_storescu(each),
            lambda each: by_http(client, each),
        )
        threads = [threading.Thread(target=self._send, args=(door, number, stop)) for door in doors]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            stop.set()
            for each in threads:
                each.join()

    def _send(self, door: Callable[[int], bool], number: int, stop: threading.Event) -> None:
        while not stop.is_set():
            waiting = len(self.sent.acknowledged) - len(self.shelves["ehr"].held)
            if waiting > MOST_WAITING and not self.lifted.is_set():
                time.sleep(0.05)
                continue
            try:
                mine = self.sent.again.pop()
            except IndexError:
                mine = next(self.numbers)
            self.sent.rounds.setdefault(mine, number)
            while not (taken := door(mine)) and not stop.is_set():
                self.sent.refused += 1
                time.sleep(0.05)
            if taken:
                self.sent.acknowledged.add(mine)
            elif mine % 2:
                self.sent.again.append(mine)

    def _by_storescu(self, number: int) -> bool:
        file = self.at / f"{number}.dcm"
        file.write_bytes(ecg(number))
        words = ["storescu", "-v", "-to", "20", "-aec", "TWELVELEAD", "127.0.0.1", str(self.site.dicom_port), str(file)]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
        file.unlink()
        return "Received Store Response (Success)" in said

    def _settle(self, client: httpx.Client) -> None:
        """Wait until nothing waits any more: neither in the ledger nor in the queue."""
        url = self.cluster.url if self.cluster else f"postgresql://postgres@/postgres?host={self.home}"
        end, query = (
            time.monotonic() + SETTLES,
            (
                "select (select count(*) from twelvelead.job where state = 'waiting')"
                " + (select count(*) from twelvelead.delivery where state = 'waiting')"
                " + (select count(*) from procrastinate_jobs where status in ('todo', 'doing'))"
            ),
        )
        with psycopg.connect(url, autocommit=True) as connection:
            while (row := connection.execute(query).fetchone()) and row[0]:
                if time.monotonic() > end:
                    waiting = connection.execute("select * from procrastinate_jobs order by id").fetchall()
                    raise AssertionError(f"{client.get('/health/ready').text} still wait, in {self.at}: {waiting}")
                time.sleep(0.2)

    def _outcome(self) -> Outcome:
        """Count by the step of the round in which an ECG was first sent, or in which a repeated one had come before."""
        names = [each.step.name for each in self.kills]
        ward = Counter(number_of(each) for each in (self.at / "ward").iterdir() if not each.name.startswith("."))
        lost, doubled, unacknowledged = Counter[str](), Counter[str](), 0
        for number, sent_in in self.sent.rounds.items():
            pacs, ehr = self.shelves["pacs"], self.shelves["ehr"]
            held = (ward[number], pacs.reports(number, "pdf"), pacs.reports(number, "picture"))
            held = (*held, ehr.reports(number, "DiagnosticReport"))
            lost[names[sent_in]] += number in self.sent.acknowledged and min(held) == 0
            doubled[names[sent_in]] += max(held) > 1
            if number not in self.sent.acknowledged and max(held):
                unacknowledged += 1
                assert min(held) == 1, f"accepted, not acknowledged, and not everywhere: {held}"
        assert set(ward) <= set(self.sent.rounds), "a report of what was never sent"
        repeats = [names[each] for shelf in self.shelves.values() for each in shelf.repeats if each < len(names)]
        changed = sum(len(shelf.changed) for shelf in self.shelves.values())
        return Outcome(
            self.database, Counter(names), Counter(repeats), lost, doubled,
            len(self.sent.acknowledged), unacknowledged, changed,
        )  # fmt: skip


def by_http(client: httpx.Client, number: int) -> bool:
    """Post an ECG; say whether it was acknowledged."""
    with suppress(httpx.HTTPError):
        return client.post("/v1/ecgs", content=ecg(number), headers={"Prefer": "respond-async"}).is_success
    return False


def number_of(folder: Path) -> int:
    """Return the number of the ECG of a delivered report."""
    match = peers.PATIENT.search((folder / "bundle.json").read_bytes())
    assert match is not None, "a report of nobody"
    return int(match[1])


def planned(times: int, steps: Sequence[Step] = STEPS) -> list[Kill]:
    """Return so many kills of each step, in a random order; those of the listeners take the doors in turn."""
    kills = []
    for turn in range(times):  # in each turn all steps once
        mixed = [
            Kill(step, DOORS[(turn // 2 + place) % 2] if step.doors else "", (turn + place) % 2)
            for place, step in enumerate(steps)
        ]
        random.Random(turn).shuffle(mixed)
        kills += mixed
    return kills


def run(at: Path, plans: dict[str, list[Kill]]) -> list[Outcome]:
    """Run the plans of the databases at the same time."""

    def one(database: str) -> Outcome:
        home = at / database
        home.mkdir()
        with ExitStack() as stack:
            return Round(home, plans[database], stack, database).run()

    with ThreadPoolExecutor(len(plans)) as pool:
        return list(pool.map(one, plans))


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table: step by kills, redelivered, lost, doubled."""
    heads = [f"kills, {each.database}" for each in outcomes]
    lines = [
        f"| step | victim | {' | '.join(heads)} | redelivered | lost | doubled |",
        "|---|---" + "|---:" * (len(heads) + 3) + "|",
    ]
    for step in STEPS:
        kills = [each.kills[step.name] for each in outcomes]
        sums = [sum(getattr(each, what)[step.name] for each in outcomes) for what in ("redelivered", "lost", "doubled")]
        victim = {SERVICE: "service", DATABASE: "database", BOTH: "both"}[step.victim]
        lines.append(f"| {step.name} | {victim} | {' | '.join(map(str, [*kills, *sums]))} |")
    sums = [sum(each.kills.values()) for each in outcomes]
    sums += [sum(getattr(each, what).total() for each in outcomes) for what in ("redelivered", "lost", "doubled")]
    return "\n".join([*lines, f"| **all** | | {' | '.join(f'**{each}**' for each in sums)} |"])


def verdict(outcomes: Sequence[Outcome]) -> None:
    """Hold what came of it against what must be.

    Raises:
        AssertionError: something is lost, doubled or changed, or nothing was put to the test.
    """
    print(f"\n{table(outcomes)}\n")
    for each in outcomes:
        kills = each.kills.total()
        print(
            f"{each.database}: {each.acknowledged} acknowledged, {each.unacknowledged} accepted without, {kills} kills"
        )
        assert each.lost.total() == 0, "lost"
        assert each.doubled.total() == 0, "doubled"
        assert each.changed == 0, "a repeat was another"
        assert each.redelivered.total() > 0, "nothing was delivered twice: the kills came at the wrong time"
        assert each.acknowledged > kills // 2, "too little was acknowledged for it to mean anything"
        assert each.unacknowledged <= 3 * kills, "more than was in flight"


def main(times: int = 7, page: str = "") -> None:
    """Run the whole matrix."""
    began = time.time()
    kills = planned(times)
    halves = {name: [each for each in kills if each.half == half] for half, name in enumerate((EMBEDDED, EXTERNAL))}
    plans = {EMBEDDED: kills} if postgresql.MISSING else halves
    at = Path(mkdtemp(prefix="crash-"))  # what failed is kept
    outcomes = run(at, plans)
    verdict(outcomes)
    shutil.rmtree(at)
    minutes = (time.time() - began) / 60
    print(f"{minutes:.0f} minutes")
    if page:
        Path(page).write_text(written(outcomes, minutes))


def written(outcomes: Sequence[Outcome], minutes: float) -> str:
    """Return the page."""
    day = time.strftime("%Y-%m-%d")
    told = "; ".join(
        f"{each.database}: {each.acknowledged} acknowledged, {each.unacknowledged} accepted without an answer"
        for each in outcomes
    )
    return (
        (ROOT / "tests/e2e/crash/page.md")
        .read_text()
        .format(day=day, minutes=f"{minutes:.0f}", told=told, table=table(outcomes))
    )


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:2]), *sys.argv[2:3])
