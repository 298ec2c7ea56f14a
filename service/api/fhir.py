"""The FHIR routes: what is taken, read and searched for, and the statement of what can be asked."""

from collections.abc import Callable

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.api import fhir_door, fhir_read, fhir_search
from service.api.capability import capability_statement
from service.api.fhir_formats import BASE, answer, json_is_asked_for
from service.intake import Intake


def routes(intake: Intake, draining: Callable[[], bool]) -> APIRouter:
    """Return the routes below /fhir."""
    router = APIRouter(tags=["FHIR"])

    @router.get(f"{BASE}/metadata", dependencies=[Depends(json_is_asked_for)])
    def metadata(request: Request) -> Response:
        """What this server can be asked."""
        return answer(capability_statement(request.app.openapi()["paths"]))

    router.include_router(fhir_door.routes(intake, draining))
    for each in (fhir_search, fhir_read):
        router.include_router(each.routes(intake))
    return router
