"""The ledger of durable work: what was accepted, what became of it, where it went. Arguments are ids alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from service.audit import write
from service.database import Database

INTERPRET: Final = "interpret"
DELIVER: Final = "deliver"


@dataclass(frozen=True)
class Job:
    """One accepted ECG on its way to a report. `state` is waiting, done or dead."""

    id: UUID
    identity: UUID
    payload_sha256: str
    part: int
    accepted_at: datetime
    state: str
    report_id: UUID | None
    error: str | None


@dataclass(frozen=True)
class Delivery:
    """One report on its way to a destination. `state` is waiting, delivered or dead."""

    report_id: UUID
    destination: str
    job_id: UUID
    state: str
    attempts: int
    reference: str | None
    error: str | None


class Jobs:
    """The ledger. Each method is one transaction; work is queued in the same one that records it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def accept(self, jobs: list[Job]) -> list[Job]:
        """Record jobs and queue their interpretation, all or none. A known ECG gives its first job, queued no more."""
        with self.database.transaction() as connection:
            return [self._accept(connection, job) for job in jobs]

    def _accept(self, connection: Connection[Any], job: Job) -> Job:
        fresh = connection.execute(
            "insert into twelvelead.job (id, identity, payload_sha256, part, accepted_at) values (%s, %s, %s, %s, %s) "
            "on conflict (identity) do nothing",
            (job.id, job.identity, job.payload_sha256, job.part, job.accepted_at),
        ).rowcount
        if fresh:
            _queue(connection, INTERPRET, INTERPRET, {"job_id": str(job.id)})
            return job
        return _first(connection, Job, "select * from twelvelead.job where identity = %s", (job.identity,))

    def job(self, job_id: UUID) -> Job | None:
        """Return a job, or None where there is none."""
        found = self.database.rows(Job, "select * from twelvelead.job where id = %s", (job_id,))
        return found[0] if found else None

    def refreshed(self, job: Job) -> Job:
        """Return a job as it stands now."""
        return self.job(job.id) or job

    def listed(self, state: str | None = None, most: int = 50) -> list[Job]:
        """Return the newest jobs, of one state or of all."""
        query = (
            "select * from twelvelead.job where %s::text is null or state = %s order by accepted_at desc, id limit %s"
        )
        return self.database.rows(Job, query, (state, state, most))

    def deliveries(self, job_id: UUID) -> list[Delivery]:
        """Return where a job's report goes or went."""
        return self.database.rows(
            Delivery, "select * from twelvelead.delivery where job_id = %s order by destination", (job_id,)
        )

    def delivery(self, report_id: UUID, destination: str) -> Delivery:
        """Return one delivery."""
        query = "select * from twelvelead.delivery where report_id = %s and destination = %s"
        return self.database.rows(Delivery, query, (report_id, destination))[0]

    def interpreted(self, job_id: UUID, report_id: UUID) -> None:
        """Record that a report is kept, and queue its delivery to each live destination. Twice does no harm."""
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.job set state = 'done', report_id = %s, error = null "
                "where id = %s and state <> 'done'",
                (report_id, job_id),
            ).rowcount
            live = connection.execute("select name from twelvelead.destination where live order by name").fetchall()
            for (name,) in live if changed else ():
                connection.execute(
                    "insert into twelvelead.delivery (report_id, destination, job_id) values (%s, %s, %s)",
                    (report_id, name, job_id),
                )
                _queue_delivery(connection, report_id, name)

    def failing(self, job_id: UUID, code: str, *, final: bool) -> None:
        """Record why an interpretation failed; for good, it becomes a dead letter."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.job set error = %s, state = %s where id = %s and state <> 'done'",
                (code, "dead" if final else "waiting", job_id),
            )

    def delivered(self, report_id: UUID, destination: str, reference: str) -> None:
        """Record a receipt."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.delivery set state = 'delivered', reference = %s, error = null, "
                "attempts = attempts + 1 where report_id = %s and destination = %s",
                (reference, report_id, destination),
            )
            write(connection, "deliver", f"{report_id} {destination}", "delivered")

    def undelivered(self, report_id: UUID, destination: str, error: str, *, final: bool) -> None:
        """Record why a delivery failed; for good, it becomes a dead letter."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.delivery set state = %s, error = %s, attempts = attempts + 1 "
                "where report_id = %s and destination = %s and state <> 'delivered'",
                ("dead" if final else "waiting", error, report_id, destination),
            )
            write(connection, "deliver", f"{report_id} {destination}", "dead" if final else "failed")

    def retry(self, job_id: UUID) -> int:
        """Queue again what is dead of a job: its interpretation, or its deliveries. Return how many."""
        with self.database.transaction() as connection:
            revived = connection.execute(
                "update twelvelead.job set state = 'waiting', error = null where id = %s and state = 'dead'", (job_id,)
            ).rowcount
            if revived:
                _queue(connection, INTERPRET, INTERPRET, {"job_id": str(job_id)})
            again = connection.execute(
                "update twelvelead.delivery set state = 'waiting', error = null where job_id = %s and state = 'dead' "
                "returning report_id, destination",
                (job_id,),
            ).fetchall()
            for report_id, destination in again:
                _queue_delivery(connection, report_id, destination)
            if revived or again:
                write(connection, "retry", str(job_id))
            return revived + len(again)

    def recover(self) -> int:
        """Queue again what waits in the ledger but not in the queue. Return how many.

        The two are written together, so this finds only work whose queue entry failed while the ledger was away.
        """
        with self.database.transaction() as connection:
            jobs = connection.execute(
                "select id from twelvelead.job j where state = 'waiting' and accepted_at < now() - interval '1 minute' "
                "and not exists (select from procrastinate_jobs p where p.status in ('todo', 'doing') "
                "and p.args ->> 'job_id' = j.id::text) for update skip locked"
            ).fetchall()
            for (job_id,) in jobs:
                _queue(connection, INTERPRET, INTERPRET, {"job_id": str(job_id)})
            deliveries = connection.execute(
                "select report_id, destination from twelvelead.delivery d where state = 'waiting' "
                "and not exists (select from procrastinate_jobs p where p.status in ('todo', 'doing') "
                "and p.args ->> 'report_id' = d.report_id::text and p.args ->> 'destination' = d.destination) "
                "for update skip locked"
            ).fetchall()
            for report_id, destination in deliveries:
                _queue_delivery(connection, report_id, destination)
            return len(jobs) + len(deliveries)

    def set_live(self, destination: str, live: bool) -> None:
        """Turn a destination on or off for reports that are made from now on."""
        with self.database.transaction() as connection:
            connection.execute(
                "insert into twelvelead.destination values (%s, %s) "
                "on conflict (name) do update set live = excluded.live",
                (destination, live),
            )
            write(connection, "go-live" if live else "shadow", destination)

    def live(self) -> set[str]:
        """Return the names of the destinations that are on."""
        with self.database.transaction() as connection:
            return {name for (name,) in connection.execute("select name from twelvelead.destination where live")}

    def check(self) -> None:
        """Ask the database for an answer.

        Raises:
            Overloaded: it gives none.
        """
        with self.database.transaction() as connection:
            connection.execute("select 1")


def _first(connection: Connection[Any], kind: type[Job], query: str, values: tuple[Any, ...]) -> Job:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        row = cursor.execute(query.encode(), values).fetchone()
    if row is None:
        raise LookupError("a job that stood in the way is gone")
    return row


def _queue_delivery(connection: Connection[Any], report_id: UUID, destination: str) -> None:
    arguments = {"report_id": str(report_id), "destination": destination}
    _queue(connection, DELIVER, f"{DELIVER}:{destination}", arguments)


def _queue(connection: Connection[Any], task: str, queue: str, arguments: dict[str, str]) -> None:
    """Defer a procrastinate job within the caller's transaction."""
    lock = queue if task == DELIVER else None  # one delivery at a time and destination
    connection.execute(
        "select procrastinate_defer_jobs_v1(array[row(%s, %s, 0, %s, null, %s, null)::procrastinate_job_to_defer_v1])",
        (queue, task, lock, Jsonb(arguments)),
    )
