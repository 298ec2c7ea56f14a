"""A hospital in small: Orthanc, Medplum's FHIR server, a folder, and `twelvelead serve` amid them.

    python tests/peers/spine.py DIRECTORY      # prints what everyone holds in the end, as JSON

Orthanc cannot be told to listen on loopback alone, so the caller gives this a network of its own.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pydicom.data import get_testdata_file

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".peers"
COMMAND = str(Path(sys.executable).with_name("twelvelead"))
SAMPLE = str(get_testdata_file("waveform_ecg.dcm", download=False))
PATIENT_SYSTEM = "urn:oid:1.2.3.4.5"
ORTHANC = "http://127.0.0.1:8042"
DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
DESTINATIONS = """
[[destination]]
name = "ward"
kind = "folder"
directory = "{place}/ward"

[[destination]]
name = "pacs"
kind = "pacs"
host = "127.0.0.1"
port = 4242
ae_title = "PACS"

[[destination]]
name = "ehr"
kind = "ehr"
base_url = "{ehr}"
"""


def ask(url: str, body: Any = None, **headers: str) -> Any:
    """GET, or POST what is not None; return the JSON of the answer."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.load(answer)


def until(what: Any, seconds: float = 60.0) -> Any:
    """Ask again until there is an answer that counts."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := what():
                return answer
        except OSError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


@contextmanager
def running(*command: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the end of the block."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):  # Orthanc may wait for a peer that never answers
            process.wait(60)
        process.kill()
        process.wait()


def orthanc(place: Path, service: str) -> list[str]:
    """Configure Orthanc, which forwards by DICOMweb to the service; return its command."""
    settings = {
        "StorageDirectory": str(place / "orthanc"),
        "IndexDirectory": str(place / "orthanc"),
        "DicomAet": "PACS",
        "DicomPort": 4242,
        "HttpPort": 8042,
        "RemoteAccessAllowed": False,
        "ExecuteLuaEnabled": True,
        "DicomModalities": {"us": ["TWELVELEAD", "127.0.0.1", 11112]},
        "UnknownSopClassAccepted": True,
        "Plugins": [DICOMWEB],
        "DicomWeb": {"Servers": {"us": {"Url": f"{service}/dicom-web/", "HasDelete": False}}},
    }
    (place / "orthanc.json").write_text(json.dumps(settings))
    return ["Orthanc", str(place / "orthanc.json")]


def main(place: Path) -> dict[str, Any]:
    """Push one ECG through everything, by every door, and count what is where."""
    with ExitStack() as stack, (place / "log").open("w") as log:
        medplum = stack.enter_context(
            running("node", str(HERE / "fhir/medplum_server.cjs"), str(PEERS / "fhir-medplum"))
        )
        ehr = f"http://127.0.0.1:{int(medplum.stdout.readline())}/fhir"  # type: ignore[union-attr]
        patient = {"resourceType": "Patient", "identifier": [{"system": PATIENT_SYSTEM, "value": "642341"}]}
        ask(f"{ehr}/Patient", patient, **{"Content-Type": "application/fhir+json"})
        (place / "destinations.toml").write_text(DESTINATIONS.format(place=place, ehr=ehr))
        env = os.environ | {
            "TWELVELEAD_DATA": str(place / "data"),
            "TWELVELEAD_CONFIG": str(place / "destinations.toml"),
            "TWELVELEAD_PATIENT_SYSTEMS": json.dumps({"": PATIENT_SYSTEM}),
        }
        for name in ("ward", "pacs", "ehr"):
            subprocess.run([COMMAND, "destinations", "go-live", name], env=env, check=True, capture_output=True)
        serve = stack.enter_context(running(COMMAND, "serve", "--port", "0", env=env, stderr=log))
        address = re.search(r"http://\S+?:\d+", serve.stdout.readline())  # type: ignore[union-attr]
        service = address.group()  # type: ignore[union-attr]
        until(lambda: ask(f"{service}/health/ready"))
        stack.enter_context(running(*orthanc(place, service), stderr=log))
        until(lambda: ask(f"{ORTHANC}/system"))
        return told(service, ehr, place)


def told(service: str, ehr: str, place: Path) -> dict[str, Any]:
    """Send, wait, count."""
    storescu = ["storescu", "-aec", "TWELVELEAD", "127.0.0.1", "11112", SAMPLE]
    pushed = [subprocess.run([*storescu, syntax], check=False).returncode for syntax in ("-xe", "-xi")]
    stored = ask(f"{ORTHANC}/instances", Path(SAMPLE).read_bytes())
    forward = {"Resources": [stored["ID"]], "Synchronous": True}
    forwarded = ask(f"{ORTHANC}/modalities/us/store", forward)["FailedInstancesCount"]
    stow = {"Resources": [stored["ParentStudy"]], "Synchronous": True}
    stowed = ask(f"{ORTHANC}/dicom-web/servers/us/stow", stow)
    answer = ask(f"{service}/v1/ecgs", Path(SAMPLE).read_bytes())["reports"][0]
    job = f"{service}{answer['links']['report'].replace('reports', 'jobs').rpartition('/')[0]}/{answer['job']}"
    deliveries = until(lambda: [d for d in [ask(job)["deliveries"]] if all(e["state"] != "waiting" for e in d)])[0]
    back = {"Resources": [stored["ParentStudy"]], "Synchronous": True}
    returned = ask(f"{ORTHANC}/modalities/us/store", back)
    stow_back = ask(f"{ORTHANC}/dicom-web/servers/us/stow", stow)
    held = {kind: ask(f"{ehr}/{kind}").get("entry", []) for kind in ("DiagnosticReport", "Observation", "Media")}
    listed = subprocess.run(
        [COMMAND, "jobs", "list"],
        env=os.environ | {"TWELVELEAD_DATA": str(place / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    instances = ask(f"{ORTHANC}/studies/{stored['ParentStudy']}/instances")
    return {
        "pushed": pushed,
        "forwarded": forwarded,
        "stowed": stowed["InstancesCount"],
        "stowed_back": stow_back["InstancesCount"],
        "known": answer["known"],
        "deliveries": {each["destination"]: [each["state"], each["error"]] for each in deliveries},
        "returned": [returned["InstancesCount"], returned["FailedInstancesCount"]],
        "jobs": len(listed.stdout.splitlines()),
        "pacs": sorted(ask(f"{ORTHANC}/instances/{each['ID']}/simplified-tags")["Modality"] for each in instances),
        "ehr": {kind: len(entries) for kind, entries in held.items()},
        "ward": sorted(each.name for each in (place / "ward").iterdir()),
        "report": answer["id"],
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
