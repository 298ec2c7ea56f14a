"""An ECG that comes as FHIR R4 is read by R4's formula and as nobody else's; all else is refused with a reason."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.fhir.bundle import encode
from adapters.fhir.frame import FhirSettings
from adapters.fhir.own import own_report_id
from adapters.fhir.reader import parts
from adapters.readers import read
from ecg.errors import AmbiguousPayload, MalformedPayload, PayloadError, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Patient, Recording
from service.intake import recordings
from service.settings import Settings
from tests.golden.fhir_files import (
    MDC,
    OID,
    PATIENT,
    SUBJECT,
    SYSTEM,
    bundle,
    concept,
    observation,
    sampled,
    single,
    to_bytes,
)
from tests.golden.payloads import GOLDEN
from tests.golden.reports import report

SHARED = [each for root in Path(__file__).parents if (each := root / "shared" / "samples" / "fhir").is_dir()]

Json = dict[str, Any]


def read_all(resource: Json, **declared: Any) -> tuple[Recording, ...]:
    return read(Payload(to_bytes(resource), "application/fhir+json", Declared(**declared)))


def read_one(resource: Json, **declared: Any) -> Recording:
    (one,) = read_all(resource, **declared)
    return one


def of_lead(lead: str = "I", code: Json | None = None, **changes: Any) -> Json:
    """Return an Observation of one component."""
    return observation(component=[{"code": code or concept(lead), "valueSampledData": sampled(lead, **changes)}])


def counting(count: int = 3000, step: float = 1.0) -> str:
    return " ".join(f"{step * (at % 100):g}" for at in range(count))


def test_one_ecg_is_the_same_waveform_by_dicom_and_by_fhir() -> None:
    dicom, fhir = (read(GOLDEN[name]())[0].waveform for name in ("DICOM ECG waveform", "FHIR Observation"))
    assert (fhir.leads, fhir.fs) == (dicom.leads, dicom.fs)
    assert np.array_equal(fhir.signal, dicom.signal)


def test_one_observation_for_each_lead_is_one_ecg_whatever_their_order() -> None:
    whole = bundle(PATIENT, *(single(lead) for lead in reversed(LEADS)))
    assert np.array_equal(read_one(whole).waveform.signal, read_one(observation()).waveform.signal)


def test_other_times_subjects_or_devices_are_other_ecgs() -> None:
    others: list[Json] = [
        {"effectiveDateTime": "2024-03-01T00:00:00Z"},
        {"subject": {"reference": "Patient/f002"}},
        {"device": {"display": "another cart"}},
    ]
    leads = [single(lead, **{"id": f"{at}-{lead}", **changes}) for at, changes in enumerate([{}, *others])
             for lead in ("I", "II")]  # fmt: skip
    found = read_all(bundle(*leads))
    assert [each.waveform.leads for each in found] == [("I", "II")] * 4
    assert parts(to_bytes(bundle(PATIENT, *leads))) == {at + 1: at // 2 for at in range(8)}


@pytest.mark.parametrize("kind", ["batch", "transaction", "message", "document", "searchset", "collection"])
def test_every_bundle_is_read(kind: str) -> None:
    assert len(read_all(bundle(PATIENT, observation(), kind=kind))) == 1


def test_of_a_history_the_newest_version_is_read_and_what_was_deleted_is_not() -> None:
    old, new = observation(effectiveDateTime="2020-01-01T00:00:00Z"), observation()
    gone = {"request": {"method": "DELETE", "url": "Observation/gone"}}
    history = bundle(new, old, kind="history")
    for entry in history["entry"]:
        entry["request"] = {"method": "PUT", "url": "Observation/ekg"}
    history["entry"] += [
        gone,
        history["entry"][1] | {"fullUrl": "http://x/Observation/gone", "resource": old | {"id": "gone"}},
    ]
    acquired = read_one(history).acquired_at
    assert acquired is not None and acquired.year == 2024


def test_bundles_stand_in_bundles_three_deep_and_no_deeper() -> None:
    wrapped = observation()
    for _ in range(3):
        wrapped = bundle(wrapped)
    assert read_one(wrapped).patient.id == "PLANTED-4711"
    with pytest.raises(MalformedPayload, match="More than 3 Bundles"):
        read_all(bundle(wrapped))


def test_a_sample_is_its_number_by_the_factor_and_the_origin_in_the_origins_unit() -> None:
    origin = {"value": -0.5, "unit": "mV", "system": "http://unitsofmeasure.org", "code": "mV"}
    signal = read_one(of_lead(origin=origin, factor=0.002, data=counting())).waveform.signal[0]
    assert signal[:3] == pytest.approx([-0.5, -0.498, -0.496])


@pytest.mark.parametrize(
    "unit, millivolt",
    [
        ({"unit": "uV"}, 0.001),
        ({"unit": "\u00b5V"}, 0.001),
        ({"unit": "\u03bcV"}, 0.001),
        ({"unit": "microvolt", "system": "http://unitsofmeasure.org", "code": "uV"}, 0.001),
        ({"unit": "mV"}, 1.0),
        ({"system": "http://unitsofmeasure.org", "code": "V"}, 1000.0),
        ({"code": "nV"}, 1e-6),
    ],
)
def test_each_unit_has_its_millivolt(unit: Json, millivolt: float) -> None:
    lead = of_lead(origin={"value": 0} | unit, factor=0.0001 / millivolt, data=counting(step=10))
    assert read_one(lead).waveform.signal[0, 3] == pytest.approx(0.003)


@pytest.mark.parametrize(
    "origin, declared",
    [
        ({"value": 0, "unit": "mV", "system": "http://unitsofmeasure.org", "code": "uV"}, None),
        ({"value": 0, "unit": "uV"}, "mV"),
        ({"value": 0, "unit": "%"}, None),
        ({"value": 0, "system": "http://unitsofmeasure.org", "code": "MV"}, None),
    ],
)
def test_units_that_disagree_or_are_none_of_voltage_are_refused(origin: Json, declared: str | None) -> None:
    with pytest.raises(MalformedPayload, match="unit"):
        read_all(of_lead(origin=origin), unit=declared)


def official() -> Json:
    """Return R4's own example of an ECG, of 1.2 s, 10 ms to a sample."""
    if not SHARED:
        pytest.skip("shared/samples/fhir is not here")
    example: Json = json.loads((SHARED[0] / "observation_ekg.json").read_bytes())
    return example


