"""Who may do what: every route has its row, every scope its reach, and nothing is open by default."""

import itertools
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.routing import iter_route_contexts

from service.api.access import ROWS, demand
from service.api.app import build_app
from service.callers import open_doors
from service.scopes import OPERATE, is_scope, suffices
from service.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "access.md"
NOBODY = SimpleNamespace(check=None, database=None)
APP = build_app(cast(Any, SimpleNamespace(settings=Settings(), store=NOBODY, jobs=NOBODY, metrics=None)))
ROUTED = sorted(
    {
        (method, re.sub(r"\{[^}]*\}", "Type", route.path))
        for route in iter_route_contexts(APP.router.routes)
        for method in route.methods or ()
    }
)


def test_the_walk_finds_the_routes() -> None:
    assert {("POST", "/v1/ecgs"), ("GET", "/fhir/Observation/Type"), ("GET", "/openapi.json")} <= set(ROUTED)


@pytest.mark.parametrize("method, path", ROUTED)
def test_every_route_has_exactly_one_row(method: str, path: str) -> None:
    assert len([row for row in ROWS if row.needed(method, path) is not None]) == 1


@pytest.mark.parametrize(
    "method, path, scope",
    [
        ("POST", "/v1/ecgs", "Observation.c"),
        ("POST", "/fhir", "Observation.c"),
        ("POST", "/fhir/Observation", "Observation.c"),
        ("POST", "/dicom-web/studies", "Observation.c"),
        ("POST", "/dicom-web/studies/1.2.3", "Observation.c"),
        ("GET", "/v1/reports/1/report.pdf", "DiagnosticReport.r"),
        ("GET", "/v1/reports/1/versions/2/report.pdf", "DiagnosticReport.r"),
        ("GET", "/v1/reports/1/versions", "DiagnosticReport.r"),
        ("POST", "/v1/reports/1/amend", "DiagnosticReport.u"),
        ("POST", "/v1/reports/1/withdraw", "DiagnosticReport.u"),
        ("GET", "/fhir/Binary/1", "Binary.r"),
        ("HEAD", "/fhir/Binary/1", "Binary.r"),
        ("GET", "/fhir/Observation", "Observation.s"),
        ("POST", "/fhir/DiagnosticReport/_search", "DiagnosticReport.s"),
        ("GET", "/v1/quarantine", OPERATE),
        ("POST", "/v1/quarantine/1/resolve", OPERATE),
        ("GET", "/metrics", OPERATE),
        ("GET", "/health/live", "public"),
        ("GET", "/fhir/metadata", "public"),
        ("DELETE", "/v1/reports/1", None),
        ("PUT", "/fhir/Observation/1", None),
        ("GET", "/v1/reports", None),
        ("GET", "/health/live/more", None),
        ("POST", "/fhir/metadata", None),
    ],
)
def test_a_request_needs(method: str, path: str, scope: str | None) -> None:
    assert demand(method, path).scope == scope


@pytest.mark.parametrize(
    "scope, letters",
    [
        ("system/Observation.read", "rs"),
        ("user/Observation.write", "cud"),
        ("system/Observation.*", "cruds"),
        ("system/*.read", "rs"),
        ("user/*.*", "cruds"),
        ("system/Observation.rs", "rs"),
        ("user/Observation.c", "c"),
        ("user/Observation.cruds", "cruds"),
    ],
)
def test_a_scope_reaches_so_far(scope: str, letters: str) -> None:
    assert "".join(each for each in "cruds" if suffices([scope], f"Observation.{each}")) == letters
    assert suffices([scope], "Media.r") == ("*." in scope)
    assert not suffices([scope], OPERATE)


@pytest.mark.parametrize(
    "scope",
    [
        "patient/Observation.rs",
        "system/Observation.sr",
        "system/Observation.",
        "system/Observation.rs?category=laboratory",
        "system/.r",
        "Observation.r",
        "system/Observation.r\n",
        "launch",
        "",
    ],
)
def test_what_is_no_scope_reaches_nowhere(scope: str) -> None:
    needed = [f"{kind}.{letter}" for kind, letter in itertools.product(("Observation", "Media"), "cruds")]
    assert not is_scope(scope) and not any(suffices([scope], each) for each in (*needed, OPERATE))


def test_operating_is_a_scope_of_its_own() -> None:
    assert suffices([OPERATE], OPERATE) and not suffices([OPERATE], "DiagnosticReport.r")


TLS = {"tls_certificate": "/c", "tls_key": "/k"}
DICOM_TLS = {"dicom_tls_certificate": "/c", "dicom_tls_key": "/k", "dicom_tls_ca": "/ca"}
DICOM = {"dicom_host": "10.0.0.1", **DICOM_TLS, "dicom_callers": {"CART": ["10.0.0.0/8"]}}


@pytest.mark.parametrize(
    "given, key, says",
    [
        ({"host": "0.0.0.0"}, True, "TLS_CERTIFICATE"),
        ({"host": "0.0.0.0", "tls_certificate": "/c"}, True, "TLS_KEY"),
        ({"host": "0.0.0.0", **TLS}, False, "keys create"),
        ({"require_credentials": True}, False, "keys create"),
        ({"tls_key": "/k"}, True, "go together"),
        ({"tls_client_ca": "/ca"}, True, "TLS_CERTIFICATE"),
        ({"dicom_host": "10.0.0.1", **TLS}, True, "DICOM_CALLERS"),
        ({**DICOM, "dicom_callers": {}}, True, "DICOM_CALLERS"),
        ({**DICOM, "dicom_tls_ca": None}, True, "DICOM_TLS_CA"),
        ({"dicom_tls_ca": "/ca"}, True, "DICOM_TLS_KEY"),
        ({"dicom_host": "10.0.0.1", "dicom_plain_off_loopback": True}, True, "DICOM_CALLERS"),
    ],
)
def test_a_door_that_would_stand_open_does_not_open(given: dict[str, Any], key: bool, says: str) -> None:
    assert says in " ".join(open_doors(Settings(**given), lambda: key))


@pytest.mark.parametrize(
    "given, key",
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0", **TLS}, True),
        ({"host": "0.0.0.0", "oidc_issuer": "https://id", "oidc_audience": "us", **TLS}, False),
        (DICOM, False),
        ({"dicom_host": "10.0.0.1", "dicom_callers": DICOM["dicom_callers"], "dicom_plain_off_loopback": True}, False),
    ],
)
def test_a_door_that_is_guarded_opens(given: dict[str, Any], key: bool) -> None:
    assert open_doors(Settings(**given), lambda: key) == []


def test_the_example_of_the_page_opens_guarded_doors() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    settings = Settings(**tomllib.loads(example))
    assert open_doors(settings, lambda: False) == [] and settings.guarded
