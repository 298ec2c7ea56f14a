"""The routes that take ECGs, tell of their jobs, and hand out reports."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from adapters.fhir.fifth import as_r5
from ecg.recording import PRIORITIES
from service.api.problems import of_error, problem
from service.api.receiving import DECLARED, ERASED, refused, take
from service.archive import PDF
from service.explaining import explained
from service.intake import Accepted, Intake
from service.jobs import Job
from service.renderings import BUNDLE, BUNDLE_R5, SUMMARY

MEDIA_TYPES: Final = {".pdf": "application/pdf", ".json": "application/json", ".png": "image/png"}
BINARY: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}  # fmt: skip


def routes(intake: Intake, draining: Callable[[], bool]) -> APIRouter:
    """Return the routes below /v1. While it is `draining`, nobody waits for a report."""
    router = APIRouter(prefix="/v1", tags=["reports"])

    @router.post("/ecgs", status_code=HTTPStatus.CREATED, openapi_extra=BINARY | DECLARED)
    async def accept(request: Request) -> Response:
        """Take an ECG as the body of the request, in any format that is read, and report on it.

        It is on disk and queued before the answer. The answer waits for the report, unless the request says
        'Prefer: respond-async' (RFC 7240) or it takes too long: then 202, and the job tells. So it does of an ECG in
        quarantine. What the bytes leave open is declared in the query; `priority=stat` goes before those that wait.
        """
        taken = await take(request, intake, draining)
        if not taken.accepted:
            return JSONResponse({"reports": [], "dropped": "This is a report of ours, not an ECG."})
        return _answer(request, taken.accepted, taken.jobs)

    @router.get("/jobs/{job_id}")
    def job(request: Request, job_id: UUID) -> Response:
        """What became of an accepted ECG, and where its report went."""
        found = intake.jobs.job(job_id)
        if found is None:
            return problem(request, HTTPStatus.NOT_FOUND, "unknown-job", "No such job.")
        deliveries = [
            {
                "destination": each.destination,
                "version": each.version,
                "state": each.state,
                "reference": each.reference,
                "error": each.error,
            }
            for each in intake.jobs.deliveries(job_id)
        ]
        return JSONResponse({**_job(found), "deliveries": deliveries})

    @router.get("/reports/{report_id}")
    def report(request: Request, report_id: UUID) -> Response:
        """The report as JSON."""
        return _file(request, intake, report_id, SUMMARY)

    @router.get("/reports/{report_id}/explanation")
    def explanation(
        report_id: UUID, audience: Annotated[Literal["clinician", "patient"], Query(alias="for")] = "clinician"
    ) -> Response:
        """The report in sentences: with the ids of the values behind them, or a draft in a patient's words.

        A patient's text is for a physician to hand over who has signed the report; it is in none of its renderings.
        """
        said = explained(intake.store, report_id, audience, intake.settings.report_language)
        return JSONResponse({"for": audience, "sentences": [{"text": e.text, "about": list(e.about)} for e in said]})

    @router.get("/reports/{report_id}/{name}")
    def rendering(request: Request, report_id: UUID, name: str) -> Response:
        """One rendering: report.pdf, bundle.json, bundle.r5.json, or a picture by its file name."""
        return _file(request, intake, report_id, name)

    return router


def _answer(request: Request, accepted: Sequence[Accepted], jobs: Sequence[Job]) -> Response:
    if all(job.state == "erased" for job in jobs):
        return problem(request, HTTPStatus.CONFLICT, "erased", ERASED)
    if (why := refused(jobs)) is not None:
        return of_error(request, why)
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
    if name == BUNDLE_R5 and (held := intake.store.file(report_id, BUNDLE)) is not None:
        data = as_r5(held)
    if data is None:
        return problem(request, HTTPStatus.NOT_FOUND, "unknown-report", "No such report, or no such rendering of it.")
    return Response(data, media_type=MEDIA_TYPES[suffix])
