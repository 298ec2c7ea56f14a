"""Deliver reports to a PACS: C-STORE of their objects, then storage commitment."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from ssl import SSLContext, TLSVersion, create_default_context
from typing import Final
from uuid import uuid5

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association

from adapters.dicom.codes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from adapters.dicom.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
    Commitment,
    CommitmentInbox,
    receive,
    request,
)
from adapters.dicom.outgoing import PARTS
from adapters.dicom.rejection import succeeding
from adapters.dicom.results import ALL
from ecg.errors import DeliveryError, Refused, Unconfirmed, Unreachable
from ecg.report import Receipt, Report

# PS3.4 table B.2-1 and PS3.7 C: success and warnings mean stored. So does Duplicate SOP Instance, which some PACS
# answer to a repeat: under one UID we always send the same.
SUCCESS: Final = 0x0000
STORED: Final = frozenset({SUCCESS, 0x0001, 0x0107, 0x0111, 0x0116, *range(0xB000, 0xC000)})
# Out of resources (A7xx), Processing Failure, Resource Limitation: another time it may be taken.
LATER: Final = frozenset({0x0110, 0x0213, *range(0xA700, 0xA800)})
# PS3.3 C.14, Failure Reason: SOP Class Not Supported, Class/Instance Conflict. The others pass with a repeat.
FOR_GOOD: Final = frozenset({0x0122, 0x0119})
VERIFICATION: Final = "1.2.840.10008.1.1"  # PS3.4 A.4
# PS3.8 9.3.4, Result of A-ASSOCIATE-RJ.
REJECTED_FOR_GOOD: Final = 1


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait: for a connection, an association, a DIMSE response, and the word on a commitment.

    `linger` is how long the association stays open for a PACS that gives its word on it.
    """

    connect: float = 10.0
    associate: float = 10.0
    response: float = 60.0
    commitment: float = 60.0
    linger: float = 2.0


@dataclass(frozen=True)
class PacsSettings:
    """Where a PACS is and what it calls itself and us.

    Attributes:
        commitment: whether a report counts as delivered only when the PACS has committed to keep it.
        tls: how to prove the PACS's identity, and ours; None for plain DICOM.
        parts: which objects of a report it gets.

    Raises:
        ValueError: an AE title or the port is none.
    """

    host: str
    port: int
    ae_title: str
    own_ae_title: str = "TWELVELEAD"
    timeouts: Timeouts = Timeouts()
    commitment: bool = True
    tls: SSLContext | None = field(default=None, repr=False)
    parts: tuple[str, ...] = ALL

    def __post_init__(self) -> None:
        # PS3.5 6.2, AE: at most 16 characters, no backslash or control character, not only spaces.
        for title in (self.ae_title, self.own_ae_title):
            if not re.fullmatch(r"(?=.*[^ ])[ -\[\]-~]{1,16}", title):
                raise ValueError("an AE title has 1 to 16 printable ASCII characters, no backslash")
        if not 0 < self.port < 65536:
            raise ValueError("a port lies between 1 and 65535")

    @property
    def classes(self) -> tuple[str, ...]:
        """The SOP classes of what it gets of every report."""
        return tuple(PARTS[part] for part in self.parts)


def tls_context(authority: Path, certificate: Path | None = None, key: Path | None = None) -> SSLContext:
    """Return how to speak to a PACS whose certificate `authority` signed (PS3.15 B.12, BCP 195: TLS 1.2 or newer).

    Raises:
        OSError: a file is missing or holds no certificate or key (ssl.SSLError is one).
    """
    context = create_default_context(cafile=authority)
    context.minimum_version = TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


