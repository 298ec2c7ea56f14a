"""The CapabilityStatement, made from what is routed (R4 capabilitystatement.html)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from adapters.fhir.versions import R4, VERSIONS
from service.api.fhir_formats import BASE
from service.api.fhir_query import PARAMETERS
from service.release import RELEASE

RELEASED: Final = "2026-11-22"
# R4 value set type-restful-interaction, by method and by what follows the type in the path.
_INTERACTIONS: Final = {
    ("get", "/{resource_id}"): "read",
    ("get", ""): "search-type",
    ("post", "/_search"): "search-type",
    ("post", ""): "create",
}
_READ: Final = ", ".join(each.name for each in VERSIONS.values())
_ROUTE: Final = re.compile(rf"{BASE}/([A-Z]\w+)(/\S+)?")
NOTES: Final[Mapping[tuple[str, str], str]] = {
    ("Observation", "create"): "An ECG with SampledData is taken as input: the answer's Location is its "
    "DiagnosticReport. The Observation itself is not kept as a resource.",
    (
        "DocumentReference",
        "create",
    ): "An attached ECG is taken as input, as an Observation is. Nothing is fetched by URL.",
    ("Media", "create"): "As a DocumentReference.",
    ("Binary", "create"): "As a DocumentReference: the resource, or the ECG itself under its own content type.",
    ("Binary", "read"): "The PDF of a report, by the id of its DiagnosticReport.",
    ("", "transaction"): "ECGs are taken as input, all or none; other entries are read beside them and not kept.",
    ("", "batch"): "As a transaction: all or none.",
}


def interactions(paths: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return the interactions that are routed, by type of resource; '' stands for the whole system.

    Args:
        paths: the methods of each path, as OpenAPI lists them.
    """
    found: dict[str, list[str]] = {}
    for path, methods in paths.items():
        for kind, code in _routed(path, methods):
            held = found.setdefault(kind, [])
            held += [code] if code not in held else []
    return {kind: tuple(codes) for kind, codes in found.items()}


def capability_statement(paths: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Return the CapabilityStatement of these paths."""
    routed = interactions(paths)
    resources = [_resource(kind, codes) for kind, codes in routed.items() if kind]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "Twelvelead", "version": RELEASE},
        "implementation": {"description": "Preliminary ECG reports for research and evaluation; loopback only."},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": f"Read in {_READ}; answered in {R4.name}.",
                "resource": resources,
                "interaction": [_told("", each) for each in routed.get("", ())],
            }
        ],
    }


def _routed(path: str, methods: Iterable[str]) -> Iterator[tuple[str, str]]:
    if path == BASE and "post" in methods:
        yield from (("", "transaction"), ("", "batch"))
    if match := _ROUTE.fullmatch(path):
        for method in methods:
            if code := _INTERACTIONS.get((method, match.group(2) or "")):
                yield match.group(1), code


def _resource(kind: str, codes: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": kind, "interaction": [_told(kind, each) for each in codes]}
    if "read" in codes:
        told |= {"versioning": "versioned", "conditionalRead": "not-match"}
    if "search-type" in codes:
        told["searchParam"] = [{"name": name, "type": type_, "documentation": text} for name, type_, text in PARAMETERS]
    return told


def _told(kind: str, code: str) -> dict[str, str]:
    note = NOTES.get((kind, code))
    return {"code": code} | ({"documentation": note} if note else {})
