"""`twelvelead serve` as a process of its own, asked over HTTP."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pydicom
import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.golden import fhir_files
from tests.golden.dicom_files import IMPLICIT, Who, square_wave, to_bytes, twelve_lead_dataset

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
PLANTED = re.compile(rb"Zebediah|Quokka|PLANTED|4711", re.IGNORECASE)
PROBLEM, FHIR = "application/problem+json", "application/fhir+json"
NOBODYS = UUID("00000000-0000-4000-8000-000000000000")  # no report has it; the same in every process of the tests


@dataclass(frozen=True)
class Server:
    """A running server: a client for it, its data directory, and the file that takes what it says."""

    client: httpx.Client
    data: Path
    log: Path

    def post(self, ecg: bytes) -> httpx.Response:
        return self.client.post("/v1/ecgs", content=ecg, headers={"Content-Type": "application/dicom"})


@contextmanager
def serving(data: Path, log: Path) -> Iterator[Server]:
    settings = {"TWELVELEAD_DATA": str(data), "TWELVELEAD_MAX_PAYLOAD_MB": "1"}
    with log.open("ab") as written:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", "--dicom-port", "0"],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=written,
        )
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            address = re.search(rb"http://127\.0\.0\.1:[1-9]\d*/", first)
            assert address, (first, log.read_text())
            with httpx.Client(base_url=address.group().decode(), timeout=60) as client:
                yield Server(client, data, log)
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stdout.read()
            process.stdout.close()
            process.wait(30)
            written.write(first + rest)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    at = tmp_path_factory.mktemp("server")
    with serving(at / "data", at / "log") as running:
        yield running


@pytest.fixture(scope="module")
def posted(server: Server, sample: Path) -> httpx.Response:
    return server.post(sample.read_bytes())


@pytest.fixture(scope="module")
def report(posted: httpx.Response) -> dict[str, Any]:
    (one,) = posted.json()["reports"]
    return one


def planted() -> bytes:
    """Return an ECG whose patient's name and id appear in places that tempt a parser to quote them."""
    ds = twelve_lead_dataset(square_wave(), who=Who(name="Zebediah^Quokka", id="PLANTED-4711", acquired=None))
    ds.PatientComments = ds.InstitutionName = "Zebediah Quokka"
    return to_bytes(ds)


def test_an_ecg_is_answered_with_the_place_of_its_report(posted: httpx.Response, report: dict[str, Any]) -> None:
    assert posted.status_code == 201
    assert posted.headers["Location"] == report["links"]["report"] == f"/v1/reports/{UUID(report['id'])}"
    assert report["known"] is False


@pytest.mark.parametrize(
    "link, media_type",
    [("report", "application/json"), ("pdf", "application/pdf"), ("bundle", "application/json"), ("fhir", FHIR)],
)
def test_every_link_answers(server: Server, report: dict[str, Any], link: str, media_type: str) -> None:
    answer = server.client.get(report["links"][link])
    assert answer.status_code == 200 and answer.headers["Content-Type"] == media_type
    assert answer.content.startswith(b"%PDF-" if link == "pdf" else b"{")


def test_a_known_ecg_gets_its_first_report_whatever_syntax_it_comes_in(
    server: Server, sample: Path, report: dict[str, Any]
) -> None:
    pdf = server.client.get(report["links"]["pdf"]).content
    for copy in (sample.read_bytes(), to_bytes(pydicom.dcmread(sample), IMPLICIT)):
        answer = server.post(copy)
        assert answer.status_code == 200 and answer.json()["reports"] == [report | {"known": True}]
    assert server.client.get(report["links"]["pdf"]).content == pdf