@dataclass(frozen=True)
class PacsDestination:
    """A PACS. A repeat carries the same UIDs, by which it leaves one copy.

    Answers to commitment requests come through `inbox`: what arrives on our own association is put there too.
    """

    name: str
    settings: PacsSettings
    inbox: CommitmentInbox

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        """Store the report's objects and have them committed; the receipt names their SOP Instance UIDs.

        Where an earlier version is `held`, a rejection note on its objects follows them; a withdrawal is that alone.

        Raises:
            Unreachable: nothing was stored, try again.
            Unconfirmed: something may have been stored, or is not committed yet, try again.
            Refused: the PACS will not take it, or the recording names no study.
        """
        objects = succeeding(report, held, self.settings.parts)
        classes = tuple(dict.fromkeys((*self.settings.classes, *(str(each.SOPClassUID) for each in objects))))
        if not objects:
            return receipt(self.name, objects)
        if not self.settings.commitment:
            with self._association(classes) as association:
                self._store(association, objects)
        elif not self.committed_already(report, objects):
            with self._association((*classes, PUSH_MODEL)) as association:
                self._store(association, objects)
                word = self._asked(association, report, objects)
            self._confirm(word, report, objects)
        return receipt(self.name, objects)

    def committed_already(self, report: Report, objects: Sequence[Dataset]) -> bool:
        """Say whether the word on an earlier try has come late, and is good. If it is not good, it is spent."""
        early = self.inbox.result(self._transaction(report), 0.0)
        return early is not None and {str(each.SOPInstanceUID) for each in objects} <= set(early.stored)

    def commit(self, report: Report, objects: Sequence[Dataset]) -> None:
        """Have objects committed that are stored by another way.

        Raises:
            Unreachable: it could not be asked, try again.
            Unconfirmed: they are not committed yet, try again.
            Refused: the PACS will not commit.
        """
        with self._association((PUSH_MODEL,)) as association:
            word = self._asked(association, report, objects)
        self._confirm(word, report, objects)

    def check(self) -> None:
        """Ask the PACS for an echo (PS3.4 annex A).

        Raises:
            Unreachable: it gives none, for now.
            Refused: it rejects us for good, or does not take what is to be sent.
        """
        wanted = (VERIFICATION, *self.settings.classes, *([PUSH_MODEL] if self.settings.commitment else []))
        with self._association(wanted) as association:
            status = association.send_c_echo().get("Status")
        if status != SUCCESS:
            raise Unreachable("The PACS does not answer to C-ECHO with Success.")

    @contextmanager
    def _association(self, wanted: Sequence[str]) -> Iterator[Association]:
        """Hold an association on which the PACS takes all the SOP classes that are `wanted`.

        Raises:
            Unreachable: there is none, for now.
            Refused: the PACS rejects it for good, or does not take a SOP class.
        """
        settings, times = self.settings, self.settings.timeouts
        entity = AE(settings.own_ae_title)
        entity.connection_timeout, entity.acse_timeout = times.connect, times.associate
        entity.dimse_timeout, entity.network_timeout = times.response, times.response + times.linger
        for each in wanted:
            entity.add_requested_context(each, [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
        try:
            association = entity.associate(
                settings.host,
                settings.port,
                ae_title=settings.ae_title,
                tls_args=(settings.tls, settings.host) if settings.tls else None,
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, partial(_limit, seconds=times.response)),
                    (evt.EVT_N_EVENT_REPORT, partial(receive, inbox=self.inbox)),
                ],
            )
        except OSError as error:  # a host name that cannot be resolved
            raise Unreachable(f"The PACS was not found ({type(error).__name__}).") from error
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        missing = [UID(each).name for each in wanted if each not in accepted]
        try:
            if association.rejected_contexts and missing:
                raise Refused(f"The PACS does not take {', '.join(missing)}.")
            if not association.is_established:
                raise _not_established(association)
            yield association
        finally:
            association.release()  # nothing happens where it is not established

    def _store(self, association: Association, objects: Sequence[Dataset]) -> None:
        """Send the objects by C-STORE (PS3.4 annex B)."""
        for count, each in enumerate(objects):
            what = UID(each.SOPClassUID).name
            try:
                status = association.send_c_store(each).get("Status")
            except RuntimeError as error:  # there is no association any more
                lost = f"The association was lost before {what}."
                raise (Unconfirmed(lost) if count else Unreachable(lost)) from error
            if status is None:
                raise Unconfirmed(f"The PACS did not answer to {what}.")
            if status not in STORED:
                raise not_stored(what, status, partly=count > 0)

    def _asked(self, association: Association, report: Report, objects: Sequence[Dataset]) -> Commitment | None:
        """Ask for storage commitment by N-ACTION (PS3.4 J.3.2), and return the word if it comes at once."""
        transaction = self._transaction(report)
        asking = request(transaction, objects)
        try:
            held, _ = association.send_n_action(asking, REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        except RuntimeError as error:  # there is no association any more
            raise Unconfirmed("The association was lost before storage commitment.") from error
        status = held.get("Status")
        if status is None:
            raise Unconfirmed("The PACS did not answer to the request for storage commitment.")
        if status in LATER:
            raise Unconfirmed(f"The PACS cannot commit now (status 0x{status:04X}).")
        if status not in STORED:
            raise Refused(f"The PACS refuses storage commitment (status 0x{status:04X}).", partly=True)
        return self.inbox.result(transaction, self.settings.timeouts.linger)

    def _confirm(self, word: Commitment | None, report: Report, objects: Sequence[Dataset]) -> None:
        """Wait for the word if there is none yet, and hold it against what was sent."""
        word = word or self.inbox.result(self._transaction(report), self.settings.timeouts.commitment)
        _confirm(word, [str(each.SOPInstanceUID) for each in objects])

    def _transaction(self, report: Report) -> str:
        """Return the transaction UID: a repeat asks under the same."""
        return f"2.25.{uuid5(report.id, f'commitment-{report.version}-{self.name}').int}"


def receipt(name: str, objects: Sequence[Dataset]) -> Receipt:
    """Return what proves the delivery: the objects' SOP Instance UIDs."""
    return Receipt(name, " ".join(str(each.SOPInstanceUID) for each in objects))


def not_stored(what: str, status: int, *, partly: bool) -> DeliveryError:
    """Return what it means that a PACS gave a status that is not among STORED; `partly`: it has stored others."""
    if status in LATER:
        busy = f"The PACS cannot take {what} now (status 0x{status:04X})."
        return Unconfirmed(busy) if partly else Unreachable(busy)
    return Refused(f"The PACS refuses {what} (status 0x{status:04X}).", partly=partly)


def _limit(event: evt.Event, seconds: float) -> None:
    """Bound each write: pynetdicom waits for ever for a peer that reads nothing more, its own timeouts too."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.settimeout(seconds)


def _confirm(word: Commitment | None, uids: Sequence[str]) -> None:
    """Hold the PACS's word against what was sent.

    Raises:
        Unconfirmed: there is no word yet, or none on each object, or a failure that a repeat may mend.
        Refused: it will never keep one of them.
    """
    if word is None:
        raise Unconfirmed("The PACS has not committed to keep the report in time.")
    if set(uids) <= set(word.stored):
        return
    reasons = sorted({reason for uid, reason in word.failed if uid in uids})
    said = ", ".join(f"0x{each:04X}" for each in reasons) or "none given"
    if FOR_GOOD.intersection(reasons):
        raise Refused(f"The PACS will not keep the report (failure reason {said}).", partly=True)
    raise Unconfirmed(f"The PACS has not committed to keep all of the report (failure reason {said}).")


def _not_established(association: Association) -> DeliveryError:
    """Return what it means that there is no association."""
    rejection = association.acceptor.primitive
    if not association.is_rejected or rejection is None:
        return Unreachable("The PACS cannot be reached, or does not answer as one.")
    said = f"result {rejection.result}, source {rejection.result_source}, reason {rejection.diagnostic}"
    kind = Refused if rejection.result == REJECTED_FOR_GOOD else Unreachable
    return kind(f"The PACS rejects the association ({said}).")
