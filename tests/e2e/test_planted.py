"""A planted name and id stand in the report and its sources alone, not in what a system tells of itself."""

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pdfplumber
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import TwelveLeadECGWaveformStorage  # type: ignore[attr-defined]

from service.database import Database
from tests.golden.collector import Collector, collecting
from tests.golden.dicom_files import to_bytes
from tests.golden.site import Site

PLANTED = re.compile(rb"Zebediah|Quokka|PLANTED", re.IGNORECASE)
NAME, ID = "Zebediah^Quokka", "PLANTED-4711"
DESTINATIONS = """
[[destination]]
name = "ward"
kind = "folder"
directory = "{at}/ward"

[[destination]]
name = "ehr"
kind = "ehr"
base_url = "http://127.0.0.1:{ehr}/fhir"

[[destination]]
name = "gone"
kind = "pacs"
host = "127.0.0.1"
port = 9
ae_title = "GONE"
"""


class Ehr(ThreadingHTTPServer):
    """A FHIR server that knows the patient, takes everything, and remembers what it was asked: lines and headers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Asked)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Asked(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.asked.append(f"{self.requestline}\n{self.headers}")  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("_search"):
            patient = {"resourceType": "Patient", "id": "1", "identifier": [{"system": "urn:oid:1.2", "value": ID}]}
            self.answer({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient}]})
        else:
            kinds = [each["request"]["url"].partition("?")[0] for each in json.loads(body)["entry"]]
            entries = [{"response": {"status": "201", "location": f"{kind}/1/_history/1"}} for kind in kinds]
            self.answer({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})

    def answer(self, resource: dict[str, Any]) -> None:
        data = json.dumps(resource).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Told:
    """All that the system said of itself while the planted patient passed through."""

    answers: list[bytes] = field(default_factory=list)
    temporary: dict[str, bytes] = field(default_factory=dict)
    metrics: bytes = b""
    rows: bytes = b""
    log: bytes = b""
    outgoing: bytes = b""
    pdf: bytes = b""
    names: bytes = b""
    spans: bytes = b""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Told:
    with collecting() as collector:
        return _told(tmp_path_factory.mktemp("searched"), sample, collector)


def _told(at: Path, sample: Path, collector: Collector) -> Told:
    ehr, found = Ehr(), Told()
    site = Site(at, DESTINATIONS.format(at=at, ehr=ehr.server_port))
    (at / "temp").mkdir()
    site.env |= {"TMPDIR": str(at / "temp"), "TWELVELEAD_PATIENT_SYSTEMS": '{"": "urn:oid:1.2"}'}
    site.env["TWELVELEAD_TRACES_ENDPOINT"] = collector.endpoint
    for name in ("ward", "ehr", "gone"):
        site.command("destinations", "go-live", name)
    done = threading.Event()
    watching = threading.Thread(target=watch, args=(at / "temp", found.temporary, done))
    watching.start()
    with site.start() as client:
        try:
            pass_through(client, site, sample, found)
            (home,) = (at / "ward").iterdir()
            found.pdf = (home / "report.pdf").read_bytes()
            found.metrics = client.get("/metrics").content
            found.rows = dumped(at / "data" / "postgres")
        finally:
            site.stop()
            done.set()
            watching.join()
    found.spans = b"\n".join(collector.bodies)
    found.log, found.outgoing = site.log.read_bytes(), "\n".join(ehr.asked).encode()
    found.names = "\n".join(str(each) for each in at.rglob("*")).encode()
    ehr.shutdown()
    ehr.server_close()
    return found


def pass_through(client: httpx.Client, site: Site, sample: Path, found: Told) -> None:
    """Send the patient's ECG, whole and broken, by every door; wait for its deliveries."""
    whole = planted(sample)
    first = client.post("/v1/ecgs", content=whole)
    assert first.status_code == 201, first.text
    job = first.json()["reports"][0]["job"]
    part = b"--b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--b--\r\n"
    stow = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
    for data in (whole, whole[: len(whole) // 2], whole.replace(b"ISO_IR 100", b"Quokka1234"), NAME.encode()):
        found.answers.append(client.post("/v1/ecgs", content=data).content)
        found.answers.append(client.post("/dicom-web/studies", content=part % data, headers=stow).content)
        found.answers.append(client.post("/fhir", content=data).content)
    observation = {"resourceType": "Observation", "subject": {"display": NAME}, "comment": ID}
    found.answers.append(client.post("/fhir", json=observation).content)
    found.answers.append(client.post("/fhir/DiagnosticReport/_search", data={"patient": ID}).content)
    found.answers.append(client.get("/fhir/Nothing", params={"patient": NAME}).content)
    stored(site.dicom_port, whole)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        states = {each["destination"]: each for each in client.get(f"/v1/jobs/{job}").json()["deliveries"]}
        if states["ward"]["state"] == states["ehr"]["state"] == "delivered" and states["gone"]["error"]:
            found.answers.append(json.dumps(states).encode())
            return
        time.sleep(0.2)
    pytest.fail(f"the report did not arrive: {states}")


def planted(sample: Path) -> bytes:
    dataset = dcmread(sample)
    dataset.PatientName, dataset.PatientID, dataset.PatientComments = NAME, ID, NAME
    dataset.SOPInstanceUID = dataset.StudyInstanceUID = generate_uid()
    return to_bytes(dataset)


def stored(port: int, data: bytes) -> None:
    """C-STORE the ECG, as a caller that another name."""
    entity = AE(ae_title="MODALITY")
    entity.add_requested_context(TwelveLeadECGWaveformStorage)
    association = entity.associate("127.0.0.1", port, ae_title="TWELVELEAD")
    assert association.is_established
    assert association.send_c_store(dcmread(BytesIO(data))).Status == 0
    association.release()


def watch(directory: Path, found: dict[str, bytes], done: threading.Event) -> None:
    """Keep what appears in the directory for temporary files."""
    while not done.wait(0.01):
        for each in directory.rglob("*"):
            try:
                found[str(each)] = each.read_bytes() if each.is_file() else b""
            except OSError:
                continue


def dumped(home: Path) -> bytes:
    """Return every row of every table."""
    tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'twelvelead')"
    database = Database("", home)
    try:
        with database.transaction() as connection:
            names = [name for (name,) in connection.execute(tables)]
            rows = [f"{name} {row}" for name in names for (row,) in connection.execute(f"select t::text from {name} t")]
    finally:
        database.close()
    return "\n".join(rows).encode()


def test_no_answer_names_the_patient(told: Told) -> None:
    assert len(told.answers) > 10
    assert not [each for each in told.answers if PLANTED.search(each)]


def test_no_log_line_names_the_patient(told: Told) -> None:
    assert told.log and not PLANTED.search(told.log)


def test_no_metric_names_the_patient(told: Told) -> None:
    assert b"twelvelead_" in told.metrics and not PLANTED.search(told.metrics)


def test_no_span_names_the_patient(told: Told) -> None:
    assert all(name in told.spans for name in (b"accept", b"interpret", b"render", b"deliver"))
    assert not PLANTED.search(told.spans)


def test_no_row_names_the_patient(told: Told) -> None:
    assert b"twelvelead.job" in told.rows and not PLANTED.search(told.rows)


def test_no_outgoing_address_or_header_names_the_patient(told: Told) -> None:
    assert b"/fhir/Patient/_search" in told.outgoing and not PLANTED.search(told.outgoing)


def test_no_temporary_file_names_the_patient(told: Told) -> None:
    assert not [name for name, data in told.temporary.items() if PLANTED.search(data + name.encode())]


def test_no_file_is_called_after_the_patient(told: Told) -> None:
    assert b"report.pdf" in told.names and not PLANTED.search(told.names)


def test_the_page_names_the_patient_and_the_metadata_do_not(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(told.pdf)
    with pdfplumber.open(file) as pdf:
        assert "Quokka" in (pdf.pages[0].extract_text() or "")
        assert not PLANTED.search(json.dumps(pdf.metadata, default=str).encode())
        assert "Metadata" not in pdf.doc.catalog, "XMP would need a look of its own"
