"""The FHIR face over a real ledger, store and models: what is posted, read and searched for, and every refusal."""

import asyncio
import base64
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx
import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.fhir.bundle import encode
from ecg.errors import PayloadError
from models.router import CardRouter
from service.api import fhir_query
from service.api.app import build_app
from service.database import Database
from service.intake import Intake
from service.jobs import Jobs
from service.search import PREFIXES, Index
from service.settings import Settings
from service.store import Store
from service.worker import Workshop
from tests.golden.dicom_files import Who, square_wave, twelve_lead_dataset
from tests.golden.dicom_files import to_bytes as dicom_bytes
from tests.golden.fhir_files import PATIENT, SYSTEM, bundle, observation, sampled, single, to_bytes
from tests.golden.reports import report as golden_report

Json = dict[str, Any]
FHIR = "application/fhir+json"
EXAMPLES = [each / "shared" / "samples" / "fhir" / "observation_ekg.json" for each in Path(__file__).parents]


@dataclass(frozen=True)
class Server:
    """The application in this process, with a worker beside it."""

    app: Any
    intake: Intake

    def ask(self, method: str, path: str, body: Json | bytes | None = None, **headers: str) -> httpx.Response:
        named = {"Content-Type": FHIR} | {name.replace("_", "-"): value for name, value in headers.items()}
        data = to_bytes(body) if isinstance(body, dict) else body
        named = named if data is not None else {k: v for k, v in named.items() if k != "Content-Type"}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=100) as client:
                return await client.request(method, path, content=data, headers=named)

        return asyncio.run(asked())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Json | bytes, **headers: str) -> httpx.Response:
        return self.ask("POST", path, body, **headers)

    def found(self, query: str, kind: str = "DiagnosticReport") -> list[str]:
        answer = self.get(f"/fhir/{kind}?{query}")
        assert answer.status_code == 200, answer.text
        get_fhir_model_class("Bundle").model_validate_json(answer.content)
        return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, router: CardRouter) -> Iterator[Server]:
    at = tmp_path_factory.mktemp("fhir")
    settings = Settings(
        data=at / "data", max_payload_mb=2, patient_systems={"HOSPITAL": SYSTEM}, site_zone="Europe/Rome"
    )
    database = Database("", at / "postgres")
    intake = Intake(Store(at / "data"), Jobs(database), settings)
    workshop, ended = Workshop(router, intake.store, intake.jobs, settings), threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            for job in intake.jobs.listed("waiting"):
                with suppress(PayloadError):  # it is recorded, and the next job waits
                    workshop.interpret(job.id, last=True)

    worker = threading.Thread(target=work)
    worker.start()
    yield Server(build_app(intake), intake)
    ended.set()
    worker.join()
    database.close()


def ecg_of(patient: str, **changes: Any) -> Json:
    """Return an ECG of a patient, small, at a time of its own."""
    subject = {"identifier": {"system": SYSTEM, "value": patient}}
    return observation(contained=None, subject=subject, **changes)


def last_id(answer: httpx.Response) -> str:
    return answer.headers["Location"].rpartition("/")[2]


@pytest.fixture(scope="module")
def mary(server: Server) -> list[str]:
    """Return the reports on three ECGs of one patient, of three days; the ids in the order of their issue."""
    days = ("2024-05-01T10:00:00Z", "2024-05-02T10:00:00Z", "2024-06-01T23:30:00+02:00")
    answers = [server.post("/fhir", ecg_of("Mary-1", effectiveDateTime=day)) for day in days]
    assert [each.status_code for each in answers] == [201] * 3
    return [last_id(each) for each in answers]


@pytest.fixture(scope="module")
def paul(server: Server) -> str:
    """Return the report on an ECG that came as DICOM, of a patient whose issuer the site has a system for."""
    ecg = dicom_bytes(twelve_lead_dataset(square_wave(), who=Who(id="Paul,1", acquired="20240501120000")))
    answer = server.post("/v1/ecgs", ecg, Content_Type="application/dicom")
    report: str = answer.json()["reports"][0]["id"]
    return report


