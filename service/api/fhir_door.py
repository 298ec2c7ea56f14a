"""Takes ECGs as FHIR: an Observation or a Bundle that is posted is one more payload, and its report is the answer."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from adapters.fhir.document import loaded
from adapters.fhir.reader import parts
from ecg.errors import MalformedPayload, UnknownFormat
from service.api.fhir_formats import BASE, answer, base, json_is_asked_for, json_is_sent
from service.api.fhir_read import as_held, index, versions
from service.api.problems import FHIR, outcome, problem
from service.api.receiving import DECLARED, ERASED, Taken, body, handed_in, preferences
from service.intake import Intake
from service.search import Held

# R4 bundle.html: what a server answers to each type that asks for interactions.
RESPONSE: Final = {"batch": "batch-response", "transaction": "transaction-response"}
_SENT: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {FHIR: {"schema": {"type": "object"}}}}}

Json = dict[str, Any]
Reported = tuple[Json, Held | None]


def routes(intake: Intake, draining: Callable[[], bool]) -> APIRouter:
    """Return the routes that take ECGs."""
    router = APIRouter(prefix=BASE, dependencies=[Depends(json_is_asked_for), Depends(json_is_sent)])

    async def _accepted(request: Request, kinds: Sequence[str]) -> Response:
        data = await body(request, intake.settings.max_payload_mb)
        if not data:
            raise UnknownFormat("The body of the request is empty: send an Observation or a Bundle.")
        document = await run_in_threadpool(loaded, data)
        if document.get("resourceType") not in kinds:
            raise MalformedPayload(f"Here {' or '.join(kinds)} may be posted, and no other resource.")
        taken = await handed_in(request, intake, data, draining)
        if taken.jobs and all(job.state == "erased" for job in taken.jobs):
            return problem(request, HTTPStatus.CONFLICT, "erased", ERASED)
        if any(job.state != "done" for job in taken.jobs):
            return _later(taken)
        return await run_in_threadpool(_answer, request, intake, document, taken)

    @router.post("", openapi_extra=_SENT | DECLARED)
    async def bundle(request: Request) -> Response:
        """Take the ECGs of a Bundle, or an Observation, and report on them.

        They are on disk and queued before the answer, all or none. A transaction or batch is answered entry by entry,
        an Observation with its DiagnosticReport, all else with a collection of them.
        """
        return await _accepted(request, ("Bundle", "Observation"))

    @router.post("/Observation", openapi_extra=_SENT | DECLARED)
    async def observation(request: Request) -> Response:
        """Take an ECG as one Observation, and report on it."""
        return await _accepted(request, ("Observation",))

    return router


def _later(taken: Taken) -> Response:
    """Answer that the ECGs are kept and the reports are to come (R4 async.html)."""
    said = f"Kept and queued: {', '.join(f'/v1/jobs/{job.id}' for job in taken.jobs)}."
    told = outcome("information", "informational", "accepted", said)
    return answer(told, HTTPStatus.ACCEPTED, {"Content-Location": f"/v1/jobs/{taken.jobs[0].id}"})


def _answer(request: Request, intake: Intake, document: Json, taken: Taken) -> Response:
    reports = [_report(intake, job.report_id) for job in taken.jobs]
    if response := RESPONSE.get(document.get("type", "")):
        return answer(
            {"resourceType": "Bundle", "type": response, "entry": _entries(request, document, taken, reports)}
        )
    if not reports:
        return answer(outcome("information", "informational", "own-output", "A report of ours, not an ECG: dropped."))
    status = HTTPStatus.OK if all(each.known for each in taken.accepted) else HTTPStatus.CREATED
    headers = {}
    if len(reports) == 1:
        resource, held = reports[0]
        headers = {"Location": _url(request, resource), **versions(held)}
    if document["resourceType"] == "Observation":
        whole = reports[0][0]
    else:
        entries = [{"fullUrl": _url(request, resource), "resource": resource} for resource, _ in reports]
        whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return answer(_preferred(request, whole), status, headers)


def _entries(request: Request, document: Json, taken: Taken, reports: Sequence[Reported]) -> list[Json]:
    """Return one entry for each that was sent, in their order (R4 http.html#transaction-response)."""
    belongs = parts(taken.payload.data) if reports else {}
    beside = outcome("information", "informational", "beside", "Read beside the ECG; it is not kept as a resource.")
    entries: list[Json] = []
    told = set()
    for at, _ in enumerate(document.get("entry", ())):
        part = belongs.get(at)
        if part is None:
            entries.append({"response": {"status": "200 OK", "outcome": beside}})
            continue
        resource, held = reports[part]
        status = "200 OK" if taken.accepted[part].known else "201 Created"
        response: Json = {"status": status, "location": f"DiagnosticReport/{resource['id']}"}
        response |= {"etag": versions(held)["ETag"]}
        response |= {"lastModified": resource["meta"]["lastUpdated"]} if held else {}
        shown = {} if part in told else {"resource": _preferred(request, resource)}
        entries.append({name: each for name, each in (shown | {"response": response}).items() if each is not None})
        told.add(part)
    return entries


def _report(intake: Intake, report_id: Any) -> Reported:
    data = intake.store.resource("DiagnosticReport", report_id)
    if data is None:
        raise LookupError("a report that was kept is gone")
    held = index(intake).held("DiagnosticReport", report_id)
    return as_held(data, held), held


def _preferred(request: Request, resource: Json) -> Json | None:
    """Return what the client wants to see of it (R4 http.html#ops)."""
    wished = preferences(request)
    if "return=minimal" in wished:
        return None
    if "return=operationoutcome" in wished:
        return outcome("information", "informational", "reported", "The ECG is kept, and a report was issued.")
    return resource


def _url(request: Request, resource: Json) -> str:
    return f"{base(request)}/DiagnosticReport/{resource['id']}"
