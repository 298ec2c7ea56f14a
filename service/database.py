"""PostgreSQL, embedded from its wheel by default or external by URL: the same code for both."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool, TooManyRequests

from ecg.errors import Overloaded, SetupError
from service.embedded import Embedded
from service.schema import migrate

WAIT: Final = 10.0  # seconds for a connection
MOST_CONNECTIONS: Final = 16
MOST_WAITING: Final = 64  # for a connection: as many as both listeners have threads. Who comes then is told at once
UNANSWERED: Final = (psycopg.OperationalError,)  # how it shows that the database does not answer

# A machine that vanishes says no goodbye: its connections, and the locks they hold, would stay for two hours. Both ends
# ask every few seconds instead (for tcp_user_timeout milliseconds). https://www.postgresql.org/docs/15/libpq-connect.html
# and .../runtime-config-connection.html. A Unix socket ignores it. What the URL says comes first.
WATCHED: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=10000",
}

Row = TypeVar("Row")

log = logging.getLogger(__name__)


class Database:
    """A pool of connections to a migrated database.

    Args:
        url: a PostgreSQL URL; empty: the embedded server is started, and again whenever somebody finds it dead.
        home: the embedded server's directory. Its socket lies there, so its path has at most 90 characters.
        prepare: what brings its schema up to date, or looks whether it is.

    Raises:
        SetupError: the database cannot be started, reached or migrated.
    """

    def __init__(self, url: str, home: Path, prepare: Callable[[Connection[Any]], object] = migrate) -> None:
        try:
            self._server = None if url else Embedded(home)
            told: dict[str, Any] = conninfo_to_dict(url if self._server is None else self._server.url)
            self.url: str = make_conninfo(**(WATCHED | told))
            with psycopg.connect(self.url) as connection:
                prepare(connection)
        except (psycopg.Error, OSError) as error:
            raise SetupError(f"The database cannot be used ({type(error).__name__}).") from error
        self._pool = ConnectionPool(
            self.url,
            min_size=1,
            max_size=MOST_CONNECTIONS,
            max_waiting=MOST_WAITING,
            timeout=WAIT,
            reconnect_timeout=WAIT,
            check=self._check,
            open=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Give a connection; what is done with it is committed at the end, or nothing of it.

        Raises:
            Overloaded: the database does not answer.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except TooManyRequests as error:
            raise Overloaded("Too many ask the database at once.") from error
        except UNANSWERED as error:
            self._revive()
            raise Overloaded("The database does not answer.") from error

    def rows(self, kind: type[Row], query: str, values: Sequence[Any] = ()) -> list[Row]:
        """Ask in a transaction of its own; each row becomes a `kind`, whose fields are the columns.

        Raises:
            Overloaded: the database does not answer.
        """
        with self.transaction() as connection, connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def close(self) -> None:
        """Close the pool; the embedded server stops with its last user."""
        self._pool.close()
        if self._server is not None:
            self._server.close()

    def _check(self, connection: Connection[Any]) -> None:
        """Try a connection before it is given out: of those that an outage broke, nobody hears."""
        try:
            ConnectionPool.check_connection(connection)
        except UNANSWERED:
            self._revive()
            raise

    def _revive(self) -> None:
        if self._server is not None and not self._server.revive():
            log.warning("the embedded database does not run")
