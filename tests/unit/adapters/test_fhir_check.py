"""Each check finds the fault that it is there for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.fhir.bundle import encode
from adapters.fhir.check import problems
from ecg.findings import SNOMED_CT
from tests.golden.reports import report

Json = dict[str, Any]


def first(bundle: Json, kind: str) -> Json:
    """Return the first resource of that type."""
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


def quantity(bundle: Json) -> Json:
    return first(bundle, "Observation")["valueQuantity"]


def component(bundle: Json) -> Json:
    return first(bundle, "Observation")["component"][0]


def sampled(**changed: object) -> Json:
    """Return SampledData that is right but for what is changed."""
    return {"valueSampledData": {"origin": {"value": 0}, "period": 2, "dimensions": 1, "data": "1 -2.5 E"} | changed}


FAULTS: dict[str, tuple[Callable[[Json], object], str]] = {
    "dangling reference": (
        lambda b: first(b, "DiagnosticReport")["result"].append({"reference": "urn:uuid:0"}),
        "nothing is known as",
    ),
    "identifier that is a fullUrl": (
        lambda b: first(b, "Device")["identifier"][0].update(value=b["entry"][0]["fullUrl"]),
        "does not last",
    ),
    "status": (lambda b: first(b, "Observation").update(status="done"), "'done' is none of its codes"),
    "bundle type": (lambda b: b.update(type="batch"), "'batch' is none of its codes"),
    "no base64": (lambda b: first(b, "Media")["content"].update(data="?"), "no base64"),
    "cut attachment": (lambda b: first(b, "Media")["content"].update(data="AAAA"), "size"),
    "hash": (lambda b: first(b, "Media")["content"].update(hash="AAAA"), "hash"),
    "script": (lambda b: first(b, "Device")["text"].update(div="<div><script>1</script></div>"), "escaped paragraphs"),
    "handler": (lambda b: first(b, "Device")["text"].update(div='<div onclick="1">x</div>'), "escaped paragraphs"),
    "finding as code": (
        lambda b: first(b, "Observation")["code"]["coding"].append({"system": SNOMED_CT, "code": "164865005"}),
        "no asserted finding",
    ),
    "the disorder": (
        lambda b: first(b, "DiagnosticReport")["conclusionCode"][0]["coding"][0].update(code="22298006"),
        "no finding of ours",
    ),
    "twice": (lambda b: b["entry"].append(b["entry"][0]), "stands twice"),
    "unit": (lambda b: quantity(b).update(code="mmHg"), "no unit of UCUM"),
    "system of a unit": (lambda b: quantity(b).pop("system"), "no unit of UCUM"),
    "two answers": (lambda b: first(b, "Observation").update(dataAbsentReason={"text": "x"}), "not one value"),
    "no answer": (lambda b: component(b).pop("valueQuantity"), "not one value"),
    "samples": (lambda b: component(b).update(sampled(data="1.0  2.0")), "separated by single spaces"),
    "words among samples": (lambda b: component(b).update(sampled(data="1 x")), "separated by single spaces"),
    "dimensions": (lambda b: component(b).update(sampled(dimensions=2)), "whole number of its dimensions"),
    "period": (lambda b: component(b).update(sampled(period=0)), "no period"),
    "unconditional": (lambda b: b["entry"][0]["request"].pop("ifNoneExist"), "no conditional create"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    spoil, said = FAULTS[fault]
    bundle = json.loads(encode(report(asserted=("MI",))))
    spoil(bundle)
    found = problems(json.dumps(bundle).encode())
    assert any(said in each for each in found), found
