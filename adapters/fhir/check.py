"""Look for what fhir.resources does not: dangling references, loose codes, broken attachments, live narratives."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from adapters.fhir.codes import POSITIVE, UCUM, Json
from adapters.fhir.elements import XHTML
from adapters.fhir.frame import STATUSES
from adapters.terminology import UNITS
from ecg.findings import FINDINGS, SNOMED_CT

# The R4 value sets with required bindings among the elements that we write, by resource and path.
_BOUND: Final[Mapping[str, Mapping[str, Set[str]]]] = {
    "Bundle": {"type": {"transaction"}},
    "DiagnosticReport": {"status": STATUSES | {"partial"}, "text.status": {"generated"}},
    "Observation": {"status": STATUSES, "text.status": {"generated"}},
    "Media": {"status": {"completed", "entered-in-error"}, "text.status": {"generated"}},
    "Device": {
        "status": {"active"},
        "deviceName.type": {"user-friendly-name", "model-name"},
        "text.status": {"generated"},
    },
    "Provenance": {"entity.role": {"source", "revision"}, "text.status": {"generated"}},
}
# R4 datatypes.html#SampledData: a decimal, E, U or L.
_SAMPLE: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|[EUL]", re.ASCII)
_TAGS: Final = re.compile(rf'^<div xmlns="{re.escape(XHTML)}">|</div>$|</?p>')
# What others made stands as the server's own literal reference (R4 references.html#literal, datatypes.html#id).
_OTHERS: Final = re.compile(r"(Patient|Encounter|ServiceRequest)/[A-Za-z0-9\-.]{1,64}")
_CLINICAL: Final = frozenset(each.snomed.code for each in FINDINGS.values() if each.snomed)


def problems(bundle: bytes) -> tuple[str, ...]:
    """Return what is wrong with a transaction Bundle of ours, one line each; empty where nothing is."""
    whole = json.loads(bundle)
    entries = whole["entry"]
    urls = [entry["fullUrl"] for entry in entries]
    found = [f"fullUrl stands twice: {url}" for url in sorted({url for url in urls if urls.count(url) > 1})]
    found += _loose_codes(whole)
    for entry in entries:
        resource = entry["resource"]
        found += _dangling(resource, set(urls))
        found += _perishable(resource, set(urls))
        found += _loose_codes(resource)
        found += _broken_attachments(resource)
        found += _live_narrative(resource)
        found += _misplaced_findings(resource)
        found += _loose_quantities(resource)
        found += _broken_samples(resource)
        if not _is_conditional(entry["request"], resource["resourceType"]):
            found.append(f"{resource['resourceType']}: the request is no conditional create or update")
    return tuple(found)


def _is_conditional(request: Json, kind: str) -> bool:
    """Return whether a repeat leaves one copy, and overwrites at most a version that we know."""
    if request["method"] == "PUT":
        return request["url"].startswith(f"{kind}?identifier=") or "ifMatch" in request
    return bool(request["url"] == kind and "ifNoneExist" in request)


def _walk(node: Json | list[Any] | str | float | None, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every JSON object at or below `node` with its path, without list indices."""
    if isinstance(node, dict):
        yield path, node
        for name, value in node.items():
            yield from _walk(value, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for each in node:
            yield from _walk(each, path)


def _dangling(resource: Json, urls: set[str]) -> Iterator[str]:
    for path, node in _walk(resource):
        reference = node.get("reference")
        if isinstance(reference, str) and reference not in urls and not _OTHERS.fullmatch(reference):
            yield f"{resource['resourceType']}.{path}: nothing is known as {reference}"


def _perishable(resource: Json, urls: set[str]) -> Iterator[str]:
    """Yield values that a server would replace as if they were references."""
    for path, node in _walk(resource):
        for name, value in node.items():
            if name != "reference" and isinstance(value, str) and value in urls:
                yield f"{resource['resourceType']}.{path}.{name}: a fullUrl does not last"


def _loose_codes(resource: Json) -> Iterator[str]:
    for where, allowed in _BOUND.get(resource["resourceType"], {}).items():
        parent, _, name = where.rpartition(".")
        own = {key: value for key, value in resource.items() if key != "entry"}
        for path, node in _walk(own):
            if path == parent and node.get(name) not in allowed:
                yield f"{resource['resourceType']}.{where}: {node.get(name)!r} is none of its codes"


def _broken_attachments(resource: Json) -> Iterator[str]:
    for path, node in _walk(resource):
        if "contentType" not in node:
            continue
        where = f"{resource['resourceType']}.{path}"
        try:
            data = base64.b64decode(node.get("data", ""), validate=True)
        except binascii.Error:
            yield f"{where}: data is no base64"
            continue
        if node.get("size") != len(data):
            yield f"{where}: size {node.get('size')} of {len(data)} bytes"
        if node.get("hash") != base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode():
            yield f"{where}: hash does not fit the data"


def _live_narrative(resource: Json) -> Iterator[str]:
    """Allow a div of bare paragraphs, which is less than R4 narrative.html allows; all else must be escaped."""
    text = _TAGS.sub("", resource["text"]["div"]) if "text" in resource else "<no narrative>"
    if "<" in text or ">" in text or re.search(r"&(?!(amp|lt|gt|quot|#x27);)", text):
        yield f"{resource['resourceType']}.text: holds more than escaped paragraphs"


def _loose_quantities(resource: Json) -> Iterator[str]:
    """Yield Quantities without a unit of UCUM that is ours, and Observations that neither say a value nor why not."""
    for path, node in _walk(resource):
        where = f"{resource['resourceType']}.{path}"
        if (held := node.get("valueQuantity")) is not None and not (
            held.get("system") == UCUM and held.get("code") == held.get("unit") and held.get("code") in UNITS
        ):
            yield f"{where}.valueQuantity: no unit of UCUM"
        if path == "component" and _values(node) != 1:
            yield f"{where}: not one value, or one reason why there is none"
    said = _values(resource) or "component" in resource or "hasMember" in resource
    if resource["resourceType"] == "Observation" and (_values(resource) > 1 or not said):
        yield "Observation: not one value, or one reason why there is none"


def _values(node: Json) -> int:
    return sum(name.startswith("value") or name == "dataAbsentReason" for name in node)


def _broken_samples(resource: Json) -> Iterator[str]:
    """Yield SampledData whose text or whose count of dimensions is none (R4 datatypes.html#SampledData)."""
    for path, node in _walk(resource):
        if (held := node.get("valueSampledData")) is None:
            continue
        data, dimensions = held.get("data", ""), held.get("dimensions")
        if not (data and all(_SAMPLE.fullmatch(each) for each in data.split(" "))):
            yield f"{resource['resourceType']}.{path}.valueSampledData: no samples separated by single spaces"
        elif not (isinstance(dimensions, int) and dimensions > 0 and len(data.split(" ")) % dimensions == 0):
            yield f"{resource['resourceType']}.{path}.valueSampledData: no whole number of its dimensions"
        if not (held.get("period", 0) > 0 and "value" in held.get("origin", {})):
            yield f"{resource['resourceType']}.{path}.valueSampledData: no period above 0, or no origin"


def _misplaced_findings(resource: Json) -> Iterator[str]:
    """Yield clinical codes that stand where a rule engine would read a finding that nobody asserted."""
    kind = resource["resourceType"]
    positive = any(code == POSITIVE for each in resource.get("interpretation", []) for code in each["coding"])
    for path, node in _walk(resource):
        if node.get("system") != SNOMED_CT:
            continue
        value = kind == "Observation" and path == "valueCodeableConcept.coding" and positive
        if not (value or (kind == "DiagnosticReport" and path == "conclusionCode.coding")):
            yield f"{kind}.{path}: SNOMED CT {node.get('code')} is no asserted finding here"
        if node.get("code") not in _CLINICAL:
            yield f"{kind}.{path}: SNOMED CT {node.get('code')} is no finding of ours"
