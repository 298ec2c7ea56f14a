"""Tokens of an OpenID provider count only as its keys, our name and the clock say."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from adapters.exchange import Wire
from adapters.oidc import FRESH, PAUSE, STALE, Bearer, Provider, Verifier
from ecg.errors import InvalidCredential, Overloaded, SetupError
from tests.golden.provider import AUDIENCE, OpenIdProvider


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return OpenIdProvider().keys


@pytest.fixture
def provider(keys: dict[str, Any]) -> OpenIdProvider:
    return OpenIdProvider(keys=dict(keys))


def verifier(provider: OpenIdProvider, clock: Callable[[], float] = time.monotonic) -> Verifier:
    def transport(request: httpx.Request) -> httpx.Response:
        body = provider.answer(request.url.path)
        return httpx.Response(200 if body else 503, content=body or b"")

    wire = Wire(transport=httpx.MockTransport(transport))
    return Verifier(Provider(provider.issuer, AUDIENCE, wire), clock)


@pytest.mark.parametrize("kid, algorithm", [("rsa", "RS256"), ("rsa", "RS384"), ("p256", "ES256"), ("p384", "ES384")])
def test_a_token_by_an_algorithm_that_is_taken_tells_whom_it_stands_for(
    provider: OpenIdProvider, kid: str, algorithm: str
) -> None:
    token = provider.token(kid, algorithm, scope="user/DiagnosticReport.rs openid")
    assert verifier(provider).verify(token) == Bearer("dr-1", ("user/DiagnosticReport.rs", "openid"))


@pytest.mark.parametrize("scp", ["a b", ["a", "b"]])
def test_scopes_may_stand_in_scp(provider: OpenIdProvider, scp: object) -> None:
    assert verifier(provider).verify(provider.token(scope=None, scp=scp)).scopes == ("a", "b")


def test_clocks_may_differ_by_less_than_a_minute(provider: OpenIdProvider) -> None:
    now = int(time.time())
    assert verifier(provider).verify(provider.token(exp=now - 30, nbf=now + 30))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 10**11},
        {"iat": 10**11},
        {"aud": "https://other.example"},
        {"aud": [f"{AUDIENCE}/", "x"]},
        {"aud": None},
        {"iss": "https://id.example.evil"},
        {"iss": ["https://id.example", "x"]},
        {"iss": None},
        {"sub": None},
        {"sub": "x" * 256},
        {"sub": "line\nbreak"},
    ],
)
def test_a_token_with_a_wrong_claim_does_not_count(provider: OpenIdProvider, changed: dict[str, object]) -> None:
    with pytest.raises(InvalidCredential):
        verifier(provider).verify(provider.token(**changed))


def forged(provider: OpenIdProvider) -> str:
    other = OpenIdProvider(keys={"rsa": RSAKey.generate_key(2048, {"kid": "rsa"})})
    return other.token()


def touched(provider: OpenIdProvider) -> str:
    head, _, signature = provider.token().split(".")
    return f"{head}.{provider.token(sub='admin').split('.')[1]}.{signature}"


@pytest.mark.parametrize(
    "made",
    [
        forged,
        touched,
        OpenIdProvider.unsigned,
        OpenIdProvider.signed_with_the_public_key,
        lambda provider: provider.token(algorithm="RS512"),
        lambda provider: provider.token() + "x" * 10_000,
        lambda provider: "x",
        lambda provider: "e30.e30.e30",
        lambda provider: "\u00e4.\u00e4.\u00e4",
    ],
    ids=["other key", "other claims", "none", "HS256", "RS512", "long", "no token", "no header", "not ASCII"],
)
def test_a_token_that_the_provider_did_not_sign_so_does_not_count(
    provider: OpenIdProvider, made: Callable[[OpenIdProvider], str]
) -> None:
    with pytest.raises(InvalidCredential):
        verifier(provider).verify(made(provider))


def test_a_key_for_encryption_verifies_nothing(provider: OpenIdProvider) -> None:
    provider.use = "enc"
    with pytest.raises(Overloaded):
        verifier(provider).verify(provider.token())


def test_an_unknown_key_is_looked_for_once_a_minute_and_an_old_one_goes(provider: OpenIdProvider) -> None:
    clock, old = Clock(), provider.token()
    ours = verifier(provider, clock)
    assert ours.verify(old)
    provider.keys["new"] = RSAKey.generate_key(2048, {"kid": "new"})
    provider.published = ["new", "p256"]
    clock.now += PAUSE + 1
    assert ours.verify(provider.token("new"))
    for _ in range(5):
        with pytest.raises(InvalidCredential):
            ours.verify(old)
    assert provider.fetched.count("/keys") == 2
    clock.now += PAUSE + 1
    with pytest.raises(InvalidCredential):
        ours.verify(old)
    assert provider.fetched.count("/keys") == 3


def test_a_withdrawn_key_goes_within_the_hour(provider: OpenIdProvider) -> None:
    clock = Clock()
    ours = verifier(provider, clock)
    assert ours.verify(provider.token())
    provider.published = ["p256"]
    clock.now += FRESH + 1
    with pytest.raises(InvalidCredential):
        ours.verify(provider.token())


def test_while_the_provider_is_away_its_keys_serve_on_for_a_day(provider: OpenIdProvider) -> None:
    clock = Clock()
    ours = verifier(provider, clock)
    assert ours.verify(provider.token())
    provider.down = True
    clock.now += STALE - 1
    assert ours.verify(provider.token())
    clock.now += 2
    with pytest.raises(Overloaded):
        ours.verify(provider.token())


def test_no_keys_are_taken_of_another_issuer(provider: OpenIdProvider) -> None:
    ours = verifier(provider)
    provider.issuer = "https://other.example"
    with pytest.raises(Overloaded):
        ours.verify(provider.token())


@pytest.mark.parametrize("issuer, audience", [("http://id.example", "us"), ("https://id.example", ""), ("id", "us")])
def test_a_provider_must_be_reached_securely_and_know_us(issuer: str, audience: str) -> None:
    with pytest.raises(SetupError):
        Provider(issuer, audience)
