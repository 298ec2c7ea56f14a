"""Foreign R4 JSON: bounded in size and depth, and held to R4's own classes, before anything is read from it."""

import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn

# R4B, the closest that fhir.resources has: Bundle, Observation and what an ECG refers to are those of R4.
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation
from pydantic import ValidationError

from adapters.fhir.codes import Json
from ecg.errors import MalformedPayload, UnknownFormat

# A hundred 12-lead ECGs with all that belongs to them have some 10,000 objects; the samples are text.
MAX_OBJECTS: Final = 20_000
MAX_VALUES: Final = 500_000
MAX_DEPTH: Final = 64

_CLASSES: Final[dict[str, Any]] = {"Bundle": Bundle, "Observation": Observation}


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


def checked(document: Json) -> Json:
    """Hold a Bundle or Observation, with all that it contains, to R4: what R4 does not know is refused.

    Raises:
        UnknownFormat: it is another resource, or of another version of FHIR.
        MalformedPayload: it breaks R4's rules.
    """
    kind = document.get("resourceType")
    if not isinstance(kind, str) or kind not in _CLASSES:
        raise UnknownFormat("Of FHIR's resources, an ECG comes as Observation or in a Bundle.")
    for _, node in _nodes(document):
        if "origin" in node and ("interval" in node or "intervalUnit" in node):
            raise UnknownFormat("This SampledData is R5's ('interval'); R4 has 'period', in milliseconds: send R4.")
        if "modifierExtension" in node or "implicitRules" in node:  # R4 extensibility.html#modifierExtension
            raise MalformedPayload("A modifierExtension or implicitRules changes the meaning in an unknown way.")
    try:
        _CLASSES[kind].model_validate(document)
    except ValidationError as error:
        raise MalformedPayload(f"The {kind} breaks R4's rules: {_place(error)}.") from error
    except (LookupError, TypeError, AttributeError) as error:  # fhir.resources, of a type of resource it does not know
        raise MalformedPayload(f"The {kind} holds what R4 does not know.") from error
    return document


def _place(error: ValidationError) -> str:
    """Say where the first fault is, by R4's names alone: that of an unknown element is the sender's text."""
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