def test_the_official_example_names_no_unit_and_is_asked_for_it() -> None:
    with pytest.raises(AmbiguousPayload) as caught:
        read_all(official())
    assert caught.value.declare == ("unit",)


def test_the_official_example_is_read_by_the_formula_once_the_unit_is_declared() -> None:
    example = official()
    recording = read_one(example, unit="uV")
    assert (recording.waveform.leads, recording.waveform.fs) == (("I", "II", "III"), 100.0)
    for row, component in zip(recording.waveform.signal, example["component"], strict=True):
        samples = component["valueSampledData"]["data"].split()
        assert row == pytest.approx([(float(each) * 1.612 + 2048) / 1000 for each in samples], rel=1e-6)
    assert recording.acquired_at == datetime(2015, 2, 19, 9, 30, 35, tzinfo=timezone(timedelta(hours=1)))
    assert recording.patient == Patient(), "Patient/f001 of another server says nothing here"
    assert recording.device.model == "12 lead EKG Device Metric"


def test_components_of_one_lead_are_chunks_in_their_order() -> None:
    chunks = [sampled(data=counting(1500)), sampled(data=counting(1500, step=-1))]
    signal = read_one(observation(component=[{"code": concept("I"), "valueSampledData": each} for each in chunks]))
    assert np.array_equal(signal.waveform.signal[0, 1500:], -signal.waveform.signal[0, :1500])


