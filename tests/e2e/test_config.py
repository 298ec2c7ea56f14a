"""Settings by file, environment and command line, and `twelvelead config`, which says all that is wrong with them."""

import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.golden.certificates import Authority

COMMAND = str(Path(sys.executable).with_name("twelvelead"))


def run(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], env=os.environ | changed, capture_output=True, text=True, timeout=120)


def in_force(*words: str, **changed: str) -> dict[str, object]:
    done = run(*words, "config", "show", **changed)
    assert done.returncode == 0, done.stderr
    return tomllib.loads(done.stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(
        'port = 9\n[patient_systems]\nA = "urn:a"\n[[destination]]\nname = "w"\nkind = "folder"\ndirectory = "/x"\n'
    )
    return path


def test_the_environment_comes_before_the_file_and_as_a_whole(file: Path) -> None:
    plain = in_force("--config", str(file))
    assert (plain["port"], plain["patient_systems"], plain["workers"]) == (9, {"A": "urn:a"}, 2)
    assert plain["destination"] == [{"name": "w", "kind": "folder", "directory": "/x"}]
    changed = in_force(TWELVELEAD_CONFIG=str(file), TWELVELEAD_PORT="8", TWELVELEAD_PATIENT_SYSTEMS='{"B": "urn:b"}')
    assert (changed["port"], changed["patient_systems"]) == (8, {"B": "urn:b"})


def test_what_is_shown_can_be_the_file_and_holds_no_secret(file: Path, tmp_path: Path) -> None:
    shown = run(
        "--config", str(file), "config", "show", TWELVELEAD_DATABASE="postgresql://eva:hush@db:5/x?password=hush"
    )
    assert 'database = "postgresql://db:5/x"' in shown.stdout and "hush" not in shown.stdout
    again = tmp_path / "again.toml"
    again.write_text(run("--config", str(file), "config", "show").stdout)
    assert in_force("--config", str(again)) == in_force("--config", str(file))


@pytest.mark.parametrize(
    "text, says",
    [("colour = 1", "colour"), ("port = ", "TOML"), ('config = "x"', "names no other"), (None, "cannot be read")],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "site.toml"
    if text is not None:
        path.write_text(text)
    done = run("--config", str(path), "jobs", "list", TWELVELEAD_DATA=str(tmp_path / "data"))
    assert done.returncode != 0 and says in done.stderr
    assert not (tmp_path / "data").exists()


def test_all_that_is_wrong_is_said_in_one_go(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours").sign("one"), Authority(tmp_path, "theirs").sign("two")
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "weights").mkdir()
    path = tmp_path / "site.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path.write_text(f"""
        colour = "red"
        workers = 0
        site_zone = "Mars/Olympus"
        data = "{tmp_path}/data"
        weights = "{tmp_path}/weights"
        database = "postgresql://eva:hush@127.0.0.1:1/none"
        port = {taken.getsockname()[1]}
        dicom_port = 0
        tls_certificate = "{ours.certificate}"
        tls_key = "{other.key}"
        dicom_tls_ca = "{tmp_path}/none.pem"
        oidc_issuer = "http://id.example"
        [[destination]]
        name = "fax"
        kind = "fax"
        [[destination]]
        name = "ehr"
        kind = "ehr"
        base_url = "http://127.0.0.1:1"
        [[destination]]
        name = "pacs"
        kind = "pacs"
        host = "127.0.0.1"
        port = 1
        ae_title = "PACS"
        """)
        done = run("--config", str(path), "config", "check", TWELVELEAD_HOSTS="no json", TWELVELEAD_DESTINATIONS="old")
        offline = run("--config", str(path), "config", "check", "--offline")
    lines = done.stdout.splitlines()
    errors = [line for line in lines if line.startswith("error")]
    warnings = [line for line in lines if line.startswith("warning")]
    assert done.returncode == offline.returncode == 1 and len(errors) + len(warnings) == len(lines)
    for says in ("colour", "WORKERS", "SITE_ZONE", "HOSTS", "chmod 700", "model card", "TWELVELEAD_DATABASE",
                 "TWELVELEAD_PORT", "do not fit", "DICOM_TLS_CA", "OIDC_ISSUER", "Destination fax"):  # fmt: skip
        assert [line for line in errors if says in line], says
    for says in ("TWELVELEAD_DESTINATIONS", "Destination ehr", "Destination pacs"):
        assert [line for line in warnings if says in line], says
    assert "Destination ehr" not in offline.stdout and "hush" not in done.stdout + done.stderr


def test_a_fresh_installation_is_in_order_and_stays_untouched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = {"TWELVELEAD_PORT": str(one.getsockname()[1]), "TWELVELEAD_DICOM_PORT": str(two.getsockname()[1])}
    done = run("config", "check", TWELVELEAD_DATA=str(tmp_path / "data"), **ports)
    assert (done.returncode, done.stdout) == (0, "The settings are in order.\n")
    assert not (tmp_path / "data").exists()
