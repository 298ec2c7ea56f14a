"""The DICOM listener's settings: what they make of it, and what they do not allow."""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from adapters.dicom.associations import Bounds
from adapters.dicom.tls import TlsFiles
from ecg.errors import SetupError
from service.listening import listener_settings
from service.settings import load_settings

CALLERS = json.dumps({"CART": ["10.1.0.0/16", "2001:db8::/32"]})


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    for name, value in request.param.items():
        monkeypatch.setenv(f"TWELVELEAD_{name}", value)


def given(**values: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("environment", [values], indirect=True)


def test_by_default_it_is_plain_and_open_to_loopback_alone() -> None:
    made = listener_settings(load_settings())
    assert (made.host, made.callers, made.tls, made.plain_off_loopback) == ("127.0.0.1", {}, None, False)
    assert made.bounds == Bounds(most_bytes=64_000_000)


@given(
    DICOM_HOST="0.0.0.0",
    DICOM_PORT="2762",
    DICOM_CALLERS=CALLERS,
    DICOM_TLS_CERTIFICATE="/a",
    DICOM_TLS_KEY="/b",
    DICOM_TLS_CA="/c",
    DICOM_ASSOCIATIONS="5",
    DICOM_MAX_PDU="8192",
    DICOM_ACSE_SECONDS="1",
    DICOM_DIMSE_SECONDS="2",
    DICOM_IDLE_SECONDS="3",
    MAX_PAYLOAD_MB="2",
)
@pytest.mark.usefixtures("environment")
def test_every_setting_reaches_it() -> None:
    made = listener_settings(load_settings())
    assert (made.host, made.port, made.tls) == ("0.0.0.0", 2762, TlsFiles(Path("/a"), Path("/b"), Path("/c")))
    assert made.callers == {"CART": (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))}
    assert made.bounds == Bounds(5, 2_000_000, 8192, 1, 2, 3)


@given(DICOM_HOST="10.1.2.3", DICOM_CALLERS=CALLERS, DICOM_PLAIN_OFF_LOOPBACK="true")
@pytest.mark.usefixtures("environment")
def test_plain_dicom_off_loopback_must_be_asked_for() -> None:
    assert listener_settings(load_settings()).plain_off_loopback


@pytest.mark.parametrize(
    "environment, says",
    [
        ({"DICOM_HOST": "10.1.2.3"}, "name its callers"),
        ({"DICOM_HOST": "0.0.0.0", "DICOM_PLAIN_OFF_LOOPBACK": "true"}, "name its callers"),
        ({"DICOM_HOST": "10.1.2.3", "DICOM_CALLERS": CALLERS}, "TLS with callers' certificates"),
        (
            {
                "DICOM_HOST": "0.0.0.0",
                "DICOM_CALLERS": '{"CART": ["0.0.0.0/0"]}',
                "DICOM_PLAIN_OFF_LOOPBACK": "1",
            },
            "networks of their own",
        ),
        ({"DICOM_TLS_CERTIFICATE": "/a"}, "TWELVELEAD_DICOM_TLS_KEY"),
        ({"DICOM_TLS_CA": "/a"}, "TWELVELEAD_DICOM_TLS_CERTIFICATE"),
        ({"DICOM_CALLERS": '{"A TITLE TOO LONG FOR IT": ["10.0.0.0/8"]}'}, "AE title"),
        ({"DICOM_CALLERS": '{"CART": ["10.0.0.1/8"]}'}, "TWELVELEAD_DICOM_CALLERS"),
        ({"DICOM_HOST": "ward"}, "TWELVELEAD_DICOM_HOST"),
        ({"DICOM_MAX_PDU": "1"}, "TWELVELEAD_DICOM_MAX_PDU"),
        ({"ROLES": "[]"}, "TWELVELEAD_ROLES"),
        ({"ROLES": '["fax"]'}, "TWELVELEAD_ROLES"),
    ],
    indirect=["environment"],
)
@pytest.mark.usefixtures("environment")
def test_what_is_wrong_is_named(says: str) -> None:
    with pytest.raises(SetupError, match=re.escape(says)):
        listener_settings(load_settings())
