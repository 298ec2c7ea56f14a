"""`twelvelead serve`: the HTTP API on loopback."""

import typer
import uvicorn

from service.api.app import build_app
from service.settings import Settings
from service.wiring import build_intake


def serve(settings: Settings) -> None:
    """Load the models, then listen until the process is told to stop.

    Raises:
        SetupError: models or data directory are not in order.
    """
    app = build_app(build_intake(settings))
    typer.echo(f"Twelvelead listens on http://{settings.host}:{settings.port}/ ; reports are kept in {settings.data}")
    typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_config=None)
