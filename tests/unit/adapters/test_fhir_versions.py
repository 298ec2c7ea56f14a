"""Each version of FHIR is read by its own classes: resources that fhir.resources' classes wrote, and every mixture."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pytest
from fhir.resources import R4B as R4B_CLASSES
from fhir.resources import get_fhir_model_class as r5_class

from adapters.fhir.versions import VERSIONS
from adapters.readers import read
from ecg.errors import MalformedPayload, PayloadError, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Recording, Waveform
from tests.golden.fhir_files import PATIENT, SUBJECT, bundle, concept, observation, sampled, single, to_bytes

Json = dict[str, Any]
FHIR: Final = "application/fhir+json"
WRITERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "4.0": R4B_CLASSES.get_fhir_model_class,
    "4.3": R4B_CLASSES.get_fhir_model_class,
    "5.0": r5_class,
}


def r5(made: Json) -> Json:
    """Return an Observation of R4 in R5's words."""
    changed = deepcopy(made)
    for holder in (changed, *changed.get("component", ())):
        if "valueSampledData" in holder:
            old = holder["valueSampledData"]
            old |= {"interval": old.pop("period"), "intervalUnit": "ms"}
    return changed


def in_version(number: str, made: Json) -> Json:
    return r5(made) if number == "5.0" else made


def written(number: str, made: Json) -> bytes:
    """Return a resource as fhir.resources writes it, from its own objects."""
    model = WRITERS[number](made["resourceType"]).model_validate(in_version(number, made))
    data: str = model.model_dump_json()
    return data.encode()


def read_one(data: bytes, media_type: str = FHIR, **declared: Any) -> Recording:
    (one,) = read(Payload(data, media_type, Declared(**declared)))
    return one


def true() -> Waveform:
    return read_one(to_bytes(observation())).waveform


def changed(**changes: Any) -> bytes:
    """Return an R5 Observation of one lead; a change to None leaves the element out."""
    made = r5(observation(component=[{"code": concept("I"), "valueSampledData": sampled("I")}]))
    lead = made["component"][0]["valueSampledData"] | changes
    made["component"][0]["valueSampledData"] = {name: value for name, value in lead.items() if value is not None}
    return to_bytes(made)


@pytest.mark.parametrize("number", VERSIONS)
@pytest.mark.parametrize("said", [True, False])
def test_what_another_hand_wrote_in_each_version_is_the_same_ecg(number: str, said: bool) -> None:
    recording = read_one(written(number, observation()), f"{FHIR}; fhirVersion={number}" if said else FHIR)
    assert np.array_equal(recording.waveform.signal, true().signal)
    assert (recording.waveform.leads, recording.waveform.fs) == (LEADS, 1000.0)
    assert recording.patient.id == "PLANTED-4711" and recording.acquired_at is not None


@pytest.mark.parametrize("number", VERSIONS)
def test_a_bundle_is_of_one_version_with_all_in_it(number: str) -> None:
    leads = [in_version(number, single(lead)) for lead in LEADS]
    model = WRITERS[number]("Bundle").model_validate(bundle(PATIENT, *leads))
    recording = read_one(model.model_dump_json().encode())
    assert np.array_equal(recording.waveform.signal, true().signal) and recording.patient.birth_date is not None


@pytest.mark.parametrize(
    "media_type",
    ["application/fhir+json", "application/json", 'application/fhir+json; charset=utf-8; FHIRVERSION="5.0"'],
)
def test_the_version_is_known_without_the_media_type_and_by_it(media_type: str) -> None:
    assert read_one(written("5.0", observation()), media_type).waveform.fs == 1000


def profiled(made: Json, profile: str) -> bytes:
    return to_bytes(made | {"meta": {"profile": [profile]}})