@pytest.mark.parametrize(
    "body, status, code",
    [
        (bytes(range(256)), 415, "unknown-format"),
        (b"", 415, "unknown-format"),
        (planted()[:30_000], 422, "malformed-payload"),
        (bytes(1_000_001), 413, "too-large"),
    ],
    ids=["random", "empty", "truncated", "too large"],
)
def test_what_is_not_taken_is_a_problem_with_a_code(server: Server, body: bytes, status: int, code: str) -> None:
    answer = server.post(body)
    said = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert (said["status"], said["code"]) == (status, code) and said["detail"]
    assert not PLANTED.search(answer.content)


def test_a_missing_unit_is_named_as_what_to_declare(server: Server) -> None:
    ds = twelve_lead_dataset(square_wave())
    for definition in ds.WaveformSequence[0].ChannelDefinitionSequence:
        del definition.ChannelSensitivityUnitsSequence
    answer = server.post(to_bytes(ds))
    assert answer.status_code == 422 and answer.json()["code"] == "ambiguous-payload"
    assert answer.json()["declare"] == ["unit"]


@pytest.mark.parametrize("path", [f"/v1/reports/{NOBODYS}", "/v1/reports/none", "/v1/nothing", "/"])
def test_what_is_not_there_is_a_problem(server: Server, path: str) -> None:
    answer = server.client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


@pytest.mark.parametrize("name", ["..%2f..%2fidentities", "..%2freport.pdf", "%2e%2e", "none.pdf", "..\\report.pdf"])
def test_no_name_leads_out_of_the_report(server: Server, report: dict[str, Any], name: str) -> None:
    answer = server.client.get(
        httpx.URL(server.client.base_url, raw_path=f"/v1/reports/{report['id']}/{name}".encode())
    )
    assert answer.status_code == 404


@pytest.mark.parametrize("host, status", [("example.org", 400), ("localhost:80", 200), ("[::1]:80", 200)])
def test_only_a_loopback_name_is_answered(server: Server, host: str, status: int) -> None:
    assert server.client.get("/health/live", headers={"Host": host}).status_code == status


def test_it_says_that_it_is_alive_and_ready(server: Server) -> None:
    assert server.client.get("/health/live").json() == {"status": "live"}
    for _ in range(600):  # its worker gives a first sign of life when it has begun
        if (answer := server.client.get("/health/ready")).is_success:
            break
        time.sleep(0.1)
    assert answer.json() == {"status": "ready"}


def test_its_metrics_are_served(server: Server, posted: httpx.Response) -> None:
    answer = server.client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=")
    assert re.search(r'^twelvelead_interpretations_total\{code="",outcome="done"\} [1-9]', answer.text, re.MULTILINE)


def test_the_capability_statement_lists_what_is_routed(server: Server) -> None:
    answer = server.client.get("/fhir/metadata")
    get_fhir_model_class("CapabilityStatement").model_validate_json(answer.content)
    listed = {each["type"] for each in answer.json()["rest"][0]["resource"]}
    paths = server.client.get("/openapi.json").json()["paths"]
    routed = {match.group(1) for path in paths if (match := re.fullmatch(r"/fhir/([A-Z]\w+)(?:/\{\w+\})?", path))}
    assert answer.headers["Content-Type"] == FHIR and listed == routed


def test_every_reference_in_the_diagnostic_report_leads_to_a_resource(server: Server, report: dict[str, Any]) -> None:
    waiting, seen = [f"DiagnosticReport/{report['id']}"], set()
    while waiting:
        reference = waiting.pop()
        answer = server.client.get(f"/fhir/{reference}")
        assert answer.status_code == 200, reference
        kind, resource_id = reference.split("/")
        get_fhir_model_class(kind).model_validate_json(answer.content)
        resource = answer.json()
        assert (resource["resourceType"], resource["id"]) == (kind, resource_id)
        seen.add(reference)
        waiting += set(references(resource)) - seen - set(waiting)
    assert {each.partition("/")[0] for each in seen} >= {"DiagnosticReport", "Observation", "Device"}


