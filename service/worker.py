"""Does the durable work: interprets what was accepted, delivers what was issued; at least once, in effect once."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

from adapters.fhir.bundle import stored, superseded
from adapters.fhir.frame import FhirSettings
from ecg.errors import DeliveryError, EcgError, Refused, Unconfirmed
from ecg.payload import Payload
from ecg.ports import Destination, Router
from ecg.recording import Recording
from ecg.report import Amendment, Report
from service.archive import ARCHIVE, archived, restored
from service.compose import withdraw
from service.intake import recordings
from service.jobs import DELIVER, INTERPRET, REVISE, Delivery, Job, Jobs
from service.pipeline import interpret
from service.renderings import BUNDLE, renderings
from service.settings import Settings
from service.store import Store
from service.versions import NEVER_SENT, Version, Versions, made_with

log = logging.getLogger(__name__)

HEARTBEAT: Final = 2.0  # seconds between a worker's signs of life
DEAD_AFTER: Final = 10.0  # seconds without one: its jobs go to a survivor
DRAIN: Final = 30.0  # seconds to finish what is in hand
# An interpretation fails for good soon, since the ECG stays what it is; a destination may be away for days:
# 2, 4, 8, ... seconds, 17 attempts make a day and a half.
INTERPRETATIONS: Final = RetryStrategy(max_attempts=3, exponential_wait=2)
DELIVERIES: Final = RetryStrategy(max_attempts=17, exponential_wait=2, retry_exceptions=[DeliveryError])


class Workshop:
    """What work needs: models, store, ledger, destinations."""

    def __init__(self, router: Router, store: Store, jobs: Jobs, settings: Settings) -> None:
        self.router, self.store, self.jobs, self.settings = router, store, jobs, settings
        self.versions = Versions(jobs.database)

    def interpret(self, job_id: UUID, *, last: bool) -> None:
        """Interpret one accepted ECG and keep its report. Twice does no harm.

        Raises:
            Exception: whatever went wrong, after it was recorded; for good if this was the `last` attempt.
        """
        job = self._job(job_id)
        if job.state == "done":
            return
        try:
            report = interpret(self._recording(job), router=self.router, issued=job.accepted_at)
            self._keep(report)
        except Exception as error:
            self.jobs.failing(job_id, _code(error), final=last)
            raise
        self.jobs.interpreted(job_id, report.id, self._made_with(report))
        log.info("job %s: report %s", job_id, report.id)

    def revise(self, report_id: UUID, number: int, *, last: bool) -> None:
        """Make a later version of a report that was asked for, and keep it. Twice does no harm.

        Raises:
            Exception: whatever went wrong, after it was recorded; for good if this was the `last` attempt.
        """
        version = self.versions.version(report_id, number)
        if version.state == "done":
            return
        try:
            recording = self._recording(self._job(version.job_id))
            if version.reason is not None:
                former = restored(self.store.files(report_id, self._former(version)), recording)
                report = withdraw(former, number, version.requested_at, version.reason)
            else:
                amendment = Amendment(report_id, number)
                report = interpret(recording, router=self.router, issued=version.requested_at, amendment=amendment)
            self._keep(report)
        except Exception as error:
            self.versions.failing(version, _code(error), final=last)
            raise
        self.versions.made(version, self._made_with(report))
        log.info("report %s: version %d %s", report_id, number, version.kind)

    def deliver(self, report_id: UUID, destination: Destination, name: str, *, last: bool, version: int = 1) -> None:
        """Deliver one kept version of a report to one destination. Destinations are idempotent: twice does no harm.

        Raises:
            DeliveryError: it may be tried again; it was recorded. A refusal is recorded for good, and raises nothing.
        """
        due = self.versions.due(report_id, name, version)
        for delivery in due:
            try:
                self._deliver(delivery, destination)
            except DeliveryError as error:
                final = last or isinstance(error, Refused)
                self.jobs.undelivered(report_id, name, str(error), final=final, version=delivery.version)
                if delivery != due[-1]:
                    held_up = f"version {delivery.version}: {error}"
                    self.jobs.undelivered(report_id, name, held_up, final=final, version=version)
                if not isinstance(error, Refused):
                    raise
                log.warning("report %s: %s refused it", report_id, name)
                return

    def _deliver(self, delivery: Delivery, destination: Destination) -> None:
        report_id, name, version = delivery.report_id, delivery.destination, delivery.version
        report = restored(self.store.files(report_id, version), self._recording(self._job(delivery.job_id)))
        held = self.versions.held(delivery)
        if report.withdrawn and held is None:  # nobody there can have relied on it
            self.jobs.delivered(report_id, name, NEVER_SENT, version)
            return
        self.versions.set_open(delivery, True)
        try:
            receipt = destination.deliver(report, held)
        except DeliveryError as error:
            if (
                not delivery.open
                and not isinstance(error, Unconfirmed)
                and not (isinstance(error, Refused) and error.partly)
            ):
                self.versions.set_open(delivery, False)
            raise
        self.jobs.delivered(report_id, name, receipt.reference, version, receipt.state)
        log.info("report %s: delivered to %s", report_id, name)

    def _keep(self, report: Report) -> None:
        files = renderings(report, FhirSettings(self.settings.patient_systems))
        self.store.put_report(report.id, report.version, {**files, ARCHIVE: archived(report)}, resources)

    def _made_with(self, report: Report) -> str:
        return made_with(report.reading.prediction.choice.models, self.settings)

    def _former(self, version: Version) -> int:
        known = self.versions.versions(version.report_id)
        return max(each.version for each in known if each.state == "done" and each.version < version.version)

    def _job(self, job_id: UUID) -> Job:
        job = self.jobs.job(job_id)
        if job is None:
            raise LookupError("a queued job is not in the ledger")
        return job

    def _recording(self, job: Job) -> Recording:
        return recordings(Payload(self.store.payload(job.payload_sha256)), self.settings)[job.part]


def resources(files: Mapping[str, bytes], former: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the FHIR resources of a report's files, and what becomes of those they replace: JSON by 'type/id'."""
    replaced = superseded(former[BUNDLE], files[BUNDLE]) if former else {}
    found = replaced | stored(files[BUNDLE])
    return {f"{kind}/{each}": data for (kind, each), data in found.items()}


