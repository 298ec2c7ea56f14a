"""Channels and groups that began at different times stand on one axis, and nothing that was measured changes."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from adapters.dicom import timeline
from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.errors import MalformedPayload
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Recording
from tests.golden.dicom_files import Scale, multiplex_group, to_bytes, twelve_lead_dataset, waveform_dataset

RAW = np.random.default_rng(3).integers(-1000, 1000, (5000, 12)).astype(np.int16)
NOTHING = Declared()


def read_one(ds: Dataset, declared: Declared = NOTHING) -> Recording:
    (recording,) = read(Payload(to_bytes(ds), declared=declared))
    return recording


def group(columns: Sequence[int], part: slice, offset: float | None, raw: NDArray[np.int16] = RAW) -> Dataset:
    made = multiplex_group(raw[part][:, list(columns)], leads=[LEADS[at] for at in columns])
    del made.MultiplexGroupTimeOffset
    if offset is not None:
        made.MultiplexGroupTimeOffset = offset
    return made


def millivolt(columns: Sequence[int]) -> NDArray[np.float64]:
    return np.asarray(RAW[:, list(columns)].T / 1000)


def skewed(keyword: str, value: str) -> Dataset:
    ds = twelve_lead_dataset(RAW)
    setattr(ds.WaveformSequence[0].ChannelDefinitionSequence[4], keyword, value)
    return ds


@pytest.mark.parametrize(("keyword", "value"), [("ChannelSampleSkew", "2"), ("ChannelTimeSkew", "0.004")])
def test_a_skewed_lead_is_moved_by_whole_samples_and_every_value_stays(keyword: str, value: str) -> None:
    recording = read_one(skewed(keyword, value))
    signal = recording.waveform.signal
    assert signal.shape == (12, 5002)
    assert np.isnan(signal[4, :2]).all() and np.allclose(signal[4, 2:], millivolt([4])[0], atol=1e-6)
    others = [at for at in range(12) if at != 4]
    assert np.isnan(signal[others, 5000:]).all() and np.allclose(signal[others, :5000], millivolt(others), atol=1e-6)
    assert recording.provenance.notes == ("Leads that began up to 2.0 samples apart were moved by whole samples.",)


def test_a_pulse_at_one_moment_is_at_one_moment_after_the_skew_is_undone() -> None:
    raw = np.zeros((5000, 12), np.int16)
    skews = np.arange(12) % 4
    raw[1000 - skews, np.arange(12)] = 1000  # every lead sampled the same pulse, each with its own first sample
    ds = twelve_lead_dataset(raw)
    for item, skew in zip(ds.WaveformSequence[0].ChannelDefinitionSequence, skews, strict=True):
        item.ChannelSampleSkew = str(skew)
    assert (np.nanargmax(read_one(ds).waveform.signal, axis=1) == 1000).all()


@pytest.mark.parametrize("value", ["0.4", "-0.4"])
def test_less_than_half_a_sample_is_let_be(value: str) -> None:
    recording = read_one(skewed("ChannelSampleSkew", value))
    assert np.allclose(recording.waveform.signal, millivolt(range(12)), atol=1e-6)
    assert recording.provenance.notes == ()


def test_what_is_left_of_a_skew_is_told() -> None:
    ds = skewed("ChannelSampleSkew", "0.4")
    ds.WaveformSequence[0].ChannelDefinitionSequence[5].ChannelSampleSkew = "0.7"
    assert read_one(ds).provenance.notes == (
        "Leads that began up to 0.7 samples apart were moved by whole samples.",
        "Leads are up to 0.7 samples apart, which was not corrected.",
    )


def test_two_words_on_one_skew_must_agree() -> None:
    ds = skewed("ChannelSampleSkew", "2")
    ds.WaveformSequence[0].ChannelDefinitionSequence[4].ChannelTimeSkew = "0.4"
    with pytest.raises(MalformedPayload, match="skews"):
        read_one(ds)


@pytest.mark.parametrize("value", ["1e9", "-1e9", "1e300", "x"])
@pytest.mark.parametrize("keyword", ["ChannelSampleSkew", "ChannelTimeSkew"])
def test_an_absurd_skew_is_refused(keyword: str, value: str) -> None:
    data = to_bytes(skewed(keyword, "12345678")).replace(b"12345678", value.ljust(8).encode())
    with pytest.raises(MalformedPayload):
        read(Payload(data))


def test_limb_and_chest_leads_of_two_groups_are_one_recording() -> None:
    whole = slice(None)
    ds = waveform_dataset([group(range(6, 12), whole, 0), group(range(6), whole, 0)])
    recording = read_one(ds)
    assert recording.waveform.leads == LEADS
    assert np.allclose(recording.waveform.signal, millivolt(range(12)), atol=1e-6)
    assert recording.provenance.notes == ("Read 2 ORIGINAL multiplex groups on one axis of time.",)


def test_four_groups_one_after_the_other_stand_one_after_the_other() -> None:
    parts = [(range(at, at + 3), slice(at // 3 * 1250, (at // 3 + 1) * 1250), at // 3 * 2500) for at in (0, 3, 6, 9)]
    recording = read_one(waveform_dataset([group(*each) for each in reversed(parts)]))
    signal = recording.waveform.signal
    assert signal.shape == (12, 5000)
    for columns, part, _ in parts:
        rows = list(columns)
        assert np.allclose(signal[rows, part], millivolt(rows)[:, part], atol=1e-6)
        assert np.isnan(signal[rows]).sum() == 3 * 3750
    assert canonicalise(recording.waveform)[0].mask[6:].sum() == 6 * 1250


def test_a_lead_that_goes_on_in_the_next_group_is_one_lead() -> None:
    ds = waveform_dataset([group(range(12), slice(0, 2500), 0), group(range(12), slice(2500, 5000), 5000)])
    assert np.allclose(read_one(ds).waveform.signal, millivolt(range(12)), atol=1e-6)


def test_a_rhythm_strip_fills_what_its_groups_lack_and_must_agree_with_them() -> None:
    strip, three = group([1], slice(None), 0), group(range(3), slice(0, 1250), 0)
    recording = read_one(waveform_dataset([three, strip]))
    assert np.allclose(recording.waveform.signal[1], millivolt([1])[0], atol=1e-6)
    assert not any("twice" in each for each in recording.provenance.notes)


def test_a_lead_that_differs_from_itself_is_read_from_the_longer_and_said_so() -> None:
    other = RAW.copy()
    other[:, 1] += 3
    strip, three = group([1], slice(None), 0), group(range(3), slice(0, 1250), 0, other)
    recording = read_one(waveform_dataset([three, strip]))
    assert np.allclose(recording.waveform.signal[1], millivolt([1])[0], atol=1e-6)
    assert "II stood twice for the same time, and differently: the longer was read." in recording.provenance.notes


@pytest.mark.parametrize("offsets", [(0, None), (None, 0), (None, None)])
def test_groups_that_do_not_say_when_they_began_are_not_put_together(
    offsets: tuple[float | None, float | None],
) -> None:
    ds = waveform_dataset([group(range(6), slice(None), offsets[0]), group(range(6, 12), slice(None), offsets[1])])
    recording = read_one(ds)
    assert recording.waveform.leads == LEADS[:6]
    assert recording.provenance.notes == (
        "Read the ORIGINAL multiplex group; 1 other group was left out.",
        "Not every group says when it began.",
    )


def test_a_group_of_another_frequency_is_left_out() -> None:
    slow = multiplex_group(RAW[:, :6], fs=250, leads=LEADS[:6])
    recording = read_one(waveform_dataset([slow, group(range(6, 12), slice(None), 0)]))
    assert recording.waveform.leads == LEADS[:6] and recording.waveform.fs == 250
    assert recording.provenance.notes == ("Read the ORIGINAL multiplex group; 1 other group was left out.",)


@pytest.mark.parametrize("offset", [1e9, -1e9, 9e15])
def test_groups_too_far_apart_are_refused_before_an_axis_is_made(offset: float) -> None:
    with pytest.raises(MalformedPayload, match="too far apart"):
        read_one(waveform_dataset([group(range(6), slice(None), 0), group(range(6, 12), slice(None), offset)]))


def test_an_axis_has_no_more_values_than_bytes_of_samples_and_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "SPARE", 0)
    part = slice(0, 2500)
    for late, fits in ((0, True), (5000, True), (5002, False)):  # ms; two leads, each of 2500 samples of two bytes
        ds = waveform_dataset([group([0], part, 0), group([1], part, late)])
        if fits:
            assert read_one(ds).waveform.signal.shape == (2, 2500 + late // 2)
        else:
            with pytest.raises(MalformedPayload, match="too far apart"):
                read_one(ds)


def test_too_many_groups_are_refused() -> None:
    ds = waveform_dataset([multiplex_group(np.zeros((1250, 1), np.int16), leads=["I"])] * 65)
    with pytest.raises(MalformedPayload, match="65 multiplex groups"):
        read_one(ds)


def test_leads_may_be_declared_for_all_groups_together() -> None:
    groups = [multiplex_group(RAW[:, at : at + 1], leads=[f"CH{at}"]) for at in (0, 1)]
    recording = read_one(waveform_dataset(groups), Declared(leads=("V1", "II")))
    assert recording.waveform.leads == ("II", "V1")
    assert np.allclose(recording.waveform.signal, RAW[:, [1, 0]].T / 1000, atol=1e-6)


def test_another_signal_beside_the_leads_is_left_out_and_counted() -> None:
    pressure = multiplex_group(RAW[:, :1], leads=["ART"], scale=Scale(unit="mm[Hg]"))
    recording = read_one(waveform_dataset([group(range(12), slice(None), 0), pressure]))
    assert recording.waveform.leads == LEADS
    assert "1 channel of other signals than an ECG's left out." in recording.provenance.notes
