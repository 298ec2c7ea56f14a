"""The routes that take ECGs, tell of their jobs, and hand out reports."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from ecg.errors import UnknownFormat
from ecg.payload import Declared, Payload
from ecg.recording import PRIORITIES, Order, Priority
from service.api.problems import problem
from service.archive import PDF
from service.intake import Accepted, Intake
from service.jobs import Job
from service.renderings import BUNDLE, SUMMARY

MEDIA_TYPES: Final = {".pdf": "application/pdf", ".json": "application/json", ".png": "image/png"}
BINARY: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}  # fmt: skip
WAIT: Final = 30.0  # seconds that a request waits for its report
POLL: Final = 0.05  # seconds


def routes(intake: Intake, draining: Callable[[], bool]) -> APIRouter:
    """Return the routes below /v1. While it is `draining`, nobody waits for a report."""
    router = APIRouter(prefix="/v1", tags=["reports"])
    most = intake.settings.max_payload_mb * 1_000_000

    @router.post("/ecgs", status_code=HTTPStatus.CREATED, openapi_extra=BINARY)
    async def accept(request: Request, priority: Priority | None = None) -> Response:
        """Take an ECG as the body of the request, in any format that is read, and report on it.

        It is on disk and queued before the answer. The answer waits for the report, unless the request says
        'Prefer: respond-async' (RFC 7240) or it takes too long: then 202, and the job tells. So it does of an ECG in
        quarantine. `priority=stat` goes before those that wait.
        """
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                detail = f"A payload may have at most {intake.settings.max_payload_mb} MB."
                return problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)
        if not body:
            raise UnknownFormat("The body of the request is empty: send the ECG itself.")
        declared = Declared(order=Order(priority=priority)) if priority else Declared()
        payload = Payload(bytes(body), request.headers.get("content-type", "application/octet-stream"), declared)
        accepted = await run_in_threadpool(intake.accept, payload, datetime.now(UTC))
        if not accepted:
            return JSONResponse({"reports": [], "dropped": "This is a report of ours, not an ECG."})
        wait = 0.0 if "respond-async" in request.headers.get("prefer", "") else WAIT
        return _answer(request, accepted, await _settled(intake, accepted, wait, draining))

    @router.get("/jobs/{job_id}")
    def job(request: Request, job_id: UUID) -> Response:
        """What became of an accepted ECG, and where its report went."""
        found = intake.jobs.job(job_id)
        if found is None:
            return problem(request, HTTPStatus.NOT_FOUND, "unknown-job", "No such job.")
        deliveries = [
            {"destination": each.destination, "state": each.state, "reference": each.reference, "error": each.error}
            for each in intake.jobs.deliveries(job_id)
        ]
        return JSONResponse({**_job(found), "deliveries": deliveries})

    @router.get("/reports/{report_id}")
    def report(request: Request, report_id: UUID) -> Response:
        """The report as JSON."""
        return _file(request, intake, report_id, SUMMARY)

    @router.get("/reports/{report_id}/{name}")
    def rendering(request: Request, report_id: UUID, name: str) -> Response:
        """One rendering: report.pdf, bundle.json, or a picture by its file name."""
        return _file(request, intake, report_id, name)

    return router


async def _settled(
    intake: Intake, accepted: Sequence[Accepted], wait: float, draining: Callable[[], bool]
) -> list[Job]:
    """Return the jobs as they stand when none waits any more, or when the time is up."""
    end = time.monotonic() + wait
    while True:
        jobs = [await run_in_threadpool(intake.jobs.refreshed, each.job) for each in accepted]
        if all(each.state != "waiting" for each in jobs) or time.monotonic() >= end or draining():
            return jobs
        await asyncio.sleep(POLL)


def _answer(request: Request, accepted: Sequence[Accepted], jobs: Sequence[Job]) -> Response:
    if all(job.state == "erased" for job in jobs):
        detail = "This ECG was here before and has been erased: it is neither kept nor read again."
        return problem(request, HTTPStatus.CONFLICT, "erased", detail)
    if any(job.state != "done" for job in jobs):
        location = f"/v1/jobs/{jobs[0].id}"
        return JSONResponse({"jobs": [_job(job) for job in jobs]}, HTTPStatus.ACCEPTED, {"Location": location})
    reports = [
        {"id": str(job.report_id), "known": each.known, "job": str(job.id), "links": _links(str(job.report_id))}
        for each, job in zip(accepted, jobs, strict=True)
    ]
    status = HTTPStatus.OK if all(each.known for each in accepted) else HTTPStatus.CREATED
    return JSONResponse({"reports": reports}, status, {"Location": f"/v1/reports/{jobs[0].report_id}"})


def _job(job: Job) -> dict[str, Any]:
    links = {"job": f"/v1/jobs/{job.id}"} | (_links(str(job.report_id)) if job.state == "done" else {})
    said = {"id": str(job.id), "state": job.state, "error": job.error, "priority": PRIORITIES[job.priority]}
    return {**said, "links": links}


def _links(report_id: str) -> dict[str, str]:
    base = f"/v1/reports/{report_id}"
    links = {"report": base, "pdf": f"{base}/{PDF}", "bundle": f"{base}/{BUNDLE}"}
    return links | {"fhir": f"/fhir/DiagnosticReport/{report_id}"}


def _file(request: Request, intake: Intake, report_id: UUID, name: str) -> Response:
    suffix = name[name.rfind(".") :] if "." in name else ""
    data = intake.store.file(report_id, name) if suffix in MEDIA_TYPES and "/" not in name else None
    if data is None:
        return problem(request, HTTPStatus.NOT_FOUND, "unknown-report", "No such report, or no such rendering of it.")
    return Response(data, media_type=MEDIA_TYPES[suffix])
