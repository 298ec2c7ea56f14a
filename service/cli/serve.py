"""`twelvelead serve`: every listener, and the work behind them, in one process."""

import asyncio
import contextlib
import socket
import ssl

import typer
import uvicorn

from adapters.dicom.tls import TlsFiles, server_context
from ecg.errors import SetupError
from service.api.app import build_app
from service.callers import open_doors
from service.settings import Settings
from service.wiring import Service


def serve(settings: Settings) -> None:
    """Load the models, then listen and work until the process is told to stop; what is in hand is finished.

    Raises:
        SetupError: models, database or data directory are not in order, or a door would stand open.
    """
    service = Service(settings)
    if missing := open_doors(settings, lambda: service.keys.any_counts()):
        raise SetupError(" ".join(missing))
    tls = _tls(settings)
    app = build_app(service.intake)
    _ = service.queue  # models are loaded before anyone is answered
    family, name = (socket.AF_INET6, f"[{settings.host}]") if ":" in settings.host else (socket.AF_INET, settings.host)
    with socket.create_server((settings.host, settings.port), family=family) as door:
        scheme, port = "https" if tls else "http", door.getsockname()[1]
        typer.echo(f"Twelvelead listens on {scheme}://{name}:{port}/ ; it keeps its data in {settings.data}")
        service.listener.start()
        typer.echo(f"C-STORE an ECG to {settings.ae_title} on port {service.listener.port} of {settings.dicom_host} .")
        typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                proxy_headers=False,  # who asks is who is connected, whatever a header says
                server_header=False,
                ssl_context_factory=(lambda *_: tls) if tls else None,
            )
        )
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(service, server, door))
    service.listener.stop()
    service.database.close()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Return how HTTPS is spoken, None for plain HTTP."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return server_context(TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca))


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
