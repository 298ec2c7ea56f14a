"""One golden payload for each reader and wrapper, found where its makers publish it: no recording is committed here."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydicom.data import get_testdata_file
from pydicom.uid import EncapsulatedPDFStorage

from adapters.archive import packed
from ecg.payload import Payload
from tests.golden.csv_files import table
from tests.golden.dicom_files import square_wave, twelve_lead_dataset
from tests.golden.dicom_files import to_bytes as dicom_bytes
from tests.golden.fhir_files import observation, to_bytes
from tests.golden.other_files import aecg, scp, sierra
from tests.golden.page_files import twelve_lead_pdf
from tests.golden.wfdb_files import record


def _dicom_waveform() -> Payload:
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    return Payload(Path(str(path)).read_bytes(), "application/dicom")


def _fhir_observation() -> Payload:
    return Payload(to_bytes(observation()), "application/fhir+json")


def _sample_or(path: str, made: Callable[[], bytes]) -> Payload:
    """Return a file beside the project, or where it is not there one that is made."""
    sample = Path(__file__).parents[3] / "shared" / "samples" / path
    return Payload((sample.read_bytes() if sample.is_file() else b"") or made())


def _csv() -> Payload:
    return Payload(table(), "text/csv")


def _wfdb_record() -> Payload:
    return Payload(record(), "application/zip")


GOLDEN: Final[dict[str, Callable[[], Payload]]] = {
    "DICOM ECG waveform": _dicom_waveform,
    "FHIR Observation": _fhir_observation,
    "HL7 v3 aECG": lambda: _sample_or("aecg/subject1_0.xml", aecg),
    "Philips Sierra XML": lambda: _sample_or("sierra/129DYPRG.XML", sierra),
    "SCP-ECG": lambda: _sample_or("scp/Example.scp", scp),
    "CSV": _csv,
    "WFDB record": _wfdb_record,
    "Page": lambda: Payload(twelve_lead_pdf(), "application/pdf"),
}


def _archived() -> Payload:
    return Payload(packed({"a/ecg.dcm": _dicom_waveform().data, "ecg.csv": table()}), "application/zip")


def _encapsulated() -> Payload:
    dataset = twelve_lead_dataset(square_wave(2.5))
    del dataset.WaveformSequence
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.EncapsulatedDocument = b"%PDF-1.7\nnot much of a page.\n%%EOF"
    return Payload(dicom_bytes(dataset), "application/dicom")


def _attached() -> Payload:
    form = {"contentType": "application/dicom", "data": base64.b64encode(_dicom_waveform().data).decode()}
    made = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": form}]}
    return Payload(json.dumps(made).encode(), "application/fhir+json")


WRAPPED: Final[dict[str, Callable[[], Payload]]] = {
    "Archive (zip, tar)": _archived,
    "DICOM document": _encapsulated,
    "FHIR document": _attached,
}
