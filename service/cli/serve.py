"""`twelvelead serve`: every listener on loopback, and the work behind them, in one process."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from typing import Final

import typer
import uvicorn

from service.api.app import build_app
from service.settings import Settings
from service.wiring import Service

log = logging.getLogger(__name__)

EXIT_UNFINISHED: Final = 75  # sysexits.h, EX_TEMPFAIL: what was in hand was left to be taken over
STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """An HTTP server that leaves signals to this process: uvicorn's own ends it before its work is done."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(settings: Settings) -> None:
    """Load the models, then listen and work until the process is told to stop; what is in hand is finished.

    Raises:
        SetupError: models, database or data directory are not in order.
    """
    service = Service(settings)
    with ThreadPoolExecutor(1) as pool:
        database = pool.submit(lambda: service.database)  # it starts while the models are loaded
        try:
            _ = service.router
        finally:
            database.result()
    family, name = (socket.AF_INET6, f"[{settings.host}]") if ":" in settings.host else (socket.AF_INET, settings.host)
    try:
        with (
            socket.create_server((settings.host, settings.port), family=family) as door,
            service.metrics.serving(settings.metrics_port),
        ):
            address = f"http://{name}:{door.getsockname()[1]}/"
            typer.echo(f"Twelvelead listens on {address} ; it keeps its data in {settings.data}")
            asyncio.run(_run(service, door))
    finally:
        service.database.close()


async def _run(service: Service, door: socket.socket) -> None:
    """Run listeners and work until one of them ends or the process is told to stop; then drain, listeners first."""
    from service.worker import work

    settings, half = service.settings, service.settings.drain_seconds / 2
    app = build_app(service.intake, service.readiness)
    server = _Server(
        uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=max(1, int(half)))
    )
    told = _told_to_stop()
    names = [each.name for each in service.destinations]
    worker = asyncio.create_task(work(service.queue, service.jobs, names, settings.workers, half))
    service.listener.start()
    serving = asyncio.create_task(server.serve(sockets=[door]))
    typer.echo(f"C-STORE an ECG to {settings.ae_title} on port {service.listener.port} of {settings.host} .")
    typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
    # Whichever ends first takes the other with it: a door without work behind it would only pile up.
    await asyncio.wait({worker, serving, told}, return_when=asyncio.FIRST_COMPLETED)
    late = Timer(settings.drain_seconds + 1, _give_up)
    late.daemon = True
    late.start()
    service.readiness.drain()
    server.should_exit = True
    await asyncio.gather(serving, asyncio.to_thread(service.listener.stop, half))
    log.info("listeners are closed")
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
    late.cancel()
    log.info("what was in hand is done")


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
