"""A FHIR search as it is written (R4 search.html), and as criteria in which nothing names a patient."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from ecg.errors import InvalidQuery
from service.search import PREFIXES, Bound, Criteria, Held, Index, span

USUAL: Final = 20  # resources on a page; a DiagnosticReport with its PDF has some 250 kB
MOST: Final = 100
PAGE: Final = "_page"
HIDDEN: Final = "hidden"  # what the self link says instead of an identifier

# Name, type and meaning of each parameter, as the CapabilityStatement lists them.
PARAMETERS: Final = (
    ("patient", "reference", "The patient by identifier: patient:identifier=system|value, or patient.identifier."),
    ("subject", "reference", "As patient: subject:identifier=system|value, or subject.identifier."),
    ("identifier", "token", "The resource's own identifier."),
    ("date", "date", "When the ECG was acquired; prefixes eq ne gt lt ge le sa eb."),
    ("_lastUpdated", "date", "Since when this version is kept; prefixes as for date."),
)
# The patient is held by identifier alone, so each of these asks the same.
PATIENT_FORMS: Final = frozenset(
    f"{name}{form}"
    for name in ("patient", "subject")
    for form in (":identifier", ".identifier", ":Patient.identifier")
    if (name, form) != ("patient", ":Patient.identifier")
)
_NAMES: Final = frozenset(name for name, _, _ in PARAMETERS)
_PASSED: Final = frozenset({"_format", "_pretty"})  # for every request, and none of search's
# R4 search.html#escaping.
_COMMA: Final = re.compile(r"(?<!\\)(?:\\\\)*,")
_ESCAPED: Final = re.compile(r"\\([\\,|$])")
_MAC: Final = 32  # bytes


@dataclass(frozen=True)
class Query:
    """A search: its criteria, where its page begins, how many to give, and the parameters as they may be shown."""

    criteria: Criteria
    count: int = USUAL
    after: Held | None = None
    shown: tuple[tuple[str, str], ...] = field(default=())

    @property
    def link(self) -> str:
        """The parameters as a query that names no patient."""
        return urlencode(self.shown)


def parsed(kind: str, given: Iterable[tuple[str, str]], index: Index, *, lenient: bool) -> Query:
    """Return what a search asks for. What is not known is refused, or passed over where the client is lenient.

    What would narrow the search to a patient, a date or an identifier is never passed over: the answer would be wider
    than what was asked for.

    Raises:
        InvalidQuery: a parameter is not offered, or its value cannot be read.
    """
    pairs = [each for each in given if each[0] not in _PASSED and each[1] != ""]
    if (token := next((value for name, value in pairs if name == PAGE), None)) is not None:
        if len(pairs) > 1:
            raise InvalidQuery("A link to a page is used as it is.")
        return _opened(kind, token, index)
    groups: dict[str, list[Any]] = {"patients": [], "identifiers": [], "effective": [], "updated": []}
    count, shown = USUAL, []
    for name, value in pairs:
        said = value
        if name in PATIENT_FORMS or name == "identifier":
            groups["identifiers" if name == "identifier" else "patients"].append(_tokens(value, index))
            said = HIDDEN
        elif name in ("date", "_lastUpdated"):
            groups["effective" if name == "date" else "updated"].append(_bounds(value, index))
        elif name == "_count":
            count = _count(value)
        elif lenient and re.split("[:.]", name)[0] not in _NAMES:
            continue
        else:
            raise InvalidQuery(_refusal(name))
        shown.append((name, said))
    return Query(Criteria(kind, **{name: tuple(each) for name, each in groups.items()}), count, None, tuple(shown))


def next_page(query: Query, last: Held, index: Index) -> str:
    """Return the query of a link to the page after `last`: opaque, sealed by the site's key, and without any name."""
    criteria = query.criteria
    told = {
        "kind": criteria.kind,
        "patients": [[key.hex() for key in each] for each in criteria.patients],
        "identifiers": [[key.hex() for key in each] for each in criteria.identifiers],
        "effective": [[_told(bound) for bound in each] for each in criteria.effective],
        "updated": [[_told(bound) for bound in each] for each in criteria.updated],
        "count": query.count,
        "after": [last.last_updated.isoformat(), str(last.id)],
    }
    text = json.dumps(told)
    token = base64.urlsafe_b64encode(index.digest("page", text) + text.encode()).decode()
    return urlencode({PAGE: token})


