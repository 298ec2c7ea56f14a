"""Whose an ECG in FHIR is, and which single leads are one ECG: never by a guess."""

from typing import Any

import pytest

from adapters.readers import read
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.payload import Declared, Payload
from ecg.recording import Patient, Recording
from tests.golden.fhir_files import PATIENT, SUBJECT, SYSTEM, Json, bundle, observation, single, to_bytes

HERE, ELSEWHERE = "http://ehr.example/fhir", "http://other.example/fhir"


def read_all(resource: Json, **declared: Any) -> tuple[Recording, ...]:
    return read(Payload(to_bytes(resource), declared=Declared(**declared)))


def beside(*patients: tuple[str, Json]) -> Patient:
    """Return the patient of lead I, whose relative reference stands beside these Patients by their URLs."""
    made = bundle(single("I"), *(patient for _, patient in patients))
    for entry, (url, _) in zip(made["entry"][1:], patients, strict=True):
        entry["fullUrl"] = url
    (recording,) = read_all(made)
    return recording.patient


def lead(name: str, when: Json) -> Json:
    made = single(name)
    del made["effectiveDateTime"]
    return made | when


def test_a_patient_of_another_server_alone_is_not_the_one_that_is_meant() -> None:
    assert beside((f"{HERE}/Patient/f001", PATIENT)).id == "PLANTED-4711"
    assert beside((f"{ELSEWHERE}/Patient/f001", PATIENT)) == Patient()


def test_a_url_that_two_patients_have_leads_to_neither() -> None:
    other = PATIENT | {"identifier": [{"system": SYSTEM, "value": "PLANTED-4712"}]}
    url = f"{HERE}/Patient/f001"
    assert beside((url, PATIENT), (url, other)) == Patient()
    assert beside((url, PATIENT), (url, dict(PATIENT))).id == "PLANTED-4711"


def test_an_ecg_of_somebody_else_than_its_subject_is_refused() -> None:
    with pytest.raises(UnknownFormat, match="somebody else"):
        read_all(observation(focus=[{"reference": "Patient/fetus"}]))
    (recording,) = read_all(bundle(single("I", focus=[SUBJECT]), PATIENT))
    assert recording.patient.id == "PLANTED-4711"


@pytest.mark.parametrize("when", [{}, {"effectiveDateTime": "2024-02-29"}, {"effectivePeriod": {"end": "2024-02-29"}}])
def test_single_leads_without_a_time_are_not_put_together(when: Json) -> None:
    with pytest.raises(MalformedPayload, match="at what time"):
        read_all(bundle(lead("I", when), lead("II", when)))
    (recording,) = read_all(lead("I", when))
    assert recording.waveform.leads == ("I",)


def test_single_leads_of_other_timings_are_other_ecgs() -> None:
    first, second = ({"effectiveTiming": {"event": [f"2024-02-{day}T10:00:00Z"]}} for day in (28, 29))
    assert [each.waveform.leads for each in read_all(bundle(lead("I", first), lead("II", second)))] == [("I",), ("II",)]
    assert [each.waveform.leads for each in read_all(bundle(lead("I", first), lead("II", first)))] == [("I", "II")]


@pytest.mark.parametrize("status", ["entered-in-error ", "Entered-In-Error", "PLANTED"])
def test_a_status_that_fhir_does_not_know_is_refused(status: str) -> None:
    with pytest.raises(MalformedPayload, match=r"none of FHIR's|breaks R4's rules") as caught:
        read_all(observation(status=status))
    assert "PLANTED" not in str(caught.value)