def references(node: Any) -> Iterator[str]:
    """Yield the literal references at or below a node of JSON."""
    if isinstance(node, dict):
        if "reference" in node:
            yield node["reference"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


@pytest.mark.parametrize("path", [f"DiagnosticReport/{NOBODYS}", "Observation/none", "Patient/1"])
def test_an_unknown_resource_is_an_operation_outcome(server: Server, path: str) -> None:
    answer = server.client.get(f"/fhir/{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, FHIR)
    get_fhir_model_class("OperationOutcome").model_validate_json(answer.content)


def test_the_same_ecg_eight_times_at_once_is_one_report(server: Server) -> None:
    ecg = to_bytes(twelve_lead_dataset(square_wave(high=700)))
    before = set((server.data / "reports").iterdir())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.post, [ecg] * 8))
    assert {each.status_code for each in answers} <= {200, 201}
    (report_id,) = {each.json()["reports"][0]["id"] for each in answers}
    assert set((server.data / "reports").iterdir()) - before == {server.data / "reports" / report_id}
    summary = server.client.get(f"/v1/reports/{report_id}").json()
    assert server.client.get(f"/fhir/DiagnosticReport/{report_id}").json()["issued"][:19] == summary["issued"][:19]


def test_a_patient_is_named_in_no_answer_no_log_and_no_file_name(server: Server) -> None:
    answer = server.post(planted())
    assert answer.status_code == 201 and not PLANTED.search(answer.content)
    summary = server.client.get(answer.headers["Location"])
    assert not PLANTED.search(summary.content.replace(answer.json()["reports"][0]["id"].encode(), b""))
    names = " ".join(str(each.relative_to(server.data)) for each in server.data.rglob("*"))
    assert "Zebediah" not in names and "Quokka" not in names and "PLANTED" not in names
    assert not re.search(rb"Zebediah|Quokka|PLANTED", server.log.read_bytes())
    assert not PLANTED.search(server.client.get("/metrics").content)


def test_an_ecg_that_comes_as_fhir_is_found_by_its_patient_and_named_in_no_log(server: Server) -> None:
    sent = fhir_files.to_bytes(fhir_files.observation())
    posted = server.client.post("/fhir", content=sent, headers={"Content-Type": FHIR})
    assert posted.status_code == 201, posted.text
    form = {"patient:identifier": f"{fhir_files.SYSTEM}|PLANTED-4711"}
    answer = server.client.post("/fhir/DiagnosticReport/_search", data=form)
    get_fhir_model_class("Bundle").model_validate_json(answer.content)
    (entry,) = answer.json()["entry"]
    assert entry["fullUrl"] == posted.headers["Location"] and entry["resource"] == posted.json()
    assert not PLANTED.search(server.log.read_bytes())


def test_what_is_kept_is_readable_by_its_owner_alone(server: Server, report: dict[str, Any]) -> None:
    # The database lies beside: its server, which never runs as root, must be able to reach it, and guards itself.
    rooms = [each for each in server.data.iterdir() if each.name not in ("postgres", "postgres.lock")]
    assert {each.name for each in rooms} == {"erased", "payloads", "reports", "resources", "unfinished"}
    kept = [each for room in rooms for each in (room, *room.rglob("*"))]
    modes = [(each.is_dir(), stat.S_IMODE(each.stat().st_mode)) for each in kept]
    assert set(modes) == {(True, 0o700), (False, 0o600)}
    assert stat.S_IMODE((server.data / "postgres").stat().st_mode) == 0o700


