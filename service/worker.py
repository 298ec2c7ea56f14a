"""Does the durable work: interprets what was accepted, delivers what was issued; at least once, in effect once."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final
from uuid import UUID

from procrastinate import App, JobContext, RetryDecision, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as QueueEntry

from adapters.fhir.bundle import stored, superseded
from adapters.fhir.frame import FhirSettings
from ecg.errors import DeliveryError, Overloaded, Refused, Unconfirmed, Unidentified, UnknownReport, UnreadablePage
from ecg.ports import Destination, Router
from ecg.reading import Prediction
from ecg.recording import Recording
from ecg.report import Amendment, Report
from service.archive import ARCHIVE, archived, restored
from service.compose import withdraw
from service.declaration import kept
from service.deliveries import Delivery
from service.intake import jobs_of, recordings
from service.jobs import Job, Jobs
from service.logs import bound, named
from service.metrics import Metrics, Stopwatch, code_of
from service.outages import Connector, answered, outlive
from service.pages import PRINTED, REFUSED, is_page, reading_of
from service.pipeline import interpret
from service.queueing import DELIVER, ERASE, INTERPRET, REVISE
from service.renderings import BUNDLE, renderings
from service.search import Index, Indexed
from service.settings import Settings
from service.store import Files, Store
from service.versions import NEVER_SENT, Version, Versions, made_with

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
        self.versions = Versions(jobs.database)

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
                recording = self._first_read(job)
            if recording is None:
                return
            with watch.stage("interpret"):
                style = self.settings.style
                report = interpret(recording, router=self.router, issued=job.accepted_at, style=style)
            held = self._kept(report, watch, partial(self.jobs.holding, job_id, report.id))
        except UnreadablePage as error:  # a page stays what it is: no repeat would read it
            self._refused(job_id, error)
            return
        except Exception as error:
            self.jobs.failing(job_id, code_of(error), final=self._failed(error, watch, last=last))
            raise
        if held is None:
            return
        self.jobs.interpreted(job_id, report.id, held, self._made_with(report))
        self.metrics.interpreted(report.reading.prediction)
        self.metrics.reported(job.accepted_at)
        with bound(report_id=str(report.id)):
            log.info("interpreted", extra={"seconds": watch.seconds, **_routed(report.reading.prediction)})

    def _first_read(self, job: Job) -> Recording | None:
        """Read an ECG; of a page, let the further ones have jobs too. None: it waits for an operator now."""
        payload = kept(self.store, job.payload_sha256, job.declared)
        found = recordings(payload, self.settings, reading_of(self.store))
        if len(found) > 1 and is_page(payload) and job.part == 0:
            self.jobs.accept([each for each in jobs_of(payload, found, job.accepted_at) if each.part])
        recording = found[job.part]
        if recording.provenance.contradicted and self.jobs.quarantine(job.id, PRINTED):
            log.warning("in quarantine", extra={"code": PRINTED})
            return None
        return recording

    def _refused(self, job_id: UUID, error: UnreadablePage) -> None:
        """Record that there is no ECG to be read on a page. That is an answer, and no failure of ours."""
        self.jobs.refuse(job_id, f"{REFUSED}{error.reason}")
        self.metrics.refused(error)
        log.info("refused", extra={"code": error.code, "reason": error.reason})

    def revise(self, report_id: UUID, number: int, *, last: bool) -> None:
        """Make a later version of a report that was asked for, and keep it. Twice does no harm.

        Raises:
            Exception: whatever went wrong, after it was recorded; for good if this was the `last` attempt.
        """
        try:
            version = self.versions.version(report_id, number)
        except UnknownReport:  # it was erased since
            return
        if version.state == "done":
            return
        watch = self.metrics.stopwatch()
        kind = "amend" if version.reason is None else "withdraw"
        with bound(job_id=str(version.job_id)), self.metrics.tracing.span(version.job_id, kind, version=number):
            try:
                with watch.stage("read"):
                    recording = self._recording(self._job(version.job_id))
                with watch.stage("interpret"):
                    report = self._next(version, recording)
                held = self._kept(report, watch, partial(self.versions.holding, version))
            except Exception as error:
                self.versions.failing(version, code_of(error), final=self._failed(error, watch, last=last))
                raise
            if held is None:
                return
            self.versions.made(version, held, self._made_with(report))
            if not report.withdrawn:
                self.metrics.interpreted(report.reading.prediction)
            routed = {} if report.withdrawn else _routed(report.reading.prediction)
            log.info("withdrawn" if report.withdrawn else "amended", extra={"seconds": watch.seconds, **routed})

    def _next(self, version: Version, recording: Recording) -> Report:
        style = self.settings.style
        if version.reason is None:
            amendment, at = Amendment(version.report_id, version.version), version.requested_at
            return interpret(recording, router=self.router, issued=at, amendment=amendment, style=style)
        known = self.versions.versions(version.report_id)
        former = max(each.version for each in known if each.state == "done" and each.version < version.version)
        held = restored(self.store.files(version.report_id, former), recording)
        return withdraw(held, version.version, version.requested_at, version.reason, style)

    def _kept(self, report: Report, watch: Stopwatch, holding: Callable[[], bool]) -> list[Indexed] | None:
        """Keep a report once it is recorded that the store is `holding` it; return what is to be listed of it.

        None: it is not waited for any more, and not kept.
        """
        with watch.stage("render"):
            files = renderings(report, FhirSettings(self.settings.patient_systems), self.settings.style)
        with watch.stage("store"):
            if not holding():
                return None
            made = self.store.put_report(report.id, report.version, {**files, ARCHIVE: archived(report)}, resources)
        return Index(self.jobs.database, self.settings.zone).rows(report.id, report.version, made)

    def _failed(self, error: Exception, watch: Stopwatch, *, last: bool) -> bool:
        """Count and log a failure, and say whether it is for good."""
        # What is merely away costs no ECG its report: the ledger keeps it waiting, and it is queued again.
        final = last and not isinstance(error, Overloaded)
        self.metrics.not_interpreted(error, final=final)
        log.warning("not interpreted", extra={"error": named(error), "code": code_of(error), "seconds": watch.seconds})
        return final

    def _made_with(self, report: Report) -> str:
        return made_with(report.reading.prediction.choice.models, self.settings)

    def deliver(self, report_id: UUID, destination: Destination, name: str, *, last: bool, version: int = 1) -> None:
        """Deliver one kept version of a report to one destination. Destinations are idempotent: twice does no harm.

        Raises:
            DeliveryError: it may be tried again; it was recorded. A refusal is recorded for good, a patient that
                cannot be matched goes into quarantine: both raise nothing.
        """
        due = self.versions.due(report_id, name, version)
        for delivery in due:
            traced = self.metrics.tracing.span(
                delivery.job_id, "deliver", destination=name, version=delivery.version, attempt=delivery.attempts + 1
            )
            with bound(job_id=str(delivery.job_id), report_id=str(report_id), destination=name):
                try:
                    with traced:
                        self._deliver(delivery, destination)
                except DeliveryError as error:
                    self._undelivered(delivery, error, last=last)
                    if delivery != due[-1]:
                        self._undelivered(due[-1], error, last=last, held_up_by=delivery)
                    if not isinstance(error, Refused):
                        raise
                    return
                except Exception as error:
                    # What is merely away comes back. Anything else is ours, and a repeat would end as this one did.
                    if not isinstance(error, Overloaded):
                        for each in {delivery.version, version}:
                            self.jobs.undelivered(report_id, name, code_of(error), final=True, version=each)
                    raise

    def _deliver(self, delivery: Delivery, destination: Destination) -> None:
        report_id, name, version = delivery.report_id, delivery.destination, delivery.version
        report = restored(self.store.files(report_id, version), self._recording(self._job(delivery.job_id)))
        held = self.versions.held(delivery)
        if report.withdrawn and held is None:  # nobody there can have relied on it
            self.jobs.delivered(report_id, name, NEVER_SENT, version)
            return
        if not self.versions.set_open(delivery, True):  # a later version has taken its place
            return
        try:
            with self.metrics.delivering(name, report.issued):
                receipt = destination.deliver(report, held)
        except DeliveryError as error:
            partly = isinstance(error, Unconfirmed) or (isinstance(error, Refused) and error.partly)
            if not delivery.open and not partly:
                self.versions.set_open(delivery, False)
            raise
        self.jobs.delivered(report_id, name, receipt.reference, version, receipt.state)
        log.info("delivered")

    def _undelivered(
        self, delivery: Delivery, error: DeliveryError, *, last: bool, held_up_by: Delivery | None = None
    ) -> None:
        """Record why a delivery failed, or that of an earlier version which must come before it."""
        key, version = (delivery.report_id, delivery.destination), delivery.version
        if isinstance(error, Unidentified):
            self.jobs.quarantined(*key, str(error), version)
            said = "in quarantine"
        else:
            why = f"version {held_up_by.version}: {error}" if held_up_by else str(error)
            self.jobs.undelivered(*key, why, final=last or isinstance(error, Refused), version=version)
            said = "refused by the destination" if isinstance(error, Refused) else "not delivered"
        if held_up_by is None:
            code = str(error) if isinstance(error, Unidentified) else error.code
            log.warning(said, extra={"error": named(error), "code": code})

    def _job(self, job_id: UUID) -> Job:
        job = self.jobs.job(job_id)
        if job is None:
            raise LookupError("a queued job is not in the ledger")
        return job

    def _recording(self, job: Job) -> Recording:
        payload = kept(self.store, job.payload_sha256, job.declared)
        return recordings(payload, self.settings, reading_of(self.store))[job.part]


def _routed(prediction: Prediction) -> dict[str, Any]:
    """Return what a log line says of the router's choice: the arm, who declined before it and why, by codes."""
    choice, abstention = prediction.choice, prediction.abstention
    declined = [f"{each.arm}: {each.code}" for each in choice.declined]
    return {"arm": choice.arm, "declined": declined, "abstention": abstention.code if abstention else None}


