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


_KEY: Final = re.compile(MARK + r"[A-Za-z0-9_-]{43}")


def generate() -> str:
    """Return a new key, which opens nothing until it is taken."""
    return MARK + secrets.token_urlsafe(SECRET_BYTES)


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
        key = generate()
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        if not self._keep(name, key, scopes, expires):
            raise SetupError("There is, or was, a key of that name; choose another, so that the trail stays clear.")
        return key

    def take(self, name: str, key: str, scopes: Sequence[str]) -> bool:
        """Take a key that was made elsewhere, until it is revoked. Return whether it is new; twice does no harm.

        Raises:
            SetupError: it is none of `generate`, the name is another key's, or a scope is none.
        """
        if not _KEY.fullmatch(key):
            raise SetupError("That is no key: make one with `twelvelead keys generate`.")
        if self._keep(name, key, scopes, None):
            return True
        found = self.found(key)
        if found is None or (found.name, sorted(found.scopes)) != (name, sorted(scopes)):
            raise SetupError(f"There is, or was, another key called {name}, or this key has another name or scopes.")
        return False

    def _keep(self, name: str, key: str, scopes: Sequence[str], expires: datetime | None) -> bool:
        if not _NAME.fullmatch(name):
            raise SetupError("A key's name has up to 64 letters, digits, dots, dashes and underscores.")
        wrong = [each for each in scopes if not is_scope(each)]
        if wrong or not scopes:
            raise SetupError(
                f"No scope of this service: {', '.join(wrong) or 'none given'}; docs/access.md lists them."
            )
        with self._database.transaction() as connection:
            made = connection.execute(
                "insert into twelvelead.api_key (name, sha256, scopes, expires_at) values (%s, %s, %s, %s) "
                "on conflict do nothing",
                (name, _digest(key), list(scopes), expires),
            ).rowcount
            if made:
                write(connection, "create key", name)
        return bool(made)

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
