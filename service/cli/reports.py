"""`twelvelead reports`: what was issued, and how it is read again or withdrawn."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from service.cli.operate import opened

if TYPE_CHECKING:
    from service.versions import Version

reports_app = typer.Typer(help="What was issued; read it again, or withdraw it.", no_args_is_help=True)


@reports_app.command("list")
def list_reports(most: Annotated[int, typer.Option(help="How many, newest first.")] = 50) -> None:
    """List reports by their latest versions, newest first."""
    from service.versions import Versions

    with opened() as service:
        for each in Versions(service.database).listed(most):
            typer.echo(f"{each.report_id}  {_line(each)}")


@reports_app.command("show")
def show_report(report_id: UUID) -> None:
    """Show what the latest version of a report says of itself, and where it went. No finding, no patient."""
    from service.versions import Versions

    with opened() as service:
        versions = Versions(service.database)
        job = versions.version(report_id, 1).job_id
        typer.echo(f"job       {job}\nversion   {_line(versions.versions(report_id)[-1])}")
        for each in service.jobs.deliveries(job):
            reference = each.reference or each.error or ""
            typer.echo(f"delivery  {each.destination}: version {each.version} {each.state}  {reference}")


@reports_app.command("versions")
def list_versions(report_id: UUID) -> None:
    """List the versions of a report, the first one first."""
    from service.versions import Versions

    with opened() as service:
        versions = Versions(service.database)
        versions.version(report_id, 1)
        for each in versions.versions(report_id):
            typer.echo(_line(each))


@reports_app.command("explain")
def explain(
    report_id: UUID,
    audience: Annotated[str, typer.Option("--for", help="clinician or patient; a patient's text is a draft.")],
) -> None:
    """Say what the latest version of a report says: each sentence with its values, or in a patient's words."""
    from service.explaining import AUDIENCES, explained

    if audience not in AUDIENCES:
        raise typer.BadParameter(f"--for is one of {', '.join(AUDIENCES)}.")
    with opened() as service:
        for each in explained(service.store, report_id, audience, service.settings.report_language):
            typer.echo(f"{each.text}  [{' '.join(each.about)}]" if each.about and audience != "patient" else each.text)


@reports_app.command("amend")
def amend(
    report_id: UUID,
    force: Annotated[bool, typer.Option("--force", help="Also where nothing that makes a report has changed.")] = False,
) -> None:
    """Read the ECG again with the models, release and settings of now: the next version, wherever the report went."""
    from service.versions import Versions, made_with, models_of

    with opened() as service:
        now = made_with(models_of(service.settings), service.settings)
        asked = Versions(service.database).amend(report_id, datetime.now(UTC), now, force=force)
        if asked is None:
            typer.echo("Nothing has changed: the same models, release and settings. --force amends all the same.")
        else:
            typer.echo(f"version {asked.version} is queued")


@reports_app.command("withdraw")
def withdraw(
    report_id: UUID,
    reason: Annotated[str, typer.Option(help="One of wrong-patient, quality, safety.")],
) -> None:
    """Withdraw a report, for good, wherever it went."""
    from ecg.report import REASONS
    from service.versions import Versions

    if reason not in REASONS:
        raise typer.BadParameter(f"--reason is one of {', '.join(REASONS)}.")
    with opened() as service:
        asked = Versions(service.database).withdraw(report_id, datetime.now(UTC), reason)
        typer.echo(f"version {asked.version} is queued: it says that the report was withdrawn")


def _line(version: "Version") -> str:
    at = version.requested_at.isoformat(timespec="seconds")
    why = " ".join(filter(None, (version.reason, version.error)))
    return f"{version.version:<3} {version.kind:<10} {version.state:<8} {at}  {why}".rstrip()
