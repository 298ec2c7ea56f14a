"""Bearer tokens of an OpenID provider: verified by its published keys, for us, and in time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from adapters.exchange import Ask, Exchange, Wire, accepted, secure
from ecg.errors import DeliveryError, InvalidCredential, Overloaded, SetupError

# RFC 8725, 3.1: the algorithms are ours to choose, never the token's. Only signatures by keys that stay with the
# provider: no 'none', no HMAC, for which a public key would be a shared secret.
ALGORITHMS: Final = ("RS256", "RS384", "ES256", "ES384")
LEAST_RSA_BITS: Final = 2048  # RFC 7518, 3.3
LEEWAY: Final = 60  # seconds by which clocks may differ
MOST_TOKEN: Final = 8192  # characters
MOST_KEYS: Final = 256 * 1024  # bytes of a provider's answer
MOST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, 2: ASCII characters of 'sub'
FRESH: Final = 3600.0  # seconds after which the keys are fetched anew: a withdrawn one must go
STALE: Final = 86400.0  # seconds for which they serve on while the provider gives none
PAUSE: Final = 60.0  # seconds between two fetches, however many unknown key ids come

Key = RSAKey | ECKey


@dataclass(frozen=True)
class Provider:
    """An OpenID provider as we use it.

    Attributes:
        issuer: its URL, exactly as its tokens name it; https, except on loopback.
        audience: what its tokens must be meant for.
        wire: how it is reached.

    Raises:
        SetupError: the URL is not secure, or the audience is missing.
    """

    issuer: str
    audience: str
    wire: Wire = field(default_factory=lambda: Wire(connect_seconds=5, answer_seconds=10))

    def __post_init__(self) -> None:
        try:
            secure(self.issuer)
        except SetupError as error:
            raise SetupError("The OpenID issuer must be a plain https URL, or http on loopback.") from error
        if not self.audience:
            raise SetupError("An OpenID issuer needs an audience: the name under which it knows this service.")


@dataclass(frozen=True)
class Bearer:
    """Whom a token stands for, by the provider's id, and what it says they may do."""

    subject: str
    scopes: tuple[str, ...]


class Verifier:
    """Verifies tokens. Fetches the provider's keys when first needed, hourly, and for unknown key ids. Thread-safe."""

    def __init__(self, provider: Provider, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._clock = clock
        self._lock = Lock()
        self._keys: Sequence[Key] = ()
        self._fetched_at = self._tried_at = float("-inf")

    def verify(self, token: str) -> Bearer:
        """Return whom a token stands for (RFC 7519, 7.2; RFC 9068, 4).

        Raises:
            InvalidCredential: it is none of this provider's for us, or not of this time.
            Overloaded: the provider's keys cannot be had now.
        """
        if len(token) > MOST_TOKEN:
            raise InvalidCredential("The token is too long.")
        provider = self._provider
        try:
            registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
            claims = jwt.decode(token, self._key, ALGORITHMS, registry).claims
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY,
                iss={"essential": True, "value": provider.issuer},
                aud={"essential": True, "value": provider.audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InvalidCredential(f"The token does not count ({type(error).__name__}).") from error
        subject = claims["sub"]
        if not (len(subject) <= MOST_SUBJECT and subject.isascii() and subject.isprintable()):
            raise InvalidCredential("The token's subject is none by OpenID Connect Core.")
        return Bearer(subject, _scopes(claims))

    def check(self) -> None:
        """Fetch the keys, to see whether they can be had.

        Raises:
            DeliveryError, SetupError: why not.
        """
        self._fetch()

    def _key(self, signed: Any) -> Key:
        """Return the key by which a token says that it is signed; fetch the keys anew where it is unknown."""
        kid, algorithm = signed.headers().get("kid"), signed.headers().get("alg")
        with self._lock:
            age = self._clock() - self._fetched_at
            known = _chosen(self._keys, kid, algorithm) is not None
            if (age > FRESH or not known) and self._clock() - self._tried_at > PAUSE:
                self._renew()
            if self._clock() - self._fetched_at > STALE:
                raise Overloaded("The keys of the OpenID provider cannot be had now.")
            key = _chosen(self._keys, kid, algorithm)
        if key is None:
            raise InvalidCredential("The token is signed by no key of the provider.")
        return key

    def _renew(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = self._fetch()
        except (DeliveryError, SetupError):
            return  # those at hand serve on, for a while
        self._fetched_at = self._clock()

    def _fetch(self) -> Sequence[Key]:
        """Return the provider's keys (OpenID Connect Discovery 1.0, 4; RFC 7517, 5)."""
        issuer = self._provider.issuer
        exchange = Exchange(self._provider.wire)
        try:
            said = _asked(exchange, "openid-configuration", f"{secure(issuer)}/.well-known/openid-configuration")
            if said.get("issuer") != issuer:  # Discovery 1.0, 4.3
                raise SetupError("openid-configuration: it is of another issuer")
            keys = _asked(exchange, "jwks", secure(str(said.get("jwks_uri")))).get("keys")
        finally:
            exchange.close()
        usable = [key for each in keys if (key := _usable(each))] if isinstance(keys, list) else []
        if not usable:
            raise SetupError("jwks: there is no key that signs in a way that is taken")
        return usable


def _asked(exchange: Exchange, step: str, url: str) -> dict[str, Any]:
    ask = Ask(step, "GET", url, headers={"Accept": "application/json"})
    answer = exchange.send(ask)
    if len(answer.content) > MOST_KEYS:
        raise SetupError(f"{step}: an answer of more than {MOST_KEYS} bytes")
    return accepted(ask, answer)


def _usable(said: Any) -> Key | None:
    """Return a published key where it is one that signs (RFC 7517, 4.2), None for others."""
    kinds: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    if not isinstance(said, dict) or said.get("kty") not in kinds or said.get("use", "sig") != "sig":
        return None
    try:
        key = kinds[said["kty"]].import_key(said)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_RSA_BITS:
        return None
    return key


def _chosen(keys: Sequence[Key], kid: Any, algorithm: Any) -> Key | None:
    """Return the one key of that id for that algorithm; a token without an id fits a provider with one key alone."""
    if kid is None and len(keys) != 1:
        return None
    wanted = RSAKey if str(algorithm).startswith("RS") else ECKey
    found = [each for each in keys if kid is None or each.kid == kid]
    fitting = [each for each in found if isinstance(each, wanted) and each.get("alg") in (None, algorithm)]
    return fitting[0] if len(fitting) == 1 else None


def _scopes(claims: dict[str, Any]) -> tuple[str, ...]:
    """Return the scopes: RFC 8693, 4.2 'scope', a text; some providers say 'scp', a text or a list."""
    said = claims.get("scope", claims.get("scp", ""))
    words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
    return tuple(each for each in words if isinstance(each, str))
