"""Reads FHIR resources by type and id, with their version (R4 http.html#read)."""

import base64
import json
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from service.api.fhir_formats import BASE, answer, asked_for, json_is_asked_for, resource_is_asked_for
from service.api.problems import problem
from service.archive import PDF
from service.intake import Intake
from service.search import Held, Index

RESOURCES: Final = ("DiagnosticReport", "Observation", "Media", "Device", "Provenance")
_PDF_TYPE: Final = "application/pdf"


def routes(intake: Intake) -> APIRouter:
    """Return the routes that read."""
    router = APIRouter(prefix=BASE)

    def reader(kind: str) -> Callable[..., Response]:
        def read(request: Request, resource_id: str) -> Response:
            key = uuid_of(resource_id)
            data = intake.store.resource(kind, key) if key else None
            if data is None or key is None:
                return unknown(request, kind)
            held = index(intake).held(kind, key)
            tags = versions(held)
            return not_modified(request, tags) or answer(as_held(data, held), headers=tags)

        return read

    for kind in RESOURCES:
        asked = [Depends(json_is_asked_for)]
        router.get(f"/{kind}/{{resource_id}}", summary=f"Read a {kind}", name=f"read {kind}", dependencies=asked)(
            reader(kind)
        )

    @router.get("/Binary/{resource_id}")
    def binary(request: Request, resource_id: str) -> Response:
        """A report's PDF, by the id of its DiagnosticReport: as it is, or as a resource where FHIR is asked for."""
        key = uuid_of(resource_id)
        pdf = intake.store.file(key, PDF) if key else None
        if pdf is None or key is None:
            return unknown(request, "Binary")
        held = index(intake).held("DiagnosticReport", key)
        tags = versions(held)
        if (same := not_modified(request, tags)) is not None:
            return same
        if resource_is_asked_for(request):
            return answer(_binary(key, pdf, held), headers=tags)
        if not asked_for(request) & {_PDF_TYPE, "application/*", "*/*"}:
            raise HTTPException(HTTPStatus.NOT_ACCEPTABLE)
        named = {"X-Security-Context": f"DiagnosticReport/{key}"}  # R4 binary.html#rest
        return Response(pdf, headers=named | tags, media_type=_PDF_TYPE)

    return router


def index(intake: Intake) -> Index:
    """Return the index of what was issued."""
    return Index(intake.jobs.database, intake.settings.zone)


def as_held(data: bytes, held: Held | None) -> dict[str, Any]:
    """Return a resource with its version and the time since which it is kept (R4 resource.html#Meta)."""
    resource: dict[str, Any] = json.loads(data)
    own = resource.get("meta", {})
    return resource | {"meta": own | _meta(held) if held else _meta(held) | own}


def versions(held: Held | None) -> dict[str, str]:
    """Return the headers that tell a version (R4 http.html#versioning). What was kept before there was a list is 1."""
    if held is None:
        return {"ETag": 'W/"1"'}
    return {
        "ETag": f'W/"{held.version}"',
        "Last-Modified": format_datetime(held.last_updated.astimezone(UTC), usegmt=True),
    }


def not_modified(request: Request, tags: dict[str, str]) -> Response | None:
    """Answer 304 where the client has this version (RFC 9110, 13.1.2), else None."""
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if "*" not in known and tags["ETag"].removeprefix("W/") not in known:
        return None
    return answer(None, HTTPStatus.NOT_MODIFIED, tags)


def unknown(request: Request, kind: str) -> Response:
    """Answer that there is no such resource."""
    return problem(request, HTTPStatus.NOT_FOUND, "unknown-resource", f"No such {kind} is kept here.")


def uuid_of(text: str) -> UUID | None:
    """Return the id that a text is, None where it is none of ours."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _meta(held: Held | None) -> dict[str, str]:
    if held is None:
        return {"versionId": "1"}
    return {"versionId": str(held.version), "lastUpdated": held.last_updated.astimezone(UTC).isoformat()}


def _binary(key: UUID, pdf: bytes, held: Held | None) -> dict[str, Any]:
    return {
        "resourceType": "Binary",
        "id": str(key),
        "meta": _meta(held),
        "contentType": _PDF_TYPE,
        "securityContext": {"reference": f"DiagnosticReport/{key}"},
        "data": base64.b64encode(pdf).decode(),
    }
