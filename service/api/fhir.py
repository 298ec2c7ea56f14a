"""The FHIR routes: what was issued, read by type and id, and the statement of what can be asked."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service.api.problems import FHIR, problem
from service.intake import Intake
from service.release import RELEASE

RESOURCES: Final = ("DiagnosticReport", "Observation", "Media", "Device", "Provenance")
RELEASED: Final = "2026-11-22"


def routes(intake: Intake) -> APIRouter:
    """Return the routes below /fhir."""
    router = APIRouter(prefix="/fhir", tags=["FHIR"])

    @router.get("/metadata")
    def metadata() -> Response:
        """What this server can be asked."""
        return JSONResponse(capability_statement(), media_type=FHIR)

    def reader(kind: str) -> Any:
        def read(request: Request, resource_id: str) -> Response:
            data = intake.store.resource(kind, key) if (key := _uuid(resource_id)) else None
            if data is None:
                return problem(request, HTTPStatus.NOT_FOUND, "unknown-resource", f"No such {kind} is kept here.")
            return Response(data, media_type=FHIR)

        return read

    for kind in RESOURCES:
        router.get(f"/{kind}/{{resource_id}}", summary=f"Read a {kind}", name=f"read {kind}")(reader(kind))
    return router


def capability_statement() -> dict[str, Any]:
    """Return the CapabilityStatement, made from what is routed (R4 capabilitystatement.html)."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "Twelvelead", "version": RELEASE},
        "implementation": {"description": "Preliminary ECG reports for research and evaluation."},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [{"type": kind, "interaction": [{"code": "read"}]} for kind in RESOURCES],
            }
        ],
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
