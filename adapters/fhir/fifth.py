"""Our R4 Bundle as R5 has it: the same resources under the same ids, with what R5 names or nests in another way."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from fhir.resources.bundle import Bundle

from adapters.fhir.codes import Json
from adapters.fhir.elements import kept

# R5 http.html#mime-type.
VERSION: Final = "5.0"
# R5 valueset-device-nametype.html is required, and has no name of a model.
_MODEL: Final = "model-name"
# R5 valueset-composition-status.html, by the status of an R4 DiagnosticReport.
_DOCUMENT: Final = MappingProxyType(
    {
        "partial": "preliminary",
        "preliminary": "preliminary",
        "amended": "amended",
        "entered-in-error": "entered-in-error",
    }
)


def as_r5(bundle: bytes) -> bytes:
    """Return a Bundle of ours, in R4, as one of R5; in UTF-8, the same bytes each time.

    Raises:
        ValueError: a structure that R5 forbids would have come out (pydantic's ValidationError is one).
    """
    translated = in_r5(json.loads(bundle))
    return json.dumps(translated, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def in_r5(bundle: Json) -> Json:
    """Return a Bundle of ours, in R4, as one of R5.

    Raises:
        ValueError: as `as_r5`.
    """
    entries = bundle["entry"]
    reports = [each["resource"] for each in entries if each["resource"]["resourceType"] == "DiagnosticReport"]
    status = _DOCUMENT[reports[0]["status"]]
    translated = bundle | {"entry": [_entry(each, status) for each in entries]}
    Bundle.model_validate(translated)
    return translated


def _entry(entry: Json, status: str) -> Json:
    resource = entry["resource"]
    if resource["resourceType"] == "Media":
        request = entry["request"] | {"url": entry["request"]["url"].replace("Media", "DocumentReference", 1)}
        return entry | {"resource": _whole(_document(resource, status)), "request": request}
    translate = _TRANSLATED.get(resource["resourceType"])
    return entry | {"resource": _whole(translate(resource) if translate else resource)}


def _document(media: Json, status: str) -> Json:
    """Return Media as a DocumentReference (R5 documentreference.html): R5 has no Media any more."""
    notes = [each["text"] for each in media.get("note", ())]
    return kept(
        resourceType="DocumentReference",
        meta=media.get("meta"),
        text=media["text"],
        identifier=media["identifier"],
        status="current" if media["status"] == "completed" else media["status"],
        docStatus=status,
        type=media["type"],
        subject=media.get("subject"),
        context=[media["encounter"]] if "encounter" in media else None,
        date=media["issued"],
        author=[media["device"]],
        description=". ".join([media["content"]["title"], *notes]),
        content=[{"attachment": media["content"]}],
    )


def _report(report: Json) -> Json:
    """Return a DiagnosticReport with its study (R5 diagnosticreport.html)."""
    rest = {name: value for name, value in report.items() if name != "imagingStudy"}
    return rest | kept(study=report.get("imagingStudy"))


def _device(device: Json) -> Json:
    """Return a Device with names and a model number (R5 device.html)."""
    names, rest = device["deviceName"], {name: value for name, value in device.items() if name != "deviceName"}
    models = [each["name"] for each in names if each["type"] == _MODEL]
    return rest | kept(
        name=[{"value": each["name"], "type": each["type"]} for each in names if each["type"] != _MODEL],
        modelNumber=models[0] if models else None,
        type=[device["type"]],
    )


_TRANSLATED: Final[Mapping[str, Callable[[Json], Json]]] = MappingProxyType(
    {"DiagnosticReport": _report, "Device": _device}
)


def _whole(node: Json) -> Json:
    """Return a copy with the sizes of attachments as R5 writes an integer64, in quotes (R5 json.html#primitive)."""
    return {name: _whole_value(name, value, node) for name, value in node.items()}


def _whole_value(name: str, value: object, holder: Json) -> object:
    if isinstance(value, dict):
        return _whole(value)
    if isinstance(value, list):
        return [_whole_value(name, each, holder) for each in value]
    return str(value) if name == "size" and "contentType" in holder else value
