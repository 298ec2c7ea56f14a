"""Each class of ECG object, in each kind of samples that it allows, is what independent decoders make of it."""

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from adapters.dicom.codes import AMBULATORY_ECG, GENERAL_32_BIT_ECG, GENERAL_ECG, TWELVE_LEAD_ECG
from adapters.readers import read
from ecg.errors import MalformedPayload
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.recording import Recording
from ecg.report import identity
from tests.golden.dicom_files import EXPLICIT, SYNTAXES, Scale, multiplex_group, to_bytes, waveform_dataset

RNG = np.random.default_rng(7)
# Odd in samples and channels, so that 8-bit data need a byte to be even.
RAW = {width: RNG.integers(-100, 100, (1501, 3)).astype(f"i{width}") for width in (1, 2, 4)}
RAW[4] *= 65_537  # of 32 bits all are used
SENSITIVITY = {1: 12.5, 2: 2.5, 4: 0.00025}
ALLOWED = [(TWELVE_LEAD_ECG, 2), (GENERAL_ECG, 2), (AMBULATORY_ECG, 1), (AMBULATORY_ECG, 2), (GENERAL_32_BIT_ECG, 4)]
NOT_ALLOWED = [(TWELVE_LEAD_ECG, 1), (TWELVE_LEAD_ECG, 4), (GENERAL_ECG, 1), (AMBULATORY_ECG, 4)]
CONVERSIONS = {"implicit": "+ti", "big endian": "+tb", "deflated": "+td"}


def held(sop_class: str, width: int) -> Dataset:
    scale = Scale(SENSITIVITY[width], baseline=40, correction=1.5, bits_stored=8 * width)
    return waveform_dataset([multiplex_group(RAW[width], leads=("I", "II", "V1"), scale=scale)], sop_class)


def read_one(data: bytes) -> Recording:
    (recording,) = read(Payload(data))
    return recording


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("sop_class", "width"), ALLOWED)
def test_it_equals_pydicoms_own_array(sop_class: str, width: int, syntax: str) -> None:
    ds = held(sop_class, width)
    if width == 1:  # an odd number of bytes cannot be swapped in words: pydicom's writer pads it
        ds.WaveformSequence[0]["WaveformData"].VR = "OB"
    plain = pydicom.dcmread(BytesIO(to_bytes(ds)))
    waveform = read_one(to_bytes(ds, syntax if width > 1 else EXPLICIT)).waveform
    np.testing.assert_allclose(waveform.signal.T, plain.waveform_array(0) * 1e-3, rtol=1e-6)
    assert waveform.leads == ("I", "II", "V1")


@pytest.mark.parametrize(("sop_class", "width"), NOT_ALLOWED)
def test_samples_that_the_class_does_not_allow_are_refused(sop_class: str, width: int) -> None:
    with pytest.raises(MalformedPayload, match="-bit integers"):
        read_one(to_bytes(held(sop_class, width)))


