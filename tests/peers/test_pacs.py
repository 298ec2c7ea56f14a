"""Real PACS take our reports: dcmtk's storescp, and Orthanc with storage commitment."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from adapters.dicom.commitment import PUSH_MODEL, MemoryInbox, receive
from adapters.dicom.pacs import PacsDestination, PacsSettings, Timeouts
from adapters.dicom.results import encoded, own_report_id
from adapters.dicom.waveform import WaveformReader
from adapters.dicom.web import WebDestination, WebSettings
from ecg.payload import Payload
from ecg.ports import Destination
from ecg.report import Report
from tests.golden import dicom_files, reports

ORTHANC = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
SOURCE = dicom_files.to_bytes(dicom_files.twelve_lead_dataset(dicom_files.square_wave(3)))
# How to enter a network of one's own, where nothing but this machine's loopback can be reached.
ENTER = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def unshared() -> bool:
    tools = all(shutil.which(each) for each in ("unshare", "ip"))
    return tools and subprocess.run([*ENTER, "true"], capture_output=True, check=False).returncode == 0


needs_storescp = pytest.mark.skipif(shutil.which("storescp") is None, reason="storescp (Debian: dcmtk) is missing")
needs_orthanc = pytest.mark.skipif(
    not (Path(ORTHANC).exists() and unshared()),
    reason="Orthanc (Debian: orthanc) is missing, or a network namespace for it, as it listens on every address",
)


def report() -> Report:
    (recording,) = WaveformReader().read(Payload(SOURCE))
    return replace(reports.report(asserted=("MI",)), recording=recording)


@needs_storescp
def test_storescp_takes_all_objects_and_a_repeat_leaves_one_copy(tmp_path: Path) -> None:
    port = free_port()
    with running(["storescp", "-od", str(tmp_path), str(port)], port):
        settings = PacsSettings("127.0.0.1", port, "STORESCP", commitment=False)
        destination = PacsDestination("archive", settings, MemoryInbox())
        assert destination.deliver(report()) == destination.deliver(report())
    held = sorted((path.read_bytes() for path in tmp_path.iterdir()), key=len)
    assert [own_report_id(each) for each in held] == [report().id] * 3
    datasets = [dcmread(BytesIO(each)) for each in held]
    assert {each.SOPInstanceUID for each in datasets} == {each.SOPInstanceUID for each in encoded(report())}


@needs_orthanc
@pytest.mark.parametrize("way", ["c-store", "stow"])
def test_orthanc_keeps_and_commits_the_report_in_the_source_study(tmp_path: Path, way: str) -> None:
    """Run this file by itself where nobody else can reach Orthanc."""
    if way == "stow" and not DICOMWEB.exists():
        pytest.skip("Orthanc's DICOMweb plugin (Debian: orthanc-dicomweb) is missing")
    done = subprocess.run(
        [*ENTER, sys.executable, __file__, str(tmp_path), way],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    classes = ("1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.88.33")
    assert found["classes"] == sorted((*classes, dicom_files_class()))
    assert found["studies"] == 1 and found["instances"] == 4
    assert found["receipts"][0] == found["receipts"][1] == " ".join(str(e.SOPInstanceUID) for e in encoded(report()))
    assert found["words"] == 2
    assert base64.b64decode(found["pdf"]) == report().pdf


@needs_orthanc
@pytest.mark.parametrize("way", ["c-store", "stow"])
def test_orthanc_keeps_both_versions_and_the_notes_that_reject_them_once(tmp_path: Path, way: str) -> None:
    """Run this file by itself where nobody else can reach Orthanc."""
    if way == "stow" and not DICOMWEB.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    done = subprocess.run(
        [*ENTER, sys.executable, __file__, str(tmp_path), way, "versions"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    first = {str(each.SOPInstanceUID) for each in encoded(report())}
    second = {str(each.SOPInstanceUID) for each in encoded(reports.amended(report()))}
    assert len(first | second) == 6 and first | second <= set(found["uids"])
    assert found["counts"] == [4, 8, 8, 9, 9], (
        "source and three parts; three more and a note, twice; a note alone, twice"
    )
    assert found["studies"] == 1
    assert [(title, set(uids)) for title, uids in found["notes"]] == [("113001", first), ("113037", second)]
    assert found["own"] == [str(report().id)] * 2


def dicom_files_class() -> str:
    return str(dcmread(BytesIO(SOURCE)).SOPClassUID)


def inside(place: Path, way: str) -> dict[str, Any]:
    """Deliver twice to an Orthanc that holds the source, and say what it holds then."""
    words: list[object] = []
    with orthanc(place, way, words) as (asking, destination):
        receipts = [destination.deliver(report()).reference for _ in range(2)]
        instances = json.loads(asking("/instances"))
        held = [dcmread(BytesIO(asking(f"/instances/{each}/file"))) for each in instances]
        pdf = next(each for each in held if "EncapsulatedDocument" in each)
        return {
            "receipts": receipts,
            "words": len(words),
            "instances": len(instances),
            "studies": len(json.loads(asking("/studies"))),
            "classes": sorted(str(each.SOPClassUID) for each in held),
            "pdf": base64.b64encode(pdf.EncapsulatedDocument[: pdf.EncapsulatedDocumentLength]).decode(),
        }


def inside_versions(place: Path, way: str) -> dict[str, Any]:
    """Deliver, amend and withdraw, the last two twice, and say what Orthanc holds after each."""
    with orthanc(place, way, []) as (asking, destination):
        held = destination.deliver(report())
        counts = [len(json.loads(asking("/instances")))]
        for later in (reports.amended(report()), reports.withdrawn(reports.amended(report()))):
            receipts = []
            for _ in range(2):
                receipts.append(destination.deliver(later, held))
                counts.append(len(json.loads(asking("/instances"))))
            held = receipts[-1]
        files = [asking(f"/instances/{each}/file") for each in json.loads(asking("/instances"))]
        datasets = [dcmread(BytesIO(data)) for data in files]
        notes = [each for each in datasets if each.Modality == "KO"]
        return {
            "counts": counts,
            "studies": len(json.loads(asking("/studies"))),
            "uids": [str(each.SOPInstanceUID) for each in datasets],
            "own": [str(own_report_id(data)) for data, each in zip(files, datasets, strict=True) if each in notes],
            "notes": sorted((each.ConceptNameCodeSequence[0].CodeValue, sorted(rejected(each))) for each in notes),
        }


def rejected(note: Dataset) -> set[str]:
    """Return the SOP Instance UIDs that a note names, the same in its evidence and in its content."""
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    evidence = {
        str(o.ReferencedSOPInstanceUID) for s in study.ReferencedSeriesSequence for o in s.ReferencedSOPSequence
    }
    named = [each.ReferencedSOPSequence[0] for each in note.ContentSequence if "ReferencedSOPSequence" in each]
    assert evidence == {str(each.ReferencedSOPInstanceUID) for each in named}
    return evidence


@contextmanager
def orthanc(place: Path, way: str, words: list[object]) -> Iterator[tuple[Callable[..., bytes], Destination]]:
    """Run an Orthanc that holds the source; give a way to ask it over HTTP, and it as a destination."""
    dicom, http, ours = free_port(), free_port(), free_port()
    settings = {
        "Name": "PACS",
        "StorageDirectory": str(place / "orthanc"),
        "IndexDirectory": str(place / "orthanc"),
        "DicomAet": "ORTHANC",
        "DicomPort": dicom,
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "DicomModalities": {"svc": ["TWELVELEAD", "127.0.0.1", ours]},
        "Plugins": [str(DICOMWEB)] if way == "stow" else [],
    }
    (place / "orthanc.json").write_text(json.dumps(settings))
    with running([ORTHANC, str(place / "orthanc.json")], http), commitments(ours, words) as inbox:
        asking = partial(ask, f"http://127.0.0.1:{http}")
        asking("/instances", SOURCE)
        pacs = PacsSettings("127.0.0.1", dicom, "ORTHANC", timeouts=Timeouts(commitment=20, linger=0.1))
        destination = PacsDestination("archive", pacs, inbox)
        if way == "stow":
            yield (
                asking,
                WebDestination("archive", WebSettings(f"http://127.0.0.1:{http}/dicom-web"), commitment=destination),
            )
        else:
            yield asking, destination


@contextmanager
def commitments(port: int, words: list[object]) -> Iterator[MemoryInbox]:
    """Listen for a PACS's word on associations of its own, in which it takes the role of the SCP."""
    inbox = MemoryInbox()

    def word(event: evt.Event) -> tuple[int, None]:
        words.append(event)
        return receive(event, inbox)

    entity = AE("TWELVELEAD")
    entity.add_supported_context(PUSH_MODEL, scu_role=False, scp_role=True)
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, word)])
    assert server is not None
    try:
        yield inbox
    finally:
        server.shutdown()


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a peer, from when it listens."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: listens(port))
            yield
        finally:
            process.terminate()


def wait_for(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "the peer did not start"
        time.sleep(0.05)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def ask(base: str, path: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(base + path, body), timeout=10) as answer:
        return bytes(answer.read())


if __name__ == "__main__":
    task = inside_versions if sys.argv[3:] else inside
    print(json.dumps(task(Path(sys.argv[1]), sys.argv[2])))