def mixtures() -> Iterator[tuple[str, bytes, str, type[PayloadError]]]:
    four, five = to_bytes(observation()), to_bytes(r5(observation()))
    yield "R5 declared of R4", four, f"{FHIR}; fhirVersion=5.0", MalformedPayload
    yield "R4 declared of R5", five, f"{FHIR}; fhirVersion=4.0", MalformedPayload
    yield "R4B declared of R5", five, f"{FHIR}; fhirVersion=4.3", MalformedPayload
    yield "R3 declared", four, f"{FHIR}; fhirVersion=3.0", UnknownFormat
    core = "http://hl7.org/fhir/StructureDefinition/Observation"
    yield "R5's profile of R4", profiled(observation(), f"{core}|5.0.0"), FHIR, MalformedPayload
    yield "R3's profile", profiled(observation(), f"{core}|3.0.2"), FHIR, UnknownFormat
    older = "http://hl7.org/fhir/4.0/StructureDefinition/Observation"
    yield "R4's profile of R5", profiled(r5(observation()), older), FHIR, MalformedPayload
    yield "both in one Bundle", to_bytes(bundle(observation(), r5(observation(id="b")))), FHIR, MalformedPayload
    yield "R5's word in R4", to_bytes(observation(bodyStructure={"display": "x"})), FHIR, MalformedPayload
    yield "R4's word in R5", to_bytes(bundle(r5(observation()), visit(status="finished"))), FHIR, MalformedPayload
    made = {"resourceType": "NutritionProduct", "status": "active"}
    yield "R4B's resource in R4", to_bytes(bundle(observation(), made)), f"{FHIR}; fhirVersion=4.0", MalformedPayload


def visit(**changes: Any) -> Json:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    return {"resourceType": "Encounter", "id": "e", "class": kind} | changes


MIXTURES: Final = {name: (data, media_type, error) for name, data, media_type, error in mixtures()}


@pytest.mark.parametrize("case", MIXTURES)
def test_two_versions_at_once_are_refused(case: str) -> None:
    data, media_type, error = MIXTURES[case]
    with pytest.raises(error) as caught:
        read(Payload(data, media_type))
    assert type(caught.value) is error


def test_a_profile_of_the_standard_names_its_version_and_another_does_not() -> None:
    for profile in ("http://hl7.org/fhir/StructureDefinition/Observation|4.0.1", "http://example.org/ecg|5.0.0"):
        assert read_one(profiled(observation(), profile)).waveform.fs == 1000


def test_a_resource_that_came_with_r4b_makes_it_r4b() -> None:
    made = {"resourceType": "NutritionProduct", "status": "active"}
    for media_type in (FHIR, f"{FHIR}; fhirVersion=4.3"):
        assert read_one(to_bytes(bundle(observation(), made)), media_type).waveform.leads == LEADS


@pytest.mark.parametrize(
    "interval, unit, fs",
    [(1, "ms", 1000.0), (0.001, "s", 1000.0), (2000, "us", 500.0), (4e6, "ns", 250.0), (0.0027778, "s", 360.0)],
)
def test_the_interval_is_in_its_own_unit(interval: float, unit: str, fs: float) -> None:
    assert read_one(changed(interval=interval, intervalUnit=unit)).waveform.fs == fs


def offsets(step: str, count: int | None = None, digits: str = "0.001") -> str:
    total = len(sampled()["data"].split()) if count is None else count
    return " ".join(str((Decimal(step) * at).quantize(Decimal(digits))) for at in range(total))


@pytest.mark.parametrize("step, unit, fs", [("2", "ms", 500.0), ("2.777777777", "ms", 360.0), ("0.004", "s", 250.0)])
def test_even_offsets_are_a_frequency(step: str, unit: str, fs: float) -> None:
    waveform = read_one(changed(interval=None, intervalUnit=unit, offsets=offsets(step))).waveform
    assert waveform.fs == fs and np.array_equal(waveform.signal[0], true().signal[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"interval": None},
        {"offsets": offsets("1")},
        {"interval": 0},
        {"interval": -1},
        {"interval": 1e-299},
        {"interval": 1e299},
        {"interval": "1"},
        {"intervalUnit": "Hz"},
        {"intervalUnit": "mm"},
        {"intervalUnit": None},
        {"intervalUnit": ["ms"]},
        {"data": None},
        {"codeMap": "http://example.org/map", "data": "1 2 X " * 1000},
        {"interval": None, "offsets": offsets("1", 100)},
        {"interval": None, "offsets": offsets("1").replace(" 7.000 ", " 7.500 ")},
        {"interval": None, "offsets": "1 " * len(sampled()["data"].split())},
        {"interval": None, "offsets": "1e999 " * len(sampled()["data"].split())},
        {"interval": None, "offsets": " ".join(map(str, range(5, 5 + len(sampled()["data"].split()))))},
        {"interval": None, "offsets": "NaN"},
        {"interval": None, "offsets": 7},
    ],
    ids=str,
)
def test_samples_whose_times_are_not_known_are_refused(changes: Json) -> None:
    with pytest.raises(MalformedPayload):
        read_one(changed(**changes))


