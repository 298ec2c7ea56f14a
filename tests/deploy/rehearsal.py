"""A hospital on Kubernetes in small: the chart's pods as processes, amid Orthanc, Medplum, PostgreSQL and an S3 server.

    python -m tests.deploy.rehearsal DIRECTORY EACH     # prints what was found, as JSON; in a network of its own

ECGs go in by storescu and over HTTP, under TLS and with credentials, EACH of them while one role's pod is replaced.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from service.bucket import BucketSettings
from service.keys import generate
from tests.deploy.pods import ANYONE, NODE, Node, Pod, node
from tests.golden.certificates import Authority
from tests.golden.site import ecg
from tests.peers import postgresql
from tests.peers.seaweedfs import s3_server
from tests.peers.spine import HERE, ORTHANC, PATIENT_SYSTEM, PEERS, ask, running, until

WRITES = "for at in . /usr /etc /var /tmp; do touch $at/x 2> /dev/null && echo $at; done; id -u"
TABLES = ("job", "alias", "version", "holding", "resource", "delivery", "audit")
ROLES = ("api", "dicom", "worker")
HTTP, OPERATION, DICOM = 8443, 9090, 11112
SETTINGS = f"""
[patient_systems]
HOSPITAL = "{PATIENT_SYSTEM}"

[[destination]]
name = "pacs"
kind = "pacs"
host = "{NODE}"
port = 4242
ae_title = "PACS"
commitment = false

[[destination]]
name = "ehr"
kind = "ehr"
base_url = "http://127.0.0.1:%d/fhir"
"""


def values(bucket: BucketSettings, ehr: int) -> dict[str, Any]:
    """Return the chart's values for this hospital: what ci/roles-values.yaml has, and where the peers are."""
    key = {"existingSecret": "keys"}
    return {
        "settings": SETTINGS % ehr,
        "database": {"existingSecret": "database"},
        "store": {"bucket": bucket.url, "endpoint": bucket.endpoint, "region": bucket.region, "existingSecret": "s3"},
        "tls": {"existingSecret": "tls"},
        "access": {
            "keys": [
                {**key, "name": "cart", "key": "cart", "scopes": ["system/Observation.c"]},
                {**key, "name": "operator", "key": "operator", "scopes": ["twelvelead/operate", "system/*.rs"]},
            ],
            "ratePerMinute": 0,
        },
        "dicom": {
            "callers": {"CART": [f"{NODE}/32"]},
            "tls": {"existingSecret": "dicom-tls", "ca": {"existingSecret": "dicom-ca"}},
        },
        "drainSeconds": 60,
    }


