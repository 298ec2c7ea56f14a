"""Takes payloads from every listener: reads them, reports on them, keeps what came out before anyone is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from adapters.fhir.bundle import stored
from adapters.fhir.frame import FhirSettings
from adapters.readers import read
from ecg.payload import Payload
from ecg.ports import Router
from ecg.recording import Recording
from ecg.report import identity
from service.pipeline import interpret
from service.renderings import BUNDLE, renderings
from service.settings import Settings
from service.store import Store


@dataclass(frozen=True)
class Accepted:
    """What became of one recording: its report, and whether the same ECG had been here before."""

    report_id: UUID
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

    router: Router
    store: Store
    settings: Settings

    def accept(self, payload: Payload, issued: datetime) -> tuple[Accepted, ...]:
        """Read a payload and return the reports on its ECGs, all of them kept. A known ECG keeps its first report.

        Raises:
            PayloadError: what the sender must change.
            Overloaded: it cannot be kept now.
        """
        return tuple(self._accept(recording, issued) for recording in recordings(payload, self.settings))

    def _accept(self, recording: Recording, issued: datetime) -> Accepted:
        known_as = identity(recording)
        first = self.store.report_of(known_as)
        if first is not None:
            return Accepted(first, known=True)
        report = interpret(recording, router=self.router, issued=issued)
        files = renderings(report, FhirSettings(self.settings.patient_systems))
        self.store.put(known_as, report.id, files, _resources)
        # Another worker may have been quicker with the same ECG: its report stands.
        stands = self.store.report_of(known_as) or report.id
        return Accepted(stands, known=stands != report.id)


def _resources(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{kind}/{each}": data for (kind, each), data in stored(files[BUNDLE]).items()}
