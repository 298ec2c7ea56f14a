"""Stands before every route: who asks, whether they may, whether not too often; and writes down how it ended."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.middleware.base import RequestResponseEndpoint
from starlette.routing import BaseRoute, Match

from ecg.errors import AccessError, EcgError, Forbidden, Throttled, Unauthenticated
from service.api.access import PUBLIC, Demand, demand
from service.api.problems import of_error
from service.api.rates import Rates, neighbourhood
from service.audit import Actor, Audit, acting
from service.callers import LOOPBACK, NOBODY, Caller, Gate
from service.scopes import OPERATE, suffices

DOOR: Final = "http"
# All that the trail takes of a request: what looks like an id of ours. Anything else may be a patient's.
_OWN_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
MOST_IDS: Final = 20  # in one row


class Doorkeeper:
    """Lets requests through, or answers them itself. What is `public` needs no credential.

    What cannot be written to the trail is not answered: neither a read nor a write. A write may be done by then, but
    its sender is told to send it again, and a repeat changes nothing.
    """

    def __init__(
        self, gate: Gate, audit: Audit, rates: Rates, routes: Sequence[BaseRoute], public: Callable[[Demand], bool]
    ) -> None:
        self._gate, self._audit, self._rates, self._routes, self._public = gate, audit, rates, routes, public

    async def __call__(self, request: Request, answer: RequestResponseEndpoint) -> Response:
        """Answer a request, by its route where that is allowed."""
        asked = demand(request.method, request.scope["path"])
        caller = NOBODY
        try:
            caller = await run_in_threadpool(self._known, request, asked)
            self._check(request, asked, caller)
        except EcgError as error:
            response = of_error(request, error)
            if isinstance(error, AccessError) and not self._is_told(error, request, caller):
                return response
        else:
            with acting(Actor(caller.who, DOOR)):
                response = await answer(request)
            if asked.quiet:
                return response
        who = f"{NOBODY.who}@{_address(request)}" if caller is NOBODY else caller.who
        try:
            with acting(Actor(who, DOOR)):
                await run_in_threadpool(self._record, request, response, asked.action)
        except EcgError as error:
            return of_error(request, error)
        return response

    def _known(self, request: Request, asked: Demand) -> Caller:
        """Return who asks.

        Raises:
            AccessError: they do not say, or have failed to say too often.
            Overloaded: it cannot be told now.
        """
        if self._public(asked):
            return NOBODY
        address = _address(request)
        self._rates.check_failures(address)
        try:
            return self._gate.caller(request.headers.get("authorization", ""), request.headers.get("x-api-key", ""))
        except Unauthenticated:
            self._rates.failed(address)
            raise

    def _check(self, request: Request, asked: Demand, caller: Caller) -> None:
        """Look whether a caller may do this, and now.

        Raises:
            Throttled, Forbidden: they may not.
        """
        self._rates.count(_address(request) if caller in (NOBODY, LOOPBACK) else caller.who)
        if asked.scope is None:
            if any(route.matches(request.scope)[0] is Match.FULL for route in self._routes):
                raise Forbidden("No scope reaches to this route.")
        elif asked.scope != PUBLIC and not suffices(caller.scopes, asked.scope):
            scope = OPERATE if asked.scope == OPERATE else f"system/{asked.scope}"
            raise Forbidden(f"This needs the scope {scope}.", scope=scope)

    def _is_told(self, error: AccessError, request: Request, caller: Caller) -> bool:
        return not isinstance(error, Throttled) or self._rates.tell(f"{caller.who} {_address(request)}")

    def _record(self, request: Request, response: Response, action: str) -> None:
        self._audit.record(action, _subject(request, response), str(response.status_code))


def _address(request: Request) -> str:
    return neighbourhood(request.client.host if request.client else "")


def _subject(request: Request, response: Response) -> str:
    """Return the ids that a request was about: those that its route names, else those in its path and Location."""
    named = getattr(request.state, "subject", "")
    found = _OWN_ID.findall(f"{request.scope['path']} {response.headers.get('location', '')}")
    ids = named.split() or (found if response.status_code != 404 else [])  # what is not here is no id of ours
    return " ".join(list(dict.fromkeys(ids))[:MOST_IDS])
