"""Takes payloads from every listener: what it has accepted is on disk and queued before anyone is told."""

import hashlib
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from adapters import pages
from adapters.dicom import results, values
from adapters.fhir import own
from adapters.fhir.frame import FhirSettings
from adapters.readers import read, unwrapped
from ecg.errors import Overloaded
from ecg.payload import Payload
from ecg.recording import Recording, urgency
from ecg.report import content_id, identity
from service.audit import Audit
from service.declaration import digest_of, keep
from service.jobs import Job, Jobs
from service.logs import bound
from service.metrics import Door, Metrics, code_of
from service.pages import Reading, is_page, known_by
from service.settings import Settings
from service.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accepted:
    """What became of one recording: its job, and whether the same ECG had been here before.

    `source` is the digest of the payload without wrappings in which it came now, `part` its number there; `page` says
    whether that is a page, which may turn out to hold more.
    """

    job: Job
    known: bool
    source: str = ""
    part: int = 0
    page: bool = False


def recordings(payload: Payload, settings: Settings, reading: Reading = read) -> tuple[Recording, ...]:
    """Read the ECGs in a payload without wrappings: in the site's zone where they name none, issuers by its names.

    Raises:
        PayloadError: what the sender must change.
    """
    return tuple(_at_home(recording.in_zone(settings.zone), settings) for recording in reading(payload))


def _at_home(recording: Recording, settings: Settings) -> Recording:
    """Name the issuer as the site does, whichever door the ECG came by: it is part of the ECG's identity."""
    issuer = FhirSettings(settings.patient_systems).issuer_of(recording.patient.issuer)
    return replace(recording, patient=replace(recording.patient, issuer=issuer))


def own_report_id(data: bytes) -> UUID | None:
    """Return the id of the report of ours that came back, whichever the format; None where it is none. Never raises."""
    return results.own_report_id(data) or own.own_report_id(data) or pages.own_report_id(data)


@dataclass(frozen=True)
class Intake:
    """The one door behind all listeners."""

    store: Store
    jobs: Jobs
    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)

    def accept(self, payload: Payload, issued: datetime, door: Door = "http", deed: str = "") -> tuple[Accepted, ...]:
        """Read a payload, keep it, and queue a job for each ECG in it. A known ECG keeps its first job.

        What comes wrapped is kept unwrapped, each part as a payload of its own. An ECG that comes under another's name
        is kept, too, in quarantine: its job waits for an operator. Our own outputs are never input: they give no job.
        An ECG that was erased gives its job, whose state says so, and is not kept.

        Args:
            payload: what came.
            issued: when; the time of issue of its reports.
            door: by which it came.
            deed: what the audit trail calls it: written in the transaction of the jobs. '': the door writes it.

        Raises:
            PayloadError: what the sender must change.
            Overloaded: it cannot be kept now.
        """
        began, outcome, code = time.perf_counter(), "refused", ""
        try:
            accepted = self._accept(payload, issued, deed)
            outcome = _outcome(accepted)
        except Exception as error:
            code = code_of(error)
            log.info("refused", extra={"code": code})
            raise
        finally:
            seconds = time.perf_counter() - began
            self.metrics.payload(door, outcome, code, seconds)
        _tell(accepted, seconds)
        for each in accepted:
            if not each.known:
                self.metrics.tracing.accepted(each.job.id, seconds, door=door, part=each.job.part)
        return accepted

    def _accept(self, payload: Payload, issued: datetime, deed: str) -> tuple[Accepted, ...]:
        inner = [each for each in unwrapped(payload) if not self._is_own(each)]
        wanted = [job for each in inner for job in self._wanted(each, issued)]
        if wanted:
            self._check_space()
        pages = {each.sha256 for each in inner if is_page(each)}
        parts = {(each.sha256, digest_of(each)): each for each in inner}

        def keep_new(new: list[Job]) -> None:
            for part in dict.fromkeys((job.payload_sha256, job.declared) for job in new):
                keep(self.store, parts[part])

        given = self.jobs.accept(wanted, keep_new, deed)
        return tuple(
            Accepted(job, job.id != want.id, want.payload_sha256, want.part, want.payload_sha256 in pages)
            for job, want in zip(given, wanted, strict=True)
        )

    def _wanted(self, payload: Payload, issued: datetime) -> Iterator[Job]:
        """Yield a job for each ECG in a payload without wrappings; for a page, which a worker reads, one."""
        if is_page(payload):
            ids = known_by(payload, self.settings)
            yield _job(payload, 0, issued, ids, urgency(payload.declared.order))
        else:
            yield from jobs_of(payload, recordings(payload, self.settings), issued)

    def others(self, accepted: Sequence[Accepted]) -> list[Accepted]:
        """Return the further ECGs that a worker has found on pages by now, beside those that were accepted."""
        return [
            Accepted(job, each.known, each.source, job.part)
            for each in accepted
            if each.page
            for job in self.jobs.further(each.job)
        ]

    def _is_own(self, payload: Payload) -> bool:
        """Say whether it is an output of ours, and leave a trace of it."""
        if (known := own_report_id(payload.data)) is None:
            return False
        Audit(self.jobs.database).record("drop own output", str(known))
        return True

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.settings.data).free / 1e6
        if free < self.settings.least_free_mb:
            raise Overloaded(f"The disk has {free:.0f} MB left, fewer than {self.settings.least_free_mb} MB.")


def jobs_of(payload: Payload, found: Sequence[Recording], issued: datetime) -> Iterator[Job]:
    """Yield a job for each ECG that was found in a payload."""
    met = Counter[str]()
    for part, each in enumerate(found):
        alias = _alias(each)
        if alias is not None:  # several ECGs of one object: each has a name of its own
            met[alias] += 1
            alias += f"#{met[alias]}" if met[alias] > 1 else ""
        priority = urgency(each.order, payload.declared.order)
        yield replace(_job(payload, part, issued, (identity(each), content_id(each)), priority), alias=alias)


def _job(payload: Payload, part: int, issued: datetime, ids: tuple[UUID, UUID], priority: int) -> Job:
    """Return a job; `ids` are the ECG's identity and content id."""
    known_as, content = ids
    return Job(
        id=uuid4(),
        identity=known_as,
        payload_sha256=payload.sha256,
        part=part,
        accepted_at=issued,
        state="waiting",
        report_id=None,
        error=None,
        declared=digest_of(payload),
        priority=priority,
        content=content,
    )


def _alias(recording: Recording) -> str | None:
    """Return the name by which the sender knows the ECG; what should be a UID and is none, by its digest alone."""
    if (uid := recording.provenance.instance_uid) is None:
        return None
    return f"dicom:{values.unique_identifier(uid) or hashlib.sha256(uid.encode()).hexdigest()}"


def _outcome(accepted: Sequence[Accepted]) -> str:
    if not accepted:
        return "dropped"
    return "known" if all(each.known for each in accepted) else "accepted"


def _tell(accepted: Sequence[Accepted], seconds: float) -> None:
    if not accepted:
        log.info("dropped: it is a report of ours")
    for each in accepted:
        with bound(job_id=str(each.job.id)):
            more = {"part": each.job.part, "seconds": round(seconds, 4)}
            log.info("known: it has a job" if each.known else "accepted", extra=more)
