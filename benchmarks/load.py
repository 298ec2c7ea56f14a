"""Prints what the running service bears: ECGs taken beside Orthanc, ECGs delivered per second, waiting, memory.

    python -m benchmarks.load accept             # C-STORE, 1 and 8 associations, the same files to Orthanc and to us
    python -m benchmarks.load deliver            # from file to delivered: sustained rate, p50 and p99 at half of it
    python -m benchmarks.load memory [COUNT]     # resident memory over COUNT ECGs (5,000)

Orthanc cannot be told to listen on loopback alone, so this starts itself anew in a network of its own (root, Linux).
What is sent are real ECGs, LUDB's or else pydicom's sample, each time for another patient.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path

import httpx
import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.golden.dicom_files import to_bytes, twelve_lead_dataset

LUDB = Path(__file__).parents[2] / "shared" / "samples" / "ludb"
COMMAND = str(Path(sys.executable).with_name("twelvelead"))
NAMESPACE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
APART = "--apart"
ORTHANC_PORT, OUR_PORT, HTTP_PORT = 4242, 11112, 8042
REPEATS = 5
PER_ASSOCIATION = {1: 60, 8: 30}  # ECGs that each association brings


def sources() -> list[Dataset]:
    """Return real 12-lead ECGs as DICOM datasets."""
    sample = dcmread(str(get_testdata_file("waveform_ecg.dcm", download=False)))
    if not LUDB.is_dir():
        return [sample]
    import wfdb

    found = []
    for header in sorted(LUDB.rglob("*.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")))
        order = [[name.lower() for name in record.sig_name].index(lead) for lead in
                 ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")]  # fmt: skip
        microvolt = np.nan_to_num(record.p_signal[:, order] * 1000).astype(np.int16)
        found.append(twelve_lead_dataset(microvolt, fs=record.fs))
    return found


def ecgs(count: int) -> Iterator[bytes]:
    """Give so many ECGs as DICOM files, no two of one patient."""
    for dataset in islice(cycle(sources()), count):
        dataset.PatientID = f"load-{time.time_ns()}"
        dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
        dataset.StudyInstanceUID = generate_uid()
        if getattr(dataset, "file_meta", None) is None:
            yield to_bytes(dataset)
        else:
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            held = BytesIO()
            dataset.save_as(held, enforce_file_format=True)
            yield held.getvalue()


@contextmanager
def running(*command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(120)


@contextmanager
def orthanc(place: Path) -> Iterator[None]:
    """Run Orthanc with storage of its own."""
    settings = {
        "StorageDirectory": str(place / "orthanc"),
        "IndexDirectory": str(place / "orthanc"),
        "DicomAet": "PACS",
        "DicomPort": ORTHANC_PORT,
        "HttpServerEnabled": False,
        "DicomThreadsCount": 8,
    }
    (place / "orthanc.json").write_text(json.dumps(settings))
    with running("Orthanc", str(place / "orthanc.json")):
        echo("PACS", ORTHANC_PORT)
        yield


@contextmanager
def twelvelead(place: Path, *roles: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service with a folder as its destination, live."""
    place.mkdir(exist_ok=True)
    (place / "twelvelead.toml").write_text(
        f'[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "{place}/ward"\n'
    )
    env = os.environ | {
        "TWELVELEAD_DATA": str(place / "data"),
        "TWELVELEAD_CONFIG": str(place / "twelvelead.toml"),
        "TWELVELEAD_SHARE_PORTS": "true",
    }
    subprocess.run([COMMAND, "destinations", "go-live", "ward"], env=env, check=True, capture_output=True)
    options = [word for role in roles for word in ("--role", role)]
    with running(COMMAND, "serve", "--port", str(HTTP_PORT), *options, env=env) as process:
        if not roles or "dicom" in roles:
            echo("TWELVELEAD", OUR_PORT)
        yield process


def echo(title: str, port: int) -> None:
    """Wait until a DICOM listener answers."""
    while subprocess.run(
        ["echoscu", "-aec", title, "127.0.0.1", str(port)], capture_output=True, check=False
    ).returncode:
        time.sleep(0.1)


def brought(place: Path, associations: int) -> list[Path]:
    """Write new ECGs, a folder for each association."""
    folders = [Path(tempfile.mkdtemp(dir=place)) for _ in range(associations)]
    for folder in folders:
        for at, data in enumerate(ecgs(PER_ASSOCIATION[associations])):
            (folder / f"{at}.dcm").write_bytes(data)
    return folders


def pushed(folders: list[Path], title: str, port: int) -> float:
    """Push folders of ECGs, an association each, all at once; return how many ECGs were taken per second."""
    words = ("storescu", "+sd", "-aec", title, "127.0.0.1", str(port))
    began = time.perf_counter()
    senders = [subprocess.Popen([*words, str(folder)], stdout=subprocess.DEVNULL) for folder in folders]
    if any([sender.wait() for sender in senders]):  # a list: every one is waited for
        raise RuntimeError("a sender failed")
    return sum(1 for folder in folders for _ in folder.iterdir()) / (time.perf_counter() - began)


