"""What an operator must look at before it goes on: ECGs that come under another's name, patients nobody can match."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from ecg.errors import AlreadyResolved
from service.jobs import Jobs

# Why something is discarded: a code, since free text would sooner or later name a patient.
Grounds = Literal["wrong-patient", "duplicate", "test-recording", "sent-otherwise", "not-needed"]
GROUNDS: Final[tuple[str, ...]] = get_args(Grounds)

# The other ECG is the one whose alias this one came under.
_ENTRIES: Final = (
    "select q.*, j.payload_sha256, j.part, j.alias, o.id as other_job_id from twelvelead.quarantine q "
    "join twelvelead.job j on j.id = q.job_id left join twelvelead.alias a on a.alias = j.alias "
    "left join twelvelead.job o on o.identity = a.identity and o.id <> j.id "
)


@dataclass(frozen=True)
class Entry:
    """A job in quarantine, or a delivery of its report: ids, codes and times alone.

    `version` is that of the report which is delivered. `resolution` is None, 'released' or 'discarded'; `grounds` says
    why it was discarded. `other_job_id` is the job that has the alias, where another has.
    """

    id: UUID
    job_id: UUID
    report_id: UUID | None
    destination: str | None
    version: int | None
    reason: str
    since: datetime
    resolution: str | None
    grounds: str | None
    resolved_at: datetime | None
    payload_sha256: str
    part: int
    alias: str | None
    other_job_id: UUID | None


@dataclass(frozen=True)
class Quarantine:
    """The quarantine of a ledger."""

    jobs: Jobs

    def listed(self, most: int = 50) -> list[Entry]:
        """Return what waits for an operator, oldest first."""
        query = _ENTRIES + "where q.resolution is null order by q.since, q.id limit %s"
        return self.jobs.database.rows(Entry, query, (most,))

    def entry(self, entry_id: UUID) -> Entry | None:
        """Return an entry, resolved or not, or None where there is none."""
        found = self.jobs.database.rows(Entry, _ENTRIES + "where q.id = %s", (entry_id,))
        return found[0] if found else None

    def release(self, entry: Entry) -> None:
        """Let it go on: an ECG is interpreted as one of its own, a delivery is tried again. It is audited.

        Raises:
            AlreadyResolved: somebody was quicker.
        """
        self._resolve(entry, "released", None)

    def discard(self, entry: Entry, grounds: str) -> None:
        """Keep it, and never deliver it. It is audited.

        Raises:
            AlreadyResolved: somebody was quicker.
            ValueError: the grounds are none of GROUNDS.
        """
        if grounds not in GROUNDS:
            raise ValueError("these are no grounds")
        self._resolve(entry, "discarded", grounds)

    def _resolve(self, entry: Entry, resolution: str, grounds: str | None) -> None:
        if not self.jobs.resolve(entry.id, resolution, grounds):
            raise AlreadyResolved
