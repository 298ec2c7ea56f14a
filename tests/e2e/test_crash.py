"""Killed again and again under load, it loses nothing that it acknowledged and delivers nothing twice."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.golden.dicom_files import Who, to_bytes, twelve_lead_dataset

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
KILLS = int(os.environ.get("CRASH_KILLS", "6"))
SETTLED = 120.0  # seconds, ten times what it takes
VICTIMS = ("serve", "database", "both")


class Site:
    """One installation: its data, its folder of delivered reports, and the process that serves it."""

    def __init__(self, at: Path) -> None:
        self.data, self.delivered, self.log = at / "data", at / "delivered", at / "log"
        destinations = at / "destinations.toml"
        destinations.write_text(f'[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "{self.delivered}"\n')
        self.env = os.environ | {"TWELVELEAD_DATA": str(self.data), "TWELVELEAD_CONFIG": str(destinations)}

    def command(self, *words: str) -> None:
        subprocess.run([COMMAND, *words], env=self.env, check=True, capture_output=True)

    def start(self) -> httpx.Client:
        words = [COMMAND, "serve", "--port", "0", "--dicom-port", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        address = re.search(rb"http://127\.0\.0\.1:\d+", self.process.stdout.readline())
        assert address, "it did not start"
        return httpx.Client(base_url=address.group().decode(), timeout=30)

    def kill(self, victim: str) -> None:
        if victim != "serve":
            postmaster = int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
        if victim != "database":
            self.process.kill()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def ecg(number: int) -> bytes:
    raw = np.random.default_rng(number).integers(-300, 300, (5000, 12)).astype(np.int16)
    return to_bytes(twelve_lead_dataset(raw, who=Who(id=f"patient-{number}")))


def posted(client: httpx.Client, numbers: list[int], jobs: dict[int, str], stop: threading.Event) -> None:
    """Post until told to stop; remember only what was acknowledged."""
    while not stop.is_set():
        number = numbers[0]
        with suppress(httpx.HTTPError):
            answer = client.post("/v1/ecgs", content=ecg(number), headers={"Prefer": "respond-async"})
            if answer.is_success:
                told = answer.json()
                jobs[number] = told["jobs"][0]["id"] if "jobs" in told else told["reports"][0]["job"]
                numbers[0] += 1


def test_nothing_acknowledged_is_lost_and_nothing_is_delivered_twice(tmp_path: Path) -> None:
    site, rng, jobs, numbers = Site(tmp_path), random.Random(1), dict[int, str](), [0]
    site.command("destinations", "go-live", "ward")
    for kill in range(KILLS):
        client, stop = site.start(), threading.Event()
        sender = threading.Thread(target=posted, args=(client, numbers, jobs, stop))
        sender.start()
        time.sleep(rng.uniform(0.1, 2.5))
        site.kill(VICTIMS[kill % len(VICTIMS)])
        stop.set()
        sender.join()
        client.close()
        site.stop()
    assert len(jobs) > KILLS, "too little was acknowledged for the test to mean anything"
    with site.start() as client:
        try:
            reports = [settled(client, job) for job in jobs.values()]
        finally:
            site.stop()
    assert len(set(reports)) == len(jobs), "each ECG has a report of its own"
    delivered = sorted(each.name for each in site.delivered.iterdir())
    # What was not acknowledged may still have been accepted: at most one for each kill.
    assert set(reports) <= set(delivered) and len(delivered) <= len(jobs) + KILLS
    assert all((site.delivered / each / "report.pdf").read_bytes()[:5] == b"%PDF-" for each in delivered)


def settled(client: httpx.Client, job: str) -> str:
    """Return the report of a job, once it is delivered."""
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        told = client.get(f"/v1/jobs/{job}").json()
        states = [each["state"] for each in told["deliveries"]]
        if told["state"] == "done" and states == ["delivered"]:
            return str(told["links"]["report"]).rpartition("/")[2]
        assert "dead" not in [told["state"], *states], told
        time.sleep(0.1)
    pytest.fail(f"job {job} did not settle: {told}")
