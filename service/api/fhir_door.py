"""Takes ECGs as FHIR: an Observation, a document or a Bundle is one more payload, and its report is the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from adapters.fhir.document import KINDS, loaded
from adapters.fhir.documents import FhirDocumentWrapper, attached
from adapters.fhir.reader import parts
from adapters.readers import unwrapped
from ecg.errors import MalformedPayload, UnknownFormat
from service.api.fhir_formats import (
    BASE,
    answer,
    answered_as,
    base,
    is_content,
    json_is_asked_for,
    json_is_sent,
)
from service.api.fhir_read import as_held, index, versions
from service.api.problems import FHIR, of_error, outcome, problem
from service.api.receiving import DECLARED, ERASED, Taken, body, handed_in, preferences, refused
from service.intake import Intake
from service.search import Held

# R4 bundle.html: what a server answers to each type that asks for interactions.
RESPONSE: Final = {"batch": "batch-response", "transaction": "transaction-response"}
_SENT: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {FHIR: {"schema": {"type": "object"}}}}}

_CONTENT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {FHIR: {"schema": {"type": "object"}}, "*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}

Json = dict[str, Any]
Reported = tuple[Json, Held | None]


@dataclass(frozen=True)
class _Door:
    """Takes the body of a request; `draining` says whether the process is about to end."""

    intake: Intake
    draining: Callable[[], bool]

    async def accepted(self, request: Request, kinds: Sequence[str]) -> Response:
        """Take a resource of one of these types; of none, a Binary's content."""
        data = await body(request, self.intake.settings.max_payload_mb)
        if not data:
            raise UnknownFormat("The body of the request is empty: send an Observation or a Bundle.")
        document = await run_in_threadpool(loaded, data) if kinds else {"resourceType": "Binary"}
        if kinds and document.get("resourceType") not in kinds:
            raise MalformedPayload(f"Here {' or '.join(kinds)} may be posted, and no other resource.")
        taken = await handed_in(request, self.intake, data, self.draining)
        if taken.jobs and all(job.state == "erased" for job in taken.jobs):
            return problem(request, HTTPStatus.CONFLICT, "erased", ERASED)
        if (why := refused(taken.jobs)) is not None:
            return of_error(request, why)
        if any(job.state != "done" for job in taken.jobs):
            return _later(taken)
        return await run_in_threadpool(_answer, request, self.intake, document, taken)


def routes(intake: Intake, draining: Callable[[], bool]) -> APIRouter:
    """Return the routes that take ECGs."""
    router = APIRouter(prefix=BASE, dependencies=[Depends(json_is_asked_for)])
    json, door = [Depends(json_is_sent)], _Door(intake, draining)

    @router.post("", dependencies=json, openapi_extra=_SENT | DECLARED)
    async def bundle(request: Request) -> Response:
        """Take the ECGs of a Bundle, an Observation or a document, and report on them.

        They are on disk and queued before the answer, all or none. A transaction or batch is answered entry by entry,
        what holds one ECG with its DiagnosticReport, all else with a collection of them.
        """
        return await door.accepted(request, KINDS)

    @router.post("/Observation", dependencies=json, openapi_extra=_SENT | DECLARED)
    async def observation(request: Request) -> Response:
        """Take an ECG as one Observation, and report on it."""
        return await door.accepted(request, ("Observation",))

    @router.post("/DocumentReference", dependencies=json, openapi_extra=_SENT | DECLARED)
    async def document_reference(request: Request) -> Response:
        """Take the ECG that is attached to a DocumentReference, and report on it."""
        return await door.accepted(request, ("DocumentReference",))

    @router.post("/Media", dependencies=json, openapi_extra=_SENT | DECLARED)
    async def media(request: Request) -> Response:
        """Take the ECG that is attached to a Media, and report on it."""
        return await door.accepted(request, ("Media",))

    @router.post("/Binary", openapi_extra=_CONTENT | DECLARED)
    async def binary(request: Request) -> Response:
        """Take an ECG in any format that is read, as a Binary or by itself, and report on it."""
        return await door.accepted(request, () if is_content(request) else ("Binary",))

    return router


