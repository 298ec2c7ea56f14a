"""What format a FHIR request asks for, JSON of R4, and comes in, JSON of R4, R4B or R5 (R4 http.html#mime-type)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from adapters.fhir.versions import R4, VERSIONS
from service.api.problems import FHIR

BASE: Final = "/fhir"
JSON: Final = frozenset({FHIR, "application/json", "text/json"})
# R4 http.html#parameters: _format may be a code or a type, and comes before Accept.
_CODES: Final = JSON | {"json"}
_ANY: Final = frozenset({"*/*", "application/*", "text/*"})
# What is said to be FHIR and is not read.
_XML: Final = "application/fhir+xml"


def asked_for(request: Request) -> set[str]:
    """Return the media types that the client takes, of FHIR those in R4; any type where it says none."""
    said = request.query_params.getlist("_format") or request.headers.getlist("accept")
    parts = [_media_type(each) for each in ",".join(said).split(",") if each.strip()]
    return {kind for kind, version in parts if version in ("", R4.number)} if parts else {"*/*"}


def json_is_asked_for(request: Request) -> None:
    """Refuse a request whose client takes no JSON.

    Raises:
        HTTPException: 406.
    """
    if not asked_for(request) & (_CODES | _ANY):
        raise HTTPException(HTTPStatus.NOT_ACCEPTABLE)


def json_is_sent(request: Request) -> None:
    """Refuse a body that is not said to be JSON of a version that is read.

    Raises:
        HTTPException: 415.
    """
    kind, version = _media_type(request.headers.get("content-type", ""))
    if kind not in JSON or version not in ("", *VERSIONS):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def is_content(request: Request) -> bool:
    """Say whether the body of a Binary is what it holds, and not the resource (R4 binary.html#rest).

    Raises:
        HTTPException: 415: its type is not said, or FHIR that is not read.
    """
    kind, _ = _media_type(request.headers.get("content-type", ""))
    if kind in ("", _XML):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if kind in JSON:
        json_is_sent(request)
    return kind not in JSON


def resource_is_asked_for(request: Request) -> bool:
    """Say whether a Binary is asked for as a resource, and not as what it holds (R4 binary.html#rest)."""
    return bool(asked_for(request) & _CODES)


def answered_as(request: Request) -> str:
    """Return the media type of what answers a body: with its version where the body's names one."""
    _, version = _media_type(request.headers.get("content-type", ""))
    return f"{FHIR}; fhirVersion={R4.number}" if version else FHIR


def answer(
    resource: dict[str, Any] | None,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    media_type: str = FHIR,
) -> Response:
    """Answer with a resource, or without one."""
    if resource is None:
        return Response(status_code=status, headers=headers)
    return Response(json.dumps(resource, ensure_ascii=False).encode(), status, headers, media_type)


def base(request: Request) -> str:
    """Return the service's base URL (R4 http.html#root), as the client calls it."""
    return str(request.base_url).rstrip("/") + BASE


def _media_type(text: str) -> tuple[str, str]:
    """Return a media type and its fhirVersion. In a query '+' has become a space."""
    kind, *parameters = (each.strip().lower() for each in text.split(";"))
    named = dict(each.split("=", 1) for each in parameters if "=" in each)
    return kind.replace(" ", "+"), named.get("fhirversion", "").strip('"')
