"""API keys for devices: made once, shown once, kept as a digest, revoked at once."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ecg.errors import SetupError
from service.audit import write
from service.database import Database
from service.scopes import is_scope

MARK: Final = "tl_"  # by which a key is told from a token, and found where it leaked
SECRET_BYTES: Final = 32  # 256 random bits: nobody guesses them, so a plain digest keeps them
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ApiKey:
    """A key as it is kept: never the key itself."""

    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def counts(self, now: datetime) -> bool:
        """Say whether it opens anything now."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Keys:
    """The keys in the database."""

    _COLUMNS: Final = "name, scopes, created_at, expires_at, revoked_at"

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, scopes: Sequence[str], days: int | None = None) -> str:
        """Make a key, valid for so many days or until it is revoked. Return it: it is not kept.

        Raises:
            SetupError: the name is taken or none, or a scope is none.
        """
        if not _NAME.fullmatch(name):
            raise SetupError("A key's name has up to 64 letters, digits, dots, dashes and underscores.")
        wrong = [each for each in scopes if not is_scope(each)]
        if wrong or not scopes:
            raise SetupError(
                f"No scope of this service: {', '.join(wrong) or 'none given'}; docs/access.md lists them."
            )
        key = MARK + secrets.token_urlsafe(SECRET_BYTES)
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        with self._database.transaction() as connection:
            made = connection.execute(
                "insert into twelvelead.api_key (name, sha256, scopes, expires_at) values (%s, %s, %s, %s) "
                "on conflict (name) do nothing",
                (name, _digest(key), list(scopes), expires),
            ).rowcount
            if not made:
                raise SetupError("There is, or was, a key of that name; choose another, so that the trail stays clear.")
            write(connection, "create key", name)
        return key

    def listed(self) -> list[ApiKey]:
        """Return all keys that ever were."""
        return self._database.rows(ApiKey, f"select {self._COLUMNS} from twelvelead.api_key order by name")  # noqa: S608

    def revoke(self, name: str) -> bool:
        """Let a key open nothing from now on. Return whether it opened anything before."""
        with self._database.transaction() as connection:
            query = "update twelvelead.api_key set revoked_at = now() where name = %s and revoked_at is null"
            revoked = connection.execute(query, (name,)).rowcount > 0
            if revoked:
                write(connection, "revoke key", name)
        return revoked

    def found(self, key: str) -> ApiKey | None:
        """Return the key that counts, or None.

        It is looked up by its digest, whose comparison tells nothing of the key, however long it takes.
        """
        query = f"select {self._COLUMNS} from twelvelead.api_key where sha256 = %s"  # noqa: S608
        held = self._database.rows(ApiKey, query, (_digest(key),))
        return held[0] if held and held[0].counts(datetime.now(UTC)) else None

    def any_counts(self) -> bool:
        """Say whether there is a key that opens anything now."""
        return any(each.counts(datetime.now(UTC)) for each in self.listed())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
