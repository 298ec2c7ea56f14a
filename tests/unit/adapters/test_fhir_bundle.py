"""A report becomes a Bundle that says what the report says, and nothing more."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B.bundle import Bundle

from adapters.fhir.bundle import encode, stored
from adapters.fhir.check import problems
from adapters.fhir.frame import FhirSettings
from ecg.findings import FINDINGS, SNOMED_CT
from ecg.recording import Order, Patient
from ecg.report import Report
from tests.golden.reports import PATIENT, measured, pdf, png, recording, report

HOSTILE = "<script>alert('1')</script> & \"x\"\x00\x1b"
CASES = {
    "asserted": report(asserted=("MI", "STTC")),
    "none asserted": report(),
    "normal": report(asserted=("NORM",)),
    "abstained": report(abstained=True),
    "no patient": report(patient=Patient()),
    "no time": report(asserted=("MI",), acquired_at=None),
    "naive time": report(acquired_at=datetime(2024, 5, 1, 10, 12, 30)),
    "no order": report(order=Order()),
    "measured": measured(report(asserted=("MI",)), absent=("pr",)),
    "hostile": report(patient=Patient(id=HOSTILE, issuer=HOSTILE), order=Order(*[HOSTILE] * 6)),
}


def resources(of: Report, settings: FhirSettings | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the Bundle's resources by type."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(encode(of, settings) if settings else encode(of))["entry"]:
        by_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return by_type


def codes(node: object, name: str) -> Iterator[str]:
    """Yield the codes of every Coding below an element called `name`."""
    if isinstance(node, dict):
        for key, value in node.items():
            for each in value if isinstance(value, list) else [value]:
                if key == name and isinstance(each, dict):
                    yield from (coding["code"] for coding in each["coding"])
            yield from codes(value, name)
    elif isinstance(node, list):
        for each in node:
            yield from codes(each, name)


@pytest.mark.parametrize("case", CASES)
def test_every_bundle_is_well_formed(case: str) -> None:
    bundle = encode(CASES[case])
    assert problems(bundle) == ()
    parsed = Bundle.model_validate_json(bundle).model_dump_json().replace('Z"', '+00:00"')
    assert json.loads(parsed) == json.loads(bundle)


@pytest.mark.parametrize("case", CASES)
def test_the_same_report_gives_the_same_bytes(case: str) -> None:
    assert encode(CASES[case]) == encode(replace(CASES[case]))


@pytest.mark.parametrize("case", ["none asserted", "normal", "abstained"])
def test_a_finding_that_is_not_asserted_leaves_no_clinical_code(case: str) -> None:
    bundle = encode(CASES[case])
    for code in ("164865005", "164861001", "164854000", SNOMED_CT):
        assert code.encode() not in bundle
    assert "conclusionCode" not in resources(CASES[case])["DiagnosticReport"][0]


def test_no_clinical_code_is_what_an_observation_is_about() -> None:
    about = set(codes(resources(report(asserted=tuple(FINDINGS)))["Observation"], "code"))
    assert about == {"8601-7", "decision-threshold", *(f"probability-{code}" for code in FINDINGS)}


def test_asserted_findings_are_concluded_and_derived_from_their_scores() -> None:
    of = resources(CASES["asserted"])
    assert set(codes(of["DiagnosticReport"], "conclusionCode")) == {"164865005", "MI", "STTC"}
    findings = [each for each in of["Observation"] if "valueCodeableConcept" in each]
    by_url = {entry["fullUrl"]: entry["resource"] for entry in json.loads(encode(CASES["asserted"]))["entry"]}
    for each in findings:
        (code,) = (c["code"] for c in each["valueCodeableConcept"]["coding"] if c["system"] != SNOMED_CT)
        score = by_url[each["derivedFrom"][0]["reference"]]
        assert score["code"]["coding"][0]["code"] == f"probability-{code}"
        assert list(codes(each, "interpretation")) == ["POS"]
    assert len(findings) == 2


def test_a_score_is_a_number_with_its_threshold() -> None:
    scores = {each["code"]["coding"][0]["code"]: each for each in resources(CASES["normal"])["Observation"]}
    assert scores.keys() == {f"probability-{code}" for code in FINDINGS}
    mi = scores["probability-MI"]
    assert mi["valueQuantity"] == {"value": 0.02, "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}
    assert mi["component"][0]["valueQuantity"]["value"] == 0.43
    assert list(codes(mi, "interpretation")) == ["NEG"]
    assert mi["method"]["text"] == "Neural network synthetic-12 0.0.1"
    assert "interpretation" not in scores["probability-NORM"]


def test_rounding_never_carries_a_score_over_its_threshold() -> None:
    near = report()
    prediction = near.reading.prediction
    scores = (replace(prediction.scores[1], probability=0.429996), *prediction.scores[2:])
    near = replace(near, reading=replace(near.reading, prediction=replace(prediction, scores=scores)))
    score = resources(near)["Observation"][0]
    assert list(codes(score, "interpretation")) == ["NEG"]
    assert score["valueQuantity"]["value"] < score["component"][0]["valueQuantity"]["value"]


def test_an_abstention_is_an_impression_that_is_absent() -> None:
    of = resources(CASES["abstained"])
    (impression,) = of["Observation"]
    assert list(codes(impression, "code")) == ["8601-7"]
    assert list(codes(impression, "dataAbsentReason")) == ["not-performed", "too-few-leads"]
    assert "too few leads" in impression["dataAbsentReason"]["text"]
    assert "too few leads" in of["DiagnosticReport"][0]["conclusion"]
    assert "Media" not in of
    assert [name["type"] for name in of["Device"][0]["deviceName"]] == ["user-friendly-name"]


def test_who_and_what_for_are_logical_references() -> None:
    (diagnostic,) = resources(CASES["asserted"])["DiagnosticReport"]
    assert diagnostic["subject"] == {
        "type": "Patient",
        "identifier": {"value": "4711", "assigner": {"display": "Musterklinik"}},
    }
    assert diagnostic["encounter"]["identifier"]["value"] == "V-100"
    assert list(codes(diagnostic["basedOn"], "type")) == ["ACSN", "PLAC", "FILL"]
    assert diagnostic["imagingStudy"][0]["identifier"] == {
        "system": "urn:dicom:uid",
        "value": "urn:oid:1.2.826.0.1.3680043.10.1.1",
    }
    assert b"Erika" not in encode(CASES["asserted"])


def test_a_configured_issuer_gives_the_patient_id_its_system() -> None:
    settings = FhirSettings(patient_systems={"Musterklinik": "urn:oid:1.2.3"}, preliminary="partial")
    (diagnostic,) = resources(CASES["asserted"], settings)["DiagnosticReport"]
    assert diagnostic["subject"]["identifier"] == {"system": "urn:oid:1.2.3", "value": "4711"}
    assert diagnostic["status"] == "partial"


def test_an_unknown_patient_is_no_patient() -> None:
    assert b'"subject"' not in encode(CASES["no patient"])
    assert b'"subject"' not in encode(report(patient=Patient(id="  ", name=PATIENT.name)))


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2024, 5, 1, 10, 12, 30, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T10:12:30+02:00"),
        (datetime(1890, 5, 1, 10, 0, tzinfo=timezone(timedelta(minutes=53, seconds=28))), "1890-05-01T09:06:32+00:00"),
        (datetime(2024, 5, 1, 10, 12, 30), "2024-05-01"),
        (None, None),
    ],
)
def test_the_time_is_said_as_far_as_it_is_known(at: datetime | None, said: str | None) -> None:
    of = resources(report(acquired_at=at))
    for each in (*of["DiagnosticReport"], *of["Observation"]):
        assert each.get("effectiveDateTime") == said
        unknown = each.get("_effectiveDateTime", {"extension": [{}]})["extension"][0]
        assert unknown.get("valueCode") == ("unknown" if said is None else None)


def test_hostile_text_stays_text() -> None:
    (diagnostic,) = resources(CASES["hostile"])["DiagnosticReport"]
    kept = "<script>alert('1')</script> & \"x\"\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert diagnostic["subject"]["identifier"]["value"] == kept
    assert "imagingStudy" not in diagnostic
    spoken = replace(report(), sentences=(replace(report().sentences[0], text=HOSTILE + "\ud800"),))
    (diagnostic,) = resources(spoken)["DiagnosticReport"]
    assert "&lt;script&gt;" in diagnostic["text"]["div"] and "<script" not in diagnostic["text"]["div"]
    assert problems(encode(spoken)) == ()


def test_documents_and_pictures_travel_whole() -> None:
    of = resources(CASES["asserted"])
    (diagnostic,) = of["DiagnosticReport"]
    assert diagnostic["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{CASES['asserted'].id}"}]
    assert base64.b64decode(diagnostic["presentedForm"][0]["data"]) == pdf()
    assert {base64.b64decode(each["content"]["data"]) for each in of["Media"]} == {png()}
    assert [each["comment"] for each in diagnostic["media"]] == [
        "Relevance for myocardial infarction",
        "Relevance for ST-T abnormality",
    ]
    assert of["Media"][0]["note"] == [{"text": "Method: Grad-CAM"}]


def test_everything_an_ai_asserts_is_marked() -> None:
    of = resources(CASES["asserted"])
    for each in (*of["DiagnosticReport"], *of["Observation"], *of["Media"]):
        assert [label["code"] for label in each["meta"]["security"]] == ["AIAST"]
        assert [label["code"] for label in each["meta"]["tag"]] == ["AIAST"]
    assert "research and evaluation only" in of["DiagnosticReport"][0]["conclusion"]
    assert "Not a cleared medical device" in of["Device"][0]["note"][0]["text"]


def test_the_device_is_one_for_all_reports_of_a_model() -> None:
    first, other = (resources(each)["Device"][0] for each in (CASES["asserted"], CASES["no patient"]))
    assert first["identifier"] == other["identifier"]
    assert first["identifier"] != resources(CASES["abstained"])["Device"][0]["identifier"]


def test_the_provenance_names_the_recording() -> None:
    of = resources(CASES["asserted"])
    (provenance,) = of["Provenance"]
    assert provenance["entity"][0]["what"]["identifier"]["value"] == "urn:oid:1.2.826.0.1.3680043.10.1.3"
    assert len(provenance["target"]) == sum(map(len, of.values())) - 1
    source = replace(recording().provenance, instance_uid=None)
    (provenance,) = resources(report(provenance=source))["Provenance"]
    assert UUID(provenance["entity"][0]["what"]["identifier"]["value"].removeprefix("urn:uuid:")).version == 5


def test_every_resource_is_posted_under_the_identifier_that_it_keeps() -> None:
    for entry in json.loads(encode(CASES["asserted"]))["entry"]:
        condition, kind = entry["request"]["ifNoneExist"], entry["resource"]["resourceType"]
        if kind == "Provenance":
            (known,) = entry["resource"]["meta"]["tag"]
            assert condition == f"_tag={known['system']}|{known['code']}"
        else:
            (known,) = entry["resource"]["identifier"]
            assert condition == f"identifier={known['system']}|{known['value']}"
        assert entry["request"]["method"] == "POST"


def test_stored_resources_are_linked_by_type_and_id() -> None:
    held = stored(encode(CASES["asserted"]))
    diagnostic = json.loads(held["DiagnosticReport", str(CASES["asserted"].id)])
    assert diagnostic["id"] == str(CASES["asserted"].id)
    assert list(diagnostic)[:2] == ["resourceType", "id"]
    for each in (*diagnostic["result"], *(media["link"] for media in diagnostic["media"])):
        kind, _, id_ = each["reference"].partition("/")
        assert json.loads(held[kind, id_])["resourceType"] == kind
    assert all(b'"reference":"urn:' not in each for each in held.values())


def test_a_status_that_fhir_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="no status 'done'"):
        encode(replace(report(), status="done"))
