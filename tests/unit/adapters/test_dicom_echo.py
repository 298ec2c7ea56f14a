"""C-ECHO as a supervisor's probe: yes only from a listener that serves."""

import socket
from pathlib import Path

import pytest

from adapters.dicom.echo import Echo, answers
from adapters.dicom.listener import Listener, ListenerSettings
from adapters.dicom.tls import TlsFiles
from ecg.errors import SetupError
from tests.golden.certificates import Authority

SETTINGS = ListenerSettings(port=0)


def echo(port: int, called: str = "TWELVELEAD", tls: TlsFiles | None = None) -> bool:
    return answers(Echo("127.0.0.1", port, called, "PROBE", tls, seconds=2))


def test_a_listener_that_serves_answers() -> None:
    with Listener(SETTINGS, print) as listener:
        assert echo(listener.port)
        assert not echo(listener.port, called="OTHER")
        port = listener.port
    assert not echo(port)


def test_whoever_only_takes_connections_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not echo(silent.getsockname()[1])


def test_a_name_that_is_none_does_not_answer() -> None:
    assert not answers(Echo("no-such-host.invalid", 104, "A", "B"))


def test_over_tls_it_knows_its_own_listener_by_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "hospital")
    ours, other = authority.sign("listener"), authority.sign("other")
    files = TlsFiles(ours.certificate, ours.key, authority.certificate)
    with Listener(ListenerSettings(port=0, tls=files), print) as listener:
        assert echo(listener.port, tls=files)
        assert not echo(listener.port, tls=TlsFiles(other.certificate, other.key, authority.certificate))
        assert not echo(listener.port)
    with pytest.raises(SetupError, match="cannot be loaded"):
        echo(1, tls=TlsFiles(tmp_path / "a", tmp_path / "b"))
