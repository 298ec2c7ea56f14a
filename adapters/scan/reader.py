"""Reads pages: PDFs, scans and photographs of printed ECGs."""

from dataclasses import dataclass, field
from typing import Final

from adapters.pages import MAX_BYTES, own_report_id, page_kind
from adapters.scan.apart import START, digitised
from adapters.scan.nouns import Digitised
from adapters.scan.printed import patient_ids, plain
from adapters.scan.sandbox import Sandbox
from ecg.errors import TooLarge, UnreadablePage
from ecg.payload import Payload
from ecg.recording import Order, Patient, Provenance, Recording, Waveform

FS: Final = 500.0  # Hz, of what is digitised


@dataclass(frozen=True)
class PageReader:
    """Digitises every page with an ECG. Whose it is the sender says; what is printed is never believed.

    Attributes:
        name: of the format.
        own: whether our own reports are read, too, as a test of the way there and back wants it.
        sandbox: where it is done.
    """

    name: str = "Page"
    own: bool = False
    sandbox: Sandbox = field(default_factory=lambda: Sandbox(START), repr=False, compare=False)

    def claims(self, payload: Payload) -> bool:
        """Claim PDF, PNG, JPEG, TIFF and BMP."""
        return page_kind(payload.data) is not None

    def check(self, payload: Payload) -> None:
        """Do what can be done without reading it.

        Raises:
            TooLarge: it is larger than any page that is read.
        """
        if len(payload.data) > MAX_BYTES:
            raise TooLarge(f"A page of at most {MAX_BYTES // 1_000_000} MB is read.")

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Return the ECG of each page that shows one.

        Raises:
            UnreadablePage: none does, or one cannot be read surely.
        """
        return tuple(self.recording(payload, part, each) for part, each in enumerate(self.digitised(payload)))

    def digitised(self, payload: Payload) -> tuple[Digitised, ...]:
        """Return what each page with an ECG gave.

        Raises:
            UnreadablePage: as `read`.
        """
        if not self.own and own_report_id(payload.data) is not None:
            raise UnreadablePage("own-report")
        return tuple(found for _, found in digitised(self.sandbox, payload.data))

    def recording(self, payload: Payload, part: int, found: Digitised) -> Recording:
        """Return the recording of what was found, with what was declared of it."""
        declared = payload.declared
        return Recording(
            waveform=Waveform(found.signal, found.leads, FS),
            provenance=Provenance(
                self.name,
                digitised=True,
                scale_assumed=found.scale_assumed,
                page=found.evidence,
                content=page_digest(payload, part),
                contradicted=_contradicts(found, declared.patient),
            ),
            patient=declared.patient or Patient(),
            order=declared.order or Order(),
            acquired_at=declared.acquired_at,
        )


def page_digest(payload: Payload, part: int) -> str:
    """Return by what a page's ECG is known: the page's bytes, since the samples depend on who recovers them."""
    return f"page:{payload.sha256}:{part}"


def _contradicts(found: Digitised, patient: Patient | None) -> bool:
    """Say whether the page surely prints another patient's id than the declared one."""
    printed = patient_ids(found.words)
    return bool(printed and patient and patient.id and plain(patient.id) not in printed)
