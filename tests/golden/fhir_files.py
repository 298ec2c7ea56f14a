"""Writes pydicom's ECG as FHIR R4: by pydicom's own numbers and R4's formula, with nothing of our readers."""

import json
from copy import deepcopy
from functools import cache
from typing import Any, Final

import pydicom
from pydicom.data import get_testdata_file

from ecg.leads import LEADS

Json = dict[str, Any]
MDC: Final = "urn:iso:std:iso:11073:10101"
OID: Final = "urn:oid:2.16.840.1.113883.6.24"
CODES: Final = dict(
    zip(
        (*LEADS, "-aVR"),
        ("131329", "131330", "131389", "131390", "131391", "131392", *map(str, range(131331, 131337)), "131393"),
        strict=True,
    )
)
SYSTEM: Final = "urn:oid:1.2.3.4.5"
SUBJECT: Final[Json] = {"reference": "Patient/f001"}
PATIENT: Final[Json] = {
    "resourceType": "Patient",
    "id": "f001",
    "identifier": [{"system": SYSTEM, "value": "PLANTED-4711"}],
    "name": [{"family": "Quokka", "given": ["Zebediah", "Q"]}],
    "gender": "male",
    "birthDate": "1961-02-03",
}


@cache
def _raw() -> dict[str, list[int]]:
    """Return the samples of the sample's original group as they stand, by lead. One step is 1.25 microvolt."""
    ds = pydicom.dcmread(str(get_testdata_file("waveform_ecg.dcm", download=False)))
    group = ds.WaveformSequence[0]
    count = group.NumberOfWaveformChannels
    samples = [int.from_bytes(group.WaveformData[at : at + 2], "little", signed=True)
               for at in range(0, len(group.WaveformData), 2)]  # fmt: skip
    return {lead: samples[at::count] for at, lead in enumerate(LEADS)}


def sampled(lead: str = "I", **changes: Any) -> Json:
    """Return a lead as SampledData: 1000 Hz, 1.25 microvolt for a step. A change to None leaves the element out."""
    made = {
        "origin": {"value": 0, "unit": "uV", "system": "http://unitsofmeasure.org", "code": "uV"},
        "period": 1,
        "factor": 1.25,
        "dimensions": 1,
        "data": " ".join(map(str, _raw()[lead])),
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def concept(lead: str, system: str = MDC) -> Json:
    """Return the code of a lead's potential."""
    return {"coding": [{"system": system, "code": CODES[lead]}]}


def observation(**changes: Any) -> Json:
    """Return the twelve leads as components of one Observation, its patient contained."""
    made = {
        "resourceType": "Observation",
        "id": "ekg",
        "contained": [PATIENT | {"id": "who"}],
        "status": "final",
        "code": {"coding": [{"system": MDC, "code": "131328", "display": "MDC_ECG_ELEC_POTL"}]},
        "subject": {"reference": "#who"},
        "effectiveDateTime": "2024-02-29T12:34:56.250+01:00",
        "component": [{"code": concept(lead), "valueSampledData": sampled(lead)} for lead in LEADS],
    } | changes
    return {name: deepcopy(value) for name, value in made.items() if value is not None}


def single(lead: str, **changes: Any) -> Json:
    """Return one lead as an Observation of its own, its patient elsewhere."""
    made = {"id": f"lead-{lead}", "contained": None, "code": concept(lead), "subject": SUBJECT, "component": None}
    return observation(**made, valueSampledData=sampled(lead)) | changes


def bundle(*resources: Json, kind: str = "collection") -> Json:
    """Return a Bundle of resources under their fullUrls; a transaction's entries create them."""
    entries: list[Json] = []
    for each in resources:
        entry: Json = {"resource": each}
        if "id" in each:
            entry["fullUrl"] = f"http://ehr.example/fhir/{each['resourceType']}/{each['id']}"
        if kind in ("batch", "transaction"):
            entry["request"] = {"method": "POST", "url": each["resourceType"]}
        entries.append(entry)
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def to_bytes(resource: Json) -> bytes:
    """Return a resource as JSON in UTF-8."""
    return json.dumps(resource, ensure_ascii=False).encode()