def test_what_was_not_measured_or_saturated_is_no_sample() -> None:
    data = counting().split()
    data[5:8] = ["E", "U", "L"]
    signal = read_one(of_lead(data=" ".join(data))).waveform.signal[0]
    assert np.flatnonzero(np.isnan(signal)).tolist() == [5, 6, 7]


@pytest.mark.parametrize(
    "period, fs", [(2, 500.0), (2.7778, 360.0), (3, 1000 / 3), (3.333, 300.0), (3.90625, 256.0), (7.5, 1000 / 7.5)]
)
def test_a_period_gives_the_frequency_that_was_meant(period: float, fs: float) -> None:
    assert read_one(of_lead(period=period)).waveform.fs == fs


def test_a_declared_frequency_must_be_the_payloads() -> None:
    assert read_one(of_lead(), fs=1000.0).waveform.fs == 1000
    with pytest.raises(MalformedPayload, match="sampling frequency"):
        read_all(of_lead(), fs=500.0)


def test_a_single_lead_of_twelve_dimensions_is_one_lead() -> None:
    assert np.array_equal(read_one(of_lead(dimensions=12)).waveform.signal, read_one(of_lead()).waveform.signal)


def test_interlaced_leads_are_taken_apart_as_declared() -> None:
    data = " ".join(f"{at % 2000} {-(at % 2000)}" for at in range(3000))
    both = observation(component=None) | {"valueSampledData": sampled(data=data, dimensions=2)}
    with pytest.raises(AmbiguousPayload) as caught:
        read_all(both)
    assert caught.value.declare == ("leads",)
    waveform = read_one(both, leads=("V1", "I")).waveform
    assert waveform.leads == ("I", "V1") and np.array_equal(waveform.signal[0], -waveform.signal[1])
    for leads in (("V1",), ("V1", "V2", "V3"), ("V1", "zeb")):
        with pytest.raises(MalformedPayload):
            read_all(both, leads=leads)


@pytest.mark.parametrize(
    "code",
    [
        concept("aVR"),
        concept("aVR", OID),
        {"text": "aVR"},
        {"text": "Lead aVR"},
        {"coding": [{"display": "MDC_ECG_ELEC_POTL_AVR"}]},
        {"coding": [{"system": "http://local", "code": "x", "display": "aVR"}]},
    ],
)
def test_a_lead_is_known_by_its_code_and_else_by_its_text(code: Json) -> None:
    assert read_one(of_lead(code=code)).waveform.leads == ("aVR",)


def test_the_inverted_avr_is_avr_with_its_sign_changed() -> None:
    inverted = read_one(of_lead("I", concept("-aVR"))).waveform
    assert inverted.leads == ("aVR",)
    assert np.array_equal(inverted.signal, -read_one(of_lead("I")).waveform.signal)


def test_another_lead_of_mdc_keeps_its_code_and_is_none_of_the_twelve() -> None:
    right = {"coding": [{"system": MDC, "code": "131344", "display": "Lead V3"}]}
    added = observation()
    added["component"].append({"code": right, "valueSampledData": sampled()})
    assert read_one(added).waveform.leads == (*LEADS, "MDC 131344")


def test_what_is_no_lead_is_left_out_and_said() -> None:
    added = observation()
    breath = sampled(origin={"value": 0, "unit": "Ohm"})
    added["component"].append({"code": {"text": "respiration"}, "valueSampledData": breath})
    recording = read_one(added)
    assert recording.waveform.leads == LEADS and "1 series" in recording.provenance.notes[0]


def test_the_patient_is_the_one_that_the_reference_leads_to() -> None:
    patient = read_one(observation()).patient
    assert (patient.id, patient.issuer, patient.name) == ("PLANTED-4711", SYSTEM, "Quokka^Zebediah Q")
    assert (patient.sex, patient.birth_date) == ("M", date(1961, 2, 3))
    other = PATIENT | {"id": "f002", "identifier": [{"system": SYSTEM, "value": "other"}]}
    assert read_one(bundle(other, PATIENT, observation(subject=SUBJECT))).patient == patient
    assert read_one(bundle(other, observation(subject=SUBJECT))).patient == Patient()


