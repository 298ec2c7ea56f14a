"""Told to stop under load, it closes its doors, finishes what is in hand and ends with 0; told twice, at once."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.golden.dicom_files import Who, to_bytes, twelve_lead_dataset

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
GUARD = 120.0  # seconds, ten times what it takes
SENDERS = 4


@dataclass(frozen=True)
class Site:
    """One installation, and what it says."""

    at: Path

    drain: int = 60

    @property
    def env(self) -> dict[str, str]:
        return os.environ | {
            "TWELVELEAD_DATA": str(self.at / "data"),
            "TWELVELEAD_CONFIG": str(self.at / "destinations.toml"),
            "TWELVELEAD_DRAIN_SECONDS": str(self.drain),
        }

    def sends_to(self, destination: str) -> None:
        """Configure the one destination and turn it on."""
        (self.at / "destinations.toml").write_text(f'[[destination]]\nname = "ward"\n{destination}\n')
        subprocess.run([COMMAND, "destinations", "go-live", "ward"], env=self.env, check=True, capture_output=True)

    def start(self) -> tuple[subprocess.Popen[bytes], str]:
        words = [COMMAND, "serve", "--port", "0", "--dicom-port", "0"]
        with (self.at / "log").open("ab") as log:
            process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        address = re.search(rb"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert address, "it did not start"
        url = address.group().decode()
        end = time.monotonic() + GUARD
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health/ready", timeout=30).is_success:
                    return process, url
            time.sleep(0.05)
        pytest.fail("it did not become ready")

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.at / "log").read_text().splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.sends_to(f'kind = "folder"\ndirectory = "{tmp_path / "delivered"}"')
    yield made
    with suppress(FileNotFoundError):  # one that was killed leaves its database up, for the next to attach to
        os.kill(int((tmp_path / "data/postgres/postmaster.pid").read_text().split()[0]), signal.SIGINT)


def ended(process: subprocess.Popen[bytes]) -> int:
    code = process.wait(GUARD)
    if process.stdout is not None:
        process.stdout.close()
    return code


class Load:
    """Senders that post one ECG after the other, waiting for the report or not, and remember what was acknowledged."""

    def __init__(self, url: str) -> None:
        self.jobs: list[str] = []
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(url, each)) for each in range(SENDERS)]
        for each in self._threads:
            each.start()

    def end(self) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _send(self, url: str, sender: int) -> None:
        headers = {"Prefer": "respond-async"} if sender % 2 else {}
        for number in range(10_000):
            if self._stop.is_set():
                return
            raw = np.random.default_rng([sender, number]).integers(-300, 300, (5000, 12)).astype(np.int16)
            ecg = to_bytes(twelve_lead_dataset(raw, who=Who(id=f"patient-{sender}-{number}")))
            try:
                answer = httpx.post(f"{url}/v1/ecgs", content=ecg, headers=headers, timeout=GUARD)
            except httpx.ConnectError:
                return  # the door is closed
            except httpx.HTTPError as error:
                self.failed.append(type(error).__name__)
                return
            assert answer.is_success, answer.text
            told = answer.json()
            self.jobs.append(told["jobs"][0]["id"] if "jobs" in told else told["reports"][0]["job"])


def loaded(url: str) -> Load:
    load, end = Load(url), time.monotonic() + GUARD
    while len(load.jobs) < 3 * SENDERS and time.monotonic() < end:
        time.sleep(0.05)
    return load


def test_what_was_acknowledged_is_durable_and_it_ends_with_0(site: Site) -> None:
    process, url = site.start()
    load = loaded(url)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0
    load.end()
    # The system may have taken a connection that the door no longer took over: such a sender is cut off, unread.
    assert set(load.failed) <= {"ReadError", "RemoteProtocolError", "WriteError"}
    said = [each["event"] for each in site.said()]
    order = [said.index(each) for each in ("told to stop", "listeners are closed", "what was in hand is done")]
    assert order == sorted(order)
    told = site.said()[order[1] :]
    assert "accepted" not in {each["event"] for each in told}, "nothing comes in once the doors are closed"
    listed = subprocess.run(
        [COMMAND, "jobs", "list", "--most", "10000"], env=site.env, check=True, capture_output=True, text=True
    ).stdout
    assert set(load.jobs) == {line.split()[0] for line in listed.splitlines()}, "who had come in was answered"

    again, url = site.start()
    for job in load.jobs:
        assert settled(url, job) == ("done", ["delivered"])
    again.terminate()
    assert ended(again) == 0
    assert_lives_are_told(site, load.jobs)


def assert_lives_are_told(site: Site, jobs: list[str]) -> None:
    """Find in the log, for every job, when it was accepted, interpreted and delivered."""
    lives: dict[str, list[dict[str, Any]]] = {job: [] for job in jobs}
    for line in site.said():
        lives.get(line.get("job_id", ""), []).append(line)
    for life in lives.values():
        assert [each["event"] for each in life] == ["accepted", "interpreted", "delivered"]
        accepted, interpreted, delivered = life
        assert accepted["door"] == "http" and accepted["request_id"] and accepted["seconds"] > 0
        assert set(interpreted["seconds"]) == {"read", "interpret", "render", "store"}
        assert interpreted["attempt"] == delivered["attempt"] == 1
        assert interpreted["report_id"] == delivered["report_id"] and delivered["destination"] == "ward"


def settled(url: str, job: str) -> tuple[str, list[str]]:
    end = time.monotonic() + GUARD
    while time.monotonic() < end:
        told = httpx.get(f"{url}/v1/jobs/{job}", timeout=30).json()
        states = [each["state"] for each in told["deliveries"]]
        if told["state"] != "waiting" and "waiting" not in states:
            break
        time.sleep(0.1)
    return told["state"], states


def test_a_second_signal_ends_it_at_once_and_loses_nothing(site: Site) -> None:
    process, url = site.start()
    load = loaded(url)
    process.send_signal(signal.SIGTERM)
    while "told to stop" not in (site.at / "log").read_text():
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    code = ended(process)
    load.end()
    if "what was in hand is done" in (site.at / "log").read_text():
        pytest.skip("it had drained before the second signal came")
    assert code == -signal.SIGTERM
    again, url = site.start()
    for job in load.jobs:
        assert settled(url, job) == ("done", ["delivered"])
    again.terminate()
    assert ended(again) == 0


def test_what_does_not_end_in_time_is_left_to_be_taken_over(site: Site, sample: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hasty = Site(site.at, drain=1)
        port = silent.getsockname()[1]
        hasty.sends_to(f'kind = "pacs"\nhost = "127.0.0.1"\nport = {port}\nae_title = "PACS"')
        process, url = hasty.start()
        httpx.post(f"{url}/v1/ecgs", content=sample.read_bytes(), timeout=GUARD)
        silent.settimeout(GUARD)
        with silent.accept()[0]:  # it delivers, and hears nothing
            process.send_signal(signal.SIGTERM)
            assert ended(process) == 75
    assert [each["level"] for each in hasty.said() if "drain is over" in each["event"]] == ["warning"]
