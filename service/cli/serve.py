"""`twelvelead serve`: the HTTP and DICOM listeners and the work behind them, all in one process or each in its own."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, Final

import typer

from ecg.errors import SetupError
from service.callers import open_doors
from service.settings import Settings, is_loopback
from service.wiring import Service, check_models

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger(__name__)

EXIT_UNFINISHED: Final = 75  # sysexits.h, EX_TEMPFAIL: what was in hand was left to be taken over
STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> None:
    """Do what the roles say until the process is told to stop; what is in hand is finished.

    Raises:
        SetupError: models, database or data directory are not in order, or a door would stand open.
    """
    check_models(settings)
    service, roles = Service(settings), settings.roles
    try:
        if missing := open_doors(settings, lambda: service.keys.any_counts()):
            raise SetupError(" ".join(missing))
        _prepare(service)
        # What is wrong with the listeners is told before a door opens.
        _ = service.listener if "dicom" in roles else None
        with contextlib.ExitStack() as stack:
            asyncio.run(_run(service, *_servers(service, stack)))
    finally:
        service.tracing.close()
        service.database.close()


def _prepare(service: Service) -> None:
    """Make what is needed before anyone is answered; the database starts while the models are loaded."""
    with ThreadPoolExecutor(1) as pool:
        database = pool.submit(lambda: service.database)
        try:
            if service.works:
                _ = service.router
        finally:
            database.result()


def _servers(service: Service, stack: contextlib.ExitStack) -> tuple["Serving | None", "Serving | None"]:
    """Open the HTTP door and the port for metrics, each where it is asked for."""
    settings = service.settings
    http = operation = None
    if "http" in settings.roles:
        from service.api.app import build_app

        app, tls = build_app(service.intake, service.readiness), _tls(settings, settings.tls_client_ca)
        door = stack.enter_context(_socket(settings.host, settings.port, share=settings.share_ports))
        http = Serving(_server(settings, app, tls), door)
        scheme = "https" if settings.tls_certificate else "http"
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{scheme}://{name}:{door.getsockname()[1]}/"
        typer.echo(f"Twelvelead listens on {address} ; it keeps its data in {settings.data}")
    if settings.metrics_port:
        from service.api.app import build_operation_app

        # Supervisors and scrapers have no certificate of ours: a credential is all that they show.
        app = build_operation_app(service.intake, service.readiness)
        tls = None if is_loopback(settings.metrics_host) else _tls(settings, None)
        try:
            door = stack.enter_context(_socket(settings.metrics_host, settings.metrics_port, share=False))
        except OSError as error:
            raise SetupError(f"TWELVELEAD_METRICS_PORT: {settings.metrics_port} cannot be had.") from error
        operation = Serving(_server(settings, app, tls), door)
    return http, operation


def _socket(host: str, port: int, *, share: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, reuse_port=share)


async def _run(service: Service, http: "Serving | None", operation: "Serving | None") -> None:
    """Run listeners and work until one of them ends or the process is told to stop; then drain, listeners first."""
    settings, told = service.settings, _told_to_stop()
    half = settings.drain_seconds / 2  # for the listeners, and for the work after them
    serving, watched = (None if each is None else asyncio.create_task(each.serve()) for each in (http, operation))
    worker = asyncio.create_task(_work(service, half)) if service.works else None
    _announce(service)
    # Whichever ends first takes the others with it: a door without work behind it would only pile up.
    ends = {told, *(each for each in (serving, watched, worker) if each is not None)}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    late = Timer(settings.drain_seconds + 1, _give_up)
    late.daemon = True
    late.start()
    service.readiness.drain()
    closing = [asyncio.to_thread(service.listener.stop, half)] if "dicom" in settings.roles else []
    if http is not None and serving is not None:
        http.server.should_exit = True
        await asyncio.gather(serving, *closing)
    else:
        await asyncio.gather(*closing)
    log.info("listeners are closed")
    if worker is not None:
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
    if operation is not None and watched is not None:  # whoever watches hears of the draining, to its end
        operation.server.should_exit = True
        await watched
    late.cancel()
    log.info("what was in hand is done")


def _announce(service: Service) -> None:
    """Start the DICOM listener, and say what can be done from now on."""
    settings = service.settings
    if "dicom" in settings.roles:
        service.listener.start()
        address = f"port {service.listener.port} of {settings.dicom_host}"
        typer.echo(f"C-STORE an ECG to {settings.ae_title} on {address} .")
    if "http" in settings.roles:
        typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
    if service.works:
        typer.echo("What is accepted is read and delivered.")


@dataclass(frozen=True)
class Serving:
    """An HTTP server and the socket on which it answers."""

    server: "uvicorn.Server"
    door: socket.socket

    async def serve(self) -> None:
        """Answer until the server is told to end."""
        await self.server.serve(sockets=[self.door])


def _server(settings: Settings, app: Callable[..., Any], tls: ssl.SSLContext | None) -> "uvicorn.Server":
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to the process: uvicorn would raise them again, and end it before the work is drained."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    # What waits for its report ends with 202 when the process drains; what else is under way gets this long.
    drain = max(1, int(settings.drain_seconds / 2))
    return Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=drain,
            proxy_headers=False,  # who asks is who is connected, whatever a header says
            server_header=False,
            ssl_context_factory=(lambda *_: tls) if tls else None,
        )
    )


def _tls(settings: Settings, client_ca: Path | None) -> ssl.SSLContext | None:
    """Return how HTTPS is spoken, None for plain HTTP."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    from adapters.dicom.tls import TlsFiles, server_context

    return server_context(TlsFiles(settings.tls_certificate, settings.tls_key, client_ca))


async def _work(service: Service, drain: float) -> None:
    from service.worker import work

    names = [each.name for each in service.destinations]
    await work(service.queue, service.jobs, names, service.settings.workers, drain)


def _told_to_stop() -> asyncio.Future[None]:
    """Return what is done at the first signal to stop; the second one ends the process at once."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        log.info("told to stop", extra={"signal": number.name})
        for each in STOPPING:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        told.set_result(None)

    for each in STOPPING:
        loop.add_signal_handler(each, stop, each)
    return told


def _give_up() -> None:
    log.warning("the time to drain is over: what is in hand is left to be taken over")
    sys.stdout.flush()
    os._exit(EXIT_UNFINISHED)
