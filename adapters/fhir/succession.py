"""What an EHR holds of a report's former version, whether it is still as we wrote it, and how the next replaces it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.fhir.bundle import REPLACED, relinked, retired
from adapters.fhir.codes import URI, Json
from ecg.report import AMENDED, PRELIMINARY, WITHDRAWN

# A report that says anything else was signed, changed or withdrawn by somebody.
OURS: Final = frozenset({PRELIMINARY, "partial", AMENDED})
# What a resource of ours says; a server may write the rest in its own way.
_SAID: Final = ("status", "conclusion", "valueQuantity", "valueCodeableConcept", "interpretation", "dataAbsentReason")


@dataclass(frozen=True)
class Writing:
    """One resource as we wrote it: type and identifier, the server's version of it ('' where unknown), its digest."""

    kind: str
    identifier: str
    version: str
    digest: str

    def holds(self, resource: Json) -> bool:
        """Return whether a resource at the server is still the one that was written."""
        if self.version:
            return version_of(resource) == self.version
        return digest(resource) == self.digest


def written_state(entries: Sequence[Json], versions: Sequence[str]) -> str:
    """Return what has to be known of a delivered Bundle when its next version comes; it names no patient."""
    return json.dumps([
        [entry["resource"]["resourceType"], _identifier(entry["resource"]), version, digest(entry["resource"])]
        for entry, version in zip(entries, versions, strict=True)
        if entry["resource"]["resourceType"] in ("DiagnosticReport", *REPLACED)
    ])  # fmt: skip


def read_state(state: str) -> tuple[Writing, ...]:
    """Return what was written, nothing where there is no such word."""
    return tuple(Writing(*each) for each in json.loads(state or "[]"))


def digest(resource: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a resource of ours says."""
    said = {name: resource.get(name) for name in _SAID}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def version_of(resource: Json) -> str:
    """Return the server's version of a resource, '' where it names none."""
    meta = resource.get("meta")
    return str(meta.get("versionId") or "") if isinstance(meta, dict) else ""


def is_marked(resource: Json, mark: Json) -> bool:
    """Return whether a DiagnosticReport says that it is that version of ours."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return any(isinstance(each, dict) and each.get("code") == mark["code"] for each in tags or ())


def creating(entries: Sequence[Json]) -> list[Json]:
    """Return the entries with a DiagnosticReport that is created: nothing of the report is there."""
    return [_created(each) if each["request"]["method"] == "PUT" else each for each in entries]


def updating(entries: Sequence[Json], standing: Json, base: str) -> list[Json]:
    """Return the entries with a DiagnosticReport that updates the one that stands there."""
    return [
        replacing(standing, each["resource"], base) if each["request"]["method"] == "PUT" else each
        for each in linked(entries, standing)
    ]


def repeating(entries: Sequence[Json], standing: Json) -> list[Json]:
    """Return the entries without the DiagnosticReport: it stands there already."""
    return [each for each in linked(entries, standing) if each["request"]["method"] != "PUT"]


def linked(entries: Sequence[Json], standing: Json) -> Iterator[Json]:
    """Yield the entries, their references to the DiagnosticReport literal."""
    (own,) = (each["fullUrl"] for each in entries if each["request"]["method"] == "PUT")
    literal = {own: f"DiagnosticReport/{standing['id']}"}
    return (each | {"resource": relinked(each["resource"], literal)} for each in entries)


def replacing(standing: Json, resource: Json, base: str) -> Json:
    """Return an entry that updates a resource only as it stands now (R4 http.html#concurrency)."""
    place = f"{standing['resourceType']}/{standing['id']}"
    request = {"method": "PUT", "url": place, "ifMatch": f'W/"{version_of(standing)}"'}
    return {"fullUrl": f"{base}/{place}", "resource": resource | {"id": standing["id"]}, "request": request}


def retiring(standing: Json, base: str) -> Json | None:
    """Return an entry that takes a replaced resource out of use; None where that is done."""
    return None if standing.get("status") == WITHDRAWN else replacing(standing, retired(standing), base)


def _created(entry: Json) -> Json:
    kind, _, criterion = entry["request"]["url"].partition("?")
    return entry | {"request": {"method": "POST", "url": kind, "ifNoneExist": criterion}}


def _identifier(resource: Json) -> str:
    return next(str(each["value"]) for each in resource["identifier"] if each.get("system") == URI)
