"""Errors as HTTP answers: RFC 9457 problem details, and OperationOutcome on the FHIR routes."""

import json
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from ecg.errors import (
    AccessError,
    AlreadyResolved,
    AmbiguousPayload,
    Conflict,
    EcgError,
    Forbidden,
    InvalidCredential,
    InvalidQuery,
    MalformedPayload,
    Overloaded,
    PayloadError,
    SetupError,
    Throttled,
    TooLarge,
    Unauthenticated,
    UnknownFormat,
    UnknownReport,
    UnreadablePage,
)
from ecg.reasons import PAGES


class BrokenRequest(PayloadError):
    """The request itself breaks HTTP's or MIME's rules; nothing of it was taken."""

    code = "broken-request"


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
    UnreadablePage: HTTPStatus.UNPROCESSABLE_ENTITY,
    BrokenRequest: HTTPStatus.BAD_REQUEST,
    InvalidQuery: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    AccessError: HTTPStatus.FORBIDDEN,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    UnknownReport: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    AlreadyResolved: HTTPStatus.CONFLICT,
    SetupError: HTTPStatus.INTERNAL_SERVER_ERROR,
    EcgError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
# R4 code system issue-type, by HTTP status; 'processing' for the rest.
ISSUE: Final = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.NOT_ACCEPTABLE: "not-supported",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
    HTTPStatus.INTERNAL_SERVER_ERROR: "exception",
    HTTPStatus.SERVICE_UNAVAILABLE: "transient",
}
RETRY_AFTER: Final = "30"  # seconds
PROBLEM: Final = "application/problem+json"
FHIR: Final = "application/fhir+json"
REALM: Final = 'Bearer realm="twelvelead"'
# R4 code system issue-type.
ISSUES: Final = {
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}


def of_error(request: Request, error: EcgError) -> Response:
    """Answer an error of ours."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    more: dict[str, Any] = {"declare": list(error.declare)} if isinstance(error, AmbiguousPayload) else {}
    if isinstance(error, UnreadablePage):
        more = {"reason": error.reason, "advice": PAGES[error.reason].remedy}
    answer = problem(request, status, error.code, str(error), **more)
    answer.headers.update(_challenge(error))
    return answer


def problem(request: Request, status: HTTPStatus, code: str, detail: str, **more: Any) -> Response:
    """Answer with a problem in the form that the route's clients understand."""
    headers = {"Retry-After": RETRY_AFTER} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    if request.url.path == "/fhir" or request.url.path.startswith("/fhir/"):
        lacking = f" Declare in the query of the URL: {', '.join(more['declare'])}." if more.get("declare") else ""
        body: dict[str, Any] = outcome("error", ISSUE.get(status, "processing"), code, detail + lacking)
        media_type = FHIR
    else:
        body = {"type": f"urn:twelvelead:problem:{code}", "title": status.phrase, "status": status, "code": code,
                "detail": detail, **more}  # fmt: skip
        media_type = PROBLEM
    return Response(json.dumps(body), status, headers, media_type)


def _challenge(error: EcgError) -> dict[str, str]:
    """Return the headers that say what would be taken (RFC 6750, 3) and when to come again (RFC 9110, 10.2.3)."""
    if isinstance(error, InvalidCredential):
        return {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": REALM}
    if isinstance(error, Forbidden) and error.scope:
        return {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{error.scope}"'}
    return {"Retry-After": str(error.seconds)} if isinstance(error, Throttled) else {}


def outcome(severity: str, kind: str, code: str, detail: str) -> dict[str, Any]:
    """Return an OperationOutcome of one issue (R4 operationoutcome.html); `kind` is of R4's issue-type."""
    issue = {"severity": severity, "code": kind, "details": {"text": code}, "diagnostics": detail}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
