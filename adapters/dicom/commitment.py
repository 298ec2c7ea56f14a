"""Storage commitment as its user (PS3.4 annex J): the request, the PACS's word on it, and where that word waits."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from adapters.dicom.elements import Item
from adapters.dicom.values import unique_identifier

# PS3.4 J.3: the Push Model and its well-known instance; J.3.2.1.1: the one action type.
PUSH_MODEL: Final = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
REQUEST_COMMITMENT: Final = 1
# PS3.7 C.
SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
NO_SUCH_ARGUMENT: Final = 0x0114

MAX_WAITING: Final = 4096  # answers that nobody has taken


@dataclass(frozen=True)
class Commitment:
    """What a PACS says of one request: the SOP Instance UIDs it will keep; of the others, with its Failure Reason."""

    transaction_uid: str
    stored: tuple[str, ...] = ()
    failed: tuple[tuple[str, int], ...] = ()


class CommitmentInbox(Protocol):
    """Where answers wait for who asked. They may come on another association, at another replica, or never."""

    def put(self, commitment: Commitment) -> None:
        """Keep an answer; of two on one transaction, the later."""

    def result(self, transaction_uid: str, timeout: float) -> Commitment | None:
        """Take the answer out, waiting up to `timeout` seconds for it; None where it has not come."""


class MemoryInbox:
    """A CommitmentInbox for one process. When answers are never taken, the oldest go."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._held: OrderedDict[str, Commitment] = OrderedDict()

    def put(self, commitment: Commitment) -> None:
        """Keep an answer; of two on one transaction, the later."""
        with self._arrival:
            self._held[commitment.transaction_uid] = commitment
            while len(self._held) > MAX_WAITING:
                self._held.popitem(last=False)
            self._arrival.notify_all()

    def result(self, transaction_uid: str, timeout: float) -> Commitment | None:
        """Take the answer out, waiting up to `timeout` seconds for it; None where it has not come."""
        with self._arrival:
            self._arrival.wait_for(lambda: transaction_uid in self._held, timeout)
            return self._held.pop(transaction_uid, None)


def request(transaction_uid: str, objects: Sequence[Dataset]) -> Dataset:
    """Return the action information that asks to keep these objects (PS3.4 table J.3-1)."""
    information = Dataset()
    information.TransactionUID = transaction_uid
    information.ReferencedSOPSequence = [_reference(each) for each in objects]
    return information


def receive(event: Event, inbox: CommitmentInbox) -> tuple[int, None]:
    """Handle an N-EVENT-REPORT (PS3.4 J.3.3) on whatever association it comes: bind it to EVT_N_EVENT_REPORT."""
    commitment = answer(Item(event.event_information))
    if commitment is None:
        return NO_SUCH_ARGUMENT, None
    inbox.put(commitment)
    return SUCCESS, None


def answer(information: Item) -> Commitment | None:
    """Return the PACS's word from the event information (PS3.4 table J.3-2), None where it names no transaction."""
    if not (transaction := unique_identifier(information.text("TransactionUID"))):
        return None
    stored, failed = information.items("ReferencedSOPSequence"), information.items("FailedSOPSequence")
    return Commitment(
        transaction,
        tuple(uid for each in stored if (uid := _uid(each))),
        tuple((uid, each.integer("FailureReason") or PROCESSING_FAILURE) for each in failed if (uid := _uid(each))),
    )


def _uid(item: Item) -> str:
    return unique_identifier(item.text("ReferencedSOPInstanceUID"))


def _reference(dataset: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    return item
