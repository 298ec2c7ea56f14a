"""`twelvelead jobs` and `twelvelead destinations`: what an operator asks and does."""

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from service.cli.errors import errors_told

if TYPE_CHECKING:
    from service.wiring import Service

jobs_app = typer.Typer(help="What was accepted, and what became of it.", no_args_is_help=True)
destinations_app = typer.Typer(help="Where reports go; each is off until it is told to go live.", no_args_is_help=True)


@contextmanager
def opened(prepare: Callable[[Any], object] | None = None) -> Iterator["Service"]:
    """Give a service by the settings; errors are told as the command's. `prepare` says what is done to the schema."""
    from service.audit import Actor, acting
    from service.logs import set_up_logs
    from service.settings import load_settings
    from service.wiring import Service

    with errors_told():
        settings = load_settings()
        set_up_logs(settings.log_format, settings.log_level)
        service = Service(settings, prepare)
        try:
            with acting(Actor(f"operator:{_operator()}", "cli")):
                yield service
        finally:
            service.database.close()


def _operator() -> str:
    """Return the account by which the command runs, for the audit trail."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's account may have no name
        return str(os.geteuid())


@jobs_app.command("list")
def list_jobs(
    state: Annotated[str, typer.Option(help="Only those waiting, done, dead, quarantined, discarded or erased.")] = "",
    most: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
) -> None:
    """List jobs, newest first."""
    with opened() as service:
        for job in service.jobs.listed(state or None, most):
            at = job.accepted_at.isoformat(timespec="seconds")
            typer.echo(f"{job.id}  {job.state:<11} {at}  {job.report_id or job.error or ''}")


@jobs_app.command("show")
def show_job(job_id: UUID) -> None:
    """Show a job and the deliveries of its report."""
    from ecg.recording import PRIORITIES
    from service.pages import refusal

    with opened() as service:
        job = service.jobs.job(job_id)
        if job is None:
            raise typer.BadParameter("There is no such job.")
        typer.echo(f"state     {job.state}\naccepted  {job.accepted_at.isoformat()}\nreport    {job.report_id or '-'}")
        typer.echo(f"priority  {PRIORITIES[job.priority]}")
        if job.error:
            typer.echo(f"error     {job.error}")
        if why := refusal(job.error):
            typer.echo(f"because   {why}")
        for each in service.jobs.deliveries(job_id):
            told = each.reference or each.error or ""
            version = f" version {each.version}" if each.version > 1 else ""
            typer.echo(f"delivery  {each.destination}{version}: {each.state}, {each.attempts} attempts  {told}")


@jobs_app.command("retry")
def retry_job(job_id: UUID) -> None:
    """Queue again what is dead of a job: its interpretation, or deliveries of its report."""
    with opened() as service:
        count = service.jobs.retry(job_id)
        typer.echo(
            f"{count} queued again"
            if count
            else "Nothing of it is dead; what is in quarantine is released by `twelvelead quarantine`."
        )


@destinations_app.command("list")
def list_destinations() -> None:
    """List the destinations of the settings, and whether they are live."""
    with opened() as service:
        live = service.jobs.live()
        for each in service.destinations:
            typer.echo(f"{each.name:<24} {each.kind:<8} {'live' if each.name in live else 'shadow'}")


@destinations_app.command("go-live")
def go_live(name: str) -> None:
    """Deliver to a destination every report that is made from now on. It is written to the audit trail."""
    _set_live(name, live=True)


@destinations_app.command("shadow")
def shadow(name: str) -> None:
    """Deliver to a destination no report that is made from now on. It is written to the audit trail."""
    _set_live(name, live=False)


def _set_live(name: str, *, live: bool) -> None:
    with opened() as service:
        if name not in {each.name for each in service.destinations}:
            raise typer.BadParameter(f"The settings name no destination {name!r}.")
        service.jobs.set_live(name, live)
        typer.echo(f"{name} is {'live' if live else 'in shadow'} for reports made from now on")
