"""What Prometheus asks of ledger, queue, disk and readiness at each scrape: bounded, and kept for some seconds."""

import shutil
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.database import Database
from service.probes import Probe
from service.readiness import FRESH, Readiness

WAIT: Final = 2.0  # seconds that a scrape waits for the database
KEEP: Final = 5.0  # seconds that an answer serves
MOST: Final = 100_000  # of a kind are counted, so that a scrape costs little however much waits

COUNTED: Final = """
    select 'queue' as kind, queue_name as name, status::text as state, count(*)::float as value
    from (select queue_name, status from procrastinate_jobs where status in ('todo', 'doing') limit %(most)s) as queued
    group by queue_name, status
    union all
    select 'job', '', 'waiting', count(*)
    from (select from twelvelead.job where state = 'waiting' limit %(most)s) as waiting
    union all
    select 'job', '', 'dead', count(*) from (select from twelvelead.job where state = 'dead' limit %(most)s) as dead
    union all
    select 'delivery', destination, state, count(*)
    from (select destination, state from twelvelead.delivery where state in ('waiting', 'dead') limit %(most)s) as open
    group by destination, state
    union all
    select 'age', '', '', extract(epoch from now() - min(accepted_at)) from twelvelead.job where state = 'waiting'
    union all
    select 'workers', '', '', count(*) from procrastinate_workers
    where last_heartbeat > now() - make_interval(secs => %(fresh)s)
"""


@dataclass(frozen=True)
class Counted:
    """One number from the database: of what kind, of which queue or destination, in which state."""

    kind: str
    name: str
    state: str
    value: float | None


class Gauges(Collector):
    """Reads the database, the disk and the readiness when it is collected."""

    def __init__(self, database: Database, readiness: Readiness, data: Path) -> None:
        self._ledger = Probe(lambda: _counted(database), KEEP)
        self._readiness, self._data = readiness, data

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield every family, without samples."""
        yield from _families().values()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every family; those of the ledger are empty where the database does not answer in time."""
        families = _families()
        asked = self._ledger.ask()
        wait([asked], timeout=WAIT)
        answered = asked.done() and asked.exception() is None
        families["up"].add_metric([], float(answered))
        for each in asked.result() if answered else ():
            labels = [label for label in (each.name, each.state) if label]
            families[each.kind].add_metric(labels, each.value or 0.0)
        families["disk"].add_metric([], float(shutil.disk_usage(self._data).free))
        for part, good in self._readiness.parts().items():
            families["ready"].add_metric([part], float(good))
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    told: dict[str, tuple[str, str, tuple[str, ...]]] = {
        "queue": ("queue_depth", "Entries of a queue that wait (todo) or are worked on (doing)", ("queue", "state")),
        "job": ("jobs", "ECGs in the ledger that are waiting or dead; those that are done are counted", ("state",)),
        "delivery": ("deliveries_open", "Deliveries that are waiting or dead", ("destination", "state")),
        "age": ("oldest_waiting_job_seconds", "Age of the oldest ECG that waits for its report; 0: none waits", ()),
        "workers": ("workers", f"Workers that gave a sign of life within {FRESH:g} s, on all machines", ()),
        "up": ("ledger_up", "1 where the database answered this scrape, else 0", ()),
        "disk": ("disk_free_bytes", "Free space where payloads and reports are kept", ()),
        "ready": ("ready", "1 for each part of the readiness that is in order, else 0", ("part",)),
    }
    return {
        kind: GaugeMetricFamily(f"twelvelead_{name}", meaning, labels=labels)
        for kind, (name, meaning, labels) in told.items()
    }


def _counted(database: Database) -> list[Counted]:
    with database.transaction() as connection:
        connection.execute("set local statement_timeout = '2s'")
        rows = connection.execute(COUNTED.encode(), {"most": MOST, "fresh": FRESH}).fetchall()
    return [Counted(*row) for row in rows]
