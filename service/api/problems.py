"""Errors as HTTP answers: RFC 9457 problem details, and OperationOutcome on the FHIR routes."""

import json
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from ecg.errors import (
    AccessError,
    AmbiguousPayload,
    EcgError,
    Forbidden,
    InvalidCredential,
    MalformedPayload,
    Overloaded,
    SetupError,
    Throttled,
    Unauthenticated,
    UnknownFormat,
)

# The one table of HTTP statuses; a class that is not listed answers as its nearest base does.
STATUS: Final[dict[type[EcgError], HTTPStatus]] = {
    UnknownFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    MalformedPayload: HTTPStatus.UNPROCESSABLE_ENTITY,
    AmbiguousPayload: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    AccessError: HTTPStatus.FORBIDDEN,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    SetupError: HTTPStatus.INTERNAL_SERVER_ERROR,
    EcgError: HTTPStatus.INTERNAL_SERVER_ERROR,
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
    more = {"declare": list(error.declare)} if isinstance(error, AmbiguousPayload) else {}
    answer = problem(request, status, error.code, str(error), **more)
    answer.headers.update(_challenge(error))
    return answer


def problem(request: Request, status: HTTPStatus, code: str, detail: str, **more: Any) -> Response:
    """Answer with a problem in the form that the route's clients understand."""
    headers = {"Retry-After": RETRY_AFTER} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    if f"{request.url.path}/".startswith("/fhir/"):
        body: dict[str, Any] = _outcome(status, code, detail)
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


def _outcome(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    kind = ISSUES.get(status, "processing")
    issue = {"severity": "error", "code": kind, "details": {"text": code}, "diagnostics": detail}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
