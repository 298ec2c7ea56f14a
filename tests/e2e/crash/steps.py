"""The steps at which the matrix kills: the one table to change when the code changes. One that never fires fails it.

A step is a call at the system's boundary, made below functions of ours. Before it, after it or amid it the victim is
killed with SIGKILL.
"""

from dataclasses import dataclass
from typing import Final, Literal

Boundary = Literal["open", "read", "fsync-file", "fsync-folder", "link", "rename", "commit", "answer", "pacs", "ehr"]
BEFORE, AMID, AFTER = "before", "amid", "after"
SERVICE, DATABASE, BOTH = "service", "database", "both"


@dataclass(frozen=True)
class Step:
    """A step.

    Attributes:
        name: as the table says it.
        at: the call; `pacs` and `ehr`: that peer has stored what it got and has not answered.
        when: before, amid or after the call.
        below: the function that must have been called, by its qualified name.
        skip: how many such calls are let pass at most; the matrix draws the number.
        doors: whether it is reached by each door; then the matrix takes them in turn.
        victim: who is killed.
    """

    name: str
    at: Boundary
    when: str = BEFORE
    below: str = ""
    skip: int = 0
    doors: bool = False
    victim: str = SERVICE


def _door(name: str, at: Boundary, when: str, below: str = "", victim: str = SERVICE) -> Step:
    return Step(name, at, when, below, skip=1, doors=True, victim=victim)


TAKEN, REPORTED, SENT = "Jobs.accept", "Jobs.interpreted", "Deliveries.delivered"
PAYLOAD, REPORT = "Store.put_payload", "Store.put_report"
INTERPRET, DELIVER, FOLDER = "Workshop.interpret", "Workshop.deliver", "FolderDestination.deliver"

STEPS: Final = (
    _door("payload received, its file not opened", "open", BEFORE, PAYLOAD),
    _door("payload's file half written", "open", AMID, PAYLOAD),
    _door("payload's file written, not synced", "fsync-file", BEFORE, PAYLOAD),
    _door("payload's file synced, not linked", "link", BEFORE, PAYLOAD),
    _door("payload's file linked, its folder not synced", "link", AFTER, PAYLOAD),
    _door("payload's folder synced, nothing in the ledger", "fsync-folder", AFTER, PAYLOAD),
    _door("job written to the ledger, not committed", "commit", BEFORE, TAKEN),
    _door("job committed, answer not begun", "commit", AFTER, TAKEN),
    _door("answer ready, not sent", "answer", BEFORE),
    _door("answer sent", "answer", AFTER),
    Step("interpretation begun", "read", BEFORE, INTERPRET, skip=2),
    Step("report's files half written", "fsync-file", AFTER, REPORT, skip=9),
    Step("report's files written, not yet in their place", "rename", BEFORE, REPORT, skip=2),
    Step("report's files in their place, its resources not", "rename", AFTER, REPORT, skip=2),
    Step("report's resources half in their place", "link", AFTER, REPORT, skip=9),
    Step("report kept, not in the ledger", "commit", BEFORE, REPORTED, skip=2),
    Step("report in the ledger, its deliveries queued", "commit", AFTER, REPORTED, skip=2),
    Step("delivery begun", "read", BEFORE, DELIVER, skip=4),
    Step("folder: files written, not yet in their place", "rename", BEFORE, FOLDER, skip=2),
    Step("folder: files in their place, folder not synced", "rename", AFTER, FOLDER, skip=2),
    Step("PACS: one object stored, not answered", "pacs", skip=3),
    Step("EHR: transaction stored, not answered", "ehr", skip=2),
    Step("destination answered, receipt not recorded", "commit", BEFORE, SENT, skip=4),
    Step("receipt recorded, queue not told", "commit", AFTER, SENT, skip=4),
    Step("database, as a job is committed", "commit", AMID, TAKEN, skip=2, victim=DATABASE),
    Step("database, as a report is committed", "commit", AMID, REPORTED, skip=2, victim=DATABASE),
    Step("database, as a receipt is committed", "commit", AMID, SENT, skip=4, victim=DATABASE),
    Step("database, while an ECG is interpreted", "read", BEFORE, INTERPRET, skip=2, victim=DATABASE),
    Step("service and database, as a job is committed", "commit", AMID, TAKEN, skip=2, victim=BOTH),
    Step("service and database, as a receipt is committed", "commit", AMID, SENT, skip=4, victim=BOTH),
)
