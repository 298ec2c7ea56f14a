"""One golden payload for each reader, found where its makers publish it: no recording is committed here."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydicom.data import get_testdata_file

from ecg.payload import Payload
from tests.golden.fhir_files import observation, to_bytes
from tests.golden.wfdb_files import record


def _dicom_waveform() -> Payload:
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    return Payload(Path(str(path)).read_bytes(), "application/dicom")


def _fhir_observation() -> Payload:
    return Payload(to_bytes(observation()), "application/fhir+json")


def _wfdb_record() -> Payload:
    return Payload(record(), "application/zip")


GOLDEN: Final[dict[str, Callable[[], Payload]]] = {
    "DICOM 12-lead ECG waveform": _dicom_waveform,
    "FHIR R4 Observation": _fhir_observation,
    "WFDB record": _wfdb_record,
}