def test_a_relative_reference_stays_on_its_own_server() -> None:
    mine, theirs = PATIENT, PATIENT | {"identifier": [{"system": SYSTEM, "value": "theirs"}]}
    whole = bundle(theirs, mine, observation(subject=SUBJECT))
    whole["entry"][0]["fullUrl"] = "http://other.example/fhir/Patient/f001"
    assert read_one(whole).patient.id == "PLANTED-4711"
    whole["entry"][2]["fullUrl"] = "urn:uuid:0b4b1b6e-7a0c-4b8e-9f0e-3f3d0f4b2a11"
    assert read_one(whole).patient == Patient(), "of two that it could be, neither"


def test_a_logical_reference_names_the_patient_by_itself() -> None:
    subject = {"identifier": {"system": SYSTEM, "value": "9"}, "display": "Somebody"}
    patient = read_one(observation(subject=subject)).patient
    assert (patient.id, patient.issuer, patient.name) == ("9", SYSTEM, "Somebody")
    group = {"type": "Group", "identifier": {"system": SYSTEM, "value": "9"}}
    assert read_one(observation(subject=group)).patient == Patient()


def test_a_reference_that_contradicts_its_patient_is_refused() -> None:
    subject = {"reference": "#who", "identifier": {"system": SYSTEM, "value": "9"}}
    with pytest.raises(MalformedPayload, match="none of the Patient's"):
        read_all(observation(subject=subject))


def test_of_several_identifiers_the_record_number_in_use_is_taken() -> None:
    number = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    identifiers = [
        {"value": "none"},
        {"system": "urn:oid:1.1", "value": "old", "use": "old", "type": number},
        {"system": "urn:oid:1.2", "value": "passport", "use": "official"},
        {"system": "urn:oid:1.3", "value": "record", "type": number},
    ]
    who = PATIENT | {"id": "who", "identifier": identifiers}
    assert read_one(observation(contained=[who])).patient.id == "record"


def test_the_issuer_is_the_sites_name_of_the_system_so_that_identities_agree() -> None:
    payload = Payload(to_bytes(observation()))
    for systems, issuer in [({"HOSPITAL": SYSTEM}, "HOSPITAL"), ({"": SYSTEM}, None), ({"X": "urn:oid:9"}, SYSTEM)]:
        (recording,) = recordings(payload, Settings(patient_systems=systems))
        assert recording.patient.issuer == issuer
        assert FhirSettings(systems).system_of(recording.patient.issuer) == SYSTEM, "and it goes out as it came in"


