"""The route that Prometheus scrapes."""

from fastapi import APIRouter
from fastapi.responses import Response

from service.metrics import CONTENT_TYPE, Metrics


def routes(metrics: Metrics) -> APIRouter:
    """Return the route /metrics."""
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", response_class=Response)
    def scrape() -> Response:
        """What the process counts and times, in the text format of Prometheus."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return router
