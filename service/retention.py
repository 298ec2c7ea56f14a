"""Erases what policy or a patient's right asks for: first in the ledger, then in the store; a sweep finishes it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from procrastinate import App

from ecg.errors import Overloaded
from service.audit import write
from service.jobs import Jobs
from service.queueing import ERASE
from service.store import Store
from service.worker import resources

log = logging.getLogger(__name__)

BATCH: Final = 100  # jobs that are worked on at a time
BY_POLICY: Final = "retention"  # the reason that is audited
ONE: Final = "select id from twelvelead.job where id = %s for update"
# What is old enough, by its latest version, and settled: nothing of it is in work, undelivered, or waits for an
# operator.
DUE: Final = (
    "select j.id from twelvelead.job j left join twelvelead.erasure e on e.job_id = j.id "
    "where case %s when 'report' then e.report_at is null and j.state in ('done', 'discarded') "
    "else e.payload_at is null and j.state in ('done', 'discarded', 'erased') end "
    "and j.accepted_at < %s and not exists (select from twelvelead.delivery d where d.job_id = j.id "
    "and d.state not in ('delivered', 'superseded', 'discarded', 'erased')) "
    "and not exists (select from twelvelead.version v where v.job_id = j.id "
    "and (v.state = 'waiting' or v.state = 'done' and v.requested_at >= %s)) "
    "order by j.accepted_at limit %s for update of j skip locked"
)
# Busy: there is work that may yet write files of the report, which its deliveries do not.
UNFINISHED: Final = (
    "select e.job_id, j.payload_sha256, e.payload_at, e.report_at, "
    "array(select report_id from twelvelead.holding h where h.job_id = j.id) as reports, "
    "exists (select from procrastinate_jobs p where p.status in ('todo', 'doing') and p.task_name <> 'deliver' "
    "and (p.args ->> 'job_id' = j.id::text or p.args ->> 'report_id' = j.report_id::text)) as busy "
    "from twelvelead.erasure e join twelvelead.job j on j.id = e.job_id where e.pending "
)


# What an erased report leaves nowhere: its place in the queue, in quarantine, in the search.
FORGET: Final = (
    "update twelvelead.job set state = 'erased', error = null where id = any(%s)",
    "update twelvelead.delivery set state = 'erased' "
    "where job_id = any(%s) and state in ('waiting', 'dead', 'quarantined')",
    "update twelvelead.quarantine set resolution = 'discarded', grounds = 'erased', resolved_at = now() "
    "where job_id = any(%s) and resolution is null",
    "delete from twelvelead.version where job_id = any(%s)",
    "delete from twelvelead.resource where report_id in (select report_id from twelvelead.job where id = any(%s))",
)


@dataclass(frozen=True)
class Policy:
    """For how many days after its latest version was asked for, at first by its acceptance, a settled ECG is kept.

    Its payload and its report each have a number; 0: for ever.
    """

    payload_days: int = 0
    report_days: int = 0


@dataclass(frozen=True)
class Part:
    """What is erased of a job, since when, and why. The reason is a code, for the audit trail."""

    reason: str
    payload_at: datetime | None = None
    report_at: datetime | None = None


@dataclass(frozen=True)
class _Unfinished:
    """An erasure that stands in the ledger. `busy`: a worker may yet write what is being erased."""

    job_id: UUID
    payload_sha256: str
    payload_at: datetime | None
    report_at: datetime | None
    busy: bool
    reports: list[UUID]


@dataclass(frozen=True)
class _Id:
    id: UUID


@dataclass(frozen=True)
class _Digest:
    sha256: str


class Retention:
    """Erases payloads and reports. The ledger's row stays: the same ECG is known when it comes again.

    Raises, each method:
        Overloaded: the ledger or the store is away. What has begun is finished by a later sweep.
    """

    def __init__(self, jobs: Jobs, store: Store, policy: Policy) -> None:
        self._jobs, self._store, self._policy = jobs, store, policy
        self._database = jobs.database

    def find(self, some_id: UUID) -> UUID | None:
        """Return the job of that id, or the job whose report has that id, or None."""
        query = "select id from twelvelead.job where id = %s or report_id = %s"
        found = self._database.rows(_Id, query, (some_id, some_id))
        return found[0].id if found else None

    def sharing(self, job_id: UUID) -> list[UUID]:
        """Return the other jobs with an ECG in the payload of a job: it stays until they are erased too."""
        query = (
            "select j.id from twelvelead.job j join twelvelead.job mine using (payload_sha256) "
            "left join twelvelead.erasure e on e.job_id = j.id "
            "where mine.id = %s and j.id <> mine.id and e.payload_at is null order by j.part"
        )
        return [each.id for each in self._database.rows(_Id, query, (job_id,))]

    def erase(self, job_id: UUID, reason: str, now: datetime) -> bool:
        """Erase a job's payload and report at once, whatever its state. Twice does no harm.

        Args:
            job_id: of the job.
            reason: a code, for the audit trail.
            now: the time of the request.

        Returns:
            Whether all is gone. If not, a worker has the job in hand, and a sweep removes what that leaves.
        """
        self._begin(ONE, (job_id,), Part(reason, payload_at=now, report_at=now))
        return all([self._finish(each) for each in self._unfinished("and j.id = %s", (job_id,))])

    def apply(self, now: datetime) -> int:
        """Erase what is older than the policy keeps, and settled everywhere. Return how many payloads and reports."""
        count = 0
        if days := self._policy.report_days:
            count += self._erase_due("report", now - timedelta(days=days), Part(BY_POLICY, report_at=now))
        if days := self._policy.payload_days:
            count += self._erase_due("payload", now - timedelta(days=days), Part(BY_POLICY, payload_at=now))
        return count

    def sweep(self) -> int:
        """Finish what has begun and was interrupted. Return how many erasures are done."""
        done = 0
        for each in self._unfinished("order by random() limit %s", (BATCH,)):
            try:
                done += self._finish(each)
            except (LookupError, ValueError) as error:  # others are not held up
                log.error("job %s: its report is damaged and cannot be erased (%s)", each.job_id, type(error).__name__)
        self._store.sweep()
        return done

    def strays(self) -> int:
        """Erase payloads that belong to no job, such as those never acknowledged. Return how many there were."""
        count = 0
        query = "select each as sha256 from unnest(%s::text[]) each where not twelvelead.held(each)"
        for digests in self._store.payloads():
            for stray in self._database.rows(_Digest, query, (digests,)):
                self._drop_payload(stray.sha256)
                count += 1
        return count

    def _erase_due(self, what: str, before: datetime, part: Part) -> int:
        count = 0
        while begun := self._begin(DUE, (what, before, before, BATCH), part):
            for each in self._unfinished("and j.id = any(%s)", (begun,)):
                self._finish(each)
            count += len(begun)
        return count

    def _begin(self, select: str, values: Sequence[Any], part: Part) -> list[UUID]:
        """Write down that a part of the selected jobs is gone, in one transaction. From now on it is, for everyone."""
        with self._database.transaction() as connection:
            ids = [job_id for (job_id,) in connection.execute(select.encode(), values)]
            if part.report_at is not None:
                for statement in FORGET:
                    connection.execute(statement.encode(), (ids,))
            connection.execute(
                "insert into twelvelead.erasure as e (job_id, payload_at, report_at) "
                "select unnest(%s::uuid[]), %s, %s on conflict (job_id) do update set pending = true, "
                "payload_at = coalesce(e.payload_at, excluded.payload_at), "
                "report_at = coalesce(e.report_at, excluded.report_at)",
                (ids, part.payload_at, part.report_at),
            )
            named = {"report": part.report_at, "payload": part.payload_at}
            action = "erased " + " ".join(name for name, at in named.items() if at is not None)
            for job_id in ids:
                write(connection, action, f"{job_id} {part.reason}")
        return ids

    def _unfinished(self, more: str, values: Sequence[Any] = ()) -> list[_Unfinished]:
        return self._database.rows(_Unfinished, UNFINISHED + more, values)

    def _finish(self, erasure: _Unfinished) -> bool:
        """Remove what the ledger holds no more; say whether nothing of it can come back."""
        if erasure.report_at is not None:
            for report_id in erasure.reports:
                self._store.erase_report(report_id, resources)
        if erasure.payload_at is not None:
            self._drop_payload(erasure.payload_sha256)
        if erasure.busy:
            return False
        seen = (erasure.job_id, erasure.payload_at, erasure.report_at)
        with self._database.transaction() as connection:
            if erasure.report_at is not None:
                connection.execute("delete from twelvelead.holding where job_id = %s", (erasure.job_id,))
            connection.execute(
                "update twelvelead.erasure set pending = false where job_id = %s "
                "and payload_at is not distinct from %s and report_at is not distinct from %s",  # no more was asked
                seen,
            )
        return True

    def _drop_payload(self, sha256: str) -> None:
        self._jobs.unless_held(sha256, partial(self._store.erase_payload, sha256))


def schedule(queue: App, retention: Retention) -> None:
    """Let the queue sweep each minute, and apply the policy each hour; of several workers one does it."""

    @queue.periodic(cron="* * * * *", periodic_id="sweep")
    @queue.task(name="sweep-erased", queue=ERASE, queueing_lock="sweep-erased")
    def sweep(timestamp: int) -> None:
        _logged("%d erasures finished", retention.sweep)

    @queue.periodic(cron="17 * * * *", periodic_id="apply")
    @queue.task(name="apply-retention", queue=ERASE, queueing_lock="apply-retention")
    def apply(timestamp: int) -> None:
        _logged(
            "%d payloads and reports erased by policy", partial(retention.apply, datetime.fromtimestamp(timestamp, UTC))
        )
        _logged("%d payloads without a job erased", retention.strays)


def _logged(message: str, erase: Any) -> None:
    try:
        if count := erase():
            log.info(message, count)
    except Overloaded as error:
        log.warning("erasing is interrupted, and goes on later: %s", error)
