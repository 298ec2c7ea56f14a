"""A report that a physician signed, then read again with a new model: untouched at the EHR; amended everywhere else.

`twelvelead serve` and its commands, with sekmet and with Medplum's router as the EHR.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.card import WEIGHTS
from tests.peers.test_ehr import Peer, medplum, sekmet

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
PATIENT_SYSTEM = "urn:oid:1.2.3.4.5"
DESTINATIONS = """
[[destination]]
name = "ward"
kind = "folder"
directory = "{place}/ward"
[[destination]]
name = "ehr"
kind = "ehr"
base_url = "{base}"
"""
# sekmet asks for the right to create anything before it takes a transaction; ours is to create what we create.
SMART = 'transaction = false\nclient_id = "twelvelead"\nkey_file = "{place}/private.pem"\nkey_id = "k1"\n'


@dataclass
class Site:
    """An installation with a ward's folder and an EHR."""

    at: Path
    env: dict[str, str]

    def run(self, *words: str) -> str:
        done = subprocess.run([COMMAND, *words], env=self.env, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        with (self.at / "log").open("ab") as log:
            words = [COMMAND, "serve", "--port", "0", "--dicom-port", "0"]
            process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            address = re.search(rb"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert address, (self.at / "log").read_text()
            with httpx.Client(base_url=address.group().decode(), timeout=60) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            process.stdout.close()


@pytest.fixture(params=[sekmet, medplum], ids=["sekmet", "medplum"])
def site(request: pytest.FixtureRequest, sample: Path, tmp_path: Path) -> Iterator[tuple[Site, Peer]]:
    with request.param(tmp_path) as peer:
        person = {"resourceType": "Patient", "identifier": [{"system": PATIENT_SYSTEM, "value": "642341"}]}
        peer.ask("POST", "Patient", json=person)
        text = DESTINATIONS + (SMART if peer.token else "")
        (tmp_path / "destinations.toml").write_text(text.format(place=tmp_path, base=peer.base))
        env = os.environ | {
            "TWELVELEAD_DATA": str(tmp_path / "data"),
            "TWELVELEAD_CONFIG": str(tmp_path / "destinations.toml"),
            "TWELVELEAD_PATIENT_SYSTEMS": json.dumps({"": PATIENT_SYSTEM}),
        }
        made = Site(tmp_path, env)
        for name in ("ward", "ehr"):
            assert "live" in made.run("destinations", "go-live", name)
        yield made, peer


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
    return answer


def settled(client: httpx.Client, job: str, version: int) -> dict[str, list[str | None]]:
    """Wait until a version is settled everywhere; return state and error by destination."""

    def ask() -> list[dict[str, Any]]:
        told = [each for each in client.get(f"/v1/jobs/{job}").json()["deliveries"] if each["version"] == version]
        return told if told and all(each["state"] != "waiting" for each in told) else []

    return {each["destination"]: [each["state"], each["error"]] for each in until(ask)}


def new_model(at: Path) -> Path:
    """Return a directory with the release's network under another version."""
    shutil.copytree(WEIGHTS, at)
    for path in at.glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"version": "9.9.9"}))
    return at


def test_a_signed_report_is_untouched_by_a_new_model(site: tuple[Site, Peer], sample: Path) -> None:
    here, peer = site
    with here.serving() as client:
        told = client.post("/v1/ecgs", content=sample.read_bytes()).json()["reports"][0]
        report, job = told["id"], told["job"]
        assert settled(client, job, 1) == {"ehr": ["delivered", None], "ward": ["delivered", None]}
        assert "Nothing has changed" in here.run("reports", "amend", report)
    (standing,) = peer.held("DiagnosticReport")
    signed = standing | {"status": "final", "conclusion": "Read by a physician."}
    peer.ask("PUT", f"DiagnosticReport/{standing['id']}", json=signed)
    before = {kind: peer.held(kind) for kind in ("DiagnosticReport", "Observation", "Media", "Provenance")}
    here.env["TWELVELEAD_WEIGHTS"] = str(new_model(here.at / "weights"))
    with here.serving() as client:
        assert "version 2 is queued" in here.run("reports", "amend", report)
        assert settled(client, job, 2) == {"ehr": ["dead", "changed at destination"], "ward": ["delivered", None]}
        assert client.get(f"/v1/reports/{report}").json()["prediction"]["model"]["version"] == "9.9.9"
        assert "version 3 is queued" in here.run("reports", "withdraw", report, "--reason", "safety")
        assert settled(client, job, 3) == {"ehr": ["dead", "changed at destination"], "ward": ["delivered", None]}
    assert {kind: peer.held(kind) for kind in before} == before
    assert (here.at / "ward" / report / "WITHDRAWN.txt").is_file()
    assert "withdrawn" in here.run("reports", "versions", report) and report in here.run("reports", "list")
    assert "ehr: version 3 dead  changed at destination" in here.run("reports", "show", report)


def test_an_unsigned_report_is_amended_and_withdrawn(site: tuple[Site, Peer], sample: Path) -> None:
    here, peer = site
    with here.serving() as client:
        told = client.post("/v1/ecgs", content=sample.read_bytes()).json()["reports"][0]
        report, job = told["id"], told["job"]
        settled(client, job, 1)
        statuses = []
        for version, words in ((2, ("amend", report, "--force")), (3, ("withdraw", report, "--reason", "quality"))):
            assert f"version {version} is queued" in here.run("reports", *words)
            assert settled(client, job, version) == {"ehr": ["delivered", None], "ward": ["delivered", None]}
            (standing,) = peer.held("DiagnosticReport")
            statuses.append(standing["status"])
        assert statuses == ["amended", "entered-in-error"]
        assert {each["status"] for each in peer.held("Observation")} == {"entered-in-error"}
        assert "for good" in here.run("reports", "amend", report, "--force")
