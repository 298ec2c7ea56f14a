"""Does the durable work: interprets what was accepted, delivers what was issued; at least once, in effect once."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from procrastinate import App, JobContext, RetryDecision, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as QueueEntry

from adapters.fhir.bundle import stored
from adapters.fhir.frame import FhirSettings
from ecg.errors import DeliveryError, Overloaded, Refused, Unidentified
from ecg.ports import Destination, Router
from ecg.recording import Recording
from service.archive import ARCHIVE, archived, restored
from service.declaration import kept
from service.intake import recordings
from service.jobs import DELIVER, ERASE, INTERPRET, Job, Jobs
from service.logs import bound, named
from service.metrics import Metrics, code_of
from service.outages import Connector, answered, outlive
from service.pipeline import interpret
from service.renderings import BUNDLE, renderings
from service.search import Index
from service.settings import Settings
from service.store import Store

log = logging.getLogger(__name__)

HEARTBEAT: Final = 2.0  # seconds between a worker's signs of life
DEAD_AFTER: Final = 10.0  # seconds without one: its jobs go to a survivor
# An interpretation fails for good soon, since the ECG stays what it is; a destination may be away for days:
# 2, 4, 8, ... seconds, 17 attempts make a day and a half.
INTERPRETATIONS: Final = RetryStrategy(max_attempts=3, exponential_wait=2)


class _Aside(RetryStrategy):
    """A delivery that waits for its next attempt steps aside: its lock would hold up all reports behind it."""

    def get_retry_decision(self, *, exception: BaseException, job: QueueEntry) -> RetryDecision | None:
        decision = super().get_retry_decision(exception=exception, job=job)
        if decision is not None:
            decision.lock = f"{job.queue}:{job.task_kwargs['report_id']}"
        return decision


DELIVERIES: Final = _Aside(max_attempts=17, exponential_wait=2, retry_exceptions=[DeliveryError])


class Workshop:
    """What work needs: models, store, ledger, destinations."""

    def __init__(
        self, router: Router, store: Store, jobs: Jobs, settings: Settings, metrics: Metrics | None = None
    ) -> None:
        self.router, self.store, self.jobs, self.settings = router, store, jobs, settings
        self.metrics = metrics or Metrics()

    def interpret(self, job_id: UUID, *, last: bool) -> None:
        """Interpret one accepted ECG and keep its report. Twice does no harm.

        Raises:
            Exception: whatever went wrong, after it was recorded; for good if this was the `last` attempt and it is
                not transient.
        """
        job = self._job(job_id)
        if job.state != "waiting":
            return
        watch = self.metrics.stopwatch()
        try:
            with watch.stage("read"):
                recording = self._recording(job)
            with watch.stage("interpret"):
                report = interpret(recording, router=self.router, issued=job.accepted_at)
            with watch.stage("render"):
                files = renderings(report, FhirSettings(self.settings.patient_systems))
            with watch.stage("store"):
                if not self.jobs.holding(job_id, report.id):
                    return
                self.store.put_report(report.id, {**files, ARCHIVE: archived(report)}, resources)
        except Exception as error:
            # What is merely away costs no ECG its report: the ledger keeps it waiting, and it is queued again.
            last = last and not isinstance(error, Overloaded)
            self.metrics.not_interpreted(error, final=last)
            log.warning(
                "not interpreted", extra={"error": named(error), "code": code_of(error), "seconds": watch.seconds}
            )
            self.jobs.failing(job_id, code_of(error), final=last)
            raise
        held = Index(self.jobs.database, self.settings.zone).rows(
            report.id, report.version, resources(self.store.files(report.id))
        )
        self.jobs.interpreted(job_id, report.id, held)
        self.metrics.interpreted(report.reading.prediction)
        with bound(report_id=str(report.id)):
            log.info("interpreted", extra={"seconds": watch.seconds})

    def deliver(self, report_id: UUID, destination: Destination, name: str, *, last: bool) -> None:
        """Deliver one kept report to one destination. Destinations are idempotent, so twice does no harm.

        Raises:
            DeliveryError: it may be tried again; it was recorded. A refusal is recorded for good, a patient that
                cannot be matched goes into quarantine: both raise nothing.
        """
        delivery = self.jobs.delivery(report_id, name)
        if delivery.state != "waiting":
            return
        job = self._job(delivery.job_id)
        with bound(job_id=str(job.id), report_id=str(report_id), destination=name):
            report = restored(self.store.files(report_id), self._recording(job))
            try:
                with self.metrics.delivering(name, job.accepted_at):
                    receipt = destination.deliver(report)
            except Unidentified as error:
                self.jobs.quarantined(report_id, name, str(error))
                log.warning("in quarantine", extra={"error": named(error), "code": str(error)})
            except Refused as error:
                self.jobs.undelivered(report_id, name, str(error), final=True)
                log.warning("refused by the destination", extra={"error": named(error), "code": error.code})
            except DeliveryError as error:
                self.jobs.undelivered(report_id, name, str(error), final=last)
                log.warning("not delivered", extra={"error": named(error), "code": error.code})
                raise
            else:
                self.jobs.delivered(report_id, name, receipt.reference)
                log.info("delivered")

    def _job(self, job_id: UUID) -> Job:
        job = self.jobs.job(job_id)
        if job is None:
            raise LookupError("a queued job is not in the ledger")
        return job

    def _recording(self, job: Job) -> Recording:
        return recordings(kept(self.store, job.payload_sha256, job.declared), self.settings)[job.part]


def resources(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the FHIR resources of a report's files, 'type/id' to JSON."""
    return {f"{kind}/{each}": data for (kind, each), data in stored(files[BUNDLE]).items()}


