"""`twelvelead serve`: every listener on loopback, and the work behind them, in one process."""

import asyncio
import contextlib
import socket

import typer
import uvicorn

from service.api.app import build_app
from service.settings import Settings
from service.wiring import Service


def serve(settings: Settings) -> None:
    """Load the models, then listen and work until the process is told to stop; what is in hand is finished.

    Raises:
        SetupError: models, database or data directory are not in order.
    """
    service = Service(settings)
    app = build_app(service.intake)
    _ = service.queue  # models are loaded before anyone is answered
    family, name = (socket.AF_INET6, f"[{settings.host}]") if ":" in settings.host else (socket.AF_INET, settings.host)
    with socket.create_server((settings.host, settings.port), family=family) as door:
        typer.echo(
            f"Twelvelead listens on http://{name}:{door.getsockname()[1]}/ ; it keeps its data in {settings.data}"
        )
        service.listener.start()
        typer.echo(f"C-STORE an ECG to {settings.ae_title} on port {service.listener.port} of {settings.host} .")
        typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None))
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(service, server, door))
    service.listener.stop()
    service.database.close()


async def _run(service: Service, server: uvicorn.Server, door: socket.socket) -> None:
    from service.worker import work

    names = [each.name for each in service.destinations]
    worker = asyncio.create_task(work(service.queue, service.jobs, names, service.settings.workers))
    serving = asyncio.create_task(server.serve(sockets=[door]))
    # Whichever ends first takes the other with it: a door without work behind it would only pile up.
    await asyncio.wait({worker, serving}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
