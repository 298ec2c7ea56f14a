"""What was measured stands in the Bundle: each value under its code and unit, or why it is absent."""

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.dicom.measured import by_lead
from adapters.fhir import codes
from adapters.fhir.bundle import encode
from adapters.fhir.check import problems
from ecg.leads import LEADS
from ecg.measurement import Measurement, Measurements
from ecg.recording import Patient
from ecg.report import Report
from tests.golden.reports import amended, measured, report, withdrawn

Json = dict[str, Any]
WHOLE = measured(report(asserted=("MI",)), absent=("pr", "q-amplitude"))


def observations(of: Report) -> dict[str, Json]:
    """Return the Observations by their code's text, else their first code."""
    found = [entry["resource"] for entry in json.loads(encode(of))["entry"]]
    held = [each for each in found if each["resourceType"] == "Observation"]
    return {each["code"].get("text") or each["code"]["coding"][0]["code"]: each for each in held}


@pytest.mark.parametrize(
    "text, loinc, value, unit",
    [
        ("Heart rate", "8867-4", 75, "/min"),
        ("QRS duration", "8633-0", 92, "ms"),
        ("QT interval", "8634-8", 384, "ms"),
        ("QTc, Bazett", "76635-2", 428, "ms"),
        ("QTc, Fridericia", "76634-5", 413, "ms"),
        ("QTc, Framingham", "8636-3", 415, "ms"),
        ("QRS axis, frontal", "8632-2", -32, "deg"),
    ],
)
def test_a_value_stands_under_its_code_in_its_unit(text: str, loinc: str, value: int, unit: str) -> None:
    found = observations(WHOLE)[text]
    assert found["code"]["coding"][0]["system"] == codes.LOINC and found["code"]["coding"][0]["code"] == loinc
    assert found["valueQuantity"] == {"value": value, "unit": unit, "system": codes.UCUM, "code": unit}
    assert "meta" not in found, "signal processing, and no AI, measured it"


def test_the_formula_is_named_where_the_code_does_not_tell_it() -> None:
    assert observations(WHOLE)["QTc, Framingham"]["method"] == {"text": "Framingham formula"}
    assert "method" not in observations(WHOLE)["QTc, Bazett"]


def test_what_is_absent_says_why() -> None:
    found = observations(WHOLE)["PR interval"]
    assert "valueQuantity" not in found
    standard, own = found["dataAbsentReason"]["coding"]
    assert standard == codes.UNKNOWN and (own["system"], own["code"]) == (codes.ABSENCES, "not-found")


@pytest.mark.parametrize(
    "why, standard, qualifier",
    [
        ("high-pass-unknown", "not-performed", "114007"),
        ("no-such-wave", "not-applicable", "114007"),
        ("too-noisy", "unknown", "114006"),
    ],
)
def test_the_reason_tells_what_was_tried_from_what_was_not(why: str, standard: str, qualifier: str) -> None:
    only = Measurements((Measurement("q-amplitude", absent=why, lead="V2"),))
    whole = replace(report(), reading=replace(report().reading, measurements=only))
    (part,) = observations(whole)["ECG measurements of lead V2"]["component"]
    assert [each["code"] for each in part["dataAbsentReason"]["coding"]] == [standard, why]
    (lead,) = by_lead(only)
    row = lead.ContentSequence[1]
    assert row.NumericValueQualifierCodeSequence[0].CodeValue == qualifier and not row.MeasuredValueSequence


def test_a_corrected_qt_is_derived_from_qt_and_rate() -> None:
    entries = json.loads(encode(WHOLE))["entry"]
    urls = {entry["fullUrl"]: entry["resource"] for entry in entries}
    sources = [urls[each["reference"]]["code"]["text"] for each in observations(WHOLE)["QTc, Bazett"]["derivedFrom"]]
    assert sources == ["QT interval", "Heart rate"]
    without = observations(measured(report(), absent=("qt", "qtc-bazett")))
    assert "derivedFrom" not in without["QTc, Bazett"]


def test_the_leads_are_members_of_one_observation() -> None:
    found = observations(WHOLE)
    entries = json.loads(encode(WHOLE))["entry"]
    urls = {entry["fullUrl"]: entry["resource"] for entry in entries}
    members = [urls[each["reference"]]["code"]["text"] for each in found["ECG measurements by lead"]["hasMember"]]
    assert members == [f"ECG measurements of lead {lead}" for lead in LEADS]
    (report_,) = (each for each in urls.values() if each["resourceType"] == "DiagnosticReport")
    told = {urls[each["reference"]]["code"].get("text") for each in report_["result"]}
    assert "ECG measurements by lead" in told and "Heart rate" in told and not told & set(members)


def test_a_leads_values_are_its_components() -> None:
    parts = {each["code"]["text"]: each for each in observations(WHOLE)["ECG measurements of lead V2"]["component"]}
    assert parts["ST level at the J point, lead V2"]["valueQuantity"]["value"] == 0.193
    assert parts["ST level at the J point, lead V2"]["code"]["coding"][0]["code"] == str(131072 + 1024 + 4)
    assert "dataAbsentReason" in parts["Q amplitude, lead V2"]
    only = observations(measured(report(), leads=("II",)))["ECG measurements by lead"]
    assert len(only["hasMember"]) == 1


def test_the_heart_rate_is_a_vital_sign_of_a_known_patient() -> None:
    def categories(of: Report) -> list[str]:
        return [each["coding"][0]["code"] for each in observations(of)["Heart rate"]["category"]]

    assert categories(WHOLE) == ["procedure", "vital-signs"]
    assert categories(measured(report(patient=Patient()))) == ["procedure"]
    assert categories(measured(report(acquired_at=None))) == ["procedure"]


def test_measurements_go_out_when_no_model_read_and_not_when_withdrawn() -> None:
    assert {"abstention", "Heart rate"} <= {*observations(measured(report(abstained=True))), "abstention"}
    assert len(observations(measured(report(abstained=True)))) == 1 + 12 + 12 + 1
    assert observations(withdrawn(measured(report()))) == {}


@pytest.mark.parametrize("of", [WHOLE, amended(WHOLE), measured(report(abstained=True), leads=("II",))])
def test_a_bundle_with_measurements_is_well_formed(of: Report) -> None:
    assert problems(encode(of)) == ()