def outcome(answer: httpx.Response) -> Json:
    """Return the one issue of an OperationOutcome that is as R4 has it."""
    assert answer.headers["Content-Type"] == FHIR
    get_fhir_model_class("OperationOutcome").model_validate_json(answer.content)
    (issue,) = answer.json()["issue"]
    return dict(issue)


@pytest.mark.parametrize("path", ["/fhir", "/fhir/Observation"])
def test_an_observation_is_answered_with_its_diagnostic_report(server: Server, path: str) -> None:
    sent = ecg_of(f"posted to {path}")
    answer = server.post(path, sent)
    report = answer.json()
    assert (answer.status_code, report["resourceType"], report["status"]) == (201, "DiagnosticReport", "preliminary")
    assert answer.headers["Location"] == f"http://localhost/fhir/DiagnosticReport/{report['id']}"
    assert answer.headers["ETag"] == 'W/"1"' and report["subject"]["identifier"]["value"] == f"posted to {path}"
    again = server.post(path, sent)
    assert again.status_code == 200 and again.json() == report


def test_a_collection_is_answered_with_the_reports_in_its_order(server: Server) -> None:
    two = [ecg_of("one of two", id="a"), ecg_of("other of two", id="b")]
    answer = server.post("/fhir", bundle(*two))
    get_fhir_model_class("Bundle").model_validate_json(answer.content)
    reports = [entry["resource"] for entry in answer.json()["entry"]]
    assert (answer.status_code, answer.json()["type"]) == (201, "collection")
    assert [each["subject"]["identifier"]["value"] for each in reports] == ["one of two", "other of two"]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_transaction_is_answered_entry_by_entry(server: Server, kind: str) -> None:
    who = PATIENT | {"identifier": [{"system": SYSTEM, "value": kind}]}
    leads = [single(lead) for lead in ("I", "II", "V1")]
    answer = server.post("/fhir", bundle(leads[0], who, *leads[1:], kind=kind))
    get_fhir_model_class("Bundle").model_validate_json(answer.content)
    told = answer.json()
    assert (answer.status_code, told["type"]) == (200, f"{kind}-response")
    responses = [entry["response"] for entry in told["entry"]]
    assert [each["status"] for each in responses] == ["201 Created", "200 OK", "201 Created", "201 Created"]
    assert len({each["location"] for each in responses if "location" in each}) == 1
    assert [("resource" in entry) for entry in told["entry"]] == [True, False, False, False]
    repeated = server.post("/fhir", bundle(leads[0], who, *leads[1:], kind=kind), Prefer="return=minimal").json()
    assert {entry["response"]["status"] for entry in repeated["entry"]} == {"200 OK"}
    assert not any("resource" in entry for entry in repeated["entry"])


@pytest.mark.parametrize(
    "preference, body", [("return=minimal", None), ("return=OperationOutcome", "OperationOutcome"),
                         ("return=representation", "DiagnosticReport")]
)  # fmt: skip
def test_the_client_says_what_it_wants_to_see(server: Server, preference: str, body: str | None) -> None:
    answer = server.post("/fhir/Observation", ecg_of("what to see"), Prefer=preference)
    assert answer.status_code in (200, 201) and answer.headers["Location"]
    assert (json.loads(answer.content)["resourceType"] if answer.content else None) == body


def test_a_client_that_will_not_wait_is_told_where_to_ask(server: Server) -> None:
    answer = server.post("/fhir", ecg_of("for later"), Prefer="respond-async")
    assert answer.status_code == 202 and outcome(answer)["severity"] == "information"
    job = server.get(answer.headers["Content-Location"])
    assert job.status_code == 200 and job.json()["state"] in ("waiting", "done")


