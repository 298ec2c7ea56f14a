"""What goes out: a preliminary report, known by what was read and by whom."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID, uuid5

from ecg.reading import Reading
from ecg.recording import Patient, Recording

# The root of every id we derive (RFC 9562, 5.5). Changing it would give every known ECG a new id.
NAMESPACE: Final = UUID("6f0f6f6c-2a5e-5d0b-9b7e-12eadec60001")
# The status of a report (R4 diagnostic-report-status): before a physician signs, read again, and withdrawn.
PRELIMINARY: Final = "preliminary"
AMENDED: Final = "amended"
WITHDRAWN: Final = "entered-in-error"
# Why a report may be withdrawn, by code, as the end of a sentence.
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wrong-patient": "it was issued for the wrong patient",
        "quality": "the recording or its reading is not good enough",
        "safety": "it could endanger the patient",
    }
)


@dataclass(frozen=True)
class Sentence:
    """One sentence of the report, and the ids of the values it stands on."""

    text: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """The ECG as PNG bytes; with the map of a finding, by a method, or plain."""

    name: str
    title: str
    png: bytes = field(repr=False)
    finding: str | None = None
    method: str | None = None


@dataclass(frozen=True)
class Report:
    """One report, drawn and ready to be encoded.

    `issued` is the time of acceptance, of a later version that of its request, with zone; `status` is 'preliminary'
    until a physician signs, 'amended' when it was read again, 'entered-in-error' when it was withdrawn, and then
    `reason` is one of `REASONS`; `release` is the version of the software that wrote it.
    """

    id: UUID
    version: int
    release: str
    recording: Recording
    reading: Reading
    sentences: tuple[Sentence, ...]
    pictures: tuple[Picture, ...]
    pdf: bytes = field(repr=False)
    issued: datetime
    status: str = PRELIMINARY
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.issued.tzinfo is None:
            raise ValueError("the time of issue needs a zone")
        if self.withdrawn != (self.reason in REASONS):
            raise ValueError("a report is withdrawn for one of the reasons, and no other has one")

    @property
    def withdrawn(self) -> bool:
        """Whether the report was withdrawn: it holds no finding and no picture then."""
        return self.status == WITHDRAWN


@dataclass(frozen=True)
class Amendment:
    """Which version of which report is made when a recording is read again."""

    report_id: UUID
    version: int


@dataclass(frozen=True)
class Receipt:
    """A destination's word that it holds a report, and under which reference.

    `state` is what the destination needs to know of it when the next version comes: its own text, no patient's datum.
    """

    destination: str
    reference: str
    state: str = field(default="", compare=False)


def identity(recording: Recording) -> UUID:
    """Return the id of an ECG: whose it is, when it was acquired, its decoded samples; not its bytes or lead order.

    A C-STORE changes the bytes of an object (PS3.8 leaves the transfer syntax to the association), never these. What
    was recovered from a page is known by the page instead: its samples depend on who recovers them.
    """
    return identity_of(recording.patient, recording.acquired_at, _digest(recording))


def identity_of(patient: Patient, acquired_at: datetime | None, digest: str) -> UUID:
    """Return the id of an ECG that is known by a digest."""
    return uuid5(NAMESPACE, json.dumps([patient.issuer, patient.id, *_content(acquired_at, digest)]))


def content_id(recording: Recording) -> UUID:
    """Return the id of what was recorded and when, whoever's it is: by it, another patient is told from another ECG."""
    return content_id_of(recording.acquired_at, _digest(recording))


def content_id_of(acquired_at: datetime | None, digest: str) -> UUID:
    """Return the id of what is known by a digest, whoever's it is."""
    return uuid5(NAMESPACE, json.dumps(["content", *_content(acquired_at, digest)]))


def _digest(recording: Recording) -> str:
    return recording.provenance.content or recording.waveform.digest


def _content(at: datetime | None, digest: str) -> tuple[str | None, str]:
    """Return the time of acquisition in one zone, and the digest."""
    when = (at.astimezone(UTC) if at and at.tzinfo else at).isoformat() if at else None
    return when, digest


def report_id(recording: Recording, *, models: str, release: str, settings: str = "") -> UUID:
    """Return the id of the report that these models, this release and these report settings make of a recording."""
    return uuid5(identity(recording), json.dumps([models, release, settings]))