def _opened(kind: str, token: str, index: Index) -> Query:
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        text = sealed[_MAC:].decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidQuery("This is no link to a page.") from error
    if not hmac.compare_digest(sealed[:_MAC], index.digest("page", text)):
        raise InvalidQuery("This is no link to a page.")
    told = json.loads(text)
    if told["kind"] != kind:
        raise InvalidQuery("This is a link to a page of other resources.")
    at, id_ = told["after"]
    criteria = Criteria(
        kind,
        tuple(tuple(bytes.fromhex(key) for key in each) for each in told["patients"]),
        tuple(tuple(bytes.fromhex(key) for key in each) for each in told["identifiers"]),
        tuple(tuple(_bound(bound) for bound in each) for each in told["effective"]),
        tuple(tuple(_bound(bound) for bound in each) for each in told["updated"]),
    )
    after = Held(kind, UUID(id_), 0, datetime.fromisoformat(at))
    return Query(criteria, told["count"], after, ((PAGE, token),))


def _told(bound: Bound) -> list[str]:
    return [bound.prefix, *(each.isoformat() for each in bound.span)]


def _bound(told: list[str]) -> Bound:
    prefix, low, high = told
    return Bound(prefix, (datetime.fromisoformat(low), datetime.fromisoformat(high)))


def _tokens(value: str, index: Index) -> tuple[bytes, ...]:
    """Return the digests of tokens, any of which may match (R4 search.html#token)."""
    keys = []
    for each in _split(value):
        system, bar, rest = _parted(each)
        if not (system or rest):
            raise InvalidQuery("An identifier is asked for as system|value, |value, value or system|.")
        keys.append(index.token(system if bar else None, (rest if bar else system) or None))
    return tuple(keys)


def _bounds(value: str, index: Index) -> tuple[Bound, ...]:
    found = []
    for each in _split(value):
        prefix = each[:2] if each[:1].isalpha() else "eq"
        if prefix not in PREFIXES:
            raise InvalidQuery(f"The prefix of a date is one of {', '.join(PREFIXES)}.")
        found.append(Bound(prefix, span(each[2:] if each[:1].isalpha() else each, index.zone)))
    return tuple(found)


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidQuery("_count is a whole number.")
    return min(int(value), MOST)  # R4 search.html#count: a server may give fewer, never more


def _split(value: str) -> list[str]:
    """Return what stands between commas that are not escaped."""
    parts, start = [], 0
    for match in _COMMA.finditer(value):
        parts.append(value[start : match.end() - 1])
        start = match.end()
    return [*parts, value[start:]]


def _parted(token: str) -> tuple[str, bool, str]:
    """Return what stands before and after the bar, and whether there is one."""
    match = re.search(r"(?<!\\)(?:\\\\)*\|", token)
    if match is None:
        return _ESCAPED.sub(r"\1", token), False, ""
    before, after = token[: match.end() - 1], token[match.end() :]
    return _ESCAPED.sub(r"\1", before), True, _ESCAPED.sub(r"\1", after)


def _refusal(name: str) -> str:
    """Say what is offered instead; what was asked is the client's text, and is not repeated."""
    if re.split("[:.]", name)[0] in ("patient", "subject"):
        return "The patient is held by identifier, not as a resource: ask for patient:identifier=system|value."
    offered = ", ".join((*(each for each, _, _ in PARAMETERS), "_count"))
    return f"A parameter is not offered here. Offered are {offered}."
