"""Tokens are fetched as OAuth 2.0 and SMART Backend Services say, kept while they live, and never shown."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote_plus

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from adapters.exchange import Wire
from adapters.oauth import ClientCredentials, ClientKey, ClientSecret, OAuthSettings
from ecg.errors import DeliveryError, Refused, SetupError, Unreachable

BASE = "https://ehr.example/fhir"
ENDPOINT = "https://login.example/token"
SECRET = "s3:cret&%ä"  # every character of it needs care
KEYS: dict[Any, Any] = {"RS384": RSAKey.generate_key(2048), "ES384": ECKey.generate_key("P-384")}


class Endpoint:
    """A token endpoint that answers what it is told to, and counts."""

    def __init__(self, status: int = 200, **said: Any) -> None:
        self.status = status
        self.said = {"token_type": "Bearer", "expires_in": 300} | said
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("smart-configuration"):
            return httpx.Response(200, json={"token_endpoint": ENDPOINT})
        self.asked.append(request)
        return httpx.Response(self.status, json={"access_token": f"t{len(self.asked)}"} | self.said)

    def form(self, at: int = 0) -> dict[str, str]:
        return {name: value for name, (value,) in parse_qs(self.asked[at].content.decode()).items()}


@contextmanager
def source(
    endpoint: Callable[[httpx.Request], httpx.Response],
    credential: ClientSecret | ClientKey | None = None,
    token_url: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[ClientCredentials]:
    settings = OAuthSettings("my client", credential or ClientSecret(SECRET), BASE, token_url)
    tokens = ClientCredentials(settings, Wire(transport=httpx.MockTransport(endpoint)), clock)
    try:
        yield tokens
    finally:
        tokens.close()


def test_a_secret_goes_by_basic_authentication_both_parts_encoded() -> None:
    endpoint = Endpoint()
    with source(endpoint) as tokens:
        assert tokens.token() == "t1"
    kind, _, pair = endpoint.asked[0].headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(pair).decode()) == ("Basic", f"my+client:{quote_plus(SECRET)}")
    assert endpoint.form()["grant_type"] == "client_credentials"
    assert "system/DiagnosticReport.cus" in endpoint.form()["scope"].split()
    assert str(endpoint.asked[0].url) == ENDPOINT


def test_a_secret_may_go_in_the_body() -> None:
    endpoint = Endpoint()
    with source(endpoint, ClientSecret(SECRET, "client_secret_post"), ENDPOINT) as tokens:
        tokens.token()
    assert (endpoint.form()["client_id"], endpoint.form()["client_secret"]) == ("my client", SECRET)
    assert "Authorization" not in endpoint.asked[0].headers


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_an_assertion_is_signed_short_lived_and_used_once(algorithm: Any) -> None:
    endpoint, key = Endpoint(), KEYS[algorithm]
    with source(endpoint, ClientKey(key.as_pem(private=True), "k1", algorithm)) as tokens:
        tokens.token()
        tokens.forget()
        tokens.token()
    seen = [jwt.decode(endpoint.form(n)["client_assertion"], key, algorithms=[algorithm]) for n in (0, 1)]
    assert seen[0].header == {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    for each in seen:
        assert each.claims["iss"] == each.claims["sub"] == "my client"
        assert each.claims["aud"] == ENDPOINT
        assert 0 < each.claims["exp"] - time.time() <= 300
    assert seen[0].claims["jti"] != seen[1].claims["jti"]
    assert endpoint.form()["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.mark.parametrize(("said", "until"), [({}, 270), ({"expires_in": 8}, 6), ({"expires_in": None}, 270)])
def test_a_token_is_kept_until_shortly_before_it_expires(said: dict[str, Any], until: int) -> None:
    endpoint, now = Endpoint(**said), [1000.0]
    with source(endpoint, clock=lambda: now[0]) as tokens:
        assert tokens.token() == tokens.token() == "t1"
        now[0] += until - 0.5
        assert tokens.token() == "t1"
        now[0] += 1
        assert tokens.token() == "t2"
        tokens.forget()
        assert tokens.token() == "t3"


def test_threads_share_one_token() -> None:
    endpoint = Endpoint()
    with source(endpoint) as tokens, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: tokens.token(), range(40))) == {"t1"}
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(400, Refused), (401, Refused), (302, Refused), (429, Unreachable), (500, Unreachable)]
)
def test_a_failure_is_classed_and_does_not_show_the_secret(status: int, error: type[DeliveryError]) -> None:
    with source(Endpoint(status, error_description=SECRET)) as tokens, pytest.raises(error) as caught:
        tokens.token()
    assert str(caught.value) == f"token: HTTP {status}"


@pytest.mark.parametrize(
    "said", [{"access_token": None}, {"access_token": "a\r\nX: y"}, {"access_token": ""}, {"token_type": "mac"}]
)
def test_an_answer_without_a_bearer_token_is_none(said: dict[str, Any]) -> None:
    with source(Endpoint(**said)) as tokens, pytest.raises(Unreachable):
        tokens.token()


@pytest.mark.parametrize(
    ("configuration", "error"), [({}, Unreachable), ({"token_endpoint": "http://login.example/token"}, Refused)]
)
def test_a_server_must_name_a_secure_token_endpoint(configuration: dict[str, str], error: type[DeliveryError]) -> None:
    with (
        source(lambda _: httpx.Response(200, content=json.dumps(configuration))) as tokens,
        pytest.raises(error, match="smart-configuration"),
    ):
        tokens.token()


def test_a_key_that_cannot_sign_is_found_at_the_start() -> None:
    public = KEYS["RS384"].as_pem(private=False)
    wrong = KEYS["ES384"].as_pem(private=True)
    small = ECKey.generate_key("P-256").as_pem(private=True)
    for pem, algorithm in ((b"none", "RS384"), (public, "RS384"), (wrong, "RS384"), (small, "ES384")):
        with pytest.raises(SetupError):
            ClientCredentials(OAuthSettings("c", ClientKey(pem, "k1", algorithm), BASE))  # type: ignore[arg-type]


def test_no_secret_stands_in_a_repr() -> None:
    settings = OAuthSettings("c", ClientSecret(SECRET), BASE)
    key = OAuthSettings("c", ClientKey(b"PRIVATE", "k1"), BASE)
    assert SECRET not in repr(settings) and "PRIVATE" not in repr(key)
