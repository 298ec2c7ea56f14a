"""The ledger of durable work: what was accepted, what became of it, where it went. Arguments are ids alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from service.audit import write
from service.deliveries import Deliveries, confine
from service.queueing import queue_deliveries, queue_interpretation, queue_version
from service.search import Indexed, enlist


@dataclass(frozen=True)
class Job:
    """One accepted ECG on its way to a report. `state` is waiting, done, dead, quarantined, discarded or erased.

    `declared` is the digest of what was declared with the payload; `priority` the place in ecg.recording.PRIORITIES;
    `alias` its sender's name for it; `content` says what was recorded and when, whoever's it is.
    """

    id: UUID
    identity: UUID
    payload_sha256: str
    part: int
    accepted_at: datetime
    state: str
    report_id: UUID | None
    error: str | None
    declared: str | None = None
    priority: int = 0
    alias: str | None = None
    content: UUID | None = None


class Jobs(Deliveries):
    """The ledger. Each method is one transaction; work is queued in the same one that records it."""

    def accept(
        self, jobs: list[Job], keep: Callable[[list[Job]], object] = lambda new: None, deed: str = ""
    ) -> list[Job]:
        """Record jobs and queue their interpretation, all or none. A known ECG gives its first job, queued no more.

        A new ECG whose alias another ECG has is recorded in quarantine and not queued.

        Args:
            jobs: those of one delivery.
            keep: keeps the payloads of those that are new, before anything is committed; nobody erases one meanwhile.
            deed: what the audit trail calls it; '': it is written there by whoever asked.
        """
        with self.database.transaction() as connection:
            for sha256 in {job.payload_sha256 for job in jobs}:
                connection.execute("select pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", (sha256,))
            given = [self._accept(connection, job) for job in jobs]
            if deed:
                write(connection, deed, " ".join(str(job.id) for job in given), "accepted")
            wanted = {job.id for job in jobs}
            if new := [job for job in given if job.id in wanted]:
                keep(new)
            return given

    def unless_held(self, sha256: str, erase: Callable[[], None]) -> None:
        """Erase a payload that no job holds; while it is being erased, none that would hold it is accepted."""
        with self.database.transaction() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (sha256,))
            if connection.execute("select where not twelvelead.held(%s)", (sha256,)).rowcount:
                erase()

    def holding(self, job_id: UUID, report_id: UUID) -> bool:
        """Record that the store is about to hold a report of a job. False: the job waits for none any more."""
        with self.database.transaction() as connection:
            waiting = connection.execute(
                "select from twelvelead.job where id = %s and state = 'waiting' for share", (job_id,)
            ).rowcount
            if waiting:
                connection.execute(
                    "insert into twelvelead.holding values (%s, %s) on conflict do nothing", (report_id, job_id)
                )
            return bool(waiting)

    def _accept(self, connection: Connection[Any], job: Job) -> Job:
        conflict = _alias_conflict(connection, job)
        job = replace(job, state="quarantined", error=conflict) if conflict else job
        fresh = connection.execute(
            "insert into twelvelead.job "
            "(id, identity, payload_sha256, part, accepted_at, state, error, declared, priority, alias, content) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (identity) do nothing",
            (*(job.id, job.identity, job.payload_sha256, job.part, job.accepted_at, job.state, job.error),
             *(job.declared, job.priority, job.alias, job.content)),
        ).rowcount  # fmt: skip
        if not fresh:
            _hasten(connection, job)
            return _first(connection, Job, "select * from twelvelead.job where identity = %s", (job.identity,))
        if conflict:
            confine(connection, job.id, conflict)
        else:
            queue_interpretation(connection, job.id)
        return job

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

    def interpreted(
        self, job_id: UUID, report_id: UUID, resources: Sequence[Indexed] = (), made_with: str | None = None
    ) -> None:
        """Record that a report is kept, list its resources, and queue its delivery to each live destination.

        Twice does no harm. `made_with` is a digest of what made it, None where that is not known.
        """
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.job set state = 'done', report_id = %s, error = null "
                "where id = %s and state = 'waiting'",
                (report_id, job_id),
            ).rowcount
            if not changed:
                return
            connection.execute(
                "insert into twelvelead.version (report_id, version, job_id, kind, requested_at, state, made_with) "
                "select %s, 1, id, 'first', accepted_at, 'done', %s from twelvelead.job where id = %s "
                "on conflict do nothing",
                (report_id, made_with, job_id),
            )
            enlist(connection, resources)
            live = connection.execute(
                "insert into twelvelead.delivery (report_id, destination, job_id) "
                "select %s, name, %s from twelvelead.destination where live returning destination",
                (report_id, job_id),
            ).fetchall()
            queue_deliveries(connection, report_id, 1, sorted(name for (name,) in live))

    def failing(self, job_id: UUID, code: str, *, final: bool) -> None:
        """Record why an interpretation failed; for good, it becomes a dead letter."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.job set error = %s, state = %s where id = %s and state = 'waiting'",
                (code, "dead" if final else "waiting", job_id),
            )

    def refuse(self, job_id: UUID, error: str) -> None:
        """Record that there is no ECG to be read, and why: it is kept, and nothing goes out."""
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.job set state = 'discarded', error = %s where id = %s and state = 'waiting'",
                (error, job_id),
            ).rowcount
            if changed:
                write(connection, "refuse page", f"{job_id} {error}")

    def quarantine(self, job_id: UUID, code: str) -> bool:
        """Let a waiting job wait for an operator, unless one has released it from there. Return whether it does."""
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.job set state = 'quarantined', error = %s where id = %s and state = 'waiting' "
                "and not exists (select from twelvelead.quarantine q where q.job_id = job.id "
                "and q.destination is null and q.resolution = 'released')",
                (code, job_id),
            ).rowcount
            if changed:
                confine(connection, job_id, code)
            return bool(changed)

    def further(self, job: Job) -> list[Job]:
        """Return the jobs of the ECGs that came in the same payload after a job's, with the same declared of it."""
        query = (
            "select * from twelvelead.job where payload_sha256 = %s and declared is not distinct from %s and part > %s "
            "order by part"
        )
        return self.database.rows(Job, query, (job.payload_sha256, job.declared, job.part))

    def resolve(self, entry_id: UUID, resolution: str, grounds: str | None = None) -> bool:
        """Release or discard what is in quarantine; of several who try, one does. Return whether it was this one.

        Args:
            entry_id: of the quarantine.
            resolution: 'released': it is queued again; 'discarded': it is kept, and never delivered.
            grounds: code of why it is discarded.
        """
        with self.database.transaction() as connection:
            settled = connection.execute(
                "update twelvelead.quarantine set resolution = %s, grounds = %s, resolved_at = now() "
                "where id = %s and resolution is null returning job_id, report_id, destination, version",
                (resolution, grounds, entry_id),
            ).fetchone()
            if settled is None:
                return False
            job_id, report_id, destination, version = settled
            released = resolution == "released"
            change = ("waiting" if released else "discarded", None if released else grounds)
            if destination is None:
                connection.execute(
                    "update twelvelead.job set state = %s, error = %s where id = %s and state = 'quarantined'",
                    (*change, job_id),
                )
            else:
                connection.execute(
                    "update twelvelead.delivery set state = %s, error = %s "
                    "where report_id = %s and destination = %s and version = %s and state = 'quarantined'",
                    (*change, report_id, destination, version),
                )
            if released and destination is None:
                queue_interpretation(connection, job_id)
            elif released:
                queue_deliveries(connection, report_id, version, [destination])
            write(connection, f"quarantine-{resolution}", f"{entry_id} {grounds or ''}".strip())
            return True

    def retry(self, job_id: UUID) -> int:
        """Queue again what is dead of a job, or a page that was refused; or its deliveries. Return how many.

        What is quarantined or discarded is not dead: only `resolve` moves it.
        """
        with self.database.transaction() as connection:
            revived = connection.execute(
                "update twelvelead.job set state = 'waiting', error = null where id = %s "
                "and (state = 'dead' or state = 'discarded' and starts_with(error, 'unreadable-page:'))",
                (job_id,),
            ).rowcount
            if revived:
                queue_interpretation(connection, job_id)
            again = connection.execute(
                "update twelvelead.delivery set state = 'waiting', error = null where job_id = %s and state = 'dead' "
                "returning report_id, version, destination",
                (job_id,),
            ).fetchall()
            for report_id, version, destination in sorted(again):
                queue_deliveries(connection, report_id, version, [destination])
            if revived or again:
                write(connection, "retry", str(job_id))
            return revived + len(again)

    def recover(self, after: float = 60) -> int:
        """Queue again what waits in the ledger but not in the queue, ECGs after so many seconds. Return how many.

        The two are written together, so this finds only work whose queue entry failed while the ledger was away, and
        all that waits in a ledger that was restored.
        """
        with self.database.transaction() as connection:
            jobs = connection.execute(
                "select id from twelvelead.job j where state = 'waiting' "
                "and accepted_at <= now() - make_interval(secs => %s) "
                "and not exists (select from procrastinate_jobs p where p.status in ('todo', 'doing') "
                "and p.args ->> 'job_id' = j.id::text) for update skip locked",
                (after,),
            ).fetchall()
            for (job_id,) in jobs:
                queue_interpretation(connection, job_id)
            deliveries = connection.execute(
                "select report_id, version, destination from twelvelead.delivery d where state = 'waiting' "
                "and not exists (select from procrastinate_jobs p where p.status in ('todo', 'doing') "
                "and p.args ->> 'report_id' = d.report_id::text and p.args ->> 'destination' = d.destination "
                "and coalesce(p.args ->> 'version', '1') = d.version::text) order by version for update skip locked"
            ).fetchall()
            for report_id, version, destination in deliveries:
                queue_deliveries(connection, report_id, version, [destination])
            versions = connection.execute(
                "select report_id, version from twelvelead.version v where state = 'waiting' "
                "and not exists (select from procrastinate_jobs p where p.status in ('todo', 'doing') "
                "and p.task_name = 'revise' and p.args ->> 'report_id' = v.report_id::text) for update skip locked"
            ).fetchall()
            for report_id, version in versions:
                queue_version(connection, report_id, version)
            return len(jobs) + len(deliveries) + len(versions)

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


