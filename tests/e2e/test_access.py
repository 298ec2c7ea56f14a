"""`twelvelead serve` behind TLS and credentials: who may come in, and what the trail says of them afterwards."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pydicom
import pytest
from pynetdicom import AE

from service.cli.errors import EXIT_SETUP
from tests.golden.certificates import Authority, Pair
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset
from tests.golden.provider import AUDIENCE, OpenIdProvider
from tests.golden.provider import serving as provider_serving

COMMAND = str(Path(sys.executable).with_name("twelvelead"))


@dataclass
class Site:
    """An installation: its file of settings, and its commands."""

    at: Path

    @property
    def env(self) -> dict[str, str]:
        return os.environ | {"TWELVELEAD_DATA": str(self.at / "data"), "TWELVELEAD_CONFIG": str(self.at / "site.toml")}

    def write(self, text: str) -> None:
        (self.at / "site.toml").write_text(text)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, *words], env=self.env, capture_output=True, text=True, timeout=120)

    def trail(self, *words: str) -> str:
        return self.run("audit", "list", *words).stdout

    @contextmanager
    def serving(self) -> Iterator[tuple[str, int]]:
        """Serve; give the URL of HTTP and the port of DICOM."""
        words = [COMMAND, "serve", "--port", "0", "--dicom-port", "0"]
        with (self.at / "log").open("ab") as log:
            process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        try:
            address = re.search(r"https?://127\.0\.0\.1:\d+", process.stdout.readline())
            port = re.search(r"on port (\d+)", process.stdout.readline())
            assert address and port, (self.at / "log").read_text()
            yield address.group(), int(port[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.close()
            process.wait(60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.sign("service")


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with provider_serving() as running:
        yield running


@dataclass
class Guarded:
    """A running service that asks for credentials over TLS."""

    site: Site
    url: str
    dicom_port: int
    trusted: ssl.SSLContext

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, verify=self.trusted, timeout=60)

    def post(self, ecg: bytes, **headers: str) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/ecgs", content=ecg, headers=headers, verify=self.trusted, timeout=60)


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, pair: Pair, provider: OpenIdProvider
) -> Iterator[Guarded]:
    site = Site(tmp_path_factory.mktemp("site"))
    site.write(f"""
    require_credentials = true
    tls_certificate = "{pair.certificate}"
    tls_key = "{pair.key}"
    oidc_issuer = "{provider.issuer}"
    oidc_audience = "{AUDIENCE}"
    """)
    with site.serving() as (url, port):
        yield Guarded(site, url, port, ssl.create_default_context(cafile=authority.certificate))


def ecg(patient: str) -> bytes:
    return to_bytes(twelve_lead_dataset(square_wave(), who=Who(id=patient)))


def test_a_device_sends_by_its_key_until_it_is_revoked(guarded: Guarded) -> None:
    made = guarded.site.run("keys", "create", "cart-7", "--scope", "system/Observation.c", "--expires", "90")
    key = made.stdout.strip()
    assert made.returncode == 0 and key.startswith("tl_")
    answer = guarded.post(ecg("by key"), **{"X-API-Key": key})
    assert answer.status_code == 201
    assert guarded.get(answer.headers["Location"], **{"X-API-Key": key}).status_code == 403
    assert "cart-7" in guarded.site.run("keys", "list").stdout
    assert guarded.site.run("keys", "revoke", "cart-7").returncode == 0
    assert guarded.post(ecg("by key"), **{"X-API-Key": key}).status_code == 401
    assert re.search(r"cart-7 +revoked", guarded.site.run("keys", "list").stdout)
    trail = guarded.site.trail("--since", "1h")
    for line in (r"cli +operator:\S+ +create key +done +cart-7", r"http +key:cart-7 +send ecg +201 +\S+"):
        assert re.search(line, trail), line
    for line in (r"http +key:cart-7 +read report +403", r"http +nobody@127\.0\.0\.1 +send ecg +401"):
        assert re.search(line, trail), line
    assert key not in trail and key not in (guarded.site.at / "log").read_text()


def test_a_physician_reads_by_a_token_of_the_provider(guarded: Guarded, provider: OpenIdProvider) -> None:
    sent = guarded.post(ecg("by token"), Authorization=f"Bearer {provider.token(scope='system/Observation.c')}")
    token = provider.token("p384", "ES384", sub="dr-house")
    read = guarded.get(sent.headers["Location"], Authorization=f"Bearer {token}")
    assert (sent.status_code, read.status_code) == (201, 200)
    report = sent.headers["Location"].rpartition("/")[2]
    assert re.search(rf"http +oidc:dr-house +read report +200 +{report}", guarded.site.trail("--subject", report))


@pytest.mark.parametrize(
    "changed", [{"exp": 1}, {"aud": "https://other.example"}, {"iss": "https://id.example"}, {"scope": "openid"}]
)
def test_a_token_that_does_not_count_reads_nothing(
    guarded: Guarded, provider: OpenIdProvider, changed: dict[str, object]
) -> None:
    answer = guarded.get("/v1/reports/x", Authorization=f"Bearer {provider.token(**changed)}")
    assert answer.status_code == (403 if "scope" in changed else 401)


@pytest.mark.parametrize("made", [OpenIdProvider.unsigned, OpenIdProvider.signed_with_the_public_key])
def test_the_algorithm_is_not_the_tokens_to_choose(guarded: Guarded, provider: OpenIdProvider, made: object) -> None:
    token = made(provider)  # type: ignore[operator]
    assert guarded.get("/v1/reports/x", Authorization=f"Bearer {token}").status_code == 401


def test_nothing_is_said_without_tls_or_by_an_old_one(guarded: Guarded) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(guarded.url.replace("https", "http") + "/health/live")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{guarded.url}/health/live")  # which trusts the system's authorities alone
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("AES128-SHA256:AES128-GCM-SHA256")  # no forward secrecy
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    port = int(guarded.url.rpartition(":")[2])
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", port)) as plain:
        old.wrap_socket(plain)


def test_the_trail_names_the_ae_title_that_stored(guarded: Guarded) -> None:
    entity = AE("CART7")
    dataset = pydicom.dcmread(BytesIO(to_bytes(twelve_lead_dataset(square_wave(high=600)))))
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", guarded.dicom_port, ae_title="TWELVELEAD")
    try:
        assert association.send_c_store(dataset).Status == 0
        del dataset.WaveformSequence
        assert association.send_c_store(dataset).Status != 0
    finally:
        association.release()
    trail = guarded.site.trail()
    assert re.search(r"dicom +ae:CART7 +send ecg +accepted +\S{36}", trail)
    assert re.search(r"dicom +ae:CART7 +send ecg +malformed-payload", trail)


def test_with_mutual_tls_a_client_needs_a_certificate(tmp_path: Path, authority: Authority, pair: Pair) -> None:
    site = Site(tmp_path)
    site.write(f"""
    tls_certificate = "{pair.certificate}"
    tls_key = "{pair.key}"
    tls_client_ca = "{authority.certificate}"
    """)
    with site.serving() as (url, _):
        trusted = ssl.create_default_context(cafile=authority.certificate)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{url}/health/live", verify=trusted)
        stranger = Authority(tmp_path, "stranger").sign("unknown")
        trusted.load_cert_chain(stranger.certificate, stranger.key)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{url}/health/live", verify=trusted)
        ours = authority.sign("client")
        trusted = ssl.create_default_context(cafile=authority.certificate)
        trusted.load_cert_chain(ours.certificate, ours.key)
        assert httpx.get(f"{url}/health/live", verify=trusted).status_code == 200


@pytest.mark.parametrize(
    "text, says",
    [
        ('host = "0.0.0.0"', "TWELVELEAD_TLS_CERTIFICATE"),
        ("require_credentials = true", "keys create"),
        ('dicom_host = "0.0.0.0"', "TWELVELEAD_DICOM_CALLERS"),
        ('tls_certificate = "/none"\ntls_key = "/none"', "cannot be loaded"),
        ('oidc_issuer = "http://id.example"\noidc_audience = "us"', "https"),
    ],
)
def test_it_does_not_start_with_a_door_open(tmp_path: Path, text: str, says: str) -> None:
    site = Site(tmp_path)
    site.write(text)
    done = site.run("serve", "--port", "0", "--dicom-port", "0")
    assert done.returncode == EXIT_SETUP and says in done.stderr
    assert "listens" not in done.stdout
