"""The database's schema: procrastinate's own, then our migrations in the order of their numbers; up, and down again."""

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from procrastinate.schema import SchemaManager
from psycopg import Connection
from psycopg.errors import RaiseException

from ecg.errors import SetupError

MIGRATION_LOCK: Final = 0x12_1EAD  # an advisory lock: one process migrates at a time
NOTHING: Final = "0000"  # before the first migration


def known() -> list[str]:
    """Return the names of this release's migrations, in their order."""
    return sorted(each.name for each in _directory().iterdir() if each.name.endswith(".sql"))


def applied(connection: Connection[Any]) -> list[str]:
    """Return the names of the migrations that the database has had, in their order; some may be a later release's."""
    if _one(connection, "select to_regclass('twelvelead_migration')") is None:
        return []
    return [name for (name,) in connection.execute("select name from twelvelead_migration order by name")]


def migrate(connection: Connection[Any]) -> list[str]:
    """Bring the schema up to date within the caller's transaction. Return the migrations that were missing."""
    connection.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
    if _one(connection, "select to_regclass('procrastinate_jobs')") is None:
        connection.execute(SchemaManager.get_schema().encode())
    connection.execute("create table if not exists twelvelead_migration (name text primary key)")
    done = applied(connection)
    missing = [name for name in known() if name not in done]
    for name in missing:
        connection.execute(_directory().joinpath(name).read_bytes())
        connection.execute("insert into twelvelead_migration values (%s)", (name,))
    return missing


def check_schema(connection: Connection[Any]) -> None:
    """Look whether the schema is at least as new as this release.

    Raises:
        SetupError: migrations are missing.
    """
    if missing := sorted(set(known()) - set(applied(connection))):
        raise SetupError(
            f"The database lacks {', '.join(missing)}: run `twelvelead database migrate`, or set TWELVELEAD_MIGRATE."
        )


def downgrade(connection: Connection[Any], to: str) -> list[str]:
    """Take migrations back, the newest first, within the caller's transaction. Return those that were taken back.

    Args:
        connection: in which all of it happens, or nothing.
        to: number of the last migration that stays, such as 0006; NOTHING takes all back.

    Raises:
        SetupError: there is no such migration, this release knows no way back from one, or work that an older release
            could not go on with would be lost by it.
    """
    connection.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
    done = applied(connection)
    if to != NOTHING and not any(name.startswith(f"{to}_") for name in done):
        raise SetupError(f"The database has had no migration {to}: it has {', '.join(each[:4] for each in done)}.")
    back = [name for name in reversed(done) if name[:4] > to]
    for name in back:
        way = _directory().joinpath("down", name)
        if not way.is_file():
            raise SetupError(f"This release knows no way back from {name}: use the release that brought it.")
        try:
            connection.execute(way.read_bytes())
        except RaiseException as error:  # by the script itself: it counts what would be lost
            raise SetupError(f"{name} is not taken back: {error.diag.message_primary}.") from error
        connection.execute("delete from twelvelead_migration where name = %s", (name,))
    return back


def _directory() -> Traversable:
    return resources.files("service").joinpath("migrations")


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