def test_a_client_that_will_not_wait_is_told_of_the_job(server: Server) -> None:
    answer = server.client.post(
        "/v1/ecgs",
        content=to_bytes(twelve_lead_dataset(square_wave(), who=Who(id="for later"))),
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202 and answer.headers["Location"].startswith("/v1/jobs/")
    for _ in range(300):
        job = server.client.get(answer.headers["Location"]).json()
        if job["state"] != "waiting":
            break
        time.sleep(0.1)
    assert job["state"] == "done" and job["deliveries"] == []
    assert server.client.get(job["links"]["pdf"]).content.startswith(b"%PDF")


def test_a_job_that_is_not_there_is_a_problem(server: Server) -> None:
    answer = server.client.get(f"/v1/jobs/{uuid4()}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


def test_reports_outlive_the_process(tmp_path: Path) -> None:
    with serving(tmp_path / "data", tmp_path / "log") as first:
        (before,) = first.post(planted()).json()["reports"]
        pdf = first.client.get(before["links"]["pdf"]).content
    with serving(tmp_path / "data", tmp_path / "log") as second:
        assert second.client.get(before["links"]["pdf"]).content == pdf
        assert second.client.get(before["links"]["fhir"]).status_code == 200
        answer = second.post(planted())
        assert answer.status_code == 200 and answer.json()["reports"] == [before | {"known": True}]
    said = (tmp_path / "log").read_bytes()
    assert b"Twelvelead listens" in said and not re.search(rb"Zebediah|Quokka|PLANTED", said)


def test_a_report_is_amended_and_withdrawn_over_http(server: Server) -> None:
    known = server.post(to_bytes(twelve_lead_dataset(square_wave(), who=Who(id="to-withdraw")))).json()["reports"][0]
    place = known["links"]["report"]
    assert server.client.post(f"{place}/amend", json={}).json() == {"changed": False}
    asked = server.client.post(f"{place}/amend", json={"force": True})
    assert asked.status_code == 202 and asked.headers["Location"] == f"{place}/versions"
    assert (asked.json()["version"], asked.json()["kind"]) == (2, "amended")
    until_done(server, place, 2)
    assert server.client.get(place).json()["status"] == "amended"
    assert server.client.get(f"{place}/versions/1/report.json").json()["status"] == "preliminary"
    assert server.client.post(f"{place}/withdraw", json={"reason": "wrong-patient"}).status_code == 202
    until_done(server, place, 3)
    assert server.client.get(place).json()["status"] == "entered-in-error"
    again = server.client.post(f"{place}/withdraw", json={"reason": "quality"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def until_done(server: Server, place: str, version: int) -> None:
    end = time.monotonic() + 60
    while (known := server.client.get(f"{place}/versions").json()["versions"])[-1]["state"] == "waiting":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (known[-1]["version"], known[-1]["state"]) == (version, "done")


@pytest.mark.parametrize(
    "what, body, content_type, status",
    [
        ("amend", b"{}", "text/plain", 415),
        ("amend", b"force=true", "application/x-www-form-urlencoded", 415),
        ("amend", b"{", "application/json", 422),
        ("amend", b"[]", "application/json", 422),
        ("amend", b'{"force": "yes"}', "application/json", 422),
        ("amend", b'{"why": "Zebediah"}', "application/json", 422),
        ("withdraw", b"{}", "application/json", 422),
        ("withdraw", b'{"reason": "Zebediah"}', "application/json", 422),
        ("withdraw", b'{"reason": ["quality"]}', "application/json", 422),
        ("withdraw", b'{"reason": "' + b"Z" * 5000 + b'"}', "application/json", 413),
    ],
)
def test_a_request_that_is_none_changes_nothing(
    server: Server, report: dict[str, Any], what: str, body: bytes, content_type: str, status: int
) -> None:
    place = report["links"]["report"]
    answer = server.client.post(f"{place}/{what}", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert not PLANTED.search(answer.content)
    assert len(server.client.get(f"{place}/versions").json()["versions"]) == 1


@pytest.mark.parametrize("what", ["amend", "withdraw", "versions", "versions/1/report.pdf"])
def test_what_is_not_there_has_no_version(server: Server, what: str) -> None:
    method = "GET" if what.startswith("versions") else "POST"
    sent = {"json": {"reason": "quality"} if what == "withdraw" else {}} if method == "POST" else {}
    answer = server.client.request(method, f"/v1/reports/{uuid4()}/{what}", **sent)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-report")
