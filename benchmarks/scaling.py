"""Prints how many ECGs a second 1, 2 and 4 worker processes interpret and deliver, as ratios to one process.

    python -m benchmarks.scaling [ECGS]

All processes share one database and one store, and work on one ECG at a time with one thread each. What is to be done
is queued at once, when every process is warm.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file

from ecg.payload import Payload
from service.settings import load_settings
from service.wiring import Service

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
PROCESSES = (1, 2, 4)
ECGS = 40  # in each measurement
HANG = 600.0  # seconds
WARD = '[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "{}"\n'


def ecgs() -> Iterator[Payload]:
    """Yield pydicom's ECG for one patient after the other: each is another ECG."""
    dataset = dcmread(str(get_testdata_file("waveform_ecg.dcm", download=False)))
    for number in count():
        dataset.PatientID = f"patient-{number}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        buffer = BytesIO()
        dataset.save_as(buffer)
        yield Payload(buffer.getvalue(), "application/dicom")


@contextmanager
def working(settings: list[str]) -> Iterator[None]:
    """Run a process until the end of the block; it has opened its doors when the block begins."""
    words = ["env", *settings, COMMAND, "serve", "--port", "0", "--dicom-port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()


def done(service: Service, payloads: Iterator[Payload], number: int) -> float:
    """Queue so many ECGs; return the seconds until the last is delivered."""
    accepted = [service.intake.accept(next(payloads), datetime.now(UTC))[0].job.id for _ in range(number)]
    began, end = time.perf_counter(), time.monotonic() + HANG
    waiting = set(accepted)
    while waiting:
        if time.monotonic() > end:
            raise TimeoutError("the work does not end")
        time.sleep(0.05)
        waiting = {each for each in waiting if [d.state for d in service.jobs.deliveries(each)] != ["delivered"]}
    return time.perf_counter() - began


def main(number: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as place:
        destinations = Path(place) / "destinations.toml"
        destinations.write_text(WARD.format(Path(place) / "ward"))
        chosen = {"DATA": f"{place}/data", "CONFIG": destinations, "WORKERS": 1, "THREADS": 1}
        settings = [f"TWELVELEAD_{name}={value}" for name, value in chosen.items()]
        service = Service(load_settings(data=f"{place}/data"))
        service.jobs.set_live("ward", True)
        payloads, rates = ecgs(), dict[int, float]()
        try:
            for processes in PROCESSES:
                with ExitStack() as stack:
                    for _ in range(processes):
                        stack.enter_context(working(settings))
                    done(service, payloads, 2 * processes)
                    rates[processes] = number / done(service, payloads, number)
        finally:
            service.database.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {number} ECGs each, interpreted and delivered")
    for processes, rate in rates.items():
        print(f"{processes} processes  {rate:6.2f} ECG/s  ratio {rate / rates[1]:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ECGS)