def build_queue(workshop: Workshop, destinations: Mapping[str, Destination], url: str) -> App:
    """Build the procrastinate application whose tasks are the workshop's."""
    queue = App(connector=Connector(url))

    @queue.task(name=INTERPRET, queue=INTERPRET, retry=INTERPRETATIONS, pass_context=True)
    def interpret_task(context: JobContext, job_id: str) -> None:
        with bound(job_id=job_id, attempt=_attempt(context)):
            workshop.interpret(UUID(job_id), last=_is_last(context, INTERPRETATIONS))

    @queue.task(name=DELIVER, queue=DELIVER, retry=DELIVERIES, pass_context=True)
    def deliver_task(context: JobContext, report_id: str, destination: str) -> None:
        last = _is_last(context, DELIVERIES)
        with bound(attempt=_attempt(context)):
            workshop.deliver(UUID(report_id), destinations[destination], destination, last=last)

    return queue


async def work(queue: App, jobs: Jobs, names: Sequence[str], concurrency: int, drain: float) -> None:
    """Work until cancelled; then finish what is in hand, within `drain` seconds. Jobs of dead workers are taken over.

    Each destination has a worker of its own, so that a slow one holds up no other. While the database is away the work
    pauses.
    """
    await outlive(lambda: _shift(queue, jobs, names, concurrency, drain), jobs.check)


async def _shift(queue: App, jobs: Jobs, names: Sequence[str], concurrency: int, drain: float) -> None:
    """Work until cancelled, or until one of the workers ends, which none does unless the database was lost."""
    async with queue.open_async():
        queues = {INTERPRET: concurrency, ERASE: 1, **{f"{DELIVER}:{name}": 1 for name in names}}
        tasks = [_worker(queue, name, at_once, drain) for name, at_once in queues.items()]
        running = [asyncio.create_task(task) for task in (*tasks, _rescue(queue, jobs), _loss(queue))]
        try:
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            await answered(jobs.check)  # an embedded database is back by this, and takes what is in hand
            for task in ended:
                task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _loss(queue: App) -> None:
    """Return when the queue lost a statement."""
    if isinstance(queue.connector, Connector):
        queue.connector.lost.clear()
        await queue.connector.lost.wait()


async def _worker(queue: App, name: str, concurrency: int, drain: float) -> None:
    await queue.run_worker_async(
        queues=[name],
        concurrency=concurrency,
        install_signal_handlers=False,
        fetch_job_polling_interval=1.0,
        update_heartbeat_interval=HEARTBEAT,
        stalled_worker_timeout=DEAD_AFTER,
        shutdown_graceful_timeout=drain,
        delete_jobs="successful",
    )


async def _rescue(queue: App, jobs: Jobs) -> None:
    """Queue again, every few seconds, what dead workers had in hand, and what the queue lost."""
    while True:
        if lost := await asyncio.to_thread(jobs.recover):
            log.warning("%d lost jobs are queued again", lost)
        for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
            log.warning("work of a dead worker is taken over: %s", job.task_kwargs)
            with suppress(ConnectorException):  # another survivor was quicker; or the next question fails too
                await queue.job_manager.retry_job(job)
        await asyncio.sleep(DEAD_AFTER / 2)


def _attempt(context: JobContext) -> int:
    return context.job.attempts + 1  # it counts those before this one


def _is_last(context: JobContext, strategy: RetryStrategy) -> bool:
    # As RetryStrategy.get_retry_decision counts: the attempts before this one.
    return (
        context.job is not None and strategy.max_attempts is not None and context.job.attempts >= strategy.max_attempts
    )
