"""The DICOM door: a trail of who stored what through it and what was refused."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapters.dicom.commitment import CommitmentInbox
from adapters.dicom.listener import Listener, Surroundings
from ecg.errors import EcgError
from ecg.payload import Payload
from service.audit import Actor, Audit, acting
from service.intake import Intake
from service.listening import listener_settings
from service.logs import bound

DOOR: Final = "dicom"
ACTION: Final = "send ecg"


@dataclass(frozen=True)
class DicomDoor:
    """Hands to the intake what callers store. What cannot be written to the trail is not acknowledged."""

    intake: Intake
    audit: Audit

    def accept(self, payload: Payload) -> None:
        """Take a payload.

        Raises:
            PayloadError, Overloaded: it was not taken; that was written down too.
        """
        try:
            self.intake.accept(payload, datetime.now(UTC), DOOR, ACTION)
        except EcgError as error:
            self.audit.record(ACTION, outcome=error.code)
            raise

    def refused(self, reason: str) -> None:
        """Write down what the listener refused by itself."""
        self.audit.record(ACTION, outcome=reason)


def caller(title: str) -> AbstractContextManager[None]:
    """Let the trail name an AE title, which may be anyone's: what cannot be printed is left out."""
    return acting(Actor(f"ae:{''.join(each for each in title if each.isprintable()).strip()}", DOOR))


def build_listener(intake: Intake, commitments: CommitmentInbox) -> Listener:
    """Build the listener that the settings ask for, not started.

    Raises:
        SetupError: they ask for none that could be.
    """
    door = DicomDoor(intake, Audit(intake.jobs.database))
    surroundings = Surroundings(lambda number: bound(door=DOOR, association=number), caller, door.refused)
    return Listener(listener_settings(intake.settings), door.accept, commitments.put, surroundings)
