"""Every signal format, written by wfdb or by signal(5)'s own words, comes back as it was put in; so do segments."""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray

from adapters.readers import read, unwrapped
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.recording import Recording
from tests.golden.corpus import wfdb
from tests.golden.wfdb_files import heart, written, zipped

Samples = NDArray[np.int64]
WRITTEN = {"80": 8, "212": 12, "16": 16, "24": 24, "32": 31, "508": 8, "516": 16, "524": 24}
PACKED = {"8": 8, "61": 16, "160": 16, "310": 10, "311": 10}


def read_one(held: dict[str, bytes]) -> Recording:
    (one,) = read(Payload(zipped(held)))
    return one


def read_last(held: dict[str, bytes]) -> Recording:
    (one,) = read(unwrapped(Payload(zipped(held)))[-1])
    return one


def noise(bits: int, count: int = 2999, leads: int = 3) -> Samples:
    """Return every value that a format can hold, but the one for 'none', at random: int64 (count, leads)."""
    top = 2 ** (bits - 1)
    values = np.random.default_rng(bits).integers(1 - top, top, (count, leads))
    values[:2] = [[top - 1], [1 - top]]
    return values


def by_hand(values: Samples, number: str, gain: float, initial: int = 0) -> dict[str, bytes]:
    """Write a record as header(5) and signal(5) say, in a format that wfdb does not write."""
    lines = [
        f"r.dat {number} {gain!r}(0)/mV 0 0 {initial} {int(values[:, at].sum()) % 65536} 0 {lead}"
        for at, lead in enumerate(LEADS[: values.shape[1]])
    ]
    header = "\r\n".join([f"r {values.shape[1]} 500 {len(values)}", *lines, ""])
    return {"r.hea": header.encode(), "r.dat": packed_as(number, values)}


def packed_as(number: str, values: Samples) -> bytes:
    flat = values.reshape(-1)
    if number == "8":
        return np.diff(values, axis=0, prepend=0).astype("<i1").tobytes()
    if number == "61":
        return flat.astype(">i2").tobytes()
    if number == "160":
        return (flat + 32768).astype("<u2").tobytes()
    ten = np.append(flat, np.zeros(-len(flat) % 3, dtype=np.int64)).reshape(-1, 3) & 1023
    if number == "311":
        return (ten[:, 0] | ten[:, 1] << 10 | ten[:, 2] << 20).astype("<u4").tobytes()
    low, high = ten[:, 2] & 31, ten[:, 2] >> 5  # 310: the third is in the five upper bits of both pairs
    return np.stack([ten[:, 0] << 1 | low << 11, ten[:, 1] << 1 | high << 11], axis=1).astype("<u2").tobytes()


@pytest.mark.parametrize("number, bits", WRITTEN.items())
def test_what_wfdb_writes(number: str, bits: int) -> None:
    values, gain = noise(bits), float(2 ** max(bits - 4, 4))
    held = written(
        d_signal=values,
        fmt=[number] * 3,
        adc_gain=[gain, gain * 2, gain],
        baseline=[0, 3, -7],
        sig_name=["I", "V2", "V6"],
        units=["mV"] * 3,
    )
    expected = ((values - [0, 3, -7]) / [gain, gain * 2, gain]).T
    one = read_one(held).waveform
    np.testing.assert_array_equal(one.signal, expected.astype(np.float32))
    assert one.leads == ("I", "V2", "V6")


@pytest.mark.parametrize("number, bits", PACKED.items())
@pytest.mark.parametrize("leads", [1, 2, 3])
def test_what_the_standard_writes(number: str, bits: int, leads: int) -> None:
    values, gain = noise(bits, 3001, leads), float(2 ** max(bits - 4, 4))
    if number == "8":
        values = np.cumsum(values, axis=0) // 40
        values[0] = 0
    np.testing.assert_array_equal(
        read_one(by_hand(values, number, gain)).waveform.signal, (values / gain).T.astype(np.float32)
    )


def test_differences_begin_at_the_initial_value() -> None:
    values = np.cumsum(noise(8, 3001, 1), axis=0) // 40
    values[0] = 0
    held = by_hand(values, "8", 100.0, initial=500)
    held["r.hea"] = held["r.hea"].replace(str(int(values.sum()) % 65536).encode(), b"0")
    np.testing.assert_array_equal(read_one(held).waveform.signal, ((values + 500) / 100).T.astype(np.float32))