def _alias_conflict(connection: Connection[Any], job: Job) -> str | None:
    """Claim the job's alias. Return None, or the code of what is wrong: the alias is another ECG's."""
    if job.alias is None:
        return None
    # Of two at once the second waits here for the first's commit, and then sees whose the alias is.
    connection.execute(
        "insert into twelvelead.alias values (%s, %s) on conflict (alias) do nothing", (job.alias, job.identity)
    )
    owner = connection.execute(
        "select a.identity, j.content from twelvelead.alias a left join twelvelead.job j using (identity) "
        "where a.alias = %s",
        (job.alias,),
    ).fetchone()
    if owner is None or owner[0] == job.identity:
        return None
    return "alias-other-patient" if owner[1] == job.content else "alias-conflict"


def _hasten(connection: Connection[Any], job: Job) -> None:
    """Give a known ECG that still waits the priority with which it came again, where that is a higher one."""
    raised = connection.execute(
        "update twelvelead.job set priority = %s where identity = %s and state = 'waiting' and priority < %s "
        "returning id",
        (job.priority, job.identity, job.priority),
    ).fetchone()
    if raised:
        connection.execute(
            "update procrastinate_jobs set priority = %s where status = 'todo' and args ->> 'job_id' = %s",
            (job.priority, str(raised[0])),
        )
