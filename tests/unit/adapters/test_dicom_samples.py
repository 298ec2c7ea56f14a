"""DICOM samples become the right voltage, in the right lead, from the right group."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.errors import AmbiguousPayload, MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Recording
from ecg.report import identity
from tests.golden.dicom_files import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SYNTAXES,
    Scale,
    channel,
    code,
    multiplex_group,
    square_wave,
    to_bytes,
    twelve_lead_dataset,
)

RAW = np.random.default_rng(1).integers(-1000, 1000, (5000, 12)).astype(np.int16)
NOTHING = Declared()


def read_one(ds: Dataset, syntax: str = EXPLICIT, declared: Declared = NOTHING) -> Recording:
    (recording,) = read(Payload(to_bytes(ds, syntax), declared=declared))
    return recording


def holds_raw(recording: Recording) -> bool:
    """Say whether the recording is RAW in microvolt."""
    return bool(np.allclose(recording.waveform.signal.T, RAW / 1000, atol=1e-6))


def first_group(ds: Dataset) -> Dataset:
    return ds.WaveformSequence[0]


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return pydicom.dcmread(get_testdata_file("waveform_ecg.dcm", download=False))


def test_the_sample_equals_pydicoms_own_array_in_its_microvolt(sample: Dataset) -> None:
    waveform = read_one(sample).waveform
    np.testing.assert_allclose(waveform.signal.T, sample.waveform_array(0) * 1e-3, atol=1e-6)
    assert (waveform.leads, waveform.fs) == (LEADS, 1000)


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG, DEFLATED])
def test_another_transfer_syntax_changes_neither_waveform_nor_identity(syntax: str, sample: Dataset) -> None:
    for ds in (sample, twelve_lead_dataset(RAW)):
        one, other = read_one(ds), read_one(ds, syntax)
        assert one.waveform.signal.tobytes() == other.waveform.signal.tobytes()
        assert identity(one) == identity(other)
        assert replace(one, waveform=other.waveform) == other


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_square_wave_of_1_mv_is_1_mv(syntax: str) -> None:
    signal = read_one(twelve_lead_dataset(square_wave()), syntax).waveform.signal
    assert np.unique(signal).tolist() == [0, 1]


def test_gain_and_baseline_are_not_swapped() -> None:
    ds = twelve_lead_dataset(
        np.full((5000, 12), 100, np.int16), scale=Scale(sensitivity=2.5, baseline=40, correction=2)
    )
    assert read_one(ds).waveform.signal[0, 0] == pytest.approx((100 * 2.5 * 2 + 40) / 1000)


@pytest.mark.parametrize(("unit", "millivolt"), [("nV", 1e-4), ("uV", 0.1), ("mV", 100)])
def test_each_unit_is_what_it_says(unit: str, millivolt: float) -> None:
    ds = twelve_lead_dataset(np.full((5000, 12), 100, np.int16), scale=Scale(unit=unit))
    assert read_one(ds).waveform.signal[0, 0] == pytest.approx(millivolt)


def test_a_sensitivity_in_volt_is_scaled_down() -> None:
    ds = twelve_lead_dataset(RAW, scale=Scale(sensitivity="1e-6", unit="V"))
    assert pytest.approx(RAW / 1000, abs=1e-6) == read_one(ds).waveform.signal.T


def test_leads_in_another_order_give_the_same_recording() -> None:
    order = np.random.default_rng(2).permutation(12)
    moved = twelve_lead_dataset(RAW[:, order], leads=[LEADS[at] for at in order])
    one, other = read_one(twelve_lead_dataset(RAW)), read_one(moved)
    assert identity(one) == identity(other)
    assert (canonicalise(one.waveform)[0].signal == canonicalise(other.waveform)[0].signal).all()


def test_a_missing_lead_is_missing_and_moves_no_other() -> None:
    kept = [at for at, lead in enumerate(LEADS) if lead != "V3"]
    window = canonicalise(read_one(twelve_lead_dataset(RAW[:, kept], leads=[LEADS[at] for at in kept])).waveform)[0]
    assert not window.mask[8].any()
    assert window.signal[9] == pytest.approx(RAW[:, 9] / 1000)


@pytest.mark.parametrize("labelled", [False, True])
def test_minus_avr_is_avr_with_its_sign_changed(labelled: bool) -> None:
    ds = twelve_lead_dataset(RAW[:, :1], leads=["-aVR"])
    if labelled:
        first_group(ds).ChannelDefinitionSequence = [channel("Lead -aVR")]  # a label alone
    waveform = read_one(ds).waveform
    assert waveform.leads == ("aVR",)
    assert waveform.signal[0] == pytest.approx(-RAW[:, 0] / 1000)
    assert not np.signbit(waveform.signal[0][RAW[:, 0] == 0]).any()


def test_scp_codes_and_padded_labels_name_leads_too() -> None:
    ds = twelve_lead_dataset(RAW[:, :3], leads=["I", "II", "V1"])
    one, two, three = first_group(ds).ChannelDefinitionSequence
    one.ChannelSourceSequence = [code("5.6.3-9-64", "SCPECG", "")]
    two.ChannelSourceSequence = [code("x", "99LOCAL", "Lead V5 (precordial)")]
    del three.ChannelSourceSequence
    three.ChannelLabel = "v6\0"
    assert read_one(ds).waveform.leads == ("aVF", "V5", "V6")


def test_an_unknown_lead_keeps_its_label_and_stands_last() -> None:
    assert read_one(twelve_lead_dataset(RAW[:, :2], leads=["V3R", "I"])).waveform.leads == ("I", "V3R")


def test_a_lead_is_never_taken_by_its_index_but_may_be_declared() -> None:
    ds = twelve_lead_dataset(RAW[:, :2], leads=["V1", "V2"])
    first_group(ds).ChannelDefinitionSequence[1] = channel(None)
    with pytest.raises(AmbiguousPayload) as caught:
        read_one(ds)
    assert caught.value.declare == ("leads",)
    assert read_one(ds, declared=Declared(leads=("V1", "V4"))).waveform.leads == ("V1", "V4")
    with pytest.raises(MalformedPayload, match="declared"):
        read_one(ds, declared=Declared(leads=("V2", "V4")))
    with pytest.raises(MalformedPayload, match="1 leads were declared for 2"):
        read_one(ds, declared=Declared(leads=("V1",)))


@pytest.mark.parametrize(("lead", "text"), [("V1", "Lead V2"), ("-aVR", "aVR"), ("aVR", "-aVR")])
def test_a_code_and_a_text_that_contradict_each_other_are_refused(lead: str, text: str) -> None:
    ds = twelve_lead_dataset(RAW[:, :1], leads=[lead])
    first_group(ds).ChannelDefinitionSequence[0].ChannelLabel = text
    with pytest.raises(MalformedPayload, match="at once"):
        read_one(ds)


def test_a_lead_that_stands_twice_is_refused_without_quoting_the_file() -> None:
    with pytest.raises(MalformedPayload, match="twice: V1"):
        read_one(twelve_lead_dataset(RAW[:, :2], leads=["V1", "V1"]))
    with pytest.raises(MalformedPayload, match="twice") as caught:
        read_one(twelve_lead_dataset(RAW[:, :3], leads=["I", "Secret", "Secret"]))
    assert "Secret" not in str(caught.value)


def test_channels_that_are_no_ecg_leads_at_all_are_refused() -> None:
    with pytest.raises(UnknownFormat, match="twelve"):
        read_one(twelve_lead_dataset(RAW[:, :2], leads=["RESP", "ART"]))


def test_padding_is_missing_signal() -> None:
    raw = RAW.copy()
    raw[100:200, 3] = -32768
    ds = twelve_lead_dataset(raw)
    first_group(ds).add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    for syntax in SYNTAXES:
        missing = np.isnan(read_one(ds, syntax).waveform.signal)
        assert missing.sum() == 100 and missing[3, 100:200].all()


def test_bits_that_are_not_stored_do_not_count() -> None:
    raw = (RAW & 0x0FFF).astype(np.int16)
    ds = twelve_lead_dataset(raw, scale=Scale(bits_stored=12))
    assert pytest.approx(RAW / 1000) == read_one(ds).waveform.signal.T


def test_a_derived_median_beat_is_left_out_and_said_so() -> None:
    ds = twelve_lead_dataset(RAW)
    beat = multiplex_group(RAW[::-1], fs=250, originality="DERIVED")
    ds.WaveformSequence = [beat, first_group(ds)]
    recording = read_one(ds)
    assert pytest.approx(RAW / 1000) == recording.waveform.signal.T
    assert recording.provenance.notes == ("Read the ORIGINAL multiplex group; 1 other group was left out.",)


def test_where_originality_is_absent_the_longest_that_is_no_beat_is_read_and_said_so() -> None:
    ds = twelve_lead_dataset(RAW)
    short, long = (multiplex_group(part, originality=None) for part in (RAW[:2000], RAW))
    beat = multiplex_group(np.tile(RAW, (2, 1)), originality=None)
    beat.MultiplexGroupLabel = "Median beat"
    ds.WaveformSequence = [short, beat, long]
    recording = read_one(ds)
    assert recording.waveform.seconds == 10
    assert "No multiplex group is marked ORIGINAL" in recording.provenance.notes[0]


@pytest.mark.parametrize("samples, originality", [(1000, "ORIGINAL"), (1000, None), (5000, "DERIVED")])
def test_a_file_without_an_original_recording_is_refused(samples: int, originality: str | None) -> None:
    ds = twelve_lead_dataset(RAW)
    ds.WaveformSequence = [multiplex_group(RAW[:samples], originality=originality)]
    with pytest.raises(MalformedPayload, match="original recording"):
        read_one(ds)


def test_a_unit_that_is_missing_must_be_declared_and_one_that_is_there_cannot_be_changed() -> None:
    bare = twelve_lead_dataset(RAW, scale=Scale(unit=None))
    with pytest.raises(AmbiguousPayload) as caught:
        read_one(bare)
    assert caught.value.declare == ("unit",)
    assert pytest.approx(RAW / 1000) == read_one(bare, declared=Declared(unit="uV")).waveform.signal.T
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(twelve_lead_dataset(RAW), declared=Declared(unit="mV"))


def test_samples_without_sensitivity_are_in_no_unit() -> None:
    with pytest.raises(AmbiguousPayload):
        read_one(twelve_lead_dataset(RAW, scale=Scale(sensitivity=None)))


@pytest.mark.parametrize("unit", ["MV", "mm[Hg]", "UV"])
def test_a_unit_that_is_no_known_voltage_is_refused_by_naming_those_allowed(unit: str) -> None:
    with pytest.raises(MalformedPayload, match="nV, uV, mV, V"):
        read_one(twelve_lead_dataset(RAW, scale=Scale(unit=unit)))


@pytest.mark.parametrize("sensitivity", ["0", "-1", "1e308", "1e-300", "nan", "inf", "1e999", "1_0", "x"])
def test_an_absurd_sensitivity_is_refused(sensitivity: str) -> None:
    ds = twelve_lead_dataset(RAW[:, :1], leads=["I"], scale=Scale(sensitivity="12345678"))
    data = to_bytes(ds).replace(b"12345678", sensitivity.ljust(8).encode())
    with pytest.raises(MalformedPayload):
        read(Payload(data))


def test_a_missing_sampling_frequency_may_be_declared_and_a_present_one_not_changed() -> None:
    ds = twelve_lead_dataset(RAW)
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(ds, declared=Declared(fs=250))
    del first_group(ds).SamplingFrequency
    with pytest.raises(AmbiguousPayload) as caught:
        read_one(ds)
    assert caught.value.declare == ("fs",)
    assert read_one(ds, declared=Declared(fs=250)).waveform.seconds == 20


def test_counts_that_do_not_fit_the_data_are_refused_by_both_figures() -> None:
    ds = twelve_lead_dataset(RAW)
    first_group(ds).NumberOfWaveformSamples = 5001
    with pytest.raises(MalformedPayload, match=r"12 channels of 5001 samples do not fit 120000 bytes"):
        read_one(ds)
    first_group(ds).NumberOfWaveformSamples = 4999
    with pytest.raises(MalformedPayload, match=r"12 channels of 4999 samples do not fit 120000 bytes"):
        read_one(ds)
    first_group(ds).NumberOfWaveformSamples = 2**32 - 1
    with pytest.raises(MalformedPayload, match="4294967295"):
        read_one(ds)


@pytest.mark.parametrize("count", [0, 11, 5000])
def test_a_channel_count_that_is_not_that_of_the_definitions_is_refused(count: int) -> None:
    ds = twelve_lead_dataset(RAW)
    first_group(ds).NumberOfWaveformChannels = count
    with pytest.raises(MalformedPayload):
        read_one(ds)


def test_5000_channels_are_refused() -> None:
    ds = twelve_lead_dataset(np.zeros((1500, 5000), np.int16), leads=["V3R"] * 5000)
    with pytest.raises(MalformedPayload, match="64"):
        read_one(ds)


@pytest.mark.parametrize(("bits", "kind"), [(8, "SB"), (32, "SL"), (16, "US")])
def test_samples_of_other_waveform_classes_are_refused(bits: int, kind: str) -> None:
    ds = twelve_lead_dataset(RAW)
    first_group(ds).WaveformBitsAllocated, first_group(ds).WaveformSampleInterpretation = bits, kind
    with pytest.raises(MalformedPayload, match="16-bit"):
        read_one(ds)


@pytest.mark.parametrize("keyword", ["WaveformData", "ChannelDefinitionSequence", "NumberOfWaveformSamples"])
def test_a_group_without_its_essentials_is_refused(keyword: str) -> None:
    ds = twelve_lead_dataset(RAW)
    del first_group(ds)[keyword]
    with pytest.raises(MalformedPayload):
        read_one(ds)


def test_a_lead_marked_disconnected_is_missing_not_flat() -> None:
    ds = twelve_lead_dataset(RAW)
    first_group(ds).ChannelDefinitionSequence[7].ChannelStatus = "DISCONNECTED"
    recording = read_one(ds)
    assert np.isnan(recording.waveform.signal[7]).all() and np.isnan(recording.waveform.signal).sum() == 5000
    assert recording.provenance.notes == ("The recorder marks V2 as not measured.",)


def test_filters_are_the_narrowest_and_zero_is_none() -> None:
    ds = twelve_lead_dataset(RAW)
    first, second, *_ = first_group(ds).ChannelDefinitionSequence
    first.FilterLowFrequency, second.FilterLowFrequency = "0.05", "0.5"
    first.FilterHighFrequency, second.FilterHighFrequency = "150", "40"
    first.NotchFilterFrequency = "0"
    filters = read_one(ds).filters
    assert (filters.high_pass, filters.low_pass, filters.notch) == (0.5, 40, None)


def test_another_dicom_object_is_an_unknown_format_by_its_registered_name() -> None:
    data = Path(str(get_testdata_file("CT_small.dcm", download=False))).read_bytes()
    with pytest.raises(UnknownFormat, match="CT Image Storage"):
        read(Payload(data))