@pytest.mark.parametrize("number", [*WRITTEN, "61", "160", "310", "311"])
def test_the_lowest_value_of_a_format_was_not_measured(number: str) -> None:
    bits = {**WRITTEN, **PACKED, "32": 32}[number]
    values = np.random.default_rng(1).integers(-50, 50, (2999, 2))
    values[100:200, 1] = -(2 ** (bits - 1))
    gain = float(2 ** max(bits - 4, 6))
    if number in WRITTEN:
        held = written(
            d_signal=values,
            fmt=[number] * 2,
            adc_gain=[gain] * 2,
            baseline=[0] * 2,
            sig_name=["I", "II"],
            units=["mV"] * 2,
        )
    else:
        held = by_hand(values, number, gain)
    signal = read_one(held).waveform.signal
    assert np.isnan(signal[1, 100:200]).all() and np.isnan(signal).sum() == 100


def test_what_wfdb_takes_for_nan_is_nan() -> None:
    values = heart() / 800.0
    values[500:600, 3] = np.nan
    held = written(d_signal=None, p_signal=values)
    signal = read_one(held).waveform.signal
    assert np.isnan(signal[3, 500:600]).all() and np.isnan(signal).sum() == 100
    np.testing.assert_allclose(signal, values.T, atol=1 / 800)


def test_several_signal_files_of_different_formats() -> None:
    held = written(fmt=["16"] * 6 + ["24"] * 6)
    assert len(held) == 3
    np.testing.assert_array_equal(read_one(held).waveform.signal, (heart() / 800).T.astype(np.float32))


def several_rates(*, rates: tuple[int, ...], names: tuple[str, ...], units: tuple[str, ...]) -> dict[str, bytes]:
    """Write signals of so many samples in each of 2000 frames, 250 a second."""
    values = [np.arange(2000 * rate) % (97 + at) for at, rate in enumerate(rates)]
    record = wfdb.Record(
        record_name="r",
        n_sig=len(rates),
        fs=250,
        sig_len=2000,
        samps_per_frame=list(rates),
        file_name=["r.dat"] * len(rates),
        fmt=["16"] * len(rates),
        adc_gain=[100.0] * len(rates),
        baseline=[0] * len(rates),
        units=list(units),
        adc_res=[16] * len(rates),
        adc_zero=[0] * len(rates),
        block_size=[0] * len(rates),
        sig_name=list(names),
        e_d_signal=values,
    )
    record.checksum = record.calc_checksum(expanded=True)
    record.init_value = [int(each[0]) for each in values]
    return to_files(record)


def to_files(record: Any) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        record.wrsamp(expanded=True, write_dir=folder)
        return {each.name: each.read_bytes() for each in sorted(Path(folder).iterdir())}


def test_leads_with_several_samples_in_a_frame_keep_each_of_them() -> None:
    held = several_rates(rates=(4, 4, 1), names=("II", "V5", "Resp"), units=("mV", "mV", "Ohm"))
    one = read_one(held)
    assert one.waveform.fs == 1000 and one.waveform.leads == ("II", "V5")
    np.testing.assert_array_equal(one.waveform.signal[1], ((np.arange(8000) % 98) / 100).astype(np.float32))
    assert one.provenance.notes == ("1 signal that is no lead of an ECG, or sampled otherwise, was left out.",)


def test_leads_at_different_rates_are_refused() -> None:
    with pytest.raises(MalformedPayload, match="2 different sampling frequencies"):
        read_one(several_rates(rates=(4, 2), names=("II", "V5"), units=("mV", "mV")))


def test_a_preamble_is_passed_over() -> None:
    held = written()
    held["r.hea"] = held["r.hea"].replace(b"r.dat 16 ", b"r.dat 16+24 ")
    held["r.dat"] = bytes(range(24)) + held["r.dat"]
    np.testing.assert_array_equal(read_one(held).waveform.signal, (heart() / 800).T.astype(np.float32))


@pytest.mark.parametrize("level", ["4", "5"])
def test_a_mat_file_is_read_only_where_its_samples_are_at_a_known_place(level: str) -> None:
    whole, held = io.BytesIO(), written()
    scipy.io.savemat(whole, {"val": heart().T.astype(np.int16)}, format=level)
    held["r.hea"] = held["r.hea"].replace(b"r.dat 16 ", b"r.dat 16+24 ")
    held["r.dat"] = whole.getvalue()
    if level == "4":
        np.testing.assert_array_equal(read_one(held).waveform.signal, (heart() / 800).T.astype(np.float32))
        return
    with pytest.raises(MalformedPayload, match="MAT-file"):
        read_one(held)


def test_skew_is_corrected_as_wfdb_does(tmp_path: Path) -> None:
    held = written()
    lines = held["r.hea"].split(b"\n")
    lines[3] = lines[3].replace(b"r.dat 16 ", b"r.dat 16:7 ")
    held["r.hea"] = b"\n".join(lines)
    for name, data in held.items():
        (tmp_path / name).write_bytes(data)
    one = read_one(held)
    theirs = wfdb.rdrecord(str(tmp_path / "r")).p_signal.T.astype(np.float32)
    np.testing.assert_array_equal(one.waveform.signal, theirs)
    assert np.isnan(one.waveform.signal[2, -7:]).all() and np.isnan(one.waveform.signal).sum() == 7
    assert "skew" in one.provenance.notes[0]


