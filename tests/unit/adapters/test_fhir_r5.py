"""A report in R5 says what it says in R4, where R5 has another name or place for it; and it reaches an R5 server."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fhir.resources.bundle import Bundle

from adapters.exchange import Wire
from adapters.fhir.bundle import encode
from adapters.fhir.ehr import EhrDestination, EhrSettings
from adapters.fhir.fifth import as_r5
from adapters.fhir.frame import DEFAULTS, FhirSettings
from adapters.fhir.own import own_report_id
from adapters.oauth import SCOPES, SCOPES_R5
from ecg.errors import Refused
from ecg.recording import Order, Patient
from ecg.report import Report
from tests.golden.reports import PATIENT, amended, measured, report, withdrawn

Json = dict[str, Any]
R5 = replace(DEFAULTS, version="R5")
WHOLE = measured(report(asserted=("MI", "STTC")), absent=("pr",))
CASES = {
    "whole": WHOLE,
    "none asserted": report(),
    "abstained": measured(report(abstained=True), leads=("II",)),
    "no patient": report(asserted=("MI",), patient=Patient(), order=Order()),
    "amended": amended(WHOLE),
    "withdrawn": withdrawn(amended(WHOLE)),
}


def resources(of: Report, settings: FhirSettings = R5) -> dict[str, list[Json]]:
    """Return the Bundle's resources by type."""
    found: dict[str, list[Json]] = {}
    for entry in json.loads(encode(of, settings))["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


@pytest.mark.parametrize("case", CASES)
def test_it_is_r5_and_nothing_that_r4_alone_has_is_left(case: str) -> None:
    bundle = encode(CASES[case], R5)
    Bundle.model_validate(json.loads(bundle))
    for name in (b'"Media"', b'"imagingStudy"', b'"deviceName"', b'"Media?', b'"createdDateTime"'):
        assert name not in bundle
    assert bundle == as_r5(encode(CASES[case])), "by setting, or of what is kept: the same bytes"
    # Of a withdrawn one nothing is left that names a code of ours; its PDF is known as ours.
    assert own_report_id(bundle) == (None if CASES[case].withdrawn else CASES[case].id)


def test_observations_are_those_of_r4() -> None:
    four, five = resources(WHOLE, DEFAULTS), resources(WHOLE)
    assert five["Observation"] == four["Observation"] and five["Provenance"] == four["Provenance"]


def test_pictures_are_documents_that_the_report_refers_to() -> None:
    entries = json.loads(encode(WHOLE, R5))["entry"]
    by_url = {entry["fullUrl"]: entry["resource"] for entry in entries}
    (diagnostic,) = resources(WHOLE)["DiagnosticReport"]
    linked = [by_url[each["link"]["reference"]] for each in diagnostic["media"]]
    assert [each["resourceType"] for each in linked] == ["DocumentReference"] * len(WHOLE.pictures)
    four = resources(WHOLE, DEFAULTS)["Media"]
    for document, media in zip(linked, four, strict=True):
        assert (document["status"], document["docStatus"]) == ("current", "preliminary")
        assert document["content"][0]["attachment"]["data"] == media["content"]["data"]
        assert document["content"][0]["attachment"]["size"] == str(media["content"]["size"]), "an integer64 is a string"
        assert document["subject"] == media["subject"] and document["context"] == [media["encounter"]]
        assert "Method: Grad-CAM" in document["description"] and document["meta"] == media["meta"]
    requests = [each["request"] for each in entries if each["resource"]["resourceType"] == "DocumentReference"]
    assert {each["url"] for each in requests} == {"DocumentReference"}


def test_the_study_and_the_device_have_their_new_places() -> None:
    (diagnostic,), (device,) = resources(WHOLE)["DiagnosticReport"], resources(WHOLE)["Device"]
    (old,) = resources(WHOLE, DEFAULTS)["DiagnosticReport"]
    assert diagnostic["study"] == old["imagingStudy"] and diagnostic["conclusionCode"] == old["conclusionCode"]
    assert device["name"] == [{"value": "Twelvelead", "type": "user-friendly-name"}]
    assert device["modelNumber"] == "synthetic-12" and isinstance(device["type"], list)
    (alone,) = resources(CASES["abstained"])["Device"]
    assert "modelNumber" not in alone


def test_a_withdrawn_report_has_no_document() -> None:
    assert resources(CASES["withdrawn"]).keys() == {"Device", "DiagnosticReport", "Provenance"}


class Server:
    """An R5 server of a few lines: it holds one patient, and takes every transaction."""

    def __init__(self, version: str = "5.0.0") -> None:
        self.version, self.posted = version, list[Json]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/metadata"):
            rest = [{"mode": "server", "interaction": [{"code": "transaction"}]}]
            return httpx.Response(
                200, json={"resourceType": "CapabilityStatement", "fhirVersion": self.version, "rest": rest}
            )
        if request.url.path.endswith("/_search"):
            person = {
                "resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:oid:1.2.3", "value": PATIENT.id}],
            }  # fmt: skip
            found = [{"resource": person}] if "/Patient/" in request.url.path else []
            return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": found})
        bundle = json.loads(request.content)
        self.posted.append(bundle)
        kinds = [each["resource"]["resourceType"] for each in bundle["entry"]]
        answers = [{"response": {"status": "201", "location": f"{kind}/1/_history/1"}} for kind in kinds]
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "transaction-response", "entry": answers})


def destination(server: Server) -> EhrDestination:
    settings = replace(R5, patient_systems={"Musterklinik": "urn:oid:1.2.3"})
    wire = Wire(transport=httpx.MockTransport(server))
    return EhrDestination(EhrSettings("ehr", "http://127.0.0.1:1/fhir", settings, wire=wire))


def test_an_ehr_gets_it_in_r5_where_the_site_says_so() -> None:
    server = Server()
    assert destination(server).check()
    receipt = destination(server).deliver(WHOLE)
    assert receipt.reference == "DiagnosticReport/1" and '"DocumentReference"' in receipt.state
    Bundle.model_validate(server.posted[0])
    assert "DocumentReference" in {each["resource"]["resourceType"] for each in server.posted[0]["entry"]}


def test_a_server_of_r4_is_told_from_one_of_r5() -> None:
    with pytest.raises(Refused, match="does not speak FHIR R5"):
        destination(Server("4.0.1")).check()


def test_it_asks_for_the_right_to_write_documents() -> None:
    assert "system/DocumentReference.cus" in SCOPES_R5 and "system/Media.cus" not in SCOPES_R5
    assert len(SCOPES_R5) == len(SCOPES)
