"""Many at once: one ECG by every door in parallel, one signal of two patients, and a PACS that sends back all it gets.

    python tests/peers/crowd.py DIRECTORY [COUNT]      # prints what everyone holds in the end, as JSON

It runs in a network of its own, as spine.py does. COUNT ECGs (200) pass through Orthanc's auto-routing.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import generate_uid

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.golden.dicom_files import to_bytes
from tests.peers import spine
from tests.peers.spine import COMMAND, HERE, ORTHANC, PATIENT_SYSTEM, PEERS, SAMPLE, ask, running, until

FHIR = {"Content-Type": "application/fhir+json"}
PARALLEL = 50
DICOM_JSON = "application/dicom+json"
PENDING = ("Pending", "Running", "Retry")
ROUTE_ALL = "function OnStoredInstance(id, tags, metadata, origin)\n  SendToModality(id, 'us')\nend\n"


class Hospital:
    """Everyone, and how to ask them."""

    def __init__(self, service: str, medplum: str, place: Path, env: dict[str, str]) -> None:
        self.service, self.medplum, self.place, self.env = service, medplum, place, env

    def admitted(self, patient: str) -> str:
        """Let the EHR know a patient; return the reference."""
        resource = {"resourceType": "Patient", "identifier": [{"system": PATIENT_SYSTEM, "value": patient}]}
        return f"Patient/{ask(f'{self.medplum}/Patient', resource, **FHIR)['id']}"

    def command(self, *words: str) -> str:
        """Run a command of the operator's; return what it prints."""
        done = subprocess.run([COMMAND, *words], env=self.env, capture_output=True, text=True, check=True)
        return done.stdout

    def deliveries(self) -> list[str]:
        """Return the state of every delivery of every job."""
        jobs = [line.split()[0] for line in self.command("jobs", "list", "--most", "1000").splitlines()]
        told = [ask(f"{self.service}/v1/jobs/{job}") for job in jobs]
        return [each["state"] for job in told for each in job["deliveries"] or [{"state": job["state"]}]]

    def settled(self, jobs: int) -> list[str]:
        """Wait until so many jobs have a report at three destinations each; return the states."""
        until(lambda: len(list((self.place / "ward").glob("*-*"))) >= jobs, 900)
        until(lambda: ask(f"{ORTHANC}/statistics")["CountInstances"] >= 2 * jobs, 900)
        return until(lambda: [told for told in [self.deliveries()] if "waiting" not in told], 900)[0]

    def held(self) -> dict[str, Any]:
        """Count what everyone holds."""
        reports = ask(f"{self.medplum}/DiagnosticReport?_count=1000").get("entry", [])
        subjects = [each["resource"]["subject"].get("reference", "") for each in reports]
        return {
            "ehr": {each: subjects.count(each) for each in subjects},
            "pacs": ask(f"{ORTHANC}/statistics")["CountInstances"],
            "ward": len(list((self.place / "ward").glob("*-*"))),
        }

    def race(self) -> dict[str, Any]:
        """Send one ECG by every door, all at once."""
        subject = self.admitted("race")
        file = self.place / "race.dcm"
        file.write_bytes(ecg("race"))
        scu = ["storescu", "-aec", "TWELVELEAD", "127.0.0.1", "11112", str(file)]
        part = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n--b--\r\n"
        stow = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b', "Accept": DICOM_JSON}
        doors = [
            lambda: subprocess.run([*scu, "-xi"], check=True),
            lambda: subprocess.run([*scu, "-xe"], check=True),
            lambda: ask(f"{self.service}/v1/ecgs", file.read_bytes()),
            lambda: ask(f"{self.service}/dicom-web/studies", part, **stow),
        ]
        with ThreadPoolExecutor(PARALLEL) as pool:
            for each in [pool.submit(doors[number % len(doors)]) for number in range(PARALLEL)]:
                each.result()
        return {"states": self.settled(1), "subject": subject, **self.held()}

    def twins(self) -> dict[str, Any]:
        """Send one signal as that of two patients, at once."""
        subjects = [self.admitted(each) for each in ("twin-a", "twin-b")]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda who: ask(f"{self.service}/v1/ecgs", ecg(who)), ("twin-a", "twin-b")))
        states = self.settled(3)
        found = ask(f"{self.medplum}/DiagnosticReport?_count=1000")["entry"]
        whose = {each["resource"]["identifier"][0]["value"]: each["resource"]["subject"]["reference"] for each in found}
        ours = [f"urn:uuid:{each['reports'][0]['id']}" for each in answers]
        return {"states": states, "right": [whose.get(one) for one in ours] == subjects, **self.held()}

    def routed(self, count: int) -> dict[str, Any]:
        """Let Orthanc send on everything it stores, our results among it, while ECGs come in.

        The EHR is in shadow by now: Medplum's memory is searched from end to end for each resource.
        """
        self.command("destinations", "shadow", "ehr")
        with urllib.request.urlopen(f"{ORTHANC}/tools/execute-script", ROUTE_ALL.encode(), timeout=60):
            pass
        for number in range(count):
            ask(f"{ORTHANC}/instances", ecg(f"routed-{number}"))
        states = self.settled(3 + count)
        until(lambda: not [each for each in ask(f"{ORTHANC}/jobs?expand") if each["State"] in PENDING], 300)
        time.sleep(2)  # whatever was sent back would have made work by now
        return {"states": states, "after": self.deliveries() == states, **self.held()}


def ecg(patient: str) -> bytes:
    """Return the sample ECG as another patient's, in a study of its own."""
    dataset = dcmread(SAMPLE)
    dataset.PatientID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = patient, generate_uid(), generate_uid()
    dataset.SOPInstanceUID = generate_uid()
    return to_bytes(dataset)


def main(place: Path, count: int) -> dict[str, Any]:
    """Run the three in turn."""
    with ExitStack() as stack, (place / "log").open("w") as log:
        medplum = stack.enter_context(
            running("node", str(HERE / "fhir/medplum_server.cjs"), str(PEERS / "fhir-medplum"))
        )
        ehr = f"http://127.0.0.1:{int(medplum.stdout.readline())}/fhir"  # type: ignore[union-attr]
        (place / "destinations.toml").write_text(spine.DESTINATIONS.format(place=place, ehr=ehr))
        env = os.environ | {
            "TWELVELEAD_DATA": str(place / "data"),
            "TWELVELEAD_CONFIG": str(place / "destinations.toml"),
            "TWELVELEAD_PATIENT_SYSTEMS": json.dumps({"": PATIENT_SYSTEM}),
        }
        for name in ("ward", "pacs", "ehr"):
            subprocess.run([COMMAND, "destinations", "go-live", name], env=env, check=True, capture_output=True)
        serve = stack.enter_context(running(COMMAND, "serve", "--port", "0", env=env, stderr=log))
        address = re.search(r"http://\S+?:\d+", serve.stdout.readline())  # type: ignore[union-attr]
        stack.enter_context(running(*spine.orthanc(place, address.group()), stderr=log))  # type: ignore[union-attr]
        until(lambda: ask(f"{ORTHANC}/system"))
        until(lambda: ask(f"{address.group()}/health/ready"))  # type: ignore[union-attr]
        hospital = Hospital(address.group(), ehr, place, env)  # type: ignore[union-attr]
        return {"race": hospital.race(), "twins": hospital.twins(), "routed": hospital.routed(count)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)))
