"""`twelvelead keys` and `twelvelead audit`: who may come in, and what was done."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from service.cli.operate import opened

keys_app = typer.Typer(help="API keys for devices that send ECGs or read reports over HTTP.", no_args_is_help=True)
audit_app = typer.Typer(help="Who did what, by which door, and how it ended.", no_args_is_help=True)


@keys_app.command("create")
def create_key(
    name: str,
    scope: Annotated[list[str], typer.Option(help="What it may do, such as system/Observation.c; may be repeated.")],
    expires: Annotated[
        int | None, typer.Option(min=1, help="Days after which it opens nothing; default: never.")
    ] = None,
) -> None:
    """Make an API key. It is shown once, now, and kept nowhere."""
    with opened() as service:
        key = service.keys.create(name, scope, expires)
        typer.echo(key)
        typer.echo("This is shown once. Send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.", err=True)


@keys_app.command("generate")
def generate_key() -> None:
    """Print a new key, which opens nothing until `import` takes it; for a secret that is made before the service is."""
    from service.keys import generate

    typer.echo(generate())


@keys_app.command("import")
def import_key(
    name: str,
    scope: Annotated[list[str], typer.Option(help="What it may do, such as system/Observation.c; may be repeated.")],
    file: Annotated[Path, typer.Option(help="File that holds the key, as `generate` printed it.")],
) -> None:
    """Take a key that was made elsewhere. Twice does no harm; another key of that name is refused."""
    from ecg.errors import SetupError

    with opened() as service:
        try:
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise SetupError("The file of the key cannot be read.") from error
        typer.echo(f"{name} is taken" if service.keys.take(name, key, scope) else f"{name} was here before")


@keys_app.command("list")
def list_keys() -> None:
    """List all keys that ever were, and whether they still open anything."""
    with opened() as service:
        now = datetime.now(UTC)
        for key in service.keys.listed():
            state = "valid" if key.counts(now) else "revoked" if key.revoked_at else "expired"
            until = f"until {key.expires_at.date()}" if key.expires_at else "without end"
            typer.echo(f"{key.name:<24} {state:<8} {until:<16} {' '.join(key.scopes)}")


@keys_app.command("revoke")
def revoke_key(name: str) -> None:
    """Let a key open nothing from now on."""
    with opened() as service:
        typer.echo(
            f"{name} is revoked" if service.keys.revoke(name) else "There is no such key, or it was revoked before."
        )


@audit_app.command("list")
def list_audit(
    since: Annotated[
        str, typer.Option(help="Only from this time on: ISO 8601, or hours or days ago as in 12h or 7d.")
    ] = "",
    subject: Annotated[str, typer.Option(help="Only what was about this id or name.")] = "",
    most: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 100,
) -> None:
    """List the audit trail, newest first."""
    start = _since(since) if since else None
    with opened() as service:
        for each in service.audit.listed(start, subject, most):
            at = each.at.astimezone(UTC).isoformat(timespec="seconds")
            typer.echo(f"{at}  {each.door:<7} {each.who:<28} {each.action:<18} {each.outcome:<10} {each.subject}")


def _since(text: str) -> datetime:
    """Return the time that is meant; one without a zone is this machine's."""
    units = {"h": timedelta(hours=1), "d": timedelta(days=1)}
    try:
        if text[-1] in units and text[:-1].isdigit():
            return datetime.now(UTC) - int(text[:-1]) * units[text[-1]]
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter("--since needs a time such as 2026-01-31T12:00:00Z, or 12h, or 7d.") from error
