"""Foreign FHIR JSON: bounded in size and depth, and held to its version's classes, before anything is read from it."""

import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from adapters.fhir.codes import Json
from adapters.fhir.versions import Version, possible
from ecg.errors import MalformedPayload, UnknownFormat

# A hundred 12-lead ECGs with all that belongs to them have some 10,000 objects; the samples are text.
MAX_OBJECTS: Final = 20_000
MAX_VALUES: Final = 500_000
MAX_DEPTH: Final = 64

# What an ECG comes in.
KINDS: Final = ("Observation", "DocumentReference", "Media", "Binary", "DiagnosticReport", "Bundle")
_BEGINNING: Final = 64  # bytes


def is_resource(data: bytes) -> bool:
    """Say by the first bytes and a name whether it is a JSON object that names its type of resource."""
    start = data[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and b'"resourceType"' in data


def loaded(data: bytes) -> Json:
    """Parse a JSON object in UTF-8 (R4 json.html) within bounds.

    Raises:
        MalformedPayload: it is no such object, holds a name twice, or goes beyond a bound.
    """
    # Counted before it is parsed: a few bytes of JSON make some hundred of Python.
    objects, values = data.count(b"{"), data.count(b",") + data.count(b"[")
    if objects > MAX_OBJECTS or values > MAX_VALUES:
        raise MalformedPayload(f"{objects} objects and {values} values: at most {MAX_OBJECTS} and {MAX_VALUES} may be.")
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("The payload is no JSON in UTF-8.") from error
    if not isinstance(document, dict):
        raise MalformedPayload("The payload is no JSON object.")
    if any(depth > MAX_DEPTH for depth, _ in _nodes(document)):
        raise MalformedPayload(f"The JSON is nested deeper than {MAX_DEPTH}.")
    return document


def checked(document: Json, media_type: str = "") -> Json:
    """Hold a resource, with all that it contains, to the rules of its version: what that does not know is refused.

    The version is what the media type says, what the resource says or has, and else R4, then R5, by whose rules it
    keeps: what is read of a resource that keeps both means the same in both.

    Raises:
        UnknownFormat: it is a resource that no ECG comes in, or of another version of FHIR.
        MalformedPayload: it breaks the rules, or is of two versions.
    """
    kind = document.get("resourceType")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownFormat(f"Of FHIR's resources, an ECG comes as {', '.join(KINDS[:-1])} or in a Bundle.")
    nodes = [node for _, node in _nodes(document)]
    if any("modifierExtension" in node or "implicitRules" in node for node in nodes):
        # R4 extensibility.html#modifierExtension
        raise MalformedPayload("A modifierExtension or implicitRules changes the meaning in an unknown way.")
    refused: list[MalformedPayload] = []
    # R4 and R4B have the same classes, which are asked once, under the name of the first.
    for version in reversed({each.model: each for each in reversed(possible(nodes, media_type))}.values()):
        try:
            _hold(document, kind, version)
        except MalformedPayload as error:
            refused.append(error)
        else:
            return document
    raise refused[0]


def _hold(document: Json, kind: str, version: Version) -> None:
    try:
        version.model(kind).model_validate(document)
    except ValidationError as error:
        raise MalformedPayload(f"The {kind} breaks {version.name}'s rules: {_place(error)}.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # fhir.resources, of a type of resource it does not know
        raise MalformedPayload(f"The {kind} is or holds a resource that {version.name} does not have.") from error


def _place(error: ValidationError) -> str:
    """Say where the first fault is, by FHIR's names alone: that of an unknown element is the sender's text."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    unknown = first["type"] == "extra_forbidden"
    path = ".".join(str(each) for each in (first["loc"][:-1] if unknown else first["loc"]))
    return f"{'an unknown element' if unknown else first['type']} at '{path}', {error.error_count()} in all"


def _nodes(root: Json) -> Iterator[tuple[int, Json]]:
    """Yield every object with its depth; stops below the bound."""
    waiting: list[tuple[int, Any]] = [(1, root)]
    while waiting:
        depth, node = waiting.pop()
        if isinstance(node, dict):
            yield depth, node
        if depth <= MAX_DEPTH and isinstance(node, dict | list):
            inner = node.values() if isinstance(node, dict) else node
            waiting += [(depth + 1, each) for each in inner if isinstance(each, dict | list)]


def _once(pairs: list[tuple[str, Any]]) -> Json:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")
