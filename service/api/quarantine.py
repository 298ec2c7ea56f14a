"""The routes by which an operator sees what is in quarantine, and resolves it."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from service.api.problems import problem
from service.api.receiving import only_json
from service.intake import Intake
from service.quarantine import Entry, Grounds, Quarantine


class Discarding(BaseModel):
    """Why an entry is discarded."""

    model_config = ConfigDict(extra="forbid")

    reason: Grounds


def routes(intake: Intake) -> APIRouter:
    """Return the routes below /v1/quarantine."""
    router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])
    quarantine = Quarantine(intake.jobs)

    @router.get("")
    def listed() -> JSONResponse:
        """What waits for an operator, oldest first."""
        return JSONResponse({"entries": [_entry(each) for each in quarantine.listed()]})

    @router.get("/{entry_id}")
    def entry(request: Request, entry_id: UUID) -> Response:
        """One entry, resolved or not."""
        return _told(request, quarantine.entry(entry_id))

    @router.post("/{entry_id}/release", dependencies=[Depends(only_json)])
    def release(request: Request, entry_id: UUID) -> Response:
        """Let it go on: an ECG is interpreted as one of its own, a delivery is tried again."""
        if found := quarantine.entry(entry_id):
            quarantine.release(found)
        return _told(request, quarantine.entry(entry_id))

    @router.post("/{entry_id}/discard", dependencies=[Depends(only_json)])
    def discard(request: Request, entry_id: UUID, discarding: Discarding) -> Response:
        """Keep it, and never deliver it."""
        if found := quarantine.entry(entry_id):
            quarantine.discard(found, discarding.reason)
        return _told(request, quarantine.entry(entry_id))

    return router


def _told(request: Request, entry: Entry | None) -> Response:
    if entry is None:
        return problem(request, HTTPStatus.NOT_FOUND, "unknown-entry", "Nothing of that id is or was in quarantine.")
    return JSONResponse(_entry(entry))


def _entry(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = jsonable_encoder(asdict(entry))
    return told | {"links": {"entry": f"/v1/quarantine/{entry.id}", "job": f"/v1/jobs/{entry.job_id}"}}
