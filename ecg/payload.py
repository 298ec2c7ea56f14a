"""What arrives: received bytes, and what was declared with them."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from ecg.errors import UnknownFormat
from ecg.recording import Order, Patient


@dataclass(frozen=True)
class Declared:
    """What the sender said beside the bytes: in the request, a side-car file, or the wrapper they came in.

    `fs` is in Hz, `unit` a UCUM code, `leads` the names of the leads in the order of the columns; `acquired_at` has no
    tzinfo where no zone was said.
    """

    fs: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] = ()
    patient: Patient | None = field(default=None, repr=False)
    order: Order | None = field(default=None, repr=False)
    acquired_at: datetime | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Payload:
    """Received bytes with their media type. Several files travel as one zip.

    Raises:
        UnknownFormat: there are no bytes.
    """

    data: bytes = field(repr=False)
    media_type: str = "application/octet-stream"
    declared: Declared = Declared()

    def __post_init__(self) -> None:
        if not self.data:
            raise UnknownFormat("The payload is empty: 0 bytes.")

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()
