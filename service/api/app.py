"""The HTTP application: routes, health, and every refusal in one form."""

import logging
from functools import partial
from http import HTTPStatus
from typing import Final
from uuid import UUID, uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ecg.errors import EcgError
from service.api import amendments, dicomweb, fhir, health, metrics, quarantine, reports
from service.api.access import PUBLIC, Demand
from service.api.doorkeeper import Doorkeeper
from service.api.problems import of_error, problem
from service.api.rates import Rates
from service.audit import Audit
from service.callers import build_gate
from service.intake import Intake
from service.logs import bound, named
from service.readiness import Readiness
from service.release import RELEASE

REQUEST_ID: Final = "X-Request-Id"

log = logging.getLogger(__name__)


def build_app(intake: Intake, readiness: Readiness | None = None) -> FastAPI:
    """Build the application around an intake. Without a `readiness`, it is that of store and database."""
    parts = readiness or Readiness({"store": lambda: intake.store.check(), "database": lambda: intake.jobs.check()})
    app = FastAPI(
        title="Twelvelead",
        version=RELEASE,
        description="Preliminary ECG reports. Not a cleared medical device: for research and evaluation only.",
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(amendments.routes(intake))  # before those that take any name below a report
    app.include_router(reports.routes(intake, parts.draining))
    app.include_router(fhir.routes(intake, parts.draining))
    app.include_router(quarantine.routes(intake))
    app.include_router(metrics.routes(intake.metrics))
    app.include_router(dicomweb.routes(intake))

    app.include_router(health.routes(parts))
    return _guarded(app, intake, intake.settings.guarded)


def build_operation_app(intake: Intake, readiness: Readiness) -> FastAPI:
    """Build what answers on the port for metrics: metrics and health, and nothing else."""
    app = FastAPI(title="Twelvelead", version=RELEASE, openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(metrics.routes(intake.metrics))
    app.include_router(health.routes(readiness))
    return _guarded(app, intake, intake.settings.metrics_guarded)


def _guarded(app: FastAPI, intake: Intake, guarded: bool) -> FastAPI:
    """Let refusals have one form, and nobody in who may not; `guarded`: without a credential nobody."""
    # A page in a browser may not reach the service under a name of its own (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(intake.settings.hosts), www_redirect=False)

    @app.exception_handler(EcgError)
    def refused(request: Request, error: EcgError) -> Response:
        return of_error(request, error)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        if any(each["loc"][0] == "path" for each in error.errors()):
            return problem(request, HTTPStatus.NOT_FOUND, "unknown-report", "An id is a UUID.")
        detail = "A parameter or the body is not as /openapi.json says."  # no more: what is wrong may be a patient's
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail)

    @app.exception_handler(HTTPException)
    def unrouted(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "-")
        answer = problem(request, status, code, status.description or status.phrase)
        answer.headers.update(error.headers or {})
        return answer

    gate = build_gate(intake.settings, intake.jobs.database, guarded=guarded)
    rates = Rates(intake.settings.rate if guarded == intake.settings.guarded else 0)
    described = intake.settings.public_descriptions

    def public(asked: Demand) -> bool:
        return asked.scope == PUBLIC and (described or not asked.description)

    doorkeeper = Doorkeeper(gate, Audit(intake.jobs.database), rates, app.router.routes, public)

    @app.middleware("http")
    async def door(request: Request, answer: RequestResponseEndpoint) -> Response:
        # Guarded twice: what fails in a route is an answer that the doorkeeper writes down, and it may fail itself.
        return await _guard(request, partial(doorkeeper, answer=partial(_guard, answer=answer)))

    return app


async def _guard(request: Request, answer: RequestResponseEndpoint) -> Response:
    # The outermost boundary: the class is logged, never the text, which may hold a patient's data. A handler of
    # Exception would not do: starlette raises the error again after it, and the server logs it with its text.
    number = str(_request_id(request))
    with bound(request_id=number, door="http"):
        try:
            answered = await answer(request)
        except Exception as error:
            log.error("unhandled %s", named(error))
            said = "It failed here; nothing was issued."
            answered = problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", said)
        log.debug("answered", extra={"status": answered.status_code})
    answered.headers[REQUEST_ID] = number
    return answered


def _request_id(request: Request) -> UUID:
    """Return the caller's id of the request where it is a UUID, else a new one: any other text may name a patient."""
    try:
        return UUID(request.headers.get(REQUEST_ID, ""))
    except ValueError:
        return uuid4()
