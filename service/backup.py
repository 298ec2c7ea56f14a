"""Copies the ledger out of a database and into another, of whatever version: a restore, or a move to another server.

The queue is not copied: it follows from the ledger, which queues what waits again (Jobs.recover).
Payloads and reports are files of the store, and not in here.
"""

import json
import zipfile
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from psycopg import Connection, sql

from ecg.errors import SetupError
from service.database import Database
from service.schema import applied

SCHEMA: Final = "twelvelead"
MANIFEST: Final = "manifest.json"
LISTED: Final = "select table_name::text from information_schema.tables where table_schema = %s order by 1"
# Each table after those that its rows refer to.
REFERS: Final = """
    select conrelid::regclass::text, confrelid::regclass::text from pg_constraint
    where contype = 'f' and connamespace = %s::regnamespace
"""
COLUMNS: Final = """
    select column_name::text from information_schema.columns
    where table_schema = %s and table_name = %s order by ordinal_position
"""
COUNTED: Final = """
    select table_name::text, column_name::text from information_schema.columns
    where table_schema = %s and is_identity = 'YES'
"""
CHUNK: Final = 1 << 20  # bytes


def back_up(database: Database, file: Path) -> int:
    """Write the ledger as it stands at one instant, while the service may run. Return how many ECGs are in it.

    Raises:
        SetupError: the file is there already.
        Overloaded: the database does not answer.
    """
    if file.exists():
        raise SetupError("There is a file of that name already: a backup takes the place of none.")
    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    with database.transaction() as connection, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as out:
        partial.chmod(0o600)
        connection.execute("set transaction isolation level repeatable read, read only")
        tables = {name: _columns(connection, name) for name in _ordered(connection)}
        for name, columns in tables.items():
            statement = _copy("copy {} ({}) to stdout", name, columns)
            with out.open(name, "w", force_zip64=True) as member, connection.cursor().copy(statement) as copy:
                for data in copy:
                    member.write(data)
        (ecgs,) = connection.execute("select count(*) from twelvelead.job").fetchone() or (0,)
        manifest = {"migrations": applied(connection), "tables": tables, "ecgs": ecgs}
        out.writestr(MANIFEST, json.dumps(manifest, indent=1))
    partial.rename(file)
    return int(ecgs)


def restore(database: Database, file: Path) -> int:
    """Fill an empty database with a ledger, all of it or nothing. Return how many ECGs are in it.

    Raises:
        SetupError: the file is no backup, or of another schema; or the database knows ECGs already.
        Overloaded: the database does not answer.
    """
    try:
        with zipfile.ZipFile(file) as held, database.transaction() as connection:
            manifest = json.loads(held.read(MANIFEST))
            _check(connection, manifest)
            tables: dict[str, list[str]] = manifest["tables"]
            connection.execute("delete from twelvelead.site_key")  # the one that the migration made
            for name, columns in tables.items():
                with held.open(name) as member:
                    _fill(connection, _copy("copy {} ({}) from stdin", name, columns), member)
            for name, column in connection.execute(COUNTED, (SCHEMA,)).fetchall():
                _go_on(connection, name, column)
            return int(manifest["ecgs"])
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise SetupError("The file is no backup of the ledger, or is damaged.") from error
    except psycopg.DataError as error:
        raise SetupError("The backup does not fit the database's schema.") from error


def _check(connection: Connection[Any], manifest: dict[str, Any]) -> None:
    here = applied(connection)
    if manifest["migrations"] != here:
        theirs = manifest["migrations"][-1] if manifest["migrations"] else "none"
        raise SetupError(
            f"The backup's last migration is {theirs}, the database's {here[-1]}: restore with the release that made "
            "the backup, then upgrade."
        )
    if connection.execute("select from twelvelead.job limit 1").rowcount:
        raise SetupError("The database knows ECGs already: a backup is restored into an empty one.")


def _ordered(connection: Connection[Any]) -> list[str]:
    """Return the ledger's tables, each after those that it refers to."""
    left = [name for (name,) in connection.execute(LISTED, (SCHEMA,))]
    refers = [
        (of.removeprefix(f"{SCHEMA}."), to.removeprefix(f"{SCHEMA}."))
        for of, to in connection.execute(REFERS, (SCHEMA,))
    ]
    ordered: list[str] = []
    while left:
        free = [name for name in left if not any(of == name and to in left and to != name for of, to in refers)]
        ordered += free
        left = [name for name in left if name not in free]
    return ordered


def _columns(connection: Connection[Any], table: str) -> list[str]:
    return [name for (name,) in connection.execute(COLUMNS, (SCHEMA, table))]


def _copy(statement: str, table: str, columns: list[str]) -> sql.Composed:
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(statement).format(sql.Identifier(SCHEMA, table), named)


def _fill(connection: Connection[Any], statement: sql.Composed, member: IO[bytes]) -> None:
    with connection.cursor().copy(statement) as copy:
        while data := member.read(CHUNK):
            copy.write(data)


def _go_on(connection: Connection[Any], table: str, column: str) -> None:
    """Let a column's numbers go on where those of the backup end."""
    most = sql.SQL("select setval(pg_get_serial_sequence({}, {}), greatest(max({}), 1)) from {}").format(
        sql.Literal(f"{SCHEMA}.{table}"), sql.Literal(column), sql.Identifier(column), sql.Identifier(SCHEMA, table)
    )
    connection.execute(most)
