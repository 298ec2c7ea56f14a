"""Where a PACS's word on storage commitment waits for who asked, whichever replica of the listener it reached."""

import time
from dataclasses import dataclass
from typing import Final

from adapters.dicom.commitment import MAX_WAITING, Commitment
from service.database import Database

KEPT: Final = "1 day"  # a delivery whose word comes later asks again
POLL: Final = 0.1  # seconds

_PUT: Final = (
    "insert into twelvelead.commitment (transaction_uid, stored, failed, reasons) values (%s, %s, %s, %s) "
    "on conflict (transaction_uid) do update set stored = excluded.stored, failed = excluded.failed, "
    "reasons = excluded.reasons, arrived_at = now()"
)
_SWEEP: Final = (
    "delete from twelvelead.commitment where arrived_at < now() - %s::interval or transaction_uid in "
    "(select transaction_uid from twelvelead.commitment order by arrived_at desc, transaction_uid offset %s)"
)
_TAKE: Final = "delete from twelvelead.commitment where transaction_uid = %s returning stored, failed, reasons"


@dataclass(frozen=True)
class _Word:
    stored: list[str]
    failed: list[str]
    reasons: list[int]


class DatabaseInbox:
    """A CommitmentInbox for all processes on one database. What nobody takes vanishes after a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, commitment: Commitment) -> None:
        """Keep an answer; of two on one transaction, the later.

        Raises:
            Overloaded: the database does not answer.
        """
        failed, reasons = [uid for uid, _ in commitment.failed], [reason for _, reason in commitment.failed]
        with self._database.transaction() as connection:
            connection.execute(_PUT, (commitment.transaction_uid, list(commitment.stored), failed, reasons))
            connection.execute(_SWEEP, (KEPT, MAX_WAITING))

    def result(self, transaction_uid: str, timeout: float) -> Commitment | None:
        """Take the answer out, waiting up to `timeout` seconds for it; None where it has not come.

        Raises:
            Overloaded: the database does not answer.
        """
        end = time.monotonic() + timeout
        while True:
            if words := self._database.rows(_Word, _TAKE, (transaction_uid,)):
                word = words[0]
                failed = tuple(zip(word.failed, word.reasons, strict=True))
                return Commitment(transaction_uid, tuple(word.stored), failed)
            if time.monotonic() >= end:
                return None
            time.sleep(min(POLL, timeout))
