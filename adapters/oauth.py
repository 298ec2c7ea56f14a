"""Access tokens for a destination: OAuth 2.0 client credentials, by secret or SMART Backend Services' assertion."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final, Literal, Protocol
from urllib.parse import quote_plus
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from adapters.exchange import Answer, Ask, Exchange, Json, Wire, accepted, secure
from ecg.errors import Refused, SetupError, Unreachable

# RFC 6750, 2.1: b64token. Anything else could not stand in a header.
_BEARER: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")

# SMART App Launch 2.2, client-confidential-asymmetric: 'exp' lies no more than five minutes ahead. One minute less
# leaves room for clocks that differ.
_ASSERTION_SECONDS: Final = 240
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, 2.2

# SMART App Launch 2.2, backend-services: tokens should live 300 s; so long do those that do not say.
_DEFAULT_SECONDS: Final = 300.0
_MARGIN_SECONDS: Final = 30.0

# SMART App Launch 2.2, scopes: c creates, s searches, which a conditional create does too; u updates what
# a later version replaces.
SCOPES: Final = (
    "system/Patient.s",
    "system/Encounter.s",
    "system/ServiceRequest.s",
    "system/DiagnosticReport.cus",
    "system/Observation.cus",
    "system/Media.cus",
    "system/Device.cs",
    "system/Provenance.cs",
)
# R5 has no Media: its pictures are documents.
SCOPES_R5: Final = tuple(each.replace("/Media.", "/DocumentReference.") for each in SCOPES)


class TokenSource(Protocol):
    """Gives access tokens. Thread-safe."""

    def token(self) -> str:
        """Return an access token that has not expired.

        Raises:
            DeliveryError: Unreachable or Refused; nothing was delivered.
        """

    def forget(self) -> None:
        """Fetch a new token next time: the server did not take the last one."""


@dataclass(frozen=True)
class ClientSecret:
    """A shared secret (RFC 6749, 2.3.1)."""

    secret: str = field(repr=False)
    method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"


@dataclass(frozen=True)
class ClientKey:
    """A private key in PEM, under the id by which the server knows its public half (SMART Backend Services)."""

    pem: bytes = field(repr=False)
    kid: str
    algorithm: Literal["RS384", "ES384"] = "RS384"


@dataclass(frozen=True)
class OAuthSettings:
    """Where tokens come from, and for whom.

    Attributes:
        client_id: as registered with the server.
        credential: by which the client proves itself.
        base_url: of the server; a FHIR server's .well-known/smart-configuration names the token endpoint.
        token_url: the token endpoint, where it is known; '' to ask the server.
        scopes: what is asked for; none: what the server gives by itself.
    """

    client_id: str
    credential: ClientSecret | ClientKey
    base_url: str
    token_url: str = ""
    scopes: tuple[str, ...] = SCOPES


class ClientCredentials:
    """A TokenSource by the client credentials grant (RFC 6749, 4.4). Keeps a token until shortly before it expires.

    Raises:
        SetupError: a URL is not secure, or the key is none for its algorithm.
    """

    def __init__(
        self, settings: OAuthSettings, wire: Wire | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._base = secure(settings.base_url)
        self._endpoint = secure(settings.token_url) if settings.token_url else ""
        if isinstance(settings.credential, ClientKey):
            _private_key(settings.credential)
        self._exchange = Exchange(wire or Wire())
        self._clock = clock
        self._lock = Lock()
        self._held, self._until = "", 0.0

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def token(self) -> str:
        """Return an access token that has not expired.

        Raises:
            Unreachable: the token endpoint gave no proper answer.
            Refused: it does not take this client.
        """
        with self._lock:  # one thread fetches, the others wait for what it gets
            if not self._held or self._clock() >= self._until:
                self._held, self._until = self._fetched()
            return self._held

    def forget(self) -> None:
        """Fetch a new token next time."""
        with self._lock:
            self._held = ""

    def _fetched(self) -> tuple[str, float]:
        """Ask for a token (RFC 6749, 4.4.2) and return it with the time from which it is not used any more."""
        asked_at = self._clock()
        endpoint = self._token_endpoint()
        form = {"grant_type": "client_credentials"}
        if self._settings.scopes:
            form["scope"] = " ".join(self._settings.scopes)
        proof, headers = self._proof(endpoint)
        ask = Ask("token", "POST", endpoint, form | proof, {"Accept": "application/json"} | headers)
        said = accepted(ask, self._exchange.send(ask))
        token, kind = said.get("access_token"), said.get("token_type")
        # RFC 6749, 5.1 and 7.1: the type is compared without case.
        if not (isinstance(token, str) and _BEARER.fullmatch(token) and str(kind).lower() == "bearer"):
            raise Unreachable("token: an answer without a bearer token")
        seconds = _seconds(said)
        return token, asked_at + seconds - min(_MARGIN_SECONDS, seconds / 4)

    def _token_endpoint(self) -> str:
        """Return the token endpoint, from the server's own word where it is not set (SMART 2.2, conformance)."""
        if not self._endpoint:
            url = f"{self._base}/.well-known/smart-configuration"
            ask = Ask("smart-configuration", "GET", url, headers={"Accept": "application/json"})
            named = accepted(ask, self._exchange.send(ask)).get("token_endpoint")
            if not isinstance(named, str):
                raise Unreachable("smart-configuration: it names no token endpoint")
            try:
                self._endpoint = secure(named)
            except SetupError as error:
                raise Refused("smart-configuration: its token endpoint is not secure") from error
        return self._endpoint

    def _proof(self, endpoint: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the fields and the headers that prove who asks."""
        client, credential = self._settings.client_id, self._settings.credential
        if isinstance(credential, ClientKey):
            assertion = _assertion(client, credential, endpoint)
            return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion}, {}
        if credential.method == "client_secret_post":
            return {"client_id": client, "client_secret": credential.secret}, {}
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote_plus(client)}:{quote_plus(credential.secret)}"
        return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def send_as(token: TokenSource | None, exchange: Exchange, ask: Ask) -> Answer:
    """Send a request as a client; with a new token, once, where the server does not take the last one.

    Raises:
        DeliveryError: there is no token, or no answer.
    """
    if token is None:
        return exchange.send(ask)
    answer = exchange.send(_bearing(token, ask))
    if answer.status != 401:
        return answer
    token.forget()
    return exchange.send(_bearing(token, ask))


def _bearing(token: TokenSource, ask: Ask) -> Ask:
    return replace(ask, headers={**ask.headers, "Authorization": f"Bearer {token.token()}"})


def _assertion(client_id: str, credential: ClientKey, endpoint: str) -> str:
    """Return a signed assertion for one use (SMART App Launch 2.2, client-confidential-asymmetric)."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": endpoint,
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
        "jti": str(uuid4()),
    }
    header = {"alg": credential.algorithm, "kid": credential.kid, "typ": "JWT"}
    return jwt.encode(header, claims, _private_key(credential), algorithms=[credential.algorithm])


def _private_key(credential: ClientKey) -> RSAKey | ECKey:
    """Return the key, once it has signed something: RSA for RS384, P-384 for ES384 (RFC 7518, 3.3 and 3.4)."""
    kind = RSAKey if credential.algorithm == "RS384" else ECKey
    try:
        key = kind.import_key(credential.pem)
        jwt.encode({"alg": credential.algorithm}, {}, key, algorithms=[credential.algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise SetupError(f"The client's key is no private key for {credential.algorithm}.") from error
    return key


def _seconds(said: Json) -> float:
    """Return for how long the token lives (RFC 6749, 5.1: 'expires_in' is recommended only)."""
    stated = said.get("expires_in")
    return float(stated) if isinstance(stated, int | float) and 0 < stated < 86400 * 365 else _DEFAULT_SECONDS
