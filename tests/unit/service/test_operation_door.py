"""The port for metrics and health, the settings that orchestrators mount, and what a process refuses to start with."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ecg.errors import ModelRefused, SetupError
from models.router import CardRouter
from service.api.app import build_app, build_operation_app
from service.callers import open_doors
from service.certificates import expiries
from service.database import Database
from service.intake import Intake
from service.jobs import Jobs
from service.keys import Keys, generate
from service.metrics import Metrics
from service.readiness import Readiness
from service.settings import Settings, load_settings
from service.store import Store
from service.wiring import check_models
from tests.golden.certificates import Authority

KEY = ["twelvelead/operate"]


def ask(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("10.1.2.3", 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(sent())


@pytest.fixture
def intake(database: Database, tmp_path: Path) -> Callable[..., Intake]:
    """Return a function: settings to the intake behind a door."""

    def made(**given: Any) -> Intake:
        settings = Settings(data=tmp_path / "data", **given)
        return Intake(Store(settings.data), Jobs(database), settings)

    return made


def test_off_loopback_only_health_answers_without_a_credential(
    intake: Callable[..., Intake], database: Database
) -> None:
    app = build_operation_app(intake(metrics_host="0.0.0.0", metrics_port=9090), Readiness({}))
    assert ask(app, "/health/live").json() == {"status": "live"}
    assert ask(app, "/health/ready").json() == {"status": "ready"}
    for path in ("/metrics", "/v1/jobs", "/v1/ecgs", "/"):
        assert ask(app, path).status_code == 401, path
    assert {ask(app, path).status_code for path in ("/openapi.json", "/fhir/metadata")} == {404}
    key = {"X-API-Key": Keys(database).create("prometheus", KEY)}
    assert "twelvelead_build_info" in ask(app, "/metrics", **key).text
    assert ask(app, "/v1/jobs", **key).status_code == 404, "it has no other route"
    sender = {"X-API-Key": Keys(database).create("cart", ["system/Observation.c"])}
    assert ask(app, "/metrics", **sender).status_code == 403


def test_on_loopback_metrics_need_no_credential(intake: Callable[..., Intake]) -> None:
    app = build_operation_app(intake(metrics_port=9090), Readiness({"store": fails}))
    assert "twelvelead_build_info" in ask(app, "/metrics").text
    assert ask(app, "/health/ready").json()["failing"] == ["store"]


def fails() -> None:
    raise OSError


def test_the_routes_are_described_to_anyone_or_to_whoever_has_a_credential(
    intake: Callable[..., Intake], database: Database
) -> None:
    key = {"X-API-Key": Keys(database).create("any", ["system/Observation.c"])}
    told, hidden = (build_app(intake(require_credentials=True, public_descriptions=public)) for public in (True, False))
    for path in ("/openapi.json", "/fhir/metadata"):
        assert ask(told, path).status_code == 200
        assert ask(hidden, path).status_code == 401 and ask(hidden, path, **key).status_code == 200
    assert ask(hidden, "/health/live").status_code == 200


def test_the_port_for_metrics_does_not_stand_open_off_loopback(tmp_path: Path) -> None:
    asked = Settings(metrics_host="0.0.0.0", metrics_port=9090)
    assert any("TWELVELEAD_METRICS_HOST" in each for each in open_doors(asked, lambda: True))
    (missing,) = open_doors(Settings(metrics_port=9090, require_credentials=True), lambda: False)
    assert "twelvelead keys create" in missing
    assert not open_doors(Settings(metrics_host="0.0.0.0"), lambda: True), "no port is asked for"


def test_a_key_that_was_made_elsewhere_is_taken_once(database: Database) -> None:
    keys, key = Keys(database), generate()
    assert keys.take("scraper", key, KEY) and not keys.take("scraper", key, KEY)
    found = keys.found(key)
    assert found is not None and found.scopes == KEY
    for name, other, scopes in (
        ("scraper", generate(), KEY),
        ("another", key, KEY),
        ("scraper", key, ["system/*.r"]),
        ("third", "hunter2", KEY),
        ("third", "", KEY),
    ):
        with pytest.raises(SetupError):
            keys.take(name, other, scopes)
    keys.revoke("scraper")
    with pytest.raises(SetupError):
        keys.take("scraper", key, KEY)


def test_a_setting_may_be_a_mounted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "database").write_text("postgresql://u:p@db/ecg\n")
    (tmp_path / "roles").write_text('["work"]')
    (tmp_path / "ae_title").write_text("MOUNTED")
    (tmp_path / "..data").mkdir()
    monkeypatch.setenv("TWELVELEAD_SECRETS", str(tmp_path))
    monkeypatch.setenv("TWELVELEAD_AE_TITLE", "NAMED")
    settings = load_settings()
    assert (settings.database, settings.roles) == ("postgresql://u:p@db/ecg", ("work",))
    assert settings.ae_title == "NAMED", "the environment comes first"
    assert "postgresql" not in repr(settings)
    (tmp_path / "port").write_text("http")
    with pytest.raises(SetupError, match="TWELVELEAD_PORT"):
        load_settings()


def test_other_models_than_those_that_are_named_are_refused(router: CardRouter) -> None:
    check_models(Settings())
    check_models(Settings(models_digest=router.digest))
    with pytest.raises(ModelRefused, match=f"TWELVELEAD_MODELS_DIGEST.*{router.digest}"):
        check_models(Settings(models_digest="0" * 64))


def test_the_ends_of_certificates_are_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.sign("us")
    (tmp_path / "broken.pem").write_text("none")
    pacs = {"name": "pacs", "kind": "pacs", "tls_ca": str(authority.certificate)}
    settings = Settings(
        tls_certificate=pair.certificate,
        tls_key=pair.key,
        dicom_tls_ca=tmp_path / "broken.pem",
        oidc_ca_file=tmp_path / "gone.pem",
        destination=(pacs,),
    )
    found = expiries(settings)
    assert set(found) == {"tls_certificate", "pacs.tls_ca"}
    assert all(timedelta(hours=23) < each - datetime.now(UTC) < timedelta(hours=25) for each in found.values())
    metrics = Metrics()
    metrics.certificate("tls_certificate", found["tls_certificate"])
    metrics.reported(datetime.now(UTC) - timedelta(seconds=3))
    text = metrics.exposition().decode()
    (value,) = re.findall(r'certificate_expires_timestamp_seconds\{setting="tls_certificate"\} (\S+)', text)
    assert float(value) == found["tls_certificate"].timestamp()
    assert 'accepted_to_reported_seconds_bucket{le="2.5"} 0.0' in text
    assert 'accepted_to_reported_seconds_bucket{le="5.0"} 1.0' in text
