"""Takes a payload from a request: its bounded body and what was declared with it, and waits for the report."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from adapters.declared import as_said
from ecg.errors import InvalidQuery, TooLarge, UnknownFormat, UnreadablePage
from ecg.payload import Declared, Payload
from ecg.recording import PRIORITIES, Order
from service.api.problems import BrokenRequest, TooSlow
from service.intake import Accepted, Intake
from service.jobs import Job
from service.metrics import Door
from service.pages import refusal

WAIT: Final = 30.0  # seconds that a request waits for its report
POLL: Final = 0.05  # seconds
BODY_SECONDS: Final = 120.0  # for a body to arrive
JSON: Final = "application/json"

ERASED: Final = "This ECG was here before and has been erased: it is neither kept nor read again."

# What the URL may declare. Of a patient it may say nothing: URLs are written down everywhere.
_SAID: Final = {
    "unit": "Unit of the samples (UCUM: uV, mV, ...), where the payload names none.",
    "fs": "Samples per second and lead in Hz, where the payload does not say.",
    "leads": "Names of the leads in their order, with commas, where the payload names none.",
    "priority": f"How urgent it is: {', '.join(PRIORITIES)}.",
}
_SCHEMAS: Final = {"fs": {"type": "number", "exclusiveMinimum": 0}, "priority": {"enum": list(PRIORITIES)}}
DECLARED: Final[dict[str, Any]] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "description": text,
         "schema": _SCHEMAS.get(name, {"type": "string"})}
        for name, text in _SAID.items()
    ]
}  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """A payload that was taken, its jobs, and how they stand. Our own output gives none."""

    payload: Payload = field(repr=False)
    accepted: Sequence[Accepted]
    jobs: Sequence[Job]


async def take(request: Request, intake: Intake, draining: Callable[[], bool]) -> Taken:
    """Take the body as a payload, and wait for its reports, unless the request will not (RFC 7240, respond-async).

    Raises:
        PayloadError, Overloaded: as intake does; TooLarge among them.
        InvalidQuery: what is declared is not what it should be.
    """
    data = await body(request, intake.settings.max_payload_mb)
    if not data:
        raise UnknownFormat("The body of the request is empty: send the ECG itself.")
    return await handed_in(request, intake, data, draining)


async def handed_in(request: Request, intake: Intake, data: bytes, draining: Callable[[], bool]) -> Taken:
    """Do as `take` does with a body that is here."""
    payload = Payload(data, request.headers.get("content-type", "application/octet-stream"), declared(request))
    door: Door = "fhir" if request.url.path.startswith("/fhir") else "http"
    accepted = await run_in_threadpool(intake.accept, payload, datetime.now(UTC), door)
    wait = 0.0 if "respond-async" in preferences(request) else WAIT
    jobs = await _settled(intake, accepted, wait, draining)
    if more := await run_in_threadpool(intake.others, accepted):  # a worker found more on a page
        accepted, jobs = (*accepted, *more), [*jobs, *await _settled(intake, more, wait, draining)]
    return Taken(payload, accepted, jobs)


def refused(jobs: Sequence[Job]) -> UnreadablePage | None:
    """Return why nothing that was sent can be read: each was a page that was refused; None where that is not so."""
    reasons = [refusal(each.error) for each in jobs]
    return reasons[0] if reasons and all(reasons) else None


async def body(request: Request, most_mb: float, seconds: float = BODY_SECONDS) -> bytes:
    """Return the body of a request, read as far as the limit.

    Raises:
        TooLarge: it goes beyond.
        TooSlow, BrokenRequest: as `arriving`.
    """
    held = bytearray()
    async with arriving(seconds):
        async for chunk in request.stream():
            held += chunk
            if len(held) > most_mb * 1_000_000:
                raise TooLarge(f"At most {most_mb:g} MB may be sent here.")
    return bytes(held)


@asynccontextmanager
async def arriving(seconds: float = BODY_SECONDS) -> AsyncIterator[None]:
    """Give a body so many seconds to arrive within the block.

    Raises:
        TooSlow: it did not.
        BrokenRequest: its sender hung up.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TooSlow(f"The body did not arrive within {seconds:g} seconds.") from error
    except ClientDisconnect as error:
        raise BrokenRequest("The sender hung up before the end of the body.") from error


def only_json(request: Request) -> None:
    """Let an action in only as JSON.

    A page in a browser can post to a loopback address without asking, but not with this type (Fetch standard,
    CORS-safelisted request-header): for that it must be allowed to, and nobody is.

    Raises:
        UnknownFormat: it is declared as something else.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise UnknownFormat(f"The content type of this request is {JSON}.")


def declared(request: Request) -> Declared:
    """Return what the query declares.

    Raises:
        InvalidQuery: a frequency is no positive number, or something is declared twice.
    """
    said = {name: request.query_params.getlist(name) for name in _SAID}
    if any(len(each) > 1 for each in said.values()):
        raise InvalidQuery(f"Each of {', '.join(_SAID)} may be declared once.")
    words = {name: each[0].strip() for name, each in said.items() if each}
    if (priority := words.pop("priority", None)) is not None and priority not in PRIORITIES:
        raise InvalidQuery(f"A priority is one of {', '.join(PRIORITIES)}.")
    order = Order(priority=priority) if priority else None
    return replace(as_said(words), order=order)


def preferences(request: Request) -> set[str]:
    """Return what the request prefers (RFC 7240), in lower case: 'respond-async', 'return=minimal', ..."""
    said = ",".join(request.headers.getlist("prefer")).replace(";", ",").replace('"', "").lower()
    return {"=".join(part.strip() for part in each.split("=")) for each in said.split(",") if each.strip()}


async def _settled(
    intake: Intake, accepted: Sequence[Accepted], wait: float, draining: Callable[[], bool]
) -> list[Job]:
    """Return the jobs as they stand when none waits any more, or when the time is up."""
    end = time.monotonic() + wait
    while True:
        jobs = [await run_in_threadpool(intake.jobs.refreshed, each.job) for each in accepted]
        if all(each.state != "waiting" for each in jobs) or time.monotonic() >= end or draining():
            return jobs
        await asyncio.sleep(POLL)
