"""Independent DICOM programs reach the listener: dcmtk's echoscu and storescu, and Orthanc.

Orthanc cannot listen on loopback alone, so it runs in a network namespace of its own, with this file as a program.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from threading import Event
from urllib.request import Request, urlopen

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pynetdicom import AE

from adapters.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Commitment
from adapters.dicom.listener import Listener, ListenerSettings
from adapters.dicom.tls import TlsFiles
from adapters.readers import read
from ecg.errors import MalformedPayload
from ecg.payload import Payload
from ecg.report import identity
from tests.golden.certificates import Authority

ROOT = Path(__file__).parents[2]
SAMPLE = Path(str(get_testdata_file("waveform_ecg.dcm", download=False)))
SETTINGS = ListenerSettings(port=0)

needs_dcmtk = pytest.mark.skipif(
    shutil.which("storescu") is None or shutil.which("echoscu") is None, reason="dcmtk is not installed"
)
ISOLATED = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def isolated() -> str:
    """Return why Orthanc cannot be run here, or nothing."""
    if missing := [each for each in ("Orthanc", "unshare", "ip") if shutil.which(each) is None]:
        return f"{', '.join(missing)} is not installed"
    tried = subprocess.run((*ISOLATED, "true"), capture_output=True, check=False)
    return "" if tried.returncode == 0 else "a network namespace is not permitted here"


def run(*command: str | Path | int) -> subprocess.CompletedProcess[str]:
    """Run a peer to its end."""
    words = [str(each) for each in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def assert_same_ecg(payload: Payload) -> None:
    """See that it holds pydicom's sample, whatever its bytes."""
    (sent,), (taken,) = read(Payload(SAMPLE.read_bytes())), read(payload)
    assert np.array_equal(sent.waveform.signal, taken.waveform.signal, equal_nan=True)
    assert identity(sent) == identity(taken)


@needs_dcmtk
def test_echoscu_is_answered() -> None:
    with Listener(SETTINGS, print) as listener:
        assert run("echoscu", "-aec", "TWELVELEAD", "127.0.0.1", listener.port).returncode == 0
        assert run("echoscu", "-aec", "OTHER", "127.0.0.1", listener.port).returncode != 0


@needs_dcmtk
@pytest.mark.parametrize("syntax", ["-xi", "-xe", "-xb"])
def test_storescu_brings_the_same_ecg(syntax: str) -> None:
    taken: list[Payload] = []
    with Listener(SETTINGS, taken.append) as listener:
        done = run("storescu", syntax, "-aec", "TWELVELEAD", "127.0.0.1", listener.port, SAMPLE)
    assert done.returncode == 0, done.stderr
    assert_same_ecg(taken[0])


@needs_dcmtk
def test_storescu_hears_a_failure() -> None:
    def refuse(payload: Payload) -> None:
        raise MalformedPayload

    with Listener(SETTINGS, refuse) as listener:
        done = run("storescu", "-v", "-aec", "TWELVELEAD", "127.0.0.1", listener.port, SAMPLE)
    assert done.returncode != 0
    assert "DataSetDoesNotMatchSOPClass" in done.stdout + done.stderr


@needs_dcmtk
def test_storescu_hears_that_it_is_not_known() -> None:
    settings = replace(SETTINGS, callers={"CART": (ip_network("127.0.0.0/8"),)})
    with Listener(settings, print) as listener:
        done = run("echoscu", "-aet", "OTHER", "-aec", "TWELVELEAD", "127.0.0.1", listener.port)
        assert done.returncode != 0 and "Calling AE Title Not Recognized" in done.stdout + done.stderr
        assert run("echoscu", "-aet", "CART", "-aec", "TWELVELEAD", "127.0.0.1", listener.port).returncode == 0