def _later(taken: Taken) -> Response:
    """Answer that the ECGs are kept and the reports are to come (R4 async.html)."""
    said = f"Kept and queued: {', '.join(f'/v1/jobs/{job.id}' for job in taken.jobs)}."
    told = outcome("information", "informational", "accepted", said)
    return answer(told, HTTPStatus.ACCEPTED, {"Content-Location": f"/v1/jobs/{taken.jobs[0].id}"})


def _answer(request: Request, intake: Intake, document: Json, taken: Taken) -> Response:
    reports, kind = [_report(intake, job.report_id) for job in taken.jobs], answered_as(request)
    bundled = document["resourceType"] == "Bundle"
    if bundled and (response := RESPONSE.get(document["type"])):
        return answer(
            {"resourceType": "Bundle", "type": response, "entry": _entries(request, document, taken, reports)},
            media_type=kind,
        )
    if not reports:
        return answer(outcome("information", "informational", "own-output", "A report of ours, not an ECG: dropped."))
    status = HTTPStatus.OK if all(each.known for each in taken.accepted) else HTTPStatus.CREATED
    headers = {}
    if len(reports) == 1:
        resource, held = reports[0]
        headers = {"Location": _url(request, resource), **versions(held)}
    if not bundled and len(reports) == 1:
        whole = reports[0][0]
    else:
        entries = [{"fullUrl": _url(request, resource), "resource": resource} for resource, _ in reports]
        whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return answer(_preferred(request, whole), status, headers, kind)


def _entries(request: Request, document: Json, taken: Taken, reports: Sequence[Reported]) -> list[Json]:
    """Return one entry for each that was sent, in their order (R4 http.html#transaction-response)."""
    belongs = _belonging(taken) if reports else {}
    beside = outcome("information", "informational", "beside", "Read beside the ECG; it is not kept as a resource.")
    entries: list[Json] = []
    told = set()
    for at, _ in enumerate(document.get("entry", ())):
        mine = belongs.get(at)
        if not mine:
            entries.append({"response": {"status": "200 OK", "outcome": beside}})
            continue
        part = mine[0]
        resource, held = reports[part]
        status = "200 OK" if taken.accepted[part].known else "201 Created"
        response: Json = {"status": status, "location": f"DiagnosticReport/{resource['id']}"}
        response |= {"etag": versions(held)["ETag"]}
        response |= {"lastModified": resource["meta"]["lastUpdated"]} if held else {}
        if len(mine) > 1:  # a location is one
            said = ", ".join(f"DiagnosticReport/{reports[each][0]['id']}" for each in mine)
            response["outcome"] = outcome("information", "informational", "several", f"Several ECGs: {said}.")
        shown = {} if part in told else {"resource": _preferred(request, resource)}
        entries.append({name: each for name, each in (shown | {"response": response}).items() if each is not None})
        told.add(part)
    return entries


def _belonging(taken: Taken) -> dict[int, list[int]]:
    """Return which of the ECGs that were accepted came in which of the Bundle's entries, by their numbers."""
    payload, known = taken.payload, {}
    for at, each in reversed(list(enumerate(taken.accepted))):  # what came twice in one Bundle has one report
        known[each.source, each.part] = at
    if not FhirDocumentWrapper().claims(payload):
        return {entry: [known[payload.sha256, part]] for entry, part in parts(payload.data).items()}
    found: dict[int, list[int]] = {}
    for entry, inner in attached(payload):
        sources = {each.sha256 for each in unwrapped(inner)}
        found.setdefault(entry, []).extend(at for (source, _), at in sorted(known.items()) if source in sources)
    return {entry: sorted(mine) for entry, mine in found.items()}


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
