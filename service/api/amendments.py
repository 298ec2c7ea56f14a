"""The routes by which a report is read again or withdrawn, and its versions are told."""

import json
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from ecg.errors import MalformedPayload, UnknownReport
from ecg.report import REASONS
from service.api.receiving import JSON, body, only_json
from service.api.reports import MEDIA_TYPES
from service.intake import Intake
from service.versions import Version, Versions, made_with, models_of

LARGEST_MB: Final = 0.004  # of a request
FORCE: Final = {"type": "object", "properties": {"force": {"type": "boolean"}}, "additionalProperties": False}
REASON: Final = {
    "type": "object",
    "properties": {"reason": {"enum": sorted(REASONS)}},
    "required": ["reason"],
    "additionalProperties": False,
}


def routes(intake: Intake) -> APIRouter:
    """Return the routes below /v1/reports."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])
    post = partial(router.post, status_code=HTTPStatus.ACCEPTED, dependencies=[Depends(only_json)])

    @post("/{report_id}/amend", openapi_extra=_body(FORCE))
    async def amend(request: Request, report_id: UUID) -> Response:
        """Read the ECG again with the models, release and settings of now, as the next version of the same report.

        Where none of them has changed, nothing is made, unless the request says {"force": true}.
        """
        asked = await _asked(request, {"force"})
        force = asked.get("force", False)
        if not isinstance(force, bool):
            raise MalformedPayload("'force' is true or false.")
        known = await run_in_threadpool(_amend, intake, report_id, force)
        return JSONResponse({"changed": False}) if known is None else _accepted(known)

    @post("/{report_id}/withdraw", openapi_extra=_body(REASON))
    async def withdraw(request: Request, report_id: UUID) -> Response:
        """Withdraw the report, for good, wherever it went."""
        reason = (await _asked(request, {"reason"})).get("reason")
        if not isinstance(reason, str) or reason not in REASONS:
            raise MalformedPayload(f"'reason' is one of {', '.join(REASONS)}.")
        versions = Versions(intake.jobs.database)
        return _accepted(await run_in_threadpool(versions.withdraw, report_id, datetime.now(UTC), reason))

    @router.get("/{report_id}/versions")
    def versions(report_id: UUID) -> Response:
        """Which versions of the report there are."""
        known = Versions(intake.jobs.database)
        known.version(report_id, 1)
        return JSONResponse({"versions": [told(each) for each in known.versions(report_id)]})

    @router.get("/{report_id}/versions/{number}/{name}")
    def rendering(report_id: UUID, number: int, name: str) -> Response:
        """One rendering of one version, by its file name."""
        suffix = name[name.rfind(".") :]
        known = Versions(intake.jobs.database).version(report_id, number)
        data = None
        if known.state == "done" and suffix in MEDIA_TYPES and "/" not in name:
            data = intake.store.file(report_id, name, number)
        if data is None:
            raise UnknownReport("No such rendering of that version is kept here.")
        return Response(data, media_type=MEDIA_TYPES[suffix])

    return router


def told(version: Version) -> dict[str, Any]:
    """Return a version as plain data."""
    return {
        "report": str(version.report_id),
        "version": version.version,
        "kind": version.kind,
        "reason": version.reason,
        "requested_at": version.requested_at.isoformat(),
        "state": version.state,
        "error": version.error,
    }


def _amend(intake: Intake, report_id: UUID, force: bool) -> Version | None:
    now = made_with(models_of(intake.settings), intake.settings)
    return Versions(intake.jobs.database).amend(report_id, datetime.now(UTC), now, force=force)


def _accepted(version: Version) -> Response:
    place = f"/v1/reports/{version.report_id}/versions"
    return JSONResponse({"changed": True, **told(version)}, HTTPStatus.ACCEPTED, {"Location": place})


async def _asked(request: Request, known: set[str]) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        MalformedPayload: it is no JSON object, or names what is not known.
        TooLarge, TooSlow, BrokenRequest: as `body`.
    """
    data = await body(request, LARGEST_MB)
    try:
        asked = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("The body of the request is no JSON.") from error
    if not isinstance(asked, dict) or not asked.keys() <= known:
        raise MalformedPayload(f"The request is a JSON object of {', '.join(sorted(known))}.")
    return asked


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {JSON: {"schema": schema}}}}
