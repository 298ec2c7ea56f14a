"""Finds issued resources by keyed digests of identifiers and by time; what it writes names no patient."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from ecg.errors import InvalidQuery
from service.database import Database

# R4 search.html#prefix, for half-open ranges: those of the value (low, high) and of the resource (here {0}, {1}).
PREFIXES: Final = {
    "eq": "({0} >= %(low)s and {1} <= %(high)s)",
    "ne": "not ({0} >= %(low)s and {1} <= %(high)s)",
    "gt": "({1} > %(high)s)",
    "lt": "({0} < %(low)s)",
    "ge": "({1} > %(high)s or ({0} >= %(low)s and {1} <= %(high)s))",
    "le": "({0} < %(low)s or ({0} >= %(low)s and {1} <= %(high)s))",
    "sa": "({0} >= %(high)s)",
    "eb": "({1} <= %(low)s)",
}
_EFFECTIVE: Final = ("effective_from", "effective_to")
_UPDATED: Final = ("last_updated", "last_updated + interval '1 microsecond'")

# R4 datatypes.html#dateTime, and search.html#date: a time of day may come without a zone there.
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Indexed:
    """A resource as it is found: digests of its patient's and its own identifiers, and when it applies."""

    kind: str
    id: UUID
    report_id: UUID
    version: int
    patient_keys: list[bytes]
    identifier_keys: list[bytes]
    effective: Span | None


@dataclass(frozen=True)
class Held:
    """A resource that is kept: which version, and since when."""

    kind: str
    id: UUID
    version: int
    last_updated: datetime


@dataclass(frozen=True)
class Bound:
    """A range of time with the prefix that says how a resource's is compared with it."""

    prefix: str
    span: Span


@dataclass(frozen=True)
class Criteria:
    """What a search asks for: all of them must hold, and of each inner tuple one."""

    kind: str
    patients: tuple[tuple[bytes, ...], ...] = ()
    identifiers: tuple[tuple[bytes, ...], ...] = ()
    effective: tuple[tuple[Bound, ...], ...] = ()
    updated: tuple[tuple[Bound, ...], ...] = ()


@dataclass(frozen=True)
class Page:
    """A page of what was found, the newest first, and how many there are in all."""

    found: list[Held]
    total: int
    last: bool


@dataclass(frozen=True)
class _Count:
    total: int


def enlist(connection: Any, resources: Iterable[Indexed]) -> None:
    """List resources for search, or the newer version of each instead of the older, within the caller's transaction."""
    for each in resources:
        low, high = each.effective or (None, None)
        connection.execute(
            "insert into twelvelead.resource as held (kind, id, report_id, version, patient_keys, identifier_keys, "
            "effective_from, effective_to) values (%s, %s, %s, %s, %s::bytea[], %s::bytea[], %s, %s) "
            "on conflict (kind, id) do update set version = excluded.version, patient_keys = excluded.patient_keys, "
            "identifier_keys = excluded.identifier_keys, effective_from = excluded.effective_from, "
            "effective_to = excluded.effective_to, last_updated = excluded.last_updated "
            "where held.version < excluded.version",
            (each.kind, each.id, each.report_id, each.version, each.patient_keys, each.identifier_keys, low, high),
        )


