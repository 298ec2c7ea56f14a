"""The part of the ledger that tells where each version of a report goes or went, and what became of it there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from service.audit import write
from service.database import Database


@dataclass(frozen=True)
class Delivery:
    """One version of a report on its way to a destination.

    `state` is waiting, delivered, dead, quarantined, discarded, superseded or erased. `open` says that it may have
    arrived without our knowing; `kept` is the destination's note to its receipt.
    """

    report_id: UUID
    version: int
    destination: str
    job_id: UUID
    state: str
    attempts: int
    reference: str | None
    error: str | None
    open: bool
    kept: str


class Deliveries:
    """The ledger of deliveries. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def deliveries(self, job_id: UUID) -> list[Delivery]:
        """Return where a job's report goes or went."""
        return self.database.rows(
            Delivery, "select * from twelvelead.delivery where job_id = %s order by destination, version", (job_id,)
        )

    def delivery(self, report_id: UUID, destination: str, version: int = 1) -> Delivery:
        """Return one delivery."""
        query = "select * from twelvelead.delivery where report_id = %s and destination = %s and version = %s"
        return self.database.rows(Delivery, query, (report_id, destination, version))[0]

    def delivered(self, report_id: UUID, destination: str, reference: str, version: int = 1, kept: str = "") -> None:
        """Record a receipt."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.delivery set state = 'delivered', reference = %s, kept = %s, error = null, "
                "attempts = attempts + 1, open = false where report_id = %s and destination = %s and version = %s",
                (reference, kept, report_id, destination, version),
            )
            write(connection, "deliver", _named(report_id, destination, version), "delivered")

    def undelivered(self, report_id: UUID, destination: str, error: str, *, final: bool, version: int = 1) -> None:
        """Record why a delivery failed; for good, it becomes a dead letter."""
        with self.database.transaction() as connection:
            connection.execute(
                "update twelvelead.delivery set state = %s, error = %s, attempts = attempts + 1 "
                "where report_id = %s and destination = %s and version = %s and state in ('waiting', 'dead')",
                ("dead" if final else "waiting", error, report_id, destination, version),
            )
            named = _named(report_id, destination, version)
            write(connection, "deliver", named, "dead" if final else "failed")

    def quarantined(self, report_id: UUID, destination: str, code: str, version: int = 1) -> None:
        """Record that a delivery waits for an operator. Twice does no harm."""
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.delivery set state = 'quarantined', error = %s, attempts = attempts + 1 "
                "where report_id = %s and destination = %s and version = %s "
                "and state in ('waiting', 'dead') returning job_id",
                (code, report_id, destination, version),
            ).fetchone()
            if changed:
                confine(connection, changed[0], code, (report_id, destination, version))

    def supersede(self, delivery: Delivery) -> None:
        """Record that a version is never sent, since a later one is; nobody need look at it any more."""
        one = (delivery.report_id, delivery.destination, delivery.version)
        with self.database.transaction() as connection:
            changed = connection.execute(
                "update twelvelead.delivery set state = 'superseded', error = null "
                "where report_id = %s and destination = %s and version = %s "
                "and state in ('waiting', 'quarantined') and not open",
                one,
            ).rowcount
            settled = connection.execute(
                "update twelvelead.quarantine set resolution = 'discarded', grounds = 'superseded', "
                "resolved_at = now() where report_id = %s and destination = %s and version = %s "
                "and resolution is null returning id",
                one,
            )
            for (entry_id,) in settled if changed else ():
                write(connection, "quarantine-discarded", f"{entry_id} superseded")


def confine(
    connection: Any,
    job_id: UUID,
    reason: str,
    delivery: tuple[UUID | None, str | None, int | None] = (None, None, None),
) -> None:
    """Put a job, or a delivery of its report, into quarantine, within the caller's transaction."""
    connection.execute(
        "insert into twelvelead.quarantine (job_id, report_id, destination, version, reason) "
        "values (%s, %s, %s, %s, %s)",
        (job_id, *delivery, reason),
    )
    write(connection, "quarantined", f"{job_id} {reason}")


def _named(report_id: UUID, destination: str, version: int) -> str:
    """Return a delivery as the audit trail names it."""
    return f"{report_id} {destination}" + (f" {version}" if version > 1 else "")
