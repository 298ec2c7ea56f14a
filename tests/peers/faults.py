"""Destinations that fail in every way: Orthanc and Medplum behind faulty proxies, one that refuses, one that is gone.

    python tests/peers/faults.py DIRECTORY      # prints what became of an ECG per fault, as JSON

It runs in a network of its own, as spine.py does.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
)

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.golden.dicom_files import to_bytes
from tests.peers.faulty import KINDS, Proxy
from tests.peers.spine import COMMAND, HERE, ORTHANC, PATIENT_SYSTEM, PEERS, SAMPLE, ask, orthanc, running, until

DESTINATIONS = """
[[destination]]
name = "ward"
kind = "folder"
directory = "{place}/ward"

[[destination]]
name = "pacs"
kind = "pacs"
host = "127.0.0.1"
port = {pacs}
ae_title = "PACS"
commitment = false
response_seconds = 4

[[destination]]
name = "refusing"
kind = "pacs"
host = "127.0.0.1"
port = {refusing}
ae_title = "REFUSING"
commitment = false

[[destination]]
name = "gone"
kind = "pacs"
host = "127.0.0.1"
port = 9
ae_title = "GONE"

[[destination]]
name = "ehr"
kind = "ehr"
base_url = "http://127.0.0.1:{ehr}/fhir"
"""
FHIR = {"Content-Type": "application/fhir+json"}


class Refusing:
    """A PACS that refuses every object for good, with A900, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        entity = AE(ae_title="REFUSING")
        for each in (EncapsulatedPDFStorage, SecondaryCaptureImageStorage, ComprehensiveSRStorage):
            entity.add_supported_context(each)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        self.port = server.server_address[1]  # type: ignore[union-attr]

    def _store(self, event: Any) -> int:
        self.asked += 1
        return 0xA900


def ecg(patient: str) -> tuple[bytes, str]:
    """Return the sample ECG as another patient's, and its study."""
    dataset = dcmread(SAMPLE)
    dataset.PatientID, dataset.StudyInstanceUID = patient, generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return to_bytes(dataset), str(dataset.StudyInstanceUID)


class Hospital:
    """Everyone, and how to ask them."""

    def __init__(self, service: str, medplum: str, pacs: Proxy, ehr: Proxy, refusing: Refusing) -> None:
        self.service, self.medplum, self.pacs, self.ehr, self.refusing = service, medplum, pacs, ehr, refusing

    def told(self, fault: str, times: int) -> dict[str, Any]:
        """Send one ECG while both peers fail in one way; return what became of it."""
        patient = f"patient-{fault.replace(' ', '-')}"
        resource = {"resourceType": "Patient", "identifier": [{"system": PATIENT_SYSTEM, "value": patient}]}
        subject = f"Patient/{ask(f'{self.medplum}/Patient', resource, **FHIR)['id']}"
        self.pacs.fail("" if fault == "forbidden" else fault, times)
        self.ehr.fail(fault, times)
        asked = self.refusing.asked
        data, study = ecg(patient)
        answer = ask(f"{self.service}/v1/ecgs", data, Prefer="respond-async")["jobs"][0]
        deliveries = until(lambda: self.settled(answer["id"]), 200)
        reports = ask(f"{self.medplum}/DiagnosticReport?_count=1000").get("entry", [])
        held = ask(f"{ORTHANC}/tools/find", {"Level": "Instance", "Query": {"StudyInstanceUID": study}})
        return {
            "deliveries": {each["destination"]: [each["state"], each["error"]] for each in deliveries},
            "ehr": sum(each["resource"]["subject"].get("reference") == subject for each in reports),
            "pacs": len(held),
            "storing": {"ehr": self.ehr.stored, "pacs": self.pacs.stored},
            "refusing": self.refusing.asked - asked,
        }

    def settled(self, job: str) -> list[dict[str, Any]]:
        """Return a job's deliveries once all but that to the absent peer have settled."""
        deliveries = ask(f"{self.service}/v1/jobs/{job}")["deliveries"]
        waiting = {each["destination"] for each in deliveries if each["state"] == "waiting"}
        return deliveries if len(deliveries) == 5 and waiting <= {"gone"} else []


def main(place: Path) -> dict[str, Any]:
    """Run a fault after the other."""
    with ExitStack() as stack, (place / "log").open("w") as log:
        stack.enter_context(running(*orthanc(place, "http://127.0.0.1:9"), stderr=log))
        medplum = stack.enter_context(
            running("node", str(HERE / "fhir/medplum_server.cjs"), str(PEERS / "fhir-medplum"))
        )
        port = int(medplum.stdout.readline())  # type: ignore[union-attr]
        pacs, ehr, refusing = Proxy(4242), Proxy(port), Refusing()
        (place / "destinations.toml").write_text(
            DESTINATIONS.format(place=place, pacs=pacs.port, ehr=ehr.port, refusing=refusing.port)
        )
        env = os.environ | {
            "TWELVELEAD_DATA": str(place / "data"),
            "TWELVELEAD_CONFIG": str(place / "destinations.toml"),
            "TWELVELEAD_PATIENT_SYSTEMS": json.dumps({"": PATIENT_SYSTEM}),
        }
        for name in ("ward", "pacs", "refusing", "gone", "ehr"):
            subprocess.run([COMMAND, "destinations", "go-live", name], env=env, check=True, capture_output=True)
        serve = stack.enter_context(running(COMMAND, "serve", "--port", "0", env=env, stderr=log))
        address = re.search(r"http://\S+?:\d+", serve.stdout.readline())  # type: ignore[union-attr]
        until(lambda: ask(f"{ORTHANC}/system"))
        until(lambda: ask(f"{address.group()}/health/ready"))  # type: ignore[union-attr]
        hospital = Hospital(address.group(), f"http://127.0.0.1:{port}/fhir", pacs, ehr, refusing)  # type: ignore[union-attr]
        return {fault: hospital.told(fault, 1 if fault == "garbage" else 2) for fault in ("", *KINDS, "forbidden")}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