@pytest.mark.parametrize("number", ["0", "17", "9999"])
def test_a_format_that_is_none_is_refused(number: str) -> None:
    held = written()
    held["r.hea"] = held["r.hea"].replace(b"r.dat 16 ", f"r.dat {number} ".encode())
    with pytest.raises((UnknownFormat, MalformedPayload)):
        read_one(held)


def test_flac_without_its_decoder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    held = written(fmt=["516"] * 12)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UnknownFormat, match="FLAC"):
        read_one(held)


def halves(extra: bytes = b"") -> dict[str, bytes]:
    """Return pydicom's ECG in two segments with a gap of 1000 samples, the first half a second time at the end."""
    first, second = (written(name, d_signal=part) for name, part in (("a", heart()[:5000]), ("b", heart()[5000:])))
    header = b"r/4 12 1000 16000\na 5000\n~ 1000\nb 5000\na 5000\n" + extra
    return first | second | {"r.hea": header}


def test_segments_are_joined_with_their_gaps() -> None:
    one = read_one(halves())
    whole = (heart() / 800).T.astype(np.float32)
    expected = np.concatenate([whole[:, :5000], np.full((12, 1000), np.nan), whole[:, 5000:], whole[:, :5000]], axis=1)
    np.testing.assert_array_equal(one.waveform.signal, expected.astype(np.float32))
    assert one.provenance.notes == ("Joined 3 segments.",)
    assert (one.patient.age, one.patient.sex) == (63, "F")


def test_segments_are_joined_as_wfdb_does(tmp_path: Path) -> None:
    held = halves()  # wfdb knows no gap in a fixed layout
    held["r.hea"] = held["r.hea"].replace(b"r/4 12 1000 16000", b"r/3 12 1000 15000").replace(b"~ 1000\n", b"")
    for name, data in held.items():
        (tmp_path / name).write_bytes(data)
    theirs = wfdb.rdrecord(str(tmp_path / "r")).p_signal.T.astype(np.float32)
    np.testing.assert_array_equal(read_one(held).waveform.signal, theirs)


def test_segments_of_a_variable_layout_are_joined_by_name(tmp_path: Path) -> None:
    values = heart()
    layout = "l 3 1000 0\n" + "".join(f"~ 0 800/mV 12 0 0 0 0 {each}\n" for each in ("I", "V1", "V2"))

    def segment(name: str, leads: list[int], start: int) -> dict[str, bytes]:
        return written(
            name,
            d_signal=values[start : start + 4000, leads],
            fmt=["16"] * len(leads),
            adc_gain=[800.0] * len(leads),
            baseline=[0] * len(leads),
            units=["mV"] * len(leads),
            sig_name=[LEADS[at] for at in leads],
            comments=[],
        )

    held = segment("a", [7, 0], 0) | segment("b", [6], 4000)
    held |= {"r.hea": b"r/4 3 1000 9000\nl 0\na 4000\n~ 1000\nb 4000\n", "l.hea": layout.encode()}
    one = read_one(held).waveform
    assert one.leads == ("I", "V1", "V2")
    for name, data in held.items():
        (tmp_path / name).write_bytes(data)
    theirs = wfdb.rdrecord(str(tmp_path / "r"))
    assert theirs.sig_name == ["I", "V1", "V2"]
    np.testing.assert_array_equal(one.signal, theirs.p_signal.T.astype(np.float32))
    np.testing.assert_array_equal(one.signal[0, :4000], (values[:4000, 0] / 800).astype(np.float32))
    assert np.isnan(one.signal[0, 4000:]).all() and np.isnan(one.signal[1, :5000]).all()


@pytest.mark.parametrize(
    "wrong, why",
    [
        ((b"16000", b"16001"), "16000 frames"),
        ((b"b 5000", b"b 4999"), "(16000|15999) frames"),
        ((b"12 1000 16000\na 5000\n~ 1000\nb 5000\na 5000", b"12 1000\na 5000\n~ 1000\nb 4999\na 5000"), "as long as"),
        ((b"12 1000", b"12 500"), "sampling frequency"),
        ((b"b 5000", b"c 5000"), "missing"),
        ((b"b 5000", b"r 5000"), "segments of its own"),
        ((b"b 5000", b"../b 5000"), "outside"),
    ],
)
def test_segments_that_do_not_fit_are_refused(wrong: tuple[bytes, bytes], why: str) -> None:
    held = halves()
    held["r.hea"] = held["r.hea"].replace(*wrong)
    with pytest.raises(MalformedPayload, match=why):
        read_last(held)