class Hospital:
    """Everything that stands around the pods, and what is sent."""

    def __init__(self, at: Path, stack: ExitStack) -> None:
        self.at, self.stack = at, stack
        self.authority = Authority(at, "ca")
        self.cart, tls, dicom = (self.authority.sign(name) for name in ("cart-cert", "tls", "dicom"))
        bucket = stack.enter_context(s3_server(at))
        self.database = stack.enter_context(postgresql.cluster(postgresql.HERE))
        medplum = stack.enter_context(
            running("node", str(HERE / "fhir/medplum_server.cjs"), str(PEERS / "fhir-medplum"))
        )
        port = int(medplum.stdout.readline())  # type: ignore[union-attr]
        self.ehr = f"http://127.0.0.1:{port}/fhir"
        stack.enter_context(running("Orthanc", str(self._orthanc()), stderr=subprocess.DEVNULL))
        self.keys = {"cart": generate(), "operator": generate()}
        pem = {"tls.crt": tls.certificate.read_bytes(), "tls.key": tls.key.read_bytes()}
        secrets = {
            "database": {"url": f"postgresql://postgres@{NODE}/postgres".encode()},
            "s3": {"access-key": bucket.access_key.encode(), "secret-key": bucket.secret_key.encode()},
            "tls": pem,
            "dicom-tls": {"tls.crt": dicom.certificate.read_bytes(), "tls.key": dicom.key.read_bytes()},
            "dicom-ca": {"ca.crt": self.authority.certificate.read_bytes()},
            "keys": {name: key.encode() for name, key in self.keys.items()},
        }
        s3 = int(bucket.endpoint.rsplit(":", 1)[1])
        self.node: Node = stack.enter_context(node(at, secrets, (s3, port)))
        self.node.render(values(bucket, port))
        self.serving: dict[str, Pod] = {}
        self.refused = self.sent = 0
        self.lock = threading.Lock()
        until(lambda: ask(f"{ORTHANC}/system"))

    def _orthanc(self) -> Path:
        file = self.at / "orthanc.json"
        place = str(self.at / "orthanc")
        settings = {"StorageDirectory": place, "IndexDirectory": place, "DicomAet": "PACS", "DicomPort": 4242}
        more = {"HttpPort": 8042, "RemoteAccessAllowed": False, "DicomCheckCalledAet": True}
        file.write_text(json.dumps({**settings, **more, "UnknownSopClassAccepted": True}))
        return file

    def admit(self, number: int) -> None:
        """Let the EHR know a patient."""
        patient = {"resourceType": "Patient", "identifier": [{"system": PATIENT_SYSTEM, "value": f"patient-{number}"}]}
        ask(f"{self.ehr}/Patient", patient, **{"Content-Type": "application/fhir+json"})

    def send(self, number: int) -> None:
        """Send an ECG by whichever door, to the pod that its Service would name, until one of them takes it."""
        self.admit(number)
        file = self.at / f"{number}.dcm"
        file.write_bytes(ecg(number))
        end = time.monotonic() + 240
        while not (self._stored(file) if number % 2 else self._posted(file)):
            self.refused += 1
            assert time.monotonic() < end, "no pod takes it"
            time.sleep(0.5)
        with self.lock:
            self.sent += 1

    def _stored(self, file: Path) -> bool:
        tls = ["+tls", self.cart.key, self.cart.certificate, "+cf", self.authority.certificate]
        called = ["-aet", "CART", "-aec", "TWELVELEAD", self.serving["dicom"].address, str(DICOM), file]
        return (
            subprocess.run(["storescu", *map(str, (*tls, *called))], capture_output=True, timeout=240).returncode == 0
        )

    def _posted(self, file: Path) -> bool:
        try:
            answer = self.http("cart").post("/v1/ecgs", content=file.read_bytes(), headers={"Prefer": "respond-async"})
        except httpx.HTTPError:
            return False
        assert answer.status_code in (200, 202, 503), answer.text
        return answer.status_code != 503

    def http(self, key: str = "", port: int = HTTP, role: str = "api") -> httpx.Client:
        headers = {"X-API-Key": self.keys[key]} if key else {}
        return httpx.Client(
            base_url=f"https://{self.serving[role].address}:{port}", headers=headers, verify=ANYONE, timeout=60
        )

    def replace(self, role: str, ecgs: int) -> int:
        """Replace a role's pod as a Deployment does: another is ready before it is told to stop.

        So many ECGs are on their way, by both doors, while it is. Return its exit code.
        """
        new = self.node.serve(f"ecg-twelvelead-{role}")
        new.until_ready()
        senders = [threading.Thread(target=self.send, args=(self.sent + number,)) for number in range(ecgs)]
        for sender in senders:
            sender.start()
        former, self.serving[role] = self.serving[role], new
        code = former.stop()
        for sender in senders:
            sender.join()
        return code


def open_ports(hospital: Hospital) -> dict[str, Any]:
    """Compare what listens in each pod with what its manifest declares."""
    found = {}
    for role, pod in hospital.serving.items():
        found[role] = {"listening": sorted(port for _, port in pod.listening()), "declared": sorted(pod.declared())}
    return found