def test_a_report_of_ours_is_dropped_at_every_door(server: Server) -> None:
    ours = encode(golden_report())
    before = len(server.intake.jobs.listed())
    answer = server.post("/fhir", ours)
    entries = answer.json()["entry"]
    assert answer.status_code == 200 and len(entries) == len(json.loads(ours)["entry"])
    assert {entry["response"]["status"] for entry in entries} == {"200 OK"}
    kept = bundle(*(entry["resource"] for entry in json.loads(ours)["entry"]))
    assert outcome(server.post("/fhir", kept))["details"]["text"] == "own-output"
    assert server.post("/v1/ecgs", ours).json()["reports"] == []
    assert len(server.intake.jobs.listed()) == before


def test_a_document_of_ours_that_comes_back_is_dropped(server: Server, mary: list[str]) -> None:
    before = len(server.intake.jobs.listed())
    pdf = server.get(f"/fhir/Binary/{mary[0]}").content
    resource = server.get(f"/fhir/Binary/{mary[0]}", Accept=FHIR).content
    report = server.get(f"/fhir/DiagnosticReport/{mary[0]}").content
    for path, sent, kind in [
        ("/fhir/Binary", pdf, "application/pdf"), ("/fhir/Binary", resource, FHIR), ("/fhir", report, FHIR),
        ("/fhir/DocumentReference", to_bytes(document(pdf, kind="application/pdf")), FHIR),
    ]:  # fmt: skip
        answer = server.post(path, sent, Content_Type=kind)
        assert answer.status_code == 200 and outcome(answer)["details"]["text"] == "own-output"
    assert server.post("/v1/ecgs", pdf, Content_Type="application/pdf").json()["reports"] == []
    assert len(server.intake.jobs.listed()) == before


def dicom(patient: str) -> bytes:
    return dicom_bytes(twelve_lead_dataset(square_wave(), who=Who(id=patient, acquired="20240501120000")))


def document(content: bytes | None, kind: str = "application/dicom", **changes: Any) -> Json:
    held = {"data": base64.b64encode(content).decode()} if content else {"url": "http://ehr.example/ecg"}
    form = {"attachment": {"contentType": kind, **held}}
    return {"resourceType": "DocumentReference", "status": "current", "content": [form]} | changes


def attached(content: bytes) -> Json:
    form: Json = document(content)["content"][0]["attachment"]
    return form


def media(content: bytes) -> Json:
    return {"resourceType": "Media", "status": "completed", "content": attached(content)}


def binary(content: bytes) -> Json:
    return {"resourceType": "Binary", **attached(content)}


@pytest.mark.parametrize("path", ["/fhir/DocumentReference", "/fhir/Media", "/fhir/Binary", "/fhir"])
def test_a_document_is_answered_with_the_diagnostic_report_on_what_is_attached(server: Server, path: str) -> None:
    made = {"/fhir/Media": media, "/fhir/Binary": binary}.get(path, document)(dicom(f"in {path}"))
    answer = server.post(path, made)
    report = answer.json()
    assert (answer.status_code, report["resourceType"]) == (201, "DiagnosticReport"), answer.text
    assert report["subject"]["identifier"]["value"] == f"in {path}"
    again = server.post("/v1/ecgs", dicom(f"in {path}"), Content_Type="application/dicom")
    assert again.json()["reports"][0]["id"] == report["id"], "the same ECG by itself is known"


def test_whose_ecg_it_is_may_be_known_by_the_document_alone(server: Server) -> None:
    dataset = twelve_lead_dataset(square_wave(), who=Who(id="", name="", acquired="20240501120000"))
    del dataset.IssuerOfPatientID
    subject = {"identifier": {"system": SYSTEM, "value": "by the document"}}
    answer = server.post("/fhir/DocumentReference", document(dicom_bytes(dataset), subject=subject))
    assert answer.status_code == 201, answer.text
    assert answer.json()["subject"]["identifier"] == {"system": SYSTEM, "value": "by the document"}, "the worker, too"


