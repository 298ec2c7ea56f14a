"""Searches DiagnosticReports and Observations (R4 http.html#search), in pages, by GET and by POST."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from ecg.errors import InvalidQuery
from service.api.fhir_formats import BASE, answer, base, json_is_asked_for
from service.api.fhir_query import PARAMETERS, Query, next_page, parsed
from service.api.fhir_read import as_held, index
from service.api.receiving import body, preferences
from service.intake import Intake

SEARCHED: Final = ("DiagnosticReport", "Observation")
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_MB: Final = 0.1
_MOST_FIELDS: Final = 100

_ASKED: Final[dict[str, Any]] = {
    "parameters": [
        {"name": f"{name}:identifier" if type_ == "reference" else name, "in": "query", "required": False,
         "description": text, "schema": {"type": "string"}}
        for name, type_, text in PARAMETERS
    ]
}  # fmt: skip
_SENT: Final[dict[str, Any]] = {"requestBody": {"content": {_FORM: {"schema": {"type": "object"}}}}}


def routes(intake: Intake) -> APIRouter:
    """Return the routes that search."""
    router = APIRouter(prefix=BASE, dependencies=[Depends(json_is_asked_for)])

    def by_get(kind: str) -> Any:
        def search(request: Request) -> Response:
            return _found(request, intake, kind, request.query_params.multi_items())

        return search

    def by_post(kind: str) -> Any:
        async def search(request: Request) -> Response:
            given = [*request.query_params.multi_items(), *await _form(request)]
            return await run_in_threadpool(_found, request, intake, kind, given)

        return search

    for kind in SEARCHED:
        told = f"Search for a {kind}"
        router.get(f"/{kind}", openapi_extra=_ASKED, name=told)(by_get(kind))
        router.post(f"/{kind}/_search", openapi_extra=_SENT, name=told)(by_post(kind))
    return router


async def _form(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form, which keep a patient's identifier out of every URL."""
    data = await body(request, _MOST_MB)
    if data and request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415)
    try:
        return parse_qsl(data.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidQuery("The form is not as a form is written in UTF-8.") from error


def _found(request: Request, intake: Intake, kind: str, given: Iterable[tuple[str, str]]) -> Response:
    known = index(intake)
    query = parsed(kind, given, known, lenient="handling=lenient" in preferences(request))
    page = known.find(query.criteria, query.count, query.after)
    links = [_link(request, "self", query)]
    if not page.last and page.found:
        links.append(_link(request, "next", query, next_page(query, page.found[-1], known)))
    entries = []
    for held in page.found:
        if (data := intake.store.resource(kind, held.id)) is not None:  # it may be erased by now
            url = f"{base(request)}/{kind}/{held.id}"
            entries.append({"fullUrl": url, "resource": as_held(data, held), "search": {"mode": "match"}})
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": page.total, "link": links, "entry": entries}
    return answer({name: each for name, each in bundle.items() if each != []})


def _link(request: Request, relation: str, query: Query, asked: str | None = None) -> dict[str, str]:
    asked = query.link if asked is None else asked
    return {"relation": relation, "url": f"{base(request)}/{query.criteria.kind}{'?' if asked else ''}{asked}"}
