"""`twelvelead database`: its schema, its backup, and the way from one server to another."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.operate import opened

database_app = typer.Typer(
    help="The database: its schema, backup and restore, and so the move to another server.", no_args_is_help=True
)


@database_app.command("status")
def status() -> None:
    """List this release's migrations and whether the database has had them; it changes nothing."""
    from service.schema import applied, known

    with opened(prepare=lambda _: None) as service, service.database.transaction() as connection:
        done = applied(connection)
        for name in sorted({*known(), *done}):
            state = "applied" if name in done else "missing"
            typer.echo(f"{state:<8} {name}" + ("" if name in known() else "  (of a later release)"))


@database_app.command("migrate")
def migrate() -> None:
    """Bring the schema up to date. Once it is, this does nothing; several may run it at once."""
    from service.schema import migrate as up

    names: list[str] = []
    with opened(prepare=lambda connection: names.extend(up(connection))) as service:
        _ = service.database
        typer.echo(f"applied: {', '.join(names)}" if names else "The schema is up to date.")


@database_app.command("downgrade")
def downgrade(
    to: Annotated[str, typer.Argument(help="Number of the last migration that stays, such as 0006; 0000: none.")],
) -> None:
    """Take the newest migrations back, for an older release; refused where that would lose work."""
    from service.schema import downgrade as down

    names: list[str] = []
    with opened(prepare=lambda connection: names.extend(down(connection, to))) as service:
        _ = service.database
        typer.echo(f"taken back: {', '.join(names)}" if names else "There was nothing to take back.")


@database_app.command("backup")
def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.")]) -> None:
    """Write the ledger to a file, as of one instant; the service may run. Then copy the store: it holds the ECGs."""
    from service.backup import back_up

    with opened() as service:
        typer.echo(f"{back_up(service.database, file)} ECGs are in the backup")


@database_app.command("restore")
def restore(file: Annotated[Path, typer.Argument(help="A backup by the same release.")]) -> None:
    """Fill an empty database from a backup: after a loss, or on another server. What waits is queued anew."""
    from service.backup import restore as fill

    with opened() as service:
        typer.echo(f"{fill(service.database, file)} ECGs are restored")
        typer.echo(f"{service.jobs.recover(after=0)} interpretations and deliveries wait, and are queued again")
