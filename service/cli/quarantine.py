"""`twelvelead quarantine`: what waits for an operator's word, and the word."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from service.cli.operate import opened

if TYPE_CHECKING:
    from service.quarantine import Entry, Quarantine

quarantine_app = typer.Typer(
    help="What must be looked at before it goes on; docs/identity.md says what to do for each reason.",
    no_args_is_help=True,
)


@contextmanager
def _quarantine() -> Iterator["Quarantine"]:
    from service.quarantine import Quarantine

    with opened() as service:
        yield Quarantine(service.jobs)


@quarantine_app.command("list")
def list_entries(most: Annotated[int, typer.Option(help="How many, oldest first.")] = 50) -> None:
    """List what waits for an operator, oldest first."""
    with _quarantine() as quarantine:
        for entry in quarantine.listed(most):
            at = entry.since.isoformat(timespec="seconds")
            typer.echo(f"{entry.id}  {entry.reason:<22} {at}  {entry.destination or 'job'}")


@quarantine_app.command("show")
def show_entry(entry_id: UUID) -> None:
    """Show an entry: why it is here, of which job, and what became of it."""
    with _quarantine() as quarantine:
        entry = _found(quarantine, entry_id)
        for name, value in _told(entry):
            typer.echo(f"{name:<12} {value}")


@quarantine_app.command("release")
def release_entry(entry_id: UUID) -> None:
    """Let it go on: an ECG is interpreted as one of its own, a delivery is tried again."""
    with _quarantine() as quarantine:
        quarantine.release(_found(quarantine, entry_id))
        typer.echo("released")


@quarantine_app.command("discard")
def discard_entry(
    entry_id: UUID,
    reason: Annotated[
        str, typer.Option(help="wrong-patient, duplicate, test-recording, sent-otherwise or not-needed.")
    ],
) -> None:
    """Keep it, and never deliver it."""
    from service.quarantine import GROUNDS

    if reason not in GROUNDS:
        raise typer.BadParameter(f"--reason is one of {', '.join(GROUNDS)}.")
    with _quarantine() as quarantine:
        quarantine.discard(_found(quarantine, entry_id), reason)
        typer.echo("discarded")


def _found(quarantine: "Quarantine", entry_id: UUID) -> "Entry":
    entry = quarantine.entry(entry_id)
    if entry is None:
        raise typer.BadParameter("Nothing of that id is or was in quarantine.")
    return entry


def _told(entry: "Entry") -> Iterator[tuple[str, object]]:
    yield "reason", entry.reason
    yield "since", entry.since.isoformat()
    yield "job", entry.job_id
    yield "payload", f"{entry.payload_sha256}, part {entry.part}"
    if entry.destination:
        yield "delivery", f"{entry.report_id}, version {entry.version}, to {entry.destination}"
    if entry.alias:
        yield "alias", entry.alias
    if entry.other_job_id:
        yield "other job", f"{entry.other_job_id} has that alias"
    if entry.resolution and entry.resolved_at:
        yield "resolution", f"{entry.resolution} {entry.grounds or ''} {entry.resolved_at.isoformat()}"