def test_a_code_map_changes_no_number() -> None:
    mapped = read_one(changed(codeMap="http://example.org/map")).waveform
    assert np.array_equal(mapped.signal[0], true().signal[0])


def test_what_r5_calls_by_other_names_is_read_too() -> None:
    cart = {"resourceType": "Device", "id": "d", "name": [{"value": "Cart 7", "type": "user-friendly-name"}]}
    request = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "subject": SUBJECT,
        "identifier": [{"value": "P-1"}],
    }
    stay = {"resourceType": "Encounter", "id": "e", "status": "completed", "identifier": [{"value": "V-1"}]}
    made = r5(
        observation(
            device={"reference": "Device/d"},
            basedOn=[{"reference": "ServiceRequest/r"}],
            encounter={"reference": "Encounter/e"},
        )
    )
    recording = read_one(to_bytes(bundle(cart, request, stay, made)))
    assert recording.device.model == "Cart 7"
    assert (recording.order.placer_number, recording.order.admission_id) == ("P-1", "V-1")
    assert recording.order.priority == "stat"


def lead_of(lead: str, **changes: Any) -> Json:
    return {"code": concept(lead), "valueSampledData": sampled(lead, **changes)}


@pytest.mark.parametrize("number", VERSIONS)
def test_what_is_swapped_is_the_right_ecg_or_refused(number: str) -> None:
    def waveform(*components: Json, **declared: Any) -> Waveform:
        return read_one(to_bytes(in_version(number, observation(component=list(components)))), **declared).waveform

    everything = [lead_of(lead) for lead in LEADS]
    assert np.array_equal(waveform(*reversed(everything)).signal, true().signal), "leads by name, not by place"
    at = LEADS.index("V3")
    without = waveform(*everything[:at], *everything[at + 1 :])
    assert "V3" not in without.leads and np.array_equal(without.signal, np.delete(true().signal, at, axis=0))
    volts = {"value": 0, "system": "http://unitsofmeasure.org", "code": "mV"}
    assert np.allclose(waveform(*(lead_of(lead, origin=volts, factor=0.00125) for lead in LEADS)).signal, true().signal)
    with pytest.raises(MalformedPayload, match="gain or unit"):
        waveform(*(lead_of(lead, origin=volts) for lead in LEADS))  # microvolts, said to be millivolts
    origin = {"value": 1.25, "unit": "uV"}
    swapped = waveform(*(lead_of(lead, origin=origin, factor=100) for lead in LEADS)).signal
    assert swapped == pytest.approx(true().signal / 1.25 * 100 + 0.00125, abs=1e-4), "by the formula, and by no other"
    with pytest.raises(MalformedPayload, match="sampling frequency"):
        waveform(*everything, fs=500.0)
    with pytest.raises(MalformedPayload, match="differ"):
        waveform(*everything[:-1], lead_of("V6", period=2))
    named = [each | {"code": concept(lead)} for each, lead in zip(everything, reversed(LEADS), strict=True)]
    with pytest.raises(MalformedPayload, match="leads"):
        waveform(*named, leads=LEADS)


def test_numbers_that_json_writes_in_other_ways_are_the_same_numbers() -> None:
    text = json.dumps(observation())
    same = text.replace('"factor": 1.25', '"factor": 125e-2').replace('"period": 1,', '"period": 1.000,')
    assert same != text and np.array_equal(read_one(same.encode()).waveform.signal, true().signal)