def unasked(hospital: Hospital) -> dict[str, list[str]]:
    """Return which paths answer without a credential, on each port that speaks HTTP."""
    paths = ("/health/live", "/health/ready", "/metrics", "/openapi.json", "/fhir/metadata", "/v1/jobs", "/fhir/Device",
             "/v1/reports/0b5c1c5e-7a3e-5d4e-9d0e-2f6f0c6f8c11", "/docs", "/", "/dicom-web/studies")  # fmt: skip
    found = {}
    for role, pod in hospital.serving.items():
        for port in pod.declared() - {DICOM}:
            with hospital.http(port=port, role=role) as client:
                codes = {path: client.get(path).status_code for path in paths}
                codes["POST /v1/ecgs"] = client.post("/v1/ecgs", content=b"x").status_code
            found[f"{role}:{port}"] = [path for path, code in codes.items() if code not in (401, 404)]
    return found


def stranger(hospital: Hospital) -> list[int]:
    """Return the exit codes of C-ECHOs that should not be answered: in plain text, and by a caller of another name."""
    called = ["-aec", "TWELVELEAD", hospital.serving["dicom"].address, str(DICOM)]
    tls = ["+tls", hospital.cart.key, hospital.cart.certificate, "+cf", hospital.authority.certificate]
    asked = (["-aet", "CART", *called], [*tls, "-aet", "WHO", *called], [*tls, "-aet", "CART", *called])
    return [subprocess.run(["echoscu", "-to", "10", *map(str, each)], capture_output=True).returncode for each in asked]


def settled(hospital: Hospital, count: int) -> dict[str, Any]:
    """Wait until all is delivered; return what is in the ledger, the EHR and the PACS."""
    import psycopg

    query = "select state, count(*) from twelvelead.{} group by state order by state"
    with psycopg.connect(hospital.database.url, autocommit=True) as database:

        def done() -> bool:
            states = dict(database.execute(query.format("delivery")).fetchall())
            return states.get("delivered") == 2 * count

        try:
            until(done, 900)
        except TimeoutError:
            print(hospital.serving["worker"].log[-3000:], file=sys.stderr)
        ledger = {name: dict(database.execute(query.format(name)).fetchall()) for name in ("job", "delivery")}
        rows = {
            name: (database.execute(f"select count(*) from twelvelead.{name}").fetchone() or (0,))[0] for name in TABLES
        }
    reports = ask(f"{hospital.ehr}/DiagnosticReport?_count=1000").get("entry", [])
    series = [ask(f"{ORTHANC}/series/{each}")["MainDicomTags"].get("Modality") for each in ask(f"{ORTHANC}/series")]
    instances = ask(f"{ORTHANC}/statistics")["CountInstances"]
    return {
        "ledger": ledger,
        "rows": rows,
        "ehr": len({json.dumps(each["resource"]["identifier"]) for each in reports}),
        "ehr_copies": len(reports),
        "pacs_studies": ask(f"{ORTHANC}/statistics")["CountStudies"],
        "pacs_series": len(series),
        "pacs_instances": instances,
    }


def main(at: Path, each: int) -> dict[str, Any]:
    """Start all, send under replacement, count."""
    with ExitStack() as stack:
        hospital = Hospital(at, stack)
        migrations = hospital.node.complete("ecg-twelvelead-migrations-1").log
        for role in ROLES:
            hospital.serving[role] = hospital.node.serve(f"ecg-twelvelead-{role}")
        for pod in hospital.serving.values():
            pod.until_ready()
        worker = hospital.serving["worker"]
        for name in ("pacs", "ehr"):
            assert worker.inside("twelvelead", "destinations", "go-live", name).returncode == 0
        found = {"ports": open_ports(hospital), "unasked": unasked(hospital), "stranger": stranger(hospital)}
        found["writes"] = worker.inside("sh", "-c", WRITES).stdout.split()
        found["test"] = hospital.node.test("ecg-twelvelead-test-ready", hospital.serving.values())
        exits = {role: hospital.replace(role, each) for role in ROLES}
        with hospital.http("operator", OPERATION, "worker") as client:
            found["metrics"] = "twelvelead_accepted_to_reported_seconds" in client.get("/metrics").text
        return {
            **found,
            "migrations": migrations.count("applied"),
            "exits": exits,
            "sent": hospital.sent,
            "sent_again": hospital.refused,
            **settled(hospital, hospital.sent),
        }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
