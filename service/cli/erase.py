"""`twelvelead erase`: what a patient's right to erasure asks of an operator, at once."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from service.cli.operate import opened


class Reason(StrEnum):
    """Why something is erased before its time."""

    PATIENT_REQUEST = "patient-request"
    WRONG_PATIENT = "wrong-patient"
    LEGAL_ORDER = "legal-order"
    TEST_DATA = "test-data"


def erase(
    some_id: Annotated[UUID, typer.Argument(metavar="REPORT|JOB_ID", help="Of a report, or of its job.")],
    reason: Annotated[Reason, typer.Option(help="Why; it is written to the audit trail.")],
) -> None:
    """Erase an ECG and its report for good, at once. What its destinations hold is not touched."""
    with opened() as service:
        job_id = service.retention.find(some_id)
        if job_id is None:
            raise typer.BadParameter("There is no such report or job.")
        gone = service.retention.erase(job_id, reason.value, datetime.now(UTC))
        typer.echo(f"{job_id} is erased" if gone else f"{job_id} was in work: a running service erases the rest soon")
        for other in service.retention.sharing(job_id):
            typer.echo(f"its payload stays: it holds the ECG of job {other} too")
        for each in service.jobs.deliveries(job_id):
            if each.state == "delivered":
                typer.echo(f"{each.destination} holds a copy: {each.reference}")
