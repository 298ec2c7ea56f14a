"""Takes payloads from every listener: what it has accepted is on disk and queued before anyone is told."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from adapters.dicom.results import own_report_id
from adapters.readers import read
from ecg.errors import Overloaded
from ecg.payload import Payload
from ecg.recording import Recording
from ecg.report import identity
from service.audit import Audit
from service.jobs import Job, Jobs
from service.settings import Settings
from service.store import Store


@dataclass(frozen=True)
class Accepted:
    """What became of one recording: its job, and whether the same ECG had been here before."""

    job: Job
    known: bool


def recordings(payload: Payload, settings: Settings) -> tuple[Recording, ...]:
    """Read the ECGs in a payload, in the site's zone where they name none.

    Raises:
        PayloadError: what the sender must change.
    """
    return tuple(recording.in_zone(settings.zone) for recording in read(payload))


@dataclass(frozen=True)
class Intake:
    """The one door behind all listeners."""

    store: Store
    jobs: Jobs
    settings: Settings

    def accept(self, payload: Payload, issued: datetime) -> tuple[Accepted, ...]:
        """Read a payload, keep it, and queue a job for each ECG in it. A known ECG keeps its first job.

        Our own outputs are never input: they give no job.

        Raises:
            PayloadError: what the sender must change.
            Overloaded: it cannot be kept now.
        """
        if (own := own_report_id(payload.data)) is not None:
            Audit(self.jobs.database).record("drop own output", str(own))
            return ()
        found = recordings(payload, self.settings)
        self._check_space()
        self.store.put_payload(payload.sha256, payload.data)
        wanted = [_job(payload, part, identity(each), issued) for part, each in enumerate(found)]
        given = self.jobs.accept(wanted)
        return tuple(Accepted(job, known=job.id != want.id) for job, want in zip(given, wanted, strict=True))

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.settings.data).free / 1e6
        if free < self.settings.least_free_mb:
            raise Overloaded(f"The disk has {free:.0f} MB left, fewer than {self.settings.least_free_mb} MB.")


def _job(payload: Payload, part: int, known_as: UUID, issued: datetime) -> Job:
    return Job(uuid4(), known_as, payload.sha256, part, issued, "waiting", None, None)