class Index:
    """The table of issued resources, and the site's key."""

    def __init__(self, database: Database, zone: tzinfo | None) -> None:
        self._database, self.zone = database, zone or UTC

    @cached_property
    def _key(self) -> bytes:
        with self._database.transaction() as connection:
            row = connection.execute("select value from twelvelead.site_key").fetchone()
            return bytes(row[0]) if row else b""

    def digest(self, *parts: str) -> bytes:
        """Return the keyed digest of texts (HMAC, RFC 2104, with SHA-256)."""
        return hmac.digest(self._key, json.dumps(parts).encode(), hashlib.sha256)

    def token(self, system: str | None, value: str | None) -> bytes:
        """Return the digest of what a search asks of an identifier (R4 search.html#token).

        Args:
            system: '' for identifiers without one, None for any.
            value: None for any.
        """
        if value is None:
            return self.digest("system", system or "")
        return self.digest("value", value) if system is None else self.digest("both", system, value)

    def rows(self, report_id: UUID, version: int, resources: Mapping[str, bytes]) -> list[Indexed]:
        """Return what is to be written of a report's resources ('type/id' to JSON).

        A resource that names its own version has that one, the others have the `version` of the report.
        """
        return [self._row(report_id, version, name, json.loads(data)) for name, data in resources.items()]

    def _row(self, report_id: UUID, version: int, name: str, resource: dict[str, Any]) -> Indexed:
        kind, _, id_ = name.partition("/")
        subject = resource.get("subject", {}).get("identifier")
        at = resource.get("effectiveDateTime")
        return Indexed(
            kind=kind,
            id=UUID(id_),
            report_id=report_id,
            version=int(resource.get("meta", {}).get("versionId", version)),
            patient_keys=list(self._tokens(subject)) if subject else [],
            identifier_keys=[each for own in resource.get("identifier", ()) for each in self._tokens(own)],
            effective=span(at, self.zone) if at else None,
        )

    def _tokens(self, identifier: dict[str, Any]) -> Iterator[bytes]:
        system, value = identifier.get("system", ""), identifier["value"]
        yield from (self.token(system, value), self.token(None, value))
        if system:
            yield self.token(system, None)

    def held(self, kind: str, id_: UUID) -> Held | None:
        """Return which version of a resource is kept, None where none is listed."""
        query = "select kind, id, version, last_updated from twelvelead.resource where kind = %s and id = %s"
        found = self._database.rows(Held, query, (kind, id_))
        return found[0] if found else None

    def find(self, criteria: Criteria, most: int, after: Held | None = None) -> Page:
        """Return at most so many of what meets the criteria, the newest first; what comes `after` a given one.

        Raises:
            Overloaded: the database does not answer.
        """
        where, values = _where(criteria)
        table = f"from twelvelead.resource where {where}"  # made of this module's own texts
        (count,) = self._database.rows(_Count, f"select count(*) as total {table}", values)
        if after is not None:
            table += " and (last_updated, id) < (%s, %s)"
            values += [after.last_updated, after.id]
        page = f"select kind, id, version, last_updated {table} order by last_updated desc, id desc limit %s"
        found = self._database.rows(Held, page, [*values, most + 1]) if most else []
        return Page(found[:most], count.total, last=len(found) <= most)


def span(text: str, zone: tzinfo) -> Span:
    """Return the range that a date stands for as far as it is written: a year, a day, ... (R4 search.html#date).

    Raises:
        InvalidQuery: it is no date.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise InvalidQuery("A date has the form 2024-05-01 or 2024-05-01T10:12:30+02:00, or is less precise.")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        own = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo if offset else zone
        micro = int((fraction or "0").ljust(6, "0")[:6])
        low = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
                       micro, own)  # fmt: skip
        if month is None:
            high = low.replace(year=low.year + 1)
        elif day is None:
            high = (low + timedelta(days=31)).replace(day=1)
        else:
            steps = ((fraction, {"microseconds": 10 ** max(6 - len(fraction or ""), 0)}), (second, {"seconds": 1}))
            step = next((each for given, each in steps if given), {"minutes": 1} if hour else {"days": 1})
            high = low + timedelta(**step)
        return low.astimezone(UTC), high.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidQuery("There is no such date, or it is at the end of the calendar.") from error


def _where(criteria: Criteria) -> tuple[str, list[Any]]:
    """Return the condition and its values. Its text is made of constants alone."""
    parts: list[str] = ["kind = %s"]
    values: list[Any] = [criteria.kind]
    for column, groups in (("patient_keys", criteria.patients), ("identifier_keys", criteria.identifiers)):
        for keys in groups:
            parts.append(f"{column} && %s::bytea[]")
            values.append(list(keys))
    for columns, bounds in ((_EFFECTIVE, criteria.effective), (_UPDATED, criteria.updated)):
        for group in bounds:
            parts.append(f"({' or '.join(_compared(each, columns, values) for each in group)})")
    return " and ".join(parts), values


def _compared(bound: Bound, columns: tuple[str, str], values: list[Any]) -> str:
    """Return the comparison of a resource's range with a value's, and add its values in their order."""
    text = PREFIXES[bound.prefix].format(*columns)
    for name in re.findall(r"%\((low|high)\)s", text):
        values.append(bound.span[0 if name == "low" else 1])
    return re.sub(r"%\((low|high)\)s", "%s", text)
