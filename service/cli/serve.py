"""`twelvelead serve`: the HTTP and DICOM listeners and the work behind them, all in one process or each in its own."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

from service.settings import Settings
from service.wiring import Service

if TYPE_CHECKING:
    import uvicorn

STOPS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> None:
    """Do what the roles say until the process is told to stop; what is in hand is finished.

    Raises:
        SetupError: models, database or data directory are not in order.
    """
    service, roles = Service(settings), settings.roles
    with contextlib.ExitStack() as stack:
        _ = service.intake
        stack.callback(service.database.close)
        if "work" in roles:
            _ = service.queue  # models are loaded before anyone is answered
        door = stack.enter_context(_door(service)) if "http" in roles else None
        if "dicom" in roles:
            stack.callback(service.listener.stop)
            service.listener.start()
            address = f"port {service.listener.port} of {settings.dicom_host}"
            typer.echo(f"C-STORE an ECG to {settings.ae_title} on {address} .")
        if "work" in roles:
            typer.echo("What is accepted is read and delivered.")
        asyncio.run(_run(service, door))


@contextlib.contextmanager
def _door(service: Service) -> Iterator[socket.socket]:
    settings = service.settings
    family, name = (socket.AF_INET6, f"[{settings.host}]") if ":" in settings.host else (socket.AF_INET, settings.host)
    with socket.create_server((settings.host, settings.port), family=family) as door:
        typer.echo(
            f"Twelvelead listens on http://{name}:{door.getsockname()[1]}/ ; it keeps its data in {settings.data}"
        )
        typer.echo("POST an ECG to /v1/ecgs ; /openapi.json describes the rest ; Ctrl-C stops.")
        yield door


async def _run(service: Service, door: socket.socket | None) -> None:
    told = asyncio.Event()
    for each in STOPS:
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    server = None if door is None else _server(service)
    serving = None if server is None or door is None else asyncio.create_task(server.serve(sockets=[door]))
    working = asyncio.create_task(_work(service)) if "work" in service.settings.roles else None
    # Whichever ends first takes the others with it: a door without work behind it would only pile up.
    ends = {asyncio.create_task(told.wait()), *(each for each in (serving, working) if each is not None)}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if "dicom" in service.settings.roles:
        await asyncio.to_thread(service.listener.stop)
    if server is not None and serving is not None:
        server.should_exit = True
        await serving
    if working is not None:  # the last to go: requests under way wait for reports
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


def _server(service: Service) -> "uvicorn.Server":
    import uvicorn

    from service.api.app import build_app

    class Server(uvicorn.Server):
        """Leaves signals to the process: uvicorn would raise them again, and end it before the work is drained."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(uvicorn.Config(build_app(service.intake), access_log=False, log_config=None))


async def _work(service: Service) -> None:
    from service.worker import work

    names = [each.name for each in service.destinations]
    await work(service.queue, service.jobs, names, service.settings.workers)
