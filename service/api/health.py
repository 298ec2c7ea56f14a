"""The routes by which supervisors ask how the process is."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service.api.problems import problem
from service.readiness import Readiness


def routes(parts: Readiness) -> APIRouter:
    """Return the routes /health/live and /health/ready."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live")
    def live() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "live"})

    @router.get("/health/ready")
    def ready(request: Request) -> Response:
        """The models are loaded and warm, the store takes files, the database answers, and somebody works."""
        if failing := parts.failing():
            detail = f"Not in order: {', '.join(failing)}."
            return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", detail, failing=failing)
        return JSONResponse({"status": "ready"})

    return router