def resources(files: Files, former: Files) -> dict[str, bytes]:
    """Return the FHIR resources of a report's files, and what becomes of those they replace: JSON by 'type/id'."""
    replaced = superseded(former[BUNDLE], files[BUNDLE]) if former else {}
    found = replaced | stored(files[BUNDLE])
    return {f"{kind}/{each}": data for (kind, each), data in found.items()}


def build_queue(workshop: Workshop, destinations: Mapping[str, Destination], url: str) -> App:
    """Build the procrastinate application whose tasks are the workshop's."""
    queue = App(connector=Connector(url))

    @queue.task(name=INTERPRET, queue=INTERPRET, retry=INTERPRETATIONS, pass_context=True)
    def interpret_task(context: JobContext, job_id: str) -> None:
        attempt = _attempt(context)
        traced = workshop.metrics.tracing.span(UUID(job_id), "interpret", attempt=attempt)
        with bound(job_id=job_id, attempt=attempt), traced:
            workshop.interpret(UUID(job_id), last=_is_last(context, INTERPRETATIONS))

    @queue.task(name=REVISE, queue=INTERPRET, retry=INTERPRETATIONS, pass_context=True)
    def revise_task(context: JobContext, report_id: str, version: str) -> None:
        with bound(report_id=report_id, attempt=_attempt(context)):
            workshop.revise(UUID(report_id), int(version), last=_is_last(context, INTERPRETATIONS))

    @queue.task(name=DELIVER, queue=DELIVER, retry=DELIVERIES, pass_context=True)
    def deliver_task(context: JobContext, report_id: str, destination: str, version: str = "1") -> None:
        last = _is_last(context, DELIVERIES)
        with bound(attempt=_attempt(context)):
            workshop.deliver(UUID(report_id), destinations[destination], destination, last=last, version=int(version))

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
