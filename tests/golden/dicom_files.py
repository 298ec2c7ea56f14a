"""Builds DICOM 12-lead ECG objects, whole or broken on purpose, in any uncompressed transfer syntax."""

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    GeneralECGWaveformStorage,
    ImplicitVRLittleEndian,
    TwelveLeadECGWaveformStorage,
)

from ecg.leads import LEADS

IMPLICIT: Final[str] = ImplicitVRLittleEndian
EXPLICIT: Final[str] = ExplicitVRLittleEndian
BIG: Final[str] = ExplicitVRBigEndian
DEFLATED: Final[str] = DeflatedExplicitVRLittleEndian
SYNTAXES: Final = (IMPLICIT, EXPLICIT, BIG, DEFLATED)

KINDS: Final = {1: "SB", 2: "SS", 4: "SL"}  # PS3.3 C.10.9.1.5, by bytes
ROOT: Final = "1.2.826.0.1.3680043.10.1"  # under pydicom's sample root; nothing of it leaves the tests
MDC_CODES: Final = dict(
    zip(
        (*LEADS, "-aVR"),
        ("2:1", "2:2", "2:61", "2:62", "2:63", "2:64", "2:3", "2:4", "2:5", "2:6", "2:7", "2:8", "2:65"),
        strict=True,
    )
)


@dataclass(frozen=True)
class Scale:
    """How raw samples become a voltage, the same in every channel; None leaves the attribute out."""

    sensitivity: float | str | None = 1
    unit: str | None = "uV"
    baseline: float | str | None = 0
    correction: float | str | None = 1
    bits_stored: int = 16


@dataclass(frozen=True)
class Who:
    """The patient, and when and in which study the ECG was acquired."""

    name: str | None = "Example^Eve"
    id: str | None = "4711"
    issuer: str | None = "HOSPITAL"
    sex: str | None = "F"
    birth_date: date | None = date(1961, 2, 3)
    acquired: str | None = "20240229123456.25"
    study_uid: str = ROOT + ".1"


def twelve_lead_dataset(
    raw: NDArray[np.int16], fs: float = 500, leads: Sequence[str] = LEADS, scale: Scale = Scale(), who: Who = Who()
) -> Dataset:
    """Return a 12-lead ECG object, without file meta information, that holds `raw`, int16 (samples, leads).

    Its SOP Instance UID is of what is given: another ECG is another instance.
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = TwelveLeadECGWaveformStorage
    given = hashlib.sha256(raw.tobytes() + repr((fs, leads, scale, who)).encode()).digest()
    ds.SOPInstanceUID = f"2.25.{int.from_bytes(given[:16])}"
    ds.SeriesInstanceUID, ds.StudyInstanceUID = ROOT + ".2", who.study_uid
    ds.StudyDate, ds.StudyTime, ds.ContentDate, ds.ContentTime = "20200101", "000000", "20200101", "000000"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "ECG", "Example Makers", "Model 1"
    ds.AccessionNumber, ds.StudyID, ds.InstanceNumber, ds.SeriesNumber = "A-1", "1", 1, 1
    birth = who.birth_date.strftime("%Y%m%d") if who.birth_date else None
    _set(ds, PatientName=who.name, PatientID=who.id, IssuerOfPatientID=who.issuer, PatientSex=who.sex)
    _set(ds, PatientBirthDate=birth, AcquisitionDateTime=who.acquired)
    ds.WaveformSequence = [multiplex_group(raw, fs, leads, scale)]
    return ds


def waveform_dataset(groups: Sequence[Dataset], sop_class: str = GeneralECGWaveformStorage) -> Dataset:
    """Return an ECG object of a class, without file meta information, that holds the multiplex groups."""
    ds = twelve_lead_dataset(square_wave(2.5))
    ds.SOPClassUID, ds.WaveformSequence = sop_class, list(groups)
    return ds


def multiplex_group(
    raw: NDArray[np.signedinteger[Any]],
    fs: float = 500,
    leads: Sequence[str] = LEADS,
    scale: Scale = Scale(),
    originality: str | None = "ORIGINAL",
) -> Dataset:
    """Return a multiplex group that holds `raw`, (samples, leads), signed of 8, 16 or 32 bits."""
    group = Dataset()
    _set(group, WaveformOriginality=originality, MultiplexGroupTimeOffset=0)
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = raw.shape[1], raw.shape[0]
    group.SamplingFrequency = fs
    group.ChannelDefinitionSequence = [channel(lead, scale) for lead in leads]
    width = raw.dtype.itemsize
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 8 * width, KINDS[width]
    group.add_new("WaveformData", "OW", raw.astype(f"<i{width}").tobytes())
    return group


def channel(lead: str | None, scale: Scale = Scale()) -> Dataset:
    """Return a channel definition; a lead that is none of the twelve gets a label alone, None nothing."""
    item = Dataset()
    if lead in MDC_CODES:
        item.ChannelSourceSequence = [code(MDC_CODES[lead], "MDC", f"Lead {lead}")]
    elif lead is not None:
        item.ChannelLabel = lead
    _set(item, ChannelSensitivity=scale.sensitivity, ChannelBaseline=scale.baseline)
    _set(item, ChannelSensitivityCorrectionFactor=scale.correction, ChannelSampleSkew=0)
    if scale.unit is not None:
        item.ChannelSensitivityUnitsSequence = [code(scale.unit, "UCUM", "unit")]
    item.WaveformBitsStored = scale.bits_stored
    return item


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def to_bytes(ds: Dataset, transfer_syntax: str = EXPLICIT) -> bytes:
    """Return the object as a file. pydicom leaves the byte order of OW to its caller (PS3.5 7.3): it is set here."""
    ds = deepcopy(ds)
    if transfer_syntax == BIG:
        for group in ds.get("WaveformSequence", []):
            for keyword in ("WaveformData", "WaveformPaddingValue"):
                if keyword in group:
                    group[keyword].value = np.frombuffer(group[keyword].value, "<i2").astype(">i2").tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", TwelveLeadECGWaveformStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", ROOT + ".3")
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    fresh = Dataset()
    fresh.update(ds)
    fresh.file_meta = ds.file_meta
    buffer = BytesIO()
    dcmwrite(buffer, fresh, enforce_file_format=True)
    return buffer.getvalue()


def square_wave(seconds: float = 10, fs: int = 500, high: int = 1000, leads: int = 12) -> NDArray[np.int16]:
    """Return int16 (samples, leads): `high` and 0 in turn, 0.5 s each, the same in every lead."""
    at = np.arange(int(seconds * fs))
    return np.repeat(np.where(at % fs < fs // 2, high, 0).astype(np.int16)[:, None], leads, axis=1)


def _set(ds: Dataset, **values: Any) -> None:
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