def accept(place: Path) -> None:
    """Compare how fast ECGs are taken, by two listener processes on one port."""
    print(f"associations  Orthanc/s  Twelvelead/s  ratio (median of {REPEATS} pairs, least to most)")
    with orthanc(place), twelvelead(place / "us", "dicom"), twelvelead(place / "us", "dicom"):
        for associations in PER_ASSOCIATION:
            pairs = []
            for _ in range(REPEATS):
                folders = brought(place, associations)
                pairs.append((pushed(folders, "PACS", ORTHANC_PORT), pushed(folders, "TWELVELEAD", OUR_PORT)))
            ratios = sorted(ours / theirs for theirs, ours in pairs)
            theirs, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
            told = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(f"{associations:>12}  {theirs:>9.1f}  {ours:>12.1f}  {told}")


class Sender:
    """Posts ECGs without waiting for their reports, and remembers when each was acknowledged."""

    def __init__(self) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{HTTP_PORT}", timeout=60)
        self.acknowledged: dict[str, float] = {}

    def post(self, data: bytes) -> None:
        """Post one ECG."""
        answer = self.http.post("/v1/ecgs", content=data, headers={"Prefer": "respond-async"})
        answer.raise_for_status()
        self.acknowledged[answer.json()["jobs"][0]["id"]] = time.time()

    def report(self, job: str) -> str | None:
        """Return the report of a job, once it is delivered."""
        told = self.http.get(f"/v1/jobs/{job}").json()
        done = [each["state"] for each in told["deliveries"]] == ["delivered"]
        return str(told["links"]["report"]).rpartition("/")[2] if done else None

    def settle(self) -> list[str]:
        """Wait until every ECG is delivered; return the reports in the order of acceptance."""
        reports = []
        for job in self.acknowledged:
            while (report := self.report(job)) is None:
                time.sleep(0.05)
            reports.append(report)
        return reports


def deliver(place: Path) -> None:
    """Measure from file to delivered, by two processes, of which one listens too."""
    with twelvelead(place / "us"), twelvelead(place / "us", "work"):
        warm, full = Sender(), Sender()
        for data in ecgs(40):
            warm.post(data)
        warm.settle()
        count = 300
        held = list(ecgs(count))
        began = time.perf_counter()
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(full.post, held))
        full.settle()
        rate = count / (time.perf_counter() - began)
        print(f"sustained, file to delivered: {rate:.2f} ECG/s over {count}")
        half = paced(rate / 2, 150)
        waits = sorted(half.delivered_after(place / "us" / "ward"))
        print(f"at {rate / 2:.2f} ECG/s, acknowledged to delivered: p50 {statistics.median(waits):.2f} s, "
              f"p99 {waits[int(0.99 * len(waits))]:.2f} s")  # fmt: skip


class Paced(Sender):
    """A sender whose waiting is of interest."""

    def delivered_after(self, ward: Path) -> list[float]:
        """Return the seconds from each acknowledgement to the report's appearance in the folder."""
        reports = self.settle()
        times = [(ward / report).stat().st_ctime for report in reports]
        return [at - began for at, began in zip(times, self.acknowledged.values(), strict=True)]


def paced(rate: float, count: int) -> Paced:
    """Post so many ECGs at a rate."""
    sender, held = Paced(), list(ecgs(count))
    began = time.perf_counter()
    for number, data in enumerate(held):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        sender.post(data)
    return sender


def memory(place: Path, count: int) -> None:
    """Print resident memory while ECGs pass through."""
    with twelvelead(place / "us") as process:
        sender, told = Sender(), max(count // 20, 1)
        for number, data in enumerate(ecgs(count), 1):
            sender.post(data)
            if number % 50 == 0:
                sender.settle()
                sender.acknowledged.clear()
            if number % told == 0:
                status = Path(f"/proc/{process.pid}/status").read_text()
                resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
                print(f"{number:>6} ECGs  {resident:.0f} MB", flush=True)


TASKS: dict[str, Callable[[Path], None]] = {"accept": accept, "deliver": deliver}


def main(words: list[str]) -> None:
    """Run one of the measurements."""
    if APART not in words:
        os.execvp(NAMESPACE[0], [*NAMESPACE, sys.executable, "-m", "benchmarks.load", APART, *words])
    words.remove(APART)
    with tempfile.TemporaryDirectory(prefix="tl") as place, suppress(KeyboardInterrupt):
        if words[:1] == ["memory"]:
            memory(Path(place), int(words[1]) if len(words) > 1 else 5000)
        else:
            for task in words or list(TASKS):
                TASKS[task](Path(place))


if __name__ == "__main__":
    main(sys.argv[1:])
