"""Knows our own resources when they come back: what we issued is never input."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from adapters.fhir.bundled import bundled
from adapters.fhir.codes import ABSTENTIONS, FINDINGS, OBSERVABLES, URI, Json
from adapters.fhir.document import loaded
from ecg.errors import PayloadError

# Code systems that nobody else writes. Every report holds a score or an abstention, whoever has kept it meanwhile.
_OURS: Final = (OBSERVABLES, ABSTENTIONS, FINDINGS)
_URN: Final = "urn:uuid:"


def own_report_id(payload: bytes) -> UUID | None:
    """Return the id of the report that a payload of FHIR is or is a part of, None where it is not ours. Never raises.

    An Observation on its own is known by its own id. Where recordings came along with a report of ours, they are
    input, and the report beside them is not read.
    """
    if b'"valueSampledData"' in payload or not any(each.encode() in payload for each in _OURS):
        return None
    try:
        resources = [each.resource for each in bundled(loaded(payload))]
        if not any(_is_ours(each) for each in resources):
            return None
        reports = [each for each in resources if each["resourceType"] == "DiagnosticReport"]
        known = [known for each in (*reports, *resources) if (known := _known_as(each))]
        return known[0] if known else None
    except (PayloadError, LookupError, TypeError, AttributeError, ValueError):
        return None


def _is_ours(resource: Json) -> bool:
    return any(node.get("system") in _OURS for node in _objects(resource))


def _known_as(resource: Json) -> UUID | None:
    """Return the UUID among a resource's identifiers (R4 datatypes.html#Identifier)."""
    for each in resource.get("identifier", ()):
        if each.get("system") == URI and each.get("value", "").startswith(_URN):
            return UUID(each["value"].removeprefix(_URN))
    return None


def _objects(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from _objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from _objects(each)
