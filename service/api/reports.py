"""The routes that take ECGs and hand out reports."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from ecg.errors import UnknownFormat
from ecg.payload import Payload
from service.api.problems import problem
from service.intake import Accepted, Intake
from service.renderings import BUNDLE, PDF, SUMMARY

MEDIA_TYPES: Final = {".pdf": "application/pdf", ".json": "application/json", ".png": "image/png"}
BINARY: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}  # fmt: skip


def routes(intake: Intake) -> APIRouter:
    """Return the routes below /v1."""
    router = APIRouter(prefix="/v1", tags=["reports"])
    most = intake.settings.max_payload_mb * 1_000_000

    @router.post("/ecgs", status_code=HTTPStatus.CREATED, openapi_extra=BINARY)
    async def accept(request: Request) -> Response:
        """Take an ECG as the body of the request, in any format that is read, and report on it."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                detail = f"A payload may have at most {intake.settings.max_payload_mb} MB."
                return problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
        if not body:
            raise UnknownFormat("The body of the request is empty: send the ECG itself.")
        payload = Payload(bytes(body), request.headers.get("content-type", "application/octet-stream"))
        accepted = await run_in_threadpool(intake.accept, payload, datetime.now(UTC))
        known = all(each.known for each in accepted)
        return JSONResponse(
            {"reports": [_links(each) for each in accepted]},
            HTTPStatus.OK if known else HTTPStatus.CREATED,
            {"Location": f"/v1/reports/{accepted[0].report_id}"},
        )

    @router.get("/reports/{report_id}")
    def report(request: Request, report_id: UUID) -> Response:
        """The report as JSON."""
        return _file(request, intake, report_id, SUMMARY)

    @router.get("/reports/{report_id}/{name}")
    def rendering(request: Request, report_id: UUID, name: str) -> Response:
        """One rendering: report.pdf, bundle.json, or a picture by its file name."""
        return _file(request, intake, report_id, name)

    return router


def _links(accepted: Accepted) -> dict[str, Any]:
    base = f"/v1/reports/{accepted.report_id}"
    links = {"report": base, "pdf": f"{base}/{PDF}", "bundle": f"{base}/{BUNDLE}"}
    fhir = f"/fhir/DiagnosticReport/{accepted.report_id}"
    return {"id": str(accepted.report_id), "known": accepted.known, "links": {**links, "fhir": fhir}}


def _file(request: Request, intake: Intake, report_id: UUID, name: str) -> Response:
    suffix = name[name.rfind(".") :] if "." in name else ""
    data = intake.store.file(report_id, name) if suffix in MEDIA_TYPES and "/" not in name else None
    if data is None:
        return problem(request, HTTPStatus.NOT_FOUND, "unknown-report", "No such report, or no such rendering of it.")
    return Response(data, media_type=MEDIA_TYPES[suffix])
