"""Queues work in the transaction that records it in the ledger. Arguments are ids and numbers alone."""

import json
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

INTERPRET: Final = "interpret"
DELIVER: Final = "deliver"
REVISE: Final = "revise"  # makes a later version of a report
ERASE: Final = "erase"


def queue_interpretation(connection: Any, job_id: UUID) -> None:
    """Queue the interpretation of an ECG."""
    _queue(connection, INTERPRET, INTERPRET, {"job_id": str(job_id)})


def queue_version(connection: Any, report_id: UUID, version: int) -> None:
    """Queue the making of a version of a report."""
    _queue(connection, REVISE, INTERPRET, {"report_id": str(report_id), "version": str(version)})


def queue_deliveries(connection: Any, report_id: UUID, version: int, destinations: Iterable[str]) -> None:
    """Queue the delivery of a version of a report to each of the destinations."""
    for name in destinations:
        arguments = {"report_id": str(report_id), "destination": name, "version": str(version)}
        _queue(connection, DELIVER, f"{DELIVER}:{name}", arguments)


def _queue(connection: Any, task: str, queue: str, arguments: dict[str, str]) -> None:
    """Defer a procrastinate job within the caller's transaction, at the priority of the ECG that it is about."""
    lock = queue if task == DELIVER else None  # one delivery at a time and destination
    connection.execute(
        "select procrastinate_defer_jobs_v1(array[row(%s, %s, coalesce((select priority from twelvelead.job where id = "
        "coalesce(%s::uuid, (select job_id from twelvelead.version where report_id = %s and version = 1))), 0), "
        "%s, null, %s, null)::procrastinate_job_to_defer_v1])",
        (queue, task, arguments.get("job_id"), arguments.get("report_id"), lock, json.dumps(arguments)),
    )