def test_a_binary_is_taken_as_it_is_under_its_own_type(server: Server) -> None:
    answer = server.post("/fhir/Binary", dicom("bare"), Content_Type="application/dicom")
    assert (answer.status_code, answer.json()["resourceType"]) == (201, "DiagnosticReport")
    assert answer.json()["subject"]["identifier"]["value"] == "bare"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_each_entry_is_answered_by_what_it_held(server: Server, kind: str) -> None:
    pair = io.BytesIO()
    with zipfile.ZipFile(pair, "w") as archive:
        for name in ("a", "b"):
            archive.writestr(name, dicom(f"{name} of {kind}"))
    ours = binary(encode(golden_report())) | {"contentType": FHIR}
    held = [PATIENT, document(pair.getvalue(), "application/zip"), ours, media(dicom(kind))]
    answer = server.post("/fhir", bundle(*held, kind=kind))
    get_fhir_model_class("Bundle").model_validate_json(answer.content)
    responses = [entry["response"] for entry in answer.json()["entry"]]
    assert [each["status"] for each in responses] == ["200 OK", "201 Created", "200 OK", "201 Created"], answer.text
    assert "location" not in responses[0] and "location" not in responses[2], "the patient, and a report of ours"
    shown = [entry.get("resource", {}).get("subject", {}).get("identifier", {}) for entry in answer.json()["entry"]]
    assert [each.get("value") for each in shown] == [None, f"a of {kind}", None, kind]
    (several,) = responses[1]["outcome"]["issue"]
    assert several["details"]["text"] == "several" and responses[1]["location"] in several["diagnostics"]
    assert several["diagnostics"].count("DiagnosticReport/") == 2


@pytest.mark.parametrize("number", ["4.0", "4.3", "5.0"])
def test_an_observation_of_each_version_is_answered_in_r4(server: Server, number: str) -> None:
    made = ecg_of(f"in {number}")
    for each in made["component"] if number == "5.0" else ():
        each["valueSampledData"] |= {"interval": each["valueSampledData"].pop("period"), "intervalUnit": "ms"}
    answer = server.post("/fhir/Observation", made, Content_Type=f"{FHIR}; fhirVersion={number}")
    assert answer.status_code == 201, answer.text
    assert answer.headers["Content-Type"] == f"{FHIR}; fhirVersion=4.0"
    get_fhir_model_class("DiagnosticReport").model_validate_json(answer.content)


@pytest.mark.parametrize("path", ["/v1/ecgs", "/fhir", "/fhir/Observation"])
def test_the_official_example_is_read_once_its_unit_is_declared(server: Server, path: str) -> None:
    example = next((each for each in EXAMPLES if each.is_file()), None)
    if example is None:
        pytest.skip("shared/samples/fhir is not here")
    asked = server.post(path, example.read_bytes())
    assert asked.status_code == 422 and "unit" in asked.text
    answer = server.post(f"{path}?unit=uV", example.read_bytes())
    assert answer.status_code in (200, 201), answer.text
    report = answer.json()["reports"][0] if path == "/v1/ecgs" else answer.json()
    told = server.get(f"/fhir/DiagnosticReport/{report['id']}").text
    assert "leads-missing" in told, "three leads: no model reads them"


def test_what_is_declared_in_the_url_reaches_the_reader(server: Server) -> None:
    bare = observation(component=None) | {"valueSampledData": sampled(origin={"value": 0})}
    assert "unit" in outcome(server.post("/fhir", bare))["diagnostics"]
    for path in ("/fhir?unit=uV&leads=I", "/fhir/Observation?unit=uV&fs=1000&leads=I"):
        answer = server.post(path, bare, Prefer="respond-async")
        assert answer.status_code in (200, 201, 202), answer.text
    assert server.post("/fhir?unit=uV&leads=I&fs=500", bare).status_code == 422
    other = server.post("/v1/ecgs?unit=uV&leads=I", bare, Prefer="respond-async")
    assert other.status_code in (200, 201, 202)


@pytest.mark.parametrize("query", ["fs=many", "fs=-1", "fs=nan", "fs=", "unit=uV&unit=mV"])
def test_what_cannot_be_declared_is_a_problem(server: Server, query: str) -> None:
    answer = server.post(f"/v1/ecgs?{query}", ecg_of("x"))
    assert answer.status_code == 400 and answer.json()["code"] == "invalid-query"