def _code(error: Exception) -> str:
    return error.code if isinstance(error, EcgError) else type(error).__name__


def build_queue(workshop: Workshop, destinations: Mapping[str, Destination], url: str) -> App:
    """Build the procrastinate application whose tasks are the workshop's."""
    queue = App(connector=PsycopgConnector(conninfo=url))

    @queue.task(name=INTERPRET, queue=INTERPRET, retry=INTERPRETATIONS, pass_context=True)
    def interpret_task(context: JobContext, job_id: str) -> None:
        workshop.interpret(UUID(job_id), last=_is_last(context, INTERPRETATIONS))

    @queue.task(name=REVISE, queue=INTERPRET, retry=INTERPRETATIONS, pass_context=True)
    def revise_task(context: JobContext, report_id: str, version: str) -> None:
        workshop.revise(UUID(report_id), int(version), last=_is_last(context, INTERPRETATIONS))

    @queue.task(name=DELIVER, queue=DELIVER, retry=DELIVERIES, pass_context=True)
    def deliver_task(context: JobContext, report_id: str, destination: str, version: str = "1") -> None:
        last = _is_last(context, DELIVERIES)
        workshop.deliver(UUID(report_id), destinations[destination], destination, last=last, version=int(version))

    return queue


async def work(queue: App, jobs: Jobs, names: Sequence[str], concurrency: int) -> None:
    """Work until cancelled; then finish what is in hand. Jobs of workers that died are taken over.

    Each destination has a worker of its own, so that a slow one holds up no other.
    """
    async with queue.open_async():
        tasks = [_worker(queue, INTERPRET, concurrency), *(_worker(queue, f"{DELIVER}:{name}", 1) for name in names)]
        running = [asyncio.create_task(task) for task in (*tasks, _rescue(queue, jobs))]
        try:
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _worker(queue: App, name: str, concurrency: int) -> None:
    await queue.run_worker_async(
        queues=[name],
        concurrency=concurrency,
        install_signal_handlers=False,
        fetch_job_polling_interval=1.0,
        update_heartbeat_interval=HEARTBEAT,
        stalled_worker_timeout=DEAD_AFTER,
        shutdown_graceful_timeout=DRAIN,
        delete_jobs="successful",
    )


async def _rescue(queue: App, jobs: Jobs) -> None:
    """Queue again, every few seconds, what dead workers had in hand, and what the queue lost."""
    while True:
        if lost := await asyncio.to_thread(jobs.recover) + await asyncio.to_thread(Versions(jobs.database).recover):
            log.warning("%d lost jobs are queued again", lost)
        for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
            log.warning("work of a dead worker is taken over: %s", job.task_kwargs)
            await queue.job_manager.retry_job(job)
        await asyncio.sleep(DEAD_AFTER / 2)


def _is_last(context: JobContext, strategy: RetryStrategy) -> bool:
    # As RetryStrategy.get_retry_decision counts: the attempts before this one.
    return (
        context.job is not None and strategy.max_attempts is not None and context.job.attempts >= strategy.max_attempts
    )