@pytest.mark.parametrize(("kind", "bits"), [("UB", 8), ("MB", 8), ("AB", 8), ("US", 16), ("UL", 32), ("SS", 8)])
@pytest.mark.parametrize("sop_class", [TWELVE_LEAD_ECG, GENERAL_ECG, AMBULATORY_ECG, GENERAL_32_BIT_ECG])
def test_unsigned_and_companded_samples_are_no_ecgs(sop_class: str, kind: str, bits: int) -> None:
    ds = held(sop_class, bits // 8)
    ds.WaveformSequence[0].WaveformSampleInterpretation = kind
    with pytest.raises(MalformedPayload, match="signed"):
        read_one(to_bytes(ds))


@pytest.mark.skipif(shutil.which("dcmconv") is None, reason="dcmtk is not installed")
@pytest.mark.parametrize("option", CONVERSIONS.values(), ids=CONVERSIONS)
@pytest.mark.parametrize("file", ["pydicom's sample", *(f"{kind}-{width}" for kind, width in ALLOWED)])
def test_what_dcmtk_converts_is_the_same_ecg(file: str, option: str, tmp_path: Path) -> None:
    kind, _, width = file.partition("-")
    source = tmp_path / "ecg.dcm"
    if width:
        source.write_bytes(to_bytes(held(kind, int(width))))
    else:
        source.write_bytes(Path(str(get_testdata_file("waveform_ecg.dcm", download=False))).read_bytes())
    subprocess.run(["dcmconv", option, source, tmp_path / "other.dcm"], check=True, capture_output=True)
    one, other = read_one(source.read_bytes()), read_one((tmp_path / "other.dcm").read_bytes())
    assert one.waveform.signal.tobytes() == other.waveform.signal.tobytes()
    assert identity(one) == identity(other) and replace(one, waveform=other.waveform) == other


@pytest.mark.parametrize("width", [1, 2, 4])
def test_padding_is_missing_signal_whatever_its_width(width: int) -> None:
    raw = RAW[width].copy()
    raw[10:20, 1] = np.iinfo(raw.dtype).min
    ds = waveform_dataset([multiplex_group(raw, leads=("I", "II", "V1"), scale=Scale(1e-3, bits_stored=8 * width))])
    ds.SOPClassUID = {1: AMBULATORY_ECG, 2: GENERAL_ECG, 4: GENERAL_32_BIT_ECG}[width]
    lowest = int(np.iinfo(raw.dtype).min).to_bytes(width, "little", signed=True)
    ds.WaveformSequence[0].add_new("WaveformPaddingValue", "OB" if width == 1 else "OW", lowest)
    missing = np.isnan(read_one(to_bytes(ds)).waveform.signal)
    assert missing.sum() == 10 and missing[1, 10:20].all()


def test_a_padding_value_beyond_the_stored_bits_does_not_stand_for_zero() -> None:
    raw = np.zeros((1500, 2), np.int16)
    raw[:100, 0] = -32768
    ds = waveform_dataset([multiplex_group(raw, leads=("I", "II"), scale=Scale(bits_stored=12))])
    ds.WaveformSequence[0].add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    signal = read_one(to_bytes(ds)).waveform.signal
    assert np.isnan(signal[0, :100]).all() and not signal[0, 100:].any() and not signal[1].any()


@pytest.mark.parametrize("high", [2048, 4096])
def test_samples_beyond_the_bits_stored_are_refused_not_folded(high: int) -> None:
    raw = np.zeros((1500, 2), np.int16)
    raw[3, 1], raw[4, 1] = high, -1  # that negative one was extended by its writer: so this one was not left bare
    ds = waveform_dataset([multiplex_group(raw, leads=("I", "II"), scale=Scale(bits_stored=12))])
    with pytest.raises(MalformedPayload, match="more than the 12 bits"):
        read_one(to_bytes(ds))


def test_each_channel_has_bits_of_its_own() -> None:
    raw = np.full((1500, 2), 0x0FFF, np.int16)
    raw[:, 1] = 2047
    ds = waveform_dataset([multiplex_group(raw, leads=("I", "II"), scale=Scale(bits_stored=12))])
    ds.WaveformSequence[0].ChannelDefinitionSequence[1].WaveformBitsStored = 16
    signal = read_one(to_bytes(ds)).waveform.signal
    assert signal[0, 0] == pytest.approx(-0.001) and signal[1, 0] == pytest.approx(2.047)


@pytest.mark.parametrize("bits", [1, 17])
def test_impossible_bits_are_refused(bits: int) -> None:
    ds = waveform_dataset([multiplex_group(RAW[2], leads=("I", "II", "V1"), scale=Scale(bits_stored=bits))])
    with pytest.raises(MalformedPayload, match="from 2 to 16"):
        read_one(to_bytes(ds))


@pytest.mark.parametrize("leads", [("II",), ("I", "II", "V5"), (*LEADS, "V3R", "V4R", "V7")])
def test_it_has_as_many_leads_as_were_recorded(leads: tuple[str, ...]) -> None:
    raw = RNG.integers(-500, 500, (2500, len(leads))).astype(np.int16)
    waveform = read_one(to_bytes(waveform_dataset([multiplex_group(raw, leads=leads)]))).waveform
    assert waveform.leads == leads and np.allclose(waveform.signal.T, raw / 1000, atol=1e-6)
