"""A site in small for tests that start, kill and restart it: its data, its destinations, the process that serves it."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
import numpy as np

from tests.golden.dicom_files import ROOT, Who, to_bytes, twelve_lead_dataset
from tests.golden.processes import kill_server

COMMAND = (str(Path(sys.executable).with_name("twelvelead")),)


class Site:
    """One installation. `start` gives a client of its HTTP door, `dicom_port` is that of its DICOM door."""

    def __init__(self, at: Path, destinations: str, database: str = "", command: tuple[str, ...] = COMMAND) -> None:
        at.mkdir(exist_ok=True)
        self.data, self.log, self._command = at / "data", at / "log", command
        self._operator = command if command[-1:] == COMMAND else COMMAND
        file = at / "destinations.toml"
        file.write_text(destinations)
        self.env = os.environ | {"TWELVELEAD_DATA": str(self.data), "TWELVELEAD_CONFIG": str(file)}
        self.env |= {"TWELVELEAD_DATABASE": database} if database else {}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        with suppress(OSError):  # its database outlives a kill
            os.kill(self.postmaster(), signal.SIGQUIT)

    def command(self, *words: str) -> str:
        """Run a command of the operator's."""
        return subprocess.run(
            [*self._operator, *words], env=self.env, check=True, capture_output=True, text=True
        ).stdout

    def start(self, **more: str) -> httpx.Client:
        """Start it with more in its environment, and wait until both doors are open."""
        words = [*self._command, "serve", "--port", "0", "--dicom-port", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, env=self.env | more, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        http = re.search(rb"http://127\.0\.0\.1:\d+", self.process.stdout.readline())
        dicom = re.search(rb"on port (\d+)", self.process.stdout.readline())
        assert http and dicom, f"it did not start: {self.log.read_text()[-2000:]}"
        self.dicom_port = int(dicom[1])
        return httpx.Client(base_url=http.group().decode(), timeout=30)

    def kill(self) -> None:
        """Kill it, and nothing else."""
        assert self.process is not None
        self.process.kill()
        self.gone()

    def gone(self, seconds: float = 60) -> None:
        """Wait until it has ended, however it came to that."""
        assert self.process is not None and self.process.stdout is not None
        self.process.wait(seconds)
        self.process.stdout.close()

    def stop(self) -> None:
        """Let it finish what is in hand."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.gone()
        except subprocess.TimeoutExpired:
            self.kill()

    def postmaster(self) -> int:
        """Return the pid of its embedded database."""
        return int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])

    def kill_database(self) -> None:
        """Kill the embedded database, and nothing else."""
        kill_server(self.postmaster())


def ecg(number: int) -> bytes:
    """Return the ECG of another patient for each number, as DICOM."""
    raw = np.random.default_rng(number).integers(-300, 300, (5000, 12)).astype(np.int16)
    dataset = twelve_lead_dataset(raw, who=Who(id=f"patient-{number}", study_uid=f"{ROOT}.1.{number}"))
    dataset.SOPInstanceUID = f"{ROOT}.3.{number}"
    return to_bytes(dataset)
