"""One HTTP exchange with a destination or its token endpoint: bounded in time and size, failures classed by a retry."""

import ipaddress
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ecg.errors import DeliveryError, Refused, SetupError, Unconfirmed, Unreachable

Json = dict[str, Any]

MAX_ANSWER: Final = 8 * 2**20  # bytes; the largest lawful answer is a server's CapabilityStatement

# RFC 9110, 15: nothing was done and the same request may succeed later. 409 is how servers answer one of two
# concurrent conditional creates (R4 http.html#trules: a failed transaction leaves nothing); the repeat finds the other.
_TRY_AGAIN: Final = frozenset({408, 409, 425, 429, 503})
_NEVER: Final = frozenset({501, 505})  # RFC 9110, 15.6: the server cannot do this at all


class Overtaken(Refused):
    """What was to be updated is no longer what it was (RFC 9110, 15.5.13)."""


@dataclass(frozen=True)
class Wire:
    """How a server is reached.

    Attributes:
        connect_seconds: limit for a connection, TLS included.
        answer_seconds: limit for silence while the answer is awaited, and for its body as a whole.
        ca_file: certificates (PEM) that sign the server's; None for the system's own.
        transport: stands in for the network, None for the network.
    """

    connect_seconds: float = 10.0
    answer_seconds: float = 60.0
    ca_file: Path | None = None
    transport: httpx.BaseTransport | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Ask:
    """One request. `step` names it in errors; `writes` says that the server may have stored something by it.

    `body` is JSON as bytes, or a form. What identifies a patient stands in it, never in the URL.
    """

    step: str
    method: str
    url: str
    body: bytes | Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    writes: bool = False

    @property
    def lost(self) -> type[DeliveryError]:
        """What it means when no proper answer comes."""
        return Unconfirmed if self.writes else Unreachable


@dataclass(frozen=True)
class Answer:
    """A server's answer with its status; `content`, `location` and `etag` are for us alone, in no repr."""

    status: int
    location: str = field(repr=False)
    content: bytes = field(repr=False)
    etag: str = field(default="", repr=False)


class Exchange:
    """Sends requests over kept connections. Follows no redirect, asks no proxy, reads no `.netrc`. Thread-safe.

    Raises:
        SetupError: the certificates cannot be read.
    """

    def __init__(self, wire: Wire) -> None:
        try:
            trusted = ssl.create_default_context(cafile=wire.ca_file)
        except OSError as error:
            raise SetupError("The certificates of a destination's authority cannot be read.") from error
        self._seconds = wire.answer_seconds
        self._client = httpx.Client(
            verify=trusted,
            timeout=httpx.Timeout(wire.answer_seconds, connect=wire.connect_seconds),
            follow_redirects=False,
            trust_env=False,
            transport=wire.transport,
            # An answer that unpacks itself could outgrow any limit.
            headers={"Accept-Encoding": "identity", "User-Agent": "Twelvelead"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, ask: Ask) -> Answer:
        """Send a request and return the answer, whatever its status.

        Raises:
            Unreachable: no connection; or no proper answer to a request that stores nothing.
            Unconfirmed: no proper answer to a request that may have stored something.
        """
        form = dict(ask.body) if isinstance(ask.body, Mapping) else None
        plain = None if isinstance(ask.body, Mapping) else ask.body
        try:
            with self._client.stream(
                ask.method, ask.url, data=form, content=plain, headers=dict(ask.headers)
            ) as response:
                location = response.headers.get("Location") or response.headers.get("Content-Location") or ""
                content = self._content(ask, response)
                return Answer(response.status_code, location, content, response.headers.get("ETag", ""))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(f"{ask.step}: no connection") from error
        except httpx.TimeoutException as error:
            raise ask.lost(f"{ask.step}: no answer in time") from error
        except httpx.HTTPError as error:
            raise ask.lost(f"{ask.step}: the connection broke") from error

    def _content(self, ask: Ask, response: httpx.Response) -> bytes:
        """Read the body within the limits. One that has to be unpacked was not asked for."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ask.lost(f"{ask.step}: an answer that is packed")
        deadline = time.monotonic() + self._seconds
        held = bytearray()
        for part in response.iter_bytes():
            held += part
            if len(held) > MAX_ANSWER:
                raise ask.lost(f"{ask.step}: an answer of more than {MAX_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise ask.lost(f"{ask.step}: no whole answer in time")
        return bytes(held)


def accepted(ask: Ask, answer: Answer) -> Json:
    """Return the JSON object of an answer that says 200 or 201; {} where it has no content.

    Raises:
        Refused: it says that the request is wrong, or lies elsewhere; a repeat would be refused as well.
        Unreachable: it says that nothing was done.
        Unconfirmed: what it says leaves open whether something was stored.
    """
    status = answer.status
    if status in _TRY_AGAIN:
        raise Unreachable(f"{ask.step}: HTTP {status}")
    if status == 412:
        raise Overtaken(f"{ask.step}: HTTP {status}")
    if 300 <= status < 500 or status in _NEVER:
        raise Refused(f"{ask.step}: HTTP {status}")
    if status not in {200, 201}:
        raise ask.lost(f"{ask.step}: HTTP {status}")
    if not answer.content:
        return {}
    try:
        content = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise ask.lost(f"{ask.step}: an answer that is no JSON") from error
    if not isinstance(content, dict):
        raise ask.lost(f"{ask.step}: an answer that is no JSON object")
    return content


def secure(url: str) -> str:
    """Return a server's URL without a slash at its end.

    Raises:
        SetupError: it is neither https nor http on loopback, or holds more than scheme, host, port and path.
    """
    parts = urlsplit(url)
    plain = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not (parts.hostname and (parts.scheme == "https" or plain)):
        raise SetupError("A destination's URL must be https, or http on loopback.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SetupError("A destination's URL holds no credentials, query or fragment.")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
