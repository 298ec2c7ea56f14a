"""API keys and the audit trail on a real PostgreSQL: shown once, revoked at once, written once."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ecg.errors import SetupError
from service.audit import Actor, Audit, acting
from service.database import Database
from service.jobs import Jobs
from service.keys import Keys


@pytest.fixture
def keys(database: Database) -> Keys:
    with database.transaction() as connection:
        connection.execute("delete from twelvelead.api_key")
    return Keys(database)


def test_a_key_opens_until_it_is_revoked(keys: Keys) -> None:
    assert not keys.any_counts()
    key = keys.create("cart", ["system/Observation.c"])
    found = keys.found(key)
    assert found is not None and (found.name, found.scopes) == ("cart", ["system/Observation.c"])
    assert keys.any_counts() and keys.found(key[:-1]) is None and keys.found("tl_") is None
    assert keys.revoke("cart") and not keys.revoke("cart") and not keys.revoke("other")
    assert keys.found(key) is None and not keys.any_counts()


def test_a_key_has_256_random_bits_and_is_kept_as_a_digest_alone(keys: Keys, database: Database) -> None:
    one, other = keys.create("one", ["user/*.read"]), keys.create("other", ["user/*.read"])
    assert one != other and len(one.removeprefix("tl_")) == 43
    with database.transaction() as connection:
        rows = connection.execute("select k::text from twelvelead.api_key k").fetchall()
        trail = connection.execute("select a::text from twelvelead.audit a").fetchall()
    assert not [row for row in (*rows, *trail) if one in row[0] or one.removeprefix("tl_") in row[0]]


def test_a_key_that_has_expired_opens_nothing(keys: Keys, database: Database) -> None:
    key = keys.create("cart", ["system/Observation.c"], days=1)
    assert keys.found(key)
    with database.transaction() as connection:
        connection.execute("update twelvelead.api_key set expires_at = now() - interval '1 second'")
    assert keys.found(key) is None


@pytest.mark.parametrize("name, scopes", [("", ["user/*.read"]), ("a b", ["user/*.read"]), ("a", ["all"]), ("a", [])])
def test_a_key_without_a_name_or_a_scope_is_not_made(keys: Keys, name: str, scopes: list[str]) -> None:
    with pytest.raises(SetupError):
        keys.create(name, scopes)
    assert keys.listed() == []


def test_a_name_is_used_once(keys: Keys) -> None:
    keys.create("cart", ["user/*.read"])
    keys.revoke("cart")
    with pytest.raises(SetupError, match="name"):
        keys.create("cart", ["user/*.read"])


def test_the_trail_names_who_acts_and_by_which_door(database: Database) -> None:
    audit, jobs, before = Audit(database), Jobs(database), datetime.now(UTC)
    with acting(Actor("operator:eva", "cli")):
        jobs.set_live("ehr", True)
    audit.record("tested", "this", "200")
    newest = audit.listed(before)
    assert [(each.who, each.action, each.subject, each.outcome, each.door) for each in newest] == [
        ("worker", "tested", "this", "200", "worker"),
        ("operator:eva", "go-live", "ehr", "done", "cli"),
    ]
    assert [each.action for each in audit.listed(subject="thi", most=1)] == ["tested"]
    assert audit.listed(datetime.now(UTC) + timedelta(days=1)) == []


@pytest.mark.parametrize(
    "change", ["update twelvelead.audit set subject = ''", "delete from twelvelead.audit", "truncate twelvelead.audit"]
)
def test_the_trail_is_never_changed(database: Database, change: str) -> None:
    audit = Audit(database)
    audit.record("tested")
    before = audit.listed()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"), database.transaction() as connection:
        connection.execute(change.encode())
    assert audit.listed() == before