@needs_dcmtk
def test_storescu_over_tls(tmp_path: Path) -> None:
    taken: list[Payload] = []
    authority = Authority(tmp_path, "hospital")
    ours, theirs = authority.sign("listener"), authority.sign("cart")
    tls = TlsFiles(ours.certificate, ours.key, authority.certificate)
    command = ("storescu", "-aec", "TWELVELEAD", "127.0.0.1")
    secure = ("+tls", theirs.key, theirs.certificate, "+cf", authority.certificate)
    with Listener(replace(SETTINGS, tls=tls), taken.append) as listener:
        done = run(command[0], *secure, *command[1:], listener.port, SAMPLE)
        assert done.returncode == 0, done.stderr
        assert run(command[0], "+tla", "+cf", authority.certificate, *command[1:], listener.port, SAMPLE).returncode
        assert run(*command, listener.port, SAMPLE).returncode, "plain text"
    assert len(taken) == 1
    assert_same_ecg(taken[0])


def test_orthanc_forwards_and_commits(tmp_path: Path) -> None:
    if why := isolated():
        pytest.skip(why)
    paths = os.pathsep.join(str(each) for each in (ROOT, *sys.path) if str(each))
    done = subprocess.run(
        (*ISOLATED, sys.executable, "-W", "error", __file__, str(tmp_path)),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# What runs in the namespace


def ask(path: str, data: bytes | None = None) -> object:
    """Ask Orthanc over HTTP, and return the JSON it answers."""
    with urlopen(Request(f"http://127.0.0.1:8042/{path}", data), timeout=20) as answer:
        return json.loads(answer.read())


@contextmanager
def orthanc(place: Path, port: int) -> Iterator[None]:
    """Run Orthanc, who knows the listener as `svc`."""
    settings = {
        "Name": "test",
        "DicomAet": "PACS",
        "DicomPort": 4242,
        "HttpPort": 8042,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StorageDirectory": str(place / "storage"),
        "IndexDirectory": str(place / "storage"),
        "DicomModalities": {"svc": ["TWELVELEAD", "127.0.0.1", port]},
    }
    (place / "orthanc.json").write_text(json.dumps(settings))
    with subprocess.Popen(("Orthanc", str(place / "orthanc.json")), stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                try:
                    ask("system")
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


def ask_for_commitment(stored: Dataset, transaction: str) -> None:
    """Ask Orthanc to commit to an instance (N-ACTION); it answers on an association of its own."""
    item, request = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = stored.SOPClassUID, stored.SOPInstanceUID
    request.TransactionUID, request.ReferencedSOPSequence = transaction, [item]
    entity = AE("TWELVELEAD")
    entity.add_requested_context(PUSH_MODEL)
    association = entity.associate("127.0.0.1", 4242, ae_title="PACS")
    status, _ = association.send_n_action(request, 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    association.release()
    assert status.Status == 0


def forward(place: Path) -> None:
    """Let Orthanc send us an ECG that it holds, and its word on keeping it."""
    taken: list[Payload] = []
    told: list[Commitment] = []
    word = Event()

    def committed(commitment: Commitment) -> None:
        told.append(commitment)
        word.set()

    settings = replace(SETTINGS, callers={"PACS": (ip_network("127.0.0.1/32"),)})
    with Listener(settings, taken.append, committed) as listener, orthanc(place, listener.port):
        held = ask("instances", SAMPLE.read_bytes())
        assert isinstance(held, dict)
        answer = ask("modalities/svc/store", held["ID"].encode())
        assert isinstance(answer, dict) and answer["FailedInstancesCount"] == 0, answer
        assert_same_ecg(taken[0])
        stored, transaction = dcmread(SAMPLE, stop_before_pixels=True), "1.2.826.0.1.3680043.10.1.77"
        ask_for_commitment(stored, transaction)
        assert word.wait(20), "no N-EVENT-REPORT came"
        assert told == [Commitment(transaction, (str(stored.SOPInstanceUID),), ())]


if __name__ == "__main__":
    forward(Path(sys.argv[1]))
