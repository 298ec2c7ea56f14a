"""The HTTP application: routes, health, and every refusal in one form."""

import logging
from functools import partial
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ecg.errors import EcgError
from service.api import fhir, reports
from service.api.doorkeeper import Doorkeeper
from service.api.problems import of_error, problem
from service.api.rates import Rates
from service.audit import Audit
from service.callers import build_gate
from service.intake import Intake
from service.release import RELEASE

log = logging.getLogger(__name__)


def build_app(intake: Intake) -> FastAPI:
    """Build the application around an intake. It is ready when it is built: the models are loaded."""
    app = FastAPI(
        title="Twelvelead",
        version=RELEASE,
        description="Preliminary ECG reports. Not a cleared medical device: for research and evaluation only.",
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
    )
    # A page in a browser may not reach the service under a name of its own (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(intake.settings.hosts), www_redirect=False)
    app.include_router(reports.routes(intake))
    app.include_router(fhir.routes(intake))

    @app.get("/health/live", tags=["health"])
    def live() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "live"})

    @app.get("/health/ready", tags=["health"])
    def ready() -> JSONResponse:
        """The models are loaded, the store takes files, the database answers."""
        intake.store.check()
        intake.jobs.check()
        return JSONResponse({"status": "ready"})

    @app.exception_handler(EcgError)
    def refused(request: Request, error: EcgError) -> Response:
        return of_error(request, error)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(request, HTTPStatus.NOT_FOUND, "unknown-report", "A report's id is a UUID.")

    @app.exception_handler(HTTPException)
    def unrouted(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        return problem(request, status, status.phrase.lower().replace(" ", "-"), status.description or status.phrase)

    gate = build_gate(intake.settings, intake.jobs.database)
    doorkeeper = Doorkeeper(gate, Audit(intake.jobs.database), Rates(intake.settings.rate), app.router.routes)

    @app.middleware("http")
    async def door(request: Request, answer: RequestResponseEndpoint) -> Response:
        # Guarded twice: what fails in a route is an answer that the doorkeeper writes down, and it may fail itself.
        return await _guard(request, partial(doorkeeper, answer=partial(_guard, answer=answer)))

    return app


async def _guard(request: Request, answer: RequestResponseEndpoint) -> Response:
    # The outermost boundary: the class is logged, never the text, which may hold a patient's data. A handler of
    # Exception would not do: starlette raises the error again after it, and the server logs it with its text.
    try:
        return await answer(request)
    except Exception as error:
        log.error("unhandled %s", type(error).__name__)
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "It failed here; nothing was issued.")
