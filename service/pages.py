"""What pages are to the service: known by their bytes at the door, read once by a worker, kept as they were read."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from adapters.fhir.frame import FhirSettings
from adapters.readers import PAGES, read
from adapters.scan import wire
from adapters.scan.reader import page_digest
from ecg.errors import UnreadablePage
from ecg.payload import Payload
from ecg.recording import Patient, Recording
from ecg.report import content_id_of, identity_of
from service.settings import Settings
from service.store import Store

REFUSED: Final = f"{UnreadablePage.code}:"  # what a job's error begins with, the reason's code after it
PRINTED: Final = "printed-other-patient"  # why the ECG of a page waits in quarantine

Reading = Callable[[Payload], tuple[Recording, ...]]


def is_page(payload: Payload) -> bool:
    """Say whether a payload is a page, which a worker reads."""
    return PAGES.claims(payload)


def known_by(payload: Payload, settings: Settings) -> tuple[UUID, UUID]:
    """Return identity and content id of the first ECG on a page, as `identity` and `content_id` give them once read.

    Raises:
        TooLarge: it is larger than any page that is read.
    """
    PAGES.check(payload)
    declared, digest = payload.declared, page_digest(payload, 0)
    patient, at = declared.patient or Patient(), declared.acquired_at
    if at is not None and at.tzinfo is None and settings.zone is not None:
        at = at.replace(tzinfo=settings.zone)
    issuer = FhirSettings(settings.patient_systems).issuer_of(patient.issuer)
    named = Patient(id=patient.id, issuer=issuer)
    return identity_of(named, at, digest), content_id_of(at, digest)


def reading_of(store: Store) -> Reading:
    """Return what reads a payload without wrappings: a page once, then as it was read.

    A report, its deliveries and its later versions stand on the same samples, whatever reads pages by then.
    """

    def reading(payload: Payload) -> tuple[Recording, ...]:
        if not is_page(payload):
            return read(payload)
        held = store.traces(payload.sha256)
        found = wire.parted(held) if held else ()
        if not found:
            found = PAGES.digitised(payload)
            store.put_traces(payload.sha256, wire.gathered(found))
        return tuple(PAGES.recording(payload, part, each) for part, each in enumerate(found))

    return reading


def refusal(error: str | None) -> UnreadablePage | None:
    """Return why a page was refused, by the error that its job states; None where it states another, or none."""
    if error is None or not error.startswith(REFUSED):
        return None
    return UnreadablePage(error.removeprefix(REFUSED))