REFUSALS: dict[str, tuple[str, str, Json | bytes | None, dict[str, str], int]] = {
    "no ECG": ("POST", "/fhir", bundle(PATIENT), {}, 415),
    "another resource": ("POST", "/fhir", PATIENT, {}, 422),
    "a Bundle for an Observation": ("POST", "/fhir/Observation", bundle(observation()), {}, 422),
    "no JSON": ("POST", "/fhir", b"<Observation/>", {}, 422),
    "XML": ("POST", "/fhir", b"<Observation/>", {"Content_Type": "application/fhir+xml"}, 415),
    "R4 said to be R5": ("POST", "/fhir", observation(), {"Content_Type": f"{FHIR}; fhirVersion=5.0"}, 422),
    "R3 by its type": ("POST", "/fhir", observation(), {"Content_Type": f"{FHIR}; fhirVersion=3.0"}, 415),
    "a URL alone": ("POST", "/fhir/DocumentReference", document(None), {}, 422),
    "a Media for a document": ("POST", "/fhir/DocumentReference", {"resourceType": "Media"}, {}, 422),
    "a page": ("POST", "/fhir/Binary", b"%PDF-1.7", {"Content_Type": "application/pdf"}, 422),
    "a Binary in XML": ("POST", "/fhir/Binary", b"<Binary/>", {"Content_Type": "application/fhir+xml"}, 415),
    "a Binary of no type": ("POST", "/fhir/Binary", b"DICM", {"Content_Type": ""}, 415),
    "an empty Binary": ("POST", "/fhir/Binary", b"", {"Content_Type": "application/dicom"}, 415),
    "nothing": ("POST", "/fhir", b"", {}, 415),
    "too large": ("POST", "/fhir", b'{"resourceType":"Bundle"' + b" " * 2_000_000 + b"}", {}, 413),
    "an unknown element": ("POST", "/fhir", observation(zebediah=1), {}, 422),
    "XML wanted": ("GET", "/fhir/metadata", None, {"Accept": "application/fhir+xml"}, 406),
    "XML wanted by name": ("GET", "/fhir/DiagnosticReport?_format=xml", None, {}, 406),
    "R5 wanted": ("GET", "/fhir/metadata", None, {"Accept": f"{FHIR};fhirVersion=5.0"}, 406),
    "an unknown type": ("GET", "/fhir/Patient/1", None, {}, 404),
    "an unknown report": ("GET", f"/fhir/DiagnosticReport/{uuid4()}", None, {}, 404),
    "an unknown document": ("GET", f"/fhir/Binary/{uuid4()}", None, {}, 404),
    "no id": ("GET", "/fhir/Binary/report.pdf", None, {}, 404),
    "an update": ("PUT", f"/fhir/DiagnosticReport/{uuid4()}", {}, {}, 405),
    "an erasure": ("DELETE", f"/fhir/Observation/{uuid4()}", None, {}, 405),
    "a create": ("POST", "/fhir/DiagnosticReport", {}, {}, 405),
    "the base": ("GET", "/fhir", None, {}, 405),
    "an unknown parameter": ("GET", "/fhir/Observation?value-string=x", None, {}, 400),
    "an unknown modifier": ("GET", "/fhir/Observation?date:missing=true", None, {"Prefer": "handling=lenient"}, 400),
    "a patient by name": ("GET", "/fhir/Observation?patient.name=x", None, {"Prefer": "handling=lenient"}, 400),
    "a patient by reference": ("GET", "/fhir/Observation?patient=Patient/1", None, {}, 400),
    "no token": ("GET", "/fhir/Observation?identifier=|", None, {}, 400),
    "no date": ("GET", "/fhir/Observation?date=yesterday", None, {}, 400),
    "no such date": ("GET", "/fhir/Observation?date=2024-02-30", None, {}, 400),
    "the end of the calendar": ("GET", "/fhir/Observation?date=9999-12-31", None, {}, 400),
    "no such prefix": ("GET", "/fhir/Observation?date=ap2024", None, {}, 400),
    "no count": ("GET", "/fhir/Observation?_count=-1", None, {}, 400),
    "no page": ("GET", "/fhir/Observation?_page=AAAA", None, {}, 400),
    "a form as JSON": ("POST", "/fhir/Observation/_search", {}, {}, 415),
    "a form that is too large": ("POST", "/fhir/Observation/_search", b"a" * 200_000, {}, 413),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_every_refusal_is_an_operation_outcome(server: Server, case: str) -> None:
    method, path, body, headers, status = REFUSALS[case]
    answer = server.ask(method, path, body, **headers)
    assert answer.status_code == status, answer.text
    assert outcome(answer)["severity"] == "error"
    assert status != 405 or answer.headers["Allow"]


def test_a_resource_tells_its_version_and_is_not_sent_twice(server: Server, mary: list[str]) -> None:
    path = f"/fhir/DiagnosticReport/{mary[0]}"
    first = server.get(path)
    meta = first.json()["meta"]
    assert first.headers["ETag"] == f'W/"{meta["versionId"]}"' and meta["security"]
    at = datetime.strptime(first.headers["Last-Modified"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta() <= datetime.fromisoformat(meta["lastUpdated"]) - at < timedelta(seconds=1)
    same = server.get(path, If_None_Match=f'W/"0", {first.headers["ETag"]}')
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert server.get(path, If_None_Match='W/"2"').status_code == 200


def test_the_pdf_is_a_binary_as_it_is_or_as_a_resource(server: Server, mary: list[str]) -> None:
    path = f"/fhir/Binary/{mary[0]}"
    raw, asked = server.get(path), server.get(path, Accept="application/pdf")
    assert raw.content == asked.content and raw.content.startswith(b"%PDF-")
    assert raw.headers["X-Security-Context"] == f"DiagnosticReport/{mary[0]}"
    for resource in (server.get(path, Accept=FHIR), server.get(f"{path}?_format=json")):
        get_fhir_model_class("Binary").model_validate_json(resource.content)
        assert base64.b64decode(resource.json()["data"]) == raw.content
    (form,) = server.get(f"/fhir/DiagnosticReport/{mary[0]}").json()["presentedForm"]
    assert base64.b64decode(form["data"]) == raw.content
    assert server.get(path, Accept="text/html").status_code == 406
    assert server.get(path, If_None_Match="*").status_code == 304


@pytest.mark.parametrize("name", sorted(fhir_query.PATIENT_FORMS))
def test_a_patients_reports_are_found_by_identifier_and_nobody_elses(
    server: Server, mary: list[str], paul: str, name: str
) -> None:
    assert server.found(f"{name}={SYSTEM}|Mary-1") == mary[::-1]
    assert server.found(f"{name}={SYSTEM}|Paul\\,1") == [paul]
    assert server.found(f"{name}={SYSTEM}|mary-1") == []
    assert server.found(f"{name}=urn:oid:9|Mary-1") == [] == server.found(f"{name}=|Mary-1")
    assert server.found(f"{name}={SYSTEM}|Nobody,{SYSTEM}|Paul\\,1,Mary-1") == [paul, *mary[::-1]]
    assert server.found(f"{name}=Mary-1&{name}=Paul\\,1") == []
    assert set(server.found(f"{name}={SYSTEM}|&_count=100")) > {paul, *mary}


def test_observations_are_found_as_reports_are(server: Server, mary: list[str]) -> None:
    query = f"patient:identifier={SYSTEM}|Mary-1&date=2024-05-01"
    (report,) = server.found(query)
    results = server.get(f"/fhir/DiagnosticReport/{report}").json()["result"]
    members = [one for each in results for one in server.get(f"/fhir/{each['reference']}").json().get("hasMember", [])]
    referred = {each["reference"].split("/")[1] for each in (*results, *members)}
    assert members and set(server.found(f"{query}&_count=200", "Observation")) == referred


def test_a_form_keeps_the_identifier_out_of_the_url(server: Server, mary: list[str]) -> None:
    form = f"patient%3Aidentifier={SYSTEM}%7CMary-1".encode()
    answer = server.post("/fhir/DiagnosticReport/_search", form, Content_Type="application/x-www-form-urlencoded")
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == mary[::-1]
    both = server.post(
        "/fhir/DiagnosticReport/_search?date=lt2024-05-02", form, Content_Type="application/x-www-form-urlencoded"
    )
    assert [entry["resource"]["id"] for entry in both.json()["entry"]] == mary[:1]


def test_a_report_is_found_by_its_own_identifier(server: Server, mary: list[str]) -> None:
    for token in (f"urn:ietf:rfc:3986|urn:uuid:{mary[1]}", f"urn:uuid:{mary[1]}"):
        assert server.found(f"identifier={token}") == [mary[1]]


# Mary's ECGs: 1 May 10:00 UTC, 2 May 10:00 UTC, 1 June 21:30 UTC.
@pytest.mark.parametrize(
    "query, expected",
    [
        ("2024", "012"), ("2024-05", "01"), ("2024-05-01", "0"), ("eq2024-05-01T10:00:00Z", "0"),
        ("2024-05-01T12:00%2B02:00", "0"), ("2024-05-01T10:00:01Z", ""), ("ne2024-05-01", "12"),
        ("gt2024-05-01", "12"), ("ge2024-05-01", "012"), ("lt2024-05-02", "0"), ("le2024-05-02", "01"),
        ("gt2024-05-02T10:00:00Z", "2"), ("ge2024-05-02T10:00:00Z", "12"), ("sa2024-05", "2"), ("eb2024-06", "01"),
        ("ge2024-05-02&date=lt2024-06", "1"), ("2024-05-01,2024-06-01", "02"), ("2024-12", ""),
        ("2024-05-01T12:00:00", "0"),  # without a zone: the site's
    ],
)  # fmt: skip
def test_reports_are_found_by_the_date_of_the_ecg(server: Server, mary: list[str], query: str, expected: str) -> None:
    found = server.found(f"patient:identifier=Mary-1&date={query}")
    assert sorted(mary.index(each) for each in found) == [int(each) for each in expected]


def test_a_day_without_a_time_is_that_day_and_no_date_is_none(server: Server) -> None:
    day = server.post("/fhir", ecg_of("by day", effectiveDateTime="2024-05-01"))
    assert server.found("patient:identifier=by day") == [last_id(day)]
    assert server.found("patient:identifier=by day&date=2024-05-01") == [], "the source gives no time to be told"
    assert server.found("patient:identifier=by day&date=ne2024-05-01") == []


def test_reports_are_found_by_when_they_were_last_changed(server: Server, mary: list[str]) -> None:
    times = [server.get(f"/fhir/DiagnosticReport/{each}").json()["meta"]["lastUpdated"] for each in mary]
    asked = [each.replace("+", "%2B") for each in times]
    mine = "patient:identifier=Mary-1&_lastUpdated="
    assert server.found(f"{mine}{asked[1]}") == [mary[1]]
    assert server.found(f"{mine}gt{asked[1]}") == [mary[2]] and server.found(f"{mine}lt{asked[1]}") == [mary[0]]
    assert server.found(f"{mine}ge{asked[1]}") == [mary[2], mary[1]]


def test_pages_give_everything_once_and_their_links_name_nobody(server: Server, mary: list[str]) -> None:
    query: str | None = f"patient:identifier={SYSTEM}|Mary-1&date=ge2024&_count=1"
    found = []
    while query:
        answer = server.get(f"/fhir/DiagnosticReport?{query}").json()
        assert answer["total"] == 3
        found += [entry["resource"]["id"] for entry in answer["entry"]]
        links = {each["relation"]: each["url"] for each in answer["link"]}
        said = " ".join(links.values())
        assert "Mary" not in said and SYSTEM not in said
        for token in (
            value for url in links.values() for name, value in parse_qsl(urlsplit(url).query) if name == "_page"
        ):
            opened = base64.urlsafe_b64decode(token)
            assert b"Mary" not in opened and SYSTEM.encode() not in opened
        query = urlsplit(links["next"]).query if "next" in links else None
    assert found == mary[::-1]


def test_a_page_cannot_be_made_up_or_taken_elsewhere(server: Server, mary: list[str]) -> None:
    links = server.get("/fhir/DiagnosticReport?patient:identifier=Mary-1&_count=1").json()["link"]
    page = urlsplit(next(each["url"] for each in links if each["relation"] == "next")).query
    assert server.get(f"/fhir/Observation?{page}").status_code == 400
    spoilt = page[:-8] + ("A" if page[-8] != "A" else "B") + page[-7:]
    assert server.get(f"/fhir/DiagnosticReport?{spoilt}").status_code == 400
    assert server.get(f"/fhir/DiagnosticReport?{page}&date=2024").status_code == 400


def test_the_self_link_says_what_was_used_and_hides_identifiers(server: Server, mary: list[str]) -> None:
    asked = "/fhir/DiagnosticReport?patient:identifier=Mary-1&date=ge2024-05-02&color=red"
    assert server.get(asked).status_code == 400
    answer = server.get(asked, Prefer="handling=lenient").json()
    assert [entry["resource"]["id"] for entry in answer["entry"]] == mary[:0:-1]
    shown = dict(parse_qsl(urlsplit(answer["link"][0]["url"]).query))
    assert shown == {"patient:identifier": "hidden", "date": "ge2024-05-02"}


def test_a_count_of_none_tells_the_total_alone(server: Server, mary: list[str]) -> None:
    answer = server.get("/fhir/DiagnosticReport?patient:identifier=Mary-1&_count=0").json()
    assert answer["total"] == 3 and "entry" not in answer and len(answer["link"]) == 1


def test_no_row_holds_an_identifier(server: Server, mary: list[str], paul: str) -> None:
    with server.intake.jobs.database.transaction() as connection:
        rows = connection.execute("select row_to_json(r)::text from twelvelead.resource r").fetchall()
    text = " ".join(row for (row,) in rows)
    assert len(rows) > 20
    for word in ("Mary-1", "Paul", SYSTEM):
        assert word not in text and word.encode().hex() not in text


def test_the_key_of_the_digests_is_the_sites_own(server: Server, tmp_path: Path) -> None:
    here, again = (Index(server.intake.jobs.database, UTC) for _ in range(2))
    other = Database("", tmp_path / "postgres")
    assert here.token(SYSTEM, "1") == again.token(SYSTEM, "1") != Index(other, UTC).token(SYSTEM, "1")
    other.close()


def test_the_capability_statement_is_what_is_routed(server: Server) -> None:
    answer = server.get("/fhir/metadata")
    get_fhir_model_class("CapabilityStatement").model_validate_json(answer.content)
    (rest,) = answer.json()["rest"]
    told = {each["type"]: {one["code"] for one in each["interaction"]} for each in rest["resource"]}
    assert told == {
        "DiagnosticReport": {"read", "search-type"},
        "Observation": {"read", "search-type", "create"},
        "DocumentReference": {"create"},
        **{kind: {"read", "create"} for kind in ("Media", "Binary")},
        **{kind: {"read"} for kind in ("Device", "Provenance")},
    }
    assert {each["code"] for each in rest["interaction"]} == {"transaction", "batch"}
    searched = [each for each in rest["resource"] if "searchParam" in each]
    assert [{one["name"] for one in each["searchParam"]} for each in searched] == [
        {"patient", "subject", "identifier", "date", "_lastUpdated"}
    ] * 2
    assert all(prefix in searched[0]["searchParam"][3]["documentation"].split() for prefix in list(PREFIXES)[:-1])
