"""A PACS and an EHR of a few lines that keep what they get on disk, once, and count what they get again."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from pynetdicom import AE, evt
from pynetdicom.events import Event

from adapters.dicom.outgoing import PARTS

PATIENT = re.compile(rb"patient-(\d+)")
SYSTEM = "urn:oid:1.2.3"
REPORTS = ("pdf", "DiagnosticReport")  # the objects by which reports are counted; others come with them


@dataclass
class Shelf:
    """What a peer holds: objects by the number of their ECG and their own key.

    Attributes:
        round: which round of the matrix it is.
        repeats: of each report that came again, the round in which it had come before.
        changed: objects that came again with another content.
        stored: called when an object is stored, before it is answered.
    """

    at: Path
    round: int = 0
    held: dict[int, dict[str, tuple[str, int]]] = field(default_factory=dict)
    repeats: list[int] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    stored: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, number: int, objects: dict[str, bytes]) -> None:
        """Keep objects, all of them at once."""
        with self.lock:
            mine = self.held.setdefault(number, {})
            for key, data in objects.items():
                digest = hashlib.sha256(data).hexdigest()
                if key in mine:
                    self.repeats += [mine[key][1]] if key.startswith(REPORTS) else []
                    self.changed += [key] if mine[key][0] != digest else []
                    mine[key] = (digest, self.round)
                    continue
                with (self.at / key).open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                mine[key] = (digest, self.round)
            self.stored()

    def reports(self, number: int, kind: str) -> int:
        """Return how many objects of a kind it holds of an ECG."""
        return sum(key.startswith(kind) for key in self.held.get(number, {}))


@contextmanager
def pacs(shelf: Shelf) -> Iterator[int]:
    """Run a PACS: it stores what it gets, and answers Success to a repeat as well. Give its port."""
    entity = AE("PACS")
    for each in PARTS.values():
        entity.add_supported_context(each)

    def store(event: Event) -> int:
        found = PATIENT.fullmatch(str(event.dataset.PatientID).encode())
        kind = {uid: part for part, uid in PARTS.items()}[str(event.request.AffectedSOPClassUID)]  # type: ignore[union-attr]
        data = event.request.DataSet.getvalue()  # type: ignore[union-attr]
        shelf.put(int(found[1]), {f"{kind}-{event.dataset.SOPInstanceUID}": data})  # type: ignore[index]
        return 0x0000

    server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def ehr(shelf: Shelf) -> Iterator[int]:
    """Run a FHIR server: it finds every patient, creates what no `ifNoneExist` finds, and is no more. Give its port."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = found(body) if self.path.endswith("/_search") else taken(shelf, json.loads(body))
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle(self) -> None:
            with suppress(ConnectionError):  # whom it answers was killed
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def found(form: bytes) -> dict[str, Any]:
    """Answer a search for a patient by identifier."""
    system, _, value = parse_qs(form.decode())["identifier"][0].partition("|")
    patient = {"resourceType": "Patient", "id": value, "identifier": [{"system": system, "value": value}]}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient}]}


def taken(shelf: Shelf, bundle: dict[str, Any]) -> dict[str, Any]:
    """Answer a transaction of conditional creates."""
    objects, answers = {}, []
    subject = next(each["resource"]["subject"] for each in bundle["entry"] if "subject" in each["resource"])
    for each in bundle["entry"]:
        kind, criterion = each["request"]["url"], each["request"]["ifNoneExist"]
        own = hashlib.sha256(criterion.encode()).hexdigest()[:32]
        objects[f"{kind}-{own}"] = json.dumps(each["resource"], sort_keys=True).encode()
        answers.append({"response": {"status": "201 Created", "location": f"{kind}/{own}/_history/1"}})
    match = PATIENT.search(subject["reference"].encode())
    shelf.put(int(match[1]), objects)  # type: ignore[index]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}