def test_order_visit_and_study_are_known_by_their_identifiers() -> None:
    def typed(code: str, value: str, **more: Any) -> Json:
        system = "http://terminology.hl7.org/CodeSystem/v2-0203"
        return {"type": {"coding": [{"system": system, "code": code}]}, "value": value, **more}

    request: Json = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "subject": SUBJECT,
        "identifier": [typed("ACSN", "A-1", system="urn:oid:7"), typed("FILL", "F-1"), {"value": "P-1"}],
    }
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}
    whole = bundle(
        request,
        visit | {"identifier": [{"value": "V-1"}]},
        observation(
            basedOn=[{"reference": "ServiceRequest/r"}],
            encounter={"reference": "Encounter/e"},
            derivedFrom=[{"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}}],
        ),
    )
    order = read_one(whole).order
    assert (order.accession_number, order.accession_issuer, order.filler_number) == ("A-1", "urn:oid:7", "F-1")
    assert (order.placer_number, order.admission_id, order.study_uid) == ("P-1", "V-1", "1.2.3")


@pytest.mark.parametrize(
    "when, expected",
    [
        ({"effectiveDateTime": "2024-02-29"}, None),
        ({"effectiveDateTime": "2024-02-29T10:00:00Z"}, "2024-02-29T10:00:00+00:00"),
        ({"effectiveInstant": "2024-02-29T10:00:00.5+05:30"}, "2024-02-29T10:00:00.500000+05:30"),
        ({"effectivePeriod": {"start": "2024-02-29T10:00:00Z"}}, "2024-02-29T10:00:00+00:00"),
        ({}, None),
    ],
)
def test_the_time_keeps_its_zone_and_a_day_is_no_time(when: Json, expected: str | None) -> None:
    at = read_one(observation(effectiveDateTime=None) | when).acquired_at
    assert (at and at.isoformat()) == expected


def test_the_recorder_is_what_its_device_says() -> None:
    cart = {"resourceType": "Device", "id": "d", "manufacturer": "Makers", "modelNumber": "M 1"}
    made = observation()
    made["contained"].append(cart)
    device = read_one(made | {"device": {"reference": "#d"}}).device
    assert (device.manufacturer, device.model) == ("Makers", "M 1")


def spoilt(spoil: Callable[[Json], object]) -> bytes:
    made = observation()
    spoil(made)
    return to_bytes(made)


def first(made: Json) -> Json:
    lead: Json = made["component"][0]["valueSampledData"]
    return lead


REFUSED: dict[str, tuple[bytes, type[PayloadError]]] = {
    "two versions": (spoilt(lambda o: first(o).update(interval=2, intervalUnit="ms")), MalformedPayload),
    "XML": (b'\xef\xbb\xbf<?xml version="1.0"?><Observation xmlns="http://hl7.org/fhir"/>', UnknownFormat),
    "limits the wrong way round": (spoilt(lambda o: first(o).update(lowerLimit=1, upperLimit=-1)), MalformedPayload),
    "dimensions of none": (spoilt(lambda o: first(o).update(dimensions=3)), MalformedPayload),
    "unknown element": (spoilt(lambda o: o.update(Zebediah="Quokka")), MalformedPayload),
    "unknown resource": (to_bytes(bundle({"resourceType": "Zebediah"}, observation())), MalformedPayload),
    "another resource": (to_bytes(PATIENT), UnknownFormat),
    "no ECG": (to_bytes(bundle(PATIENT)), UnknownFormat),
    "no period": (spoilt(lambda o: first(o).pop("period")), MalformedPayload),
    "no dimensions": (spoilt(lambda o: first(o).pop("dimensions")), MalformedPayload),
    "no data": (spoilt(lambda o: first(o).pop("data")), MalformedPayload),
    "no origin's value": (spoilt(lambda o: first(o)["origin"].pop("value")), MalformedPayload),
    "a number in a text": (spoilt(lambda o: first(o).update(period="1")), MalformedPayload),
    "a huge factor": (spoilt(lambda o: first(o).update(factor=1e308)), MalformedPayload),
    "a huge integer": (spoilt(lambda o: first(o).update(factor=10**4000)), MalformedPayload),
    "a factor of nothing": (spoilt(lambda o: first(o).update(factor=0)), MalformedPayload),
    "a period of nothing": (spoilt(lambda o: first(o).update(period=0)), MalformedPayload),
    "a tiny period": (spoilt(lambda o: first(o).update(period=1e-299)), MalformedPayload),
    "a huge sample": (spoilt(lambda o: first(o).update(data="1e999 " * 3000)), MalformedPayload),
    "too large for float32": (spoilt(lambda o: first(o).update(data="1e200 " * 10000)), MalformedPayload),
    "two in one": (spoilt(lambda o: first(o).update(data="1-2 " * 3000)), MalformedPayload),
    "nan": (spoilt(lambda o: first(o).update(data="nan " * 3000)), MalformedPayload),
    "letters": (spoilt(lambda o: first(o).update(data="1 2 EU 3")), MalformedPayload),
    "other digits": (spoilt(lambda o: first(o).update(data="\u0661 " * 3000)), MalformedPayload),
    "leads of two lengths": (spoilt(lambda o: first(o).update(data="1 " * 3000)), MalformedPayload),
    "leads of two frequencies": (spoilt(lambda o: first(o).update(period=2)), MalformedPayload),
    "code and text disagree": (spoilt(lambda o: o["component"][0]["code"].update(text="V1")), MalformedPayload),
    "in error": (spoilt(lambda o: o.update(status="entered-in-error")), MalformedPayload),
    "a modifier": (spoilt(lambda o: o.update(modifierExtension=[{"url": "http://x"}])), MalformedPayload),
    "a nameless lead": (spoilt(lambda o: o["component"][0].update(code={"id": "x"})), AmbiguousPayload),
    "a name twice": (to_bytes(observation()).replace(b'"status"', b'"id": "x", "status"', 1), MalformedPayload),
    "NaN": (to_bytes(observation()).replace(b'"factor": 1.25', b'"factor": NaN', 1), MalformedPayload),
    "Latin-1": (to_bytes(observation()).replace(b"Quokka", b"Quokk\xe4"), MalformedPayload),
    "deep": (b'{"resourceType":"Observation","code":' + b"[" * 50_000 + b"]" * 50_000 + b"}", MalformedPayload),
    "rather deep": (b'{"resourceType":"Observation","code":' + b"[" * 500 + b"]" * 500 + b"}", MalformedPayload),
    "many objects": (b'{"resourceType":"Bundle","entry":[' + b"{}," * 50_000 + b"{}]}", MalformedPayload),
    "many values": (b'{"resourceType":"Bundle","entry":[' + b"0," * 600_000 + b"0]}", MalformedPayload),
    "many ECGs": (
        to_bytes(bundle(*(single("I", id=f"o{at}", device={"display": str(at)}, valueSampledData=sampled(data="1 2"))
                          for at in range(101)))),
        MalformedPayload,
    ),
    "one lead twice": (to_bytes(bundle(single("I"), single("I", id="again"))), MalformedPayload),
    "an object in a text": (spoilt(lambda o: o["component"][0].update(code='{"text": "I"}')), MalformedPayload),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_breaks_the_rules_is_refused_with_its_class_and_without_its_words(case: str) -> None:
    data, error = REFUSED[case]
    with pytest.raises(error) as caught:
        read(Payload(data))
    assert type(caught.value) is error
    assert not {"Zebediah", "Quokka", "PLANTED"} & set(str(caught.value).replace("'", " ").replace(".", " ").split())


def test_a_report_of_ours_is_known_wherever_it_was_kept() -> None:
    for made in (report(asserted=("MI",)), report(abstained=True)):
        whole = json.loads(encode(made))
        assert own_report_id(encode(made)) == made.id
        kept = [entry["resource"] | {"id": f"server-{at}"} for at, entry in enumerate(whole["entry"])]
        assert own_report_id(to_bytes(bundle(*reversed(kept), kind="searchset"))) == made.id
        assert own_report_id(to_bytes(bundle(bundle(*kept)))) == made.id
        score = next(each for each in kept if each["resourceType"] == "Observation")
        assert str(own_report_id(to_bytes(score))) in score["identifier"][0]["value"]


def test_what_is_not_ours_or_brings_a_recording_is_input() -> None:
    ours = [entry["resource"] for entry in json.loads(encode(report()))["entry"]]
    mixed = to_bytes(bundle(PATIENT, observation(), *ours))
    assert own_report_id(mixed) is None and len(read(Payload(mixed))) == 1
    assert own_report_id(to_bytes(observation())) is None
    assert own_report_id(encode(report())[:-100]) is None
    assert own_report_id(encode(replace(report())).replace(b'"resourceType":"Bundle"', b'"resourceType":7')) is None
