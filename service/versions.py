"""The versions of a report: who asked for which, which one is made, and which a destination gets, in which order."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from ecg.errors import Conflict, UnknownReport
from ecg.report import REASONS, Receipt
from models.router import combined
from service.audit import write
from service.database import Database
from service.deliveries import Deliveries, Delivery
from service.queueing import queue_deliveries, queue_version
from service.release import RELEASE
from service.search import Indexed, enlist
from service.settings import Settings

AMENDED: Final = "amended"
WITHDRAWN: Final = "withdrawn"
NEVER_SENT: Final = "never sent"  # stands for the reference of a withdrawal where there was nothing to withdraw
UNSETTLED: Final = frozenset({"waiting", "dead"})
CONFINED: Final = frozenset({"quarantined", "discarded"})
FORMER_UNSETTLED: Final = "former-unsettled"  # why a delivery is in quarantine: what an earlier one left is not known
OF_A_REPORT: Final = (
    "select report_id, version, job_id, kind, reason, requested_at, state, made_with, error "
    "from twelvelead.version where report_id = %s order by version"
)


@dataclass(frozen=True)
class Version:
    """One version of a report. `kind` is first, amended or withdrawn; `state` is waiting, done or dead.

    `requested_at` is its time of issue; `made_with` the digest of the models, release and settings that made it.
    """

    report_id: UUID
    version: int
    job_id: UUID
    kind: str
    reason: str | None
    requested_at: datetime
    state: str
    made_with: str | None
    error: str | None


def made_with(models: str, settings: Settings) -> str:
    """Return the digest of what a report is made with: models (by their digest), release, settings that show in it."""
    shown = [models, RELEASE, settings.site_zone, sorted(settings.patient_systems.items()), settings.style.settings]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def models_of(settings: Settings) -> str:
    """Return the digest of the models and guards that would read now, by their cards alone.

    Raises:
        ModelRefused: a card is not in order.
    """
    from service.wiring import digests  # late: it loads what puts the parts together

    return combined(digest for _, digest in digests(settings))


class Versions:
    """The ledger of versions. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._deliveries = Deliveries(database)

    def amend(self, report_id: UUID, at: datetime, made_with: str, *, force: bool = False) -> Version | None:
        """Ask for the next version of a report, read again; None where what would make it has not changed.

        Raises:
            UnknownReport: there is none.
            Conflict: one is being made, the report was withdrawn, or its ECG was erased.
        """
        with self.database.transaction() as connection:
            known = self._settled(connection, report_id)
            last = next(each for each in reversed(known) if each.state == "done")
            if last.made_with == made_with and not force:
                return None
            return self._ask(connection, known[-1], (AMENDED, None), at)

    def withdraw(self, report_id: UUID, at: datetime, reason: str) -> Version:
        """Ask for the last version of a report, which says that it was withdrawn.

        Raises:
            UnknownReport: there is none.
            Conflict: a version is being made, the report was withdrawn already, or its ECG was erased.
            ValueError: that is none of the reasons.
        """
        if reason not in REASONS:
            raise ValueError("a report is withdrawn for one of the reasons")
        with self.database.transaction() as connection:
            return self._ask(connection, self._settled(connection, report_id)[-1], (WITHDRAWN, reason), at)

    def _settled(self, connection: Any, report_id: UUID) -> list[Version]:
        """Return the versions of a report none of which is being made, held against whoever asks at the same time."""
        # The job first, as whoever erases it does.
        connection.execute("select from twelvelead.job where report_id = %s for share", (report_id,))
        connection.execute(
            "select from twelvelead.version where report_id = %s and version = 1 for update", (report_id,)
        )
        known = [Version(*row) for row in connection.execute(OF_A_REPORT, (report_id,)).fetchall()]
        if not known:
            raise UnknownReport("No report of that id is kept here.")
        latest = known[-1]
        if latest.state == "waiting":
            raise Conflict(f"Version {latest.version} of this report is being made.")
        if latest.kind == WITHDRAWN and latest.state == "done":
            raise Conflict("This report was withdrawn, for good.")
        erased = "select from twelvelead.erasure where job_id = %s and payload_at is not null"
        if connection.execute(erased, (latest.job_id,)).rowcount:
            raise Conflict("The ECG of this report was erased, so that no further version of it can be made.")
        return known

    def _ask(self, connection: Any, latest: Version, what: tuple[str, str | None], at: datetime) -> Version:
        number, (kind, reason) = latest.version + 1, what
        connection.execute(
            "insert into twelvelead.version (report_id, version, job_id, kind, reason, requested_at) "
            "values (%s, %s, %s, %s, %s, %s)",
            (latest.report_id, number, latest.job_id, kind, reason, at),
        )
        queue_version(connection, latest.report_id, number)
        write(connection, f"{kind}-requested", f"{latest.report_id} {number}")
        return Version(latest.report_id, number, latest.job_id, kind, reason, at, "waiting", None, None)

    def versions(self, report_id: UUID) -> list[Version]:
        """Return all versions of a report, the first one first."""
        return self.database.rows(Version, OF_A_REPORT, (report_id,))

    def version(self, report_id: UUID, number: int) -> Version:
        """Return one version.

        Raises:
            UnknownReport: there is none.
        """
        query = "select * from twelvelead.version where report_id = %s and version = %s"
        if not (found := self.database.rows(Version, query, (report_id, number))):
            raise UnknownReport("No such version of a report is kept here.")
        return found[0]

    def listed(self, most: int = 50) -> list[Version]:
        """Return the latest version of each report, the newest first."""
        query = (
            "select * from (select distinct on (report_id) * from twelvelead.version order by report_id, version desc) "
            "as latest order by requested_at desc, report_id limit %s"
        )
        return self.database.rows(Version, query, (most,))

    def holding(self, version: Version) -> bool:
        """Record that the store is about to hold a version. False: nobody waits for it any more."""
        with self.database.transaction() as connection:
            waited_for = connection.execute(
                "select from twelvelead.job j join twelvelead.version v on v.job_id = j.id "
                "where v.report_id = %s and v.version = %s and v.state <> 'done' and j.state = 'done' for share of j",
                (version.report_id, version.version),
            ).rowcount
            if waited_for:
                connection.execute(
                    "insert into twelvelead.holding values (%s, %s) on conflict do nothing",
                    (version.report_id, version.job_id),
                )
            return bool(waited_for)

    def made(self, version: Version, resources: Sequence[Indexed] = (), made_with: str | None = None) -> None:
        """Record that a version is kept, list its resources, and queue it for each destination that has the report.

        That is one which holds or awaits it, not one for which an operator has discarded what never arrived.
        """
        key = (version.report_id, version.version)
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.version set state = 'done', made_with = %s, error = null "
                "where report_id = %s and version = %s and state <> 'done'",
                (made_with, *key),
            ).rowcount
            if not changed:
                return
            enlist(connection, resources)
            named = connection.execute(
                "insert into twelvelead.delivery (report_id, version, destination, job_id) "
                "select distinct report_id, %s::integer, destination, job_id from twelvelead.delivery "
                "where report_id = %s and (open or state not in ('discarded', 'superseded', 'erased')) "
                "returning destination",
                (version.version, version.report_id),
            ).fetchall()
            queue_deliveries(connection, *key, sorted(name for (name,) in named))

    def failing(self, version: Version, code: str, *, final: bool) -> None:
        """Record why a version could not be made; for good, nothing was issued under its number."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.version set error = %s, state = %s "
                "where report_id = %s and version = %s and state = 'waiting'",
                (code, "dead" if final else "waiting", version.report_id, version.version),
            )

    def due(self, report_id: UUID, destination: str, version: int) -> Sequence[Delivery]:
        """Return what is to be delivered now so that a destination gets this version, in order; mark what is not.

        What was never sent and has a later version is superseded. What may have arrived is settled first, so that it is
        known what the later version replaces; where only an operator can settle that, the later one waits for it too.
        """
        query = "select * from twelvelead.delivery where report_id = %s and destination = %s order by version"
        all_ = self.database.rows(Delivery, query, (report_id, destination))
        (this,) = (each for each in all_ if each.version == version)
        if this.state != "waiting":
            return ()
        later = any(each.version > version and each.state in {"waiting", "quarantined", "delivered"} for each in all_)
        earlier = [each for each in all_ if each.version < version]
        outdated = [each for each in earlier if each.state in {"waiting", "quarantined"} and not each.open]
        if later and not this.open:
            outdated.append(this)
        for each in outdated:
            self._deliveries.supersede(each)
        if this in outdated:
            return ()
        if any(each.open and each.state in CONFINED for each in earlier):
            self._deliveries.quarantined(report_id, destination, FORMER_UNSETTLED, version)
            return ()
        return (*(each for each in earlier if each.open and each.state in UNSETTLED), this)

    def held(self, delivery: Delivery) -> Receipt | None:
        """Return the receipt of what the delivery replaces at its destination, None where there is nothing."""
        query = (
            "select * from twelvelead.delivery where report_id = %s and destination = %s and version < %s "
            "and state = 'delivered' and reference <> %s order by version desc limit 1"
        )
        values = (delivery.report_id, delivery.destination, delivery.version, NEVER_SENT)
        found = self.database.rows(Delivery, query, values)
        return Receipt(delivery.destination, found[0].reference or "", found[0].kept) if found else None

    def set_open(self, delivery: Delivery, open_: bool) -> bool:
        """Record whether a delivery may have arrived: from before it is tried until it is known that it has not.

        False: there is nothing to try any more.
        """
        with self.database.transaction() as connection:
            return bool(
                connection.execute(
                    "update twelvelead.delivery set open = %s where report_id = %s and destination = %s "
                    "and version = %s and state in ('waiting', 'dead')",
                    (open_, delivery.report_id, delivery.destination, delivery.version),
                ).rowcount
            )
