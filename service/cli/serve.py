"""`twelvelead serve`: the HTTP API on loopback."""

import socket
from contextlib import suppress

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
    family, name = (socket.AF_INET6, f"[{settings.host}]") if ":" in settings.host else (socket.AF_INET, settings.host)
    with socket.create_server((settings.host, settings.port), family=family) as listener, suppress(KeyboardInterrupt):
        port = listener.getsockname()[1]
        typer.echo(f"Twelvelead listens on http://{name}:{port}/ ; reports are kept in {settings.data}")
        typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
        uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None)).run(sockets=[listener])
