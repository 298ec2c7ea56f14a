"""Errors as HTTP answers: RFC 9457 problem details, and OperationOutcome on the FHIR routes."""

import json
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from ecg.errors import (
    AlreadyResolved,
    AmbiguousPayload,
    EcgError,
    MalformedPayload,
    Overloaded,
    PayloadError,
    SetupError,
    UnknownFormat,
)


class BrokenRequest(PayloadError):
    """The request itself breaks HTTP's or MIME's rules; nothing of it was taken."""

    code = "broken-request"


class TooLarge(PayloadError):
    """The request is larger than is taken at once; nothing of it was taken."""

    code = "too-large"


class TooSlow(PayloadError):
    """The request took too long to arrive; nothing of it was taken."""

    code = "too-slow"


class NotAcceptable(PayloadError):
    """The answer cannot be had in the media type that the request asks for."""

    code = "not-acceptable"


# The one table of HTTP statuses; a class that is not listed answers as its nearest base does.
STATUS: Final[dict[type[EcgError], HTTPStatus]] = {
    UnknownFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    MalformedPayload: HTTPStatus.UNPROCESSABLE_ENTITY,
    AmbiguousPayload: HTTPStatus.UNPROCESSABLE_ENTITY,
    BrokenRequest: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    AlreadyResolved: HTTPStatus.CONFLICT,
    SetupError: HTTPStatus.INTERNAL_SERVER_ERROR,
    EcgError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER: Final = "30"  # seconds
PROBLEM: Final = "application/problem+json"
FHIR: Final = "application/fhir+json"


def of_error(request: Request, error: EcgError) -> Response:
    """Answer an error of ours."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    more = {"declare": list(error.declare)} if isinstance(error, AmbiguousPayload) else {}
    return problem(request, status, error.code, str(error), **more)


def problem(request: Request, status: HTTPStatus, code: str, detail: str, **more: Any) -> Response:
    """Answer with a problem in the form that the route's clients understand."""
    headers = {"Retry-After": RETRY_AFTER} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    if request.url.path.startswith("/fhir/"):
        body: dict[str, Any] = _outcome(status, code, detail)
        media_type = FHIR
    else:
        body = {"type": f"urn:twelvelead:problem:{code}", "title": status.phrase, "status": status, "code": code,
                "detail": detail, **more}  # fmt: skip
        media_type = PROBLEM
    return Response(json.dumps(body), status, headers, media_type)


def _outcome(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    kind = "not-found" if status is HTTPStatus.NOT_FOUND else "processing"
    issue = {"severity": "error", "code": kind, "details": {"text": code}, "diagnostics": detail}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
