"""What a WFDB header says is what is read: units, gains, names, rates, times, comments; a contradiction is refused."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from adapters.readers import read, unwrapped
from adapters.wfdb.comments import told
from ecg.errors import AmbiguousPayload, MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Patient, Recording
from tests.golden.wfdb_files import heart, written, zipped

MILLIVOLT = (heart() / 800).T.astype(np.float32)
DECLARED_LEADS = ("V6", *LEADS[:11])


def read_one(held: dict[str, bytes], **declared: Any) -> Recording:
    (bare,) = unwrapped(Payload(zipped(held), declared=Declared(**declared)))
    (one,) = read(bare)
    return one


def edited(old: str, new: str, count: int = -1, **changes: Any) -> dict[str, bytes]:
    held = written(**changes)
    assert old.encode() in held["r.hea"]
    return held | {"r.hea": held["r.hea"].replace(old.encode(), new.encode(), count)}


@pytest.mark.parametrize(
    "said",
    [
        "800.0(0)/mV",
        "800(0)",
        "800",
        "0.8(0)/uV",
        "0.8(0)/\u00b5V",
        "0.8(0)/\u03bcV",
        "8e5(0)/V",
        "800(0)/mv",
        "+800.(0)/mV",
    ],
)
def test_a_gain_is_steps_per_unit_whatever_the_unit(said: str) -> None:
    one = read_one(edited("800.0(0)/mV", said))
    np.testing.assert_allclose(one.waveform.signal, MILLIVOLT, rtol=1e-6)
    assert one.provenance.notes == (() if "/" in said else ("The header names no unit, which stands for millivolt.",))


def test_the_micro_sign_counts_in_latin_1_too() -> None:
    held = written()
    held["r.hea"] = held["r.hea"].replace(b"800.0(0)/mV", b"0.8(0)/\xb5V")
    np.testing.assert_allclose(read_one(held).waveform.signal, MILLIVOLT, rtol=1e-6)


def test_the_baseline_is_the_sample_of_no_voltage_and_not_the_gain() -> None:
    one = read_one(edited("800.0(0)/mV", "500.0(100)/mV"))
    np.testing.assert_array_equal(one.waveform.signal, ((heart() - 100) / 500).T.astype(np.float32))


def test_the_adc_zero_is_the_baseline_where_there_is_none() -> None:
    one = read_one(edited("800.0(0)/mV 16 0 ", "800/mV 16 1024 "))
    np.testing.assert_array_equal(one.waveform.signal, ((heart() - 1024) / 800).T.astype(np.float32))
    other = read_one(edited("800.0(0)/mV 16 0 ", "800(5)/mV 16 1024 "))
    np.testing.assert_array_equal(other.waveform.signal, ((heart() - 5) / 800).T.astype(np.float32))


@pytest.mark.parametrize(
    "swapped", ["6.0(800)/mV", "800.0(0)/V", "0.001(0)/mV", "1000(0)/nV", "1e300(0)/mV", "1(0)/MV"]
)
def test_gain_and_baseline_or_units_exchanged_are_refused(swapped: str) -> None:
    with pytest.raises(MalformedPayload):
        read_one(edited("800.0(0)/mV", swapped))


@pytest.mark.parametrize("gain", ["0(0)/mV", "0", "0.0/mV"])
def test_what_is_not_calibrated_is_ambiguous_until_its_unit_is_declared(gain: str) -> None:
    held = edited("800.0(0)/mV", gain)
    with pytest.raises(AmbiguousPayload, match="calibrated") as caught:
        read_one(held)
    assert caught.value.declare == ("unit",)
    if "mV" not in gain:
        one = read_one(held, unit="uV")
        np.testing.assert_allclose(one.waveform.signal, heart().T / 1000, rtol=1e-6)


def test_a_declared_unit_fills_the_gap_and_contradicts_nothing() -> None:
    one = read_one(edited("800.0(0)/mV", "0.8(0)"), unit="uV")
    np.testing.assert_allclose(one.waveform.signal, MILLIVOLT, rtol=1e-6)
    assert one.provenance.notes == ()
    read_one(written(), unit="mV")
    with pytest.raises(MalformedPayload, match="unit"):
        read_one(written(), unit="uV")
    with pytest.raises(MalformedPayload, match="declared unit"):
        read_one(edited("800.0(0)/mV", "800"), unit="mmHg")


def test_leads_come_by_their_names_whatever_their_order() -> None:
    turned = written(d_signal=heart()[:, ::-1].copy(), sig_name=list(LEADS[::-1]))
    one = read_one(turned)
    assert one.waveform.leads == LEADS
    np.testing.assert_array_equal(one.waveform.signal, MILLIVOLT)


def test_a_lead_that_is_missing_stays_missing() -> None:
    few = [0, 1, *range(3, 12)]
    one = read_one(
        written(
            d_signal=heart()[:, few],
            sig_name=[LEADS[at] for at in few],
            fmt=["16"] * 11,
            units=["mV"] * 11,
            adc_gain=[800.0] * 11,
            baseline=[0] * 11,
        )
    )
    assert one.waveform.leads == tuple(LEADS[at] for at in few)
    np.testing.assert_array_equal(one.waveform.signal, MILLIVOLT[few])


@pytest.mark.parametrize("spell", [str.lower, str.upper, "ECG {}".format, "lead_{}".format, "{} (ECG)".format])
def test_the_twelve_in_many_spellings(spell: Any) -> None:
    one = read_one(written(sig_name=[spell(lead) for lead in LEADS]))
    assert one.waveform.leads == LEADS
    np.testing.assert_array_equal(one.waveform.signal, MILLIVOLT)


def test_other_leads_are_kept_under_their_own_names_and_never_for_one_of_the_twelve() -> None:
    one = read_one(written(sig_name=["I", "MLII", "V3R", *LEADS[3:]]))
    assert one.waveform.leads == ("I", *LEADS[3:], "MLII", "V3R")
    np.testing.assert_array_equal(one.waveform.signal[-2:], MILLIVOLT[1:3])
    with pytest.raises(MalformedPayload, match="another lead"):
        read_one(written(sig_name=["I", "MLII", *LEADS[2:]]), leads=LEADS)


def test_minus_avr_is_avr_with_its_sign_changed() -> None:
    one = read_one(written(sig_name=[lead.replace("aVR", "-aVR") for lead in LEADS]))
    assert one.waveform.leads == LEADS
    np.testing.assert_array_equal(one.waveform.signal[3], -MILLIVOLT[3])


@pytest.mark.parametrize("label", ["", "ECG", "ECG signal {}", "record r, signal {}", "ch{}"])
def test_signals_without_the_name_of_a_lead_are_ambiguous_until_declared(label: str) -> None:
    held = written(sig_name=[f"X{at}X" for at in range(12)])
    for at in range(12):
        held["r.hea"] = held["r.hea"].replace(f"X{at}X".encode(), label.format(at).encode())
    with pytest.raises(AmbiguousPayload) as caught:
        read_one(held)
    assert caught.value.declare == ("leads",)
    one = read_one(held, leads=DECLARED_LEADS)
    assert one.waveform.leads == LEADS
    np.testing.assert_array_equal(one.waveform.signal, np.roll(MILLIVOLT, -1, axis=0))


def test_declared_leads_contradict_nothing() -> None:
    read_one(written(), leads=LEADS)
    with pytest.raises(MalformedPayload, match="another lead"):
        read_one(written(), leads=DECLARED_LEADS)
    with pytest.raises(MalformedPayload, match="11 leads"):
        read_one(written(), leads=LEADS[:11])


def test_a_lead_that_stands_twice_or_none_of_the_twelve_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="twice: I"):
        read_one(written(sig_name=["I", "Lead I", *LEADS[2:]]))
    with pytest.raises(MalformedPayload, match="none of"):
        read_one(edited("/mV", "/mmHg", 1))
    with pytest.raises(MalformedPayload, match="None of the 12"):
        read_one(written(sig_name=[f"EEG {at}" for at in range(12)]))


def test_what_is_no_voltage_is_left_out() -> None:
    one = read_one(edited("/mV", "/mmHg", 1, sig_name=["ABP", *LEADS[1:]]))
    assert one.waveform.leads == LEADS[1:]
    assert one.provenance.notes == ("1 signal that is no lead of an ECG, or sampled otherwise, was left out.",)


def test_the_sampling_frequency_is_stated_or_declared_and_never_guessed() -> None:
    bare = edited("r 12 1000 10000", "r 12")
    with pytest.raises(AmbiguousPayload) as caught:
        read_one(bare)
    assert caught.value.declare == ("fs",)
    assert read_one(bare, fs=500.0).waveform.fs == 500
    assert read_one(written(), fs=1000.0).waveform.fs == 1000
    with pytest.raises(MalformedPayload, match="frequency"):
        read_one(written(), fs=500.0)
    for wrong in ("r 12 0 10000", "r 12 -5 10000", "r 12 1e999 10000", "r 12 1000x 10000", "r 12 30 10000"):
        with pytest.raises(MalformedPayload):
            read_one(edited("r 12 1000 10000", wrong))
    assert read_one(edited("r 12 1000 10000", "r 12 1e3/24(12.5) 10000")).waveform.fs == 1000


@pytest.mark.parametrize(
    "said, begun",
    [
        (" 13:05:07.25 25/4/1989", datetime(1989, 4, 25, 13, 5, 7, 250000)),
        (" 13:5:0 25/04/1989", datetime(1989, 4, 25, 13, 5)),
        (" 0:0:0 0/0/0", None),
        (" 13:05:07", None),
    ],
)
def test_base_time_and_date_are_when_it_began_without_a_zone(said: str, begun: datetime | None) -> None:
    one = read_one(edited("r 12 1000 10000", f"r 12 1000 10000{said}"))
    assert (one.acquired_at, one.provenance.notes) == (begun, ())


@pytest.mark.parametrize(
    "said", [" 12-May-2020 12:33:59", " 13:05:07 04/25/1989", " 25:00:00 01/01/2000", " 1:1:1 1/1/20"]
)
def test_a_date_in_another_form_is_left_out_and_noted(said: str) -> None:
    one = read_one(edited("r 12 1000 10000", f"r 12 1000 10000{said}"))
    assert (one.acquired_at, one.provenance.notes) == (None, ("The header's date could not be read.",))


def test_a_declared_time_fills_the_gap_and_contradicts_nothing() -> None:
    when = datetime(2003, 2, 1, 10, 0)
    assert read_one(written(), acquired_at=when).acquired_at == when
    timed = edited("r 12 1000 10000", "r 12 1000 10000 10:00:00 01/02/2003")
    assert read_one(timed, acquired_at=when).acquired_at == when
    with pytest.raises(MalformedPayload, match="time of acquisition"):
        read_one(timed, acquired_at=datetime(2003, 2, 2, 10, 0))


@pytest.mark.parametrize("field", [5, 6])
def test_a_checksum_or_first_sample_that_does_not_fit_is_refused(field: int) -> None:
    held = written()
    lines = held["r.hea"].decode().split("\n")
    words = lines[4].split(" ")
    words[field] = str(int(words[field]) + 1)
    broken = held | {"r.hea": "\n".join([*lines[:4], " ".join(words), *lines[5:]]).encode()}
    with pytest.raises(MalformedPayload, match=r"checksum|first sample"):
        read_one(broken)
    words[field] = "0"
    read_one(held | {"r.hea": "\n".join([*lines[:4], " ".join(words), *lines[5:]]).encode()})


def test_one_changed_byte_of_the_signals_is_found() -> None:
    held = written()
    data = bytearray(held["r.dat"])
    data[4321] ^= 1
    with pytest.raises(MalformedPayload, match="checksum"):
        read_one(held | {"r.dat": bytes(data)})


def test_the_length_is_the_headers_or_the_files() -> None:
    one = read_one(edited("r 12 1000 10000", "r 12 1000"))
    np.testing.assert_array_equal(one.waveform.signal, MILLIVOLT)
    with pytest.raises(MalformedPayload, match="fewer than the 10001"):
        read_one(edited("r 12 1000 10000", "r 12 1000 10001"))
    held = written()
    longer = read_one(held | {"r.dat": held["r.dat"] + held["r.dat"]})
    np.testing.assert_array_equal(longer.waveform.signal, MILLIVOLT)
    assert "more samples" in longer.provenance.notes[0]


@pytest.mark.parametrize(
    "comments, age, sex, others",
    [
        (["<age>: 51", "<sex>: F", "<diagnoses>:", "Rhythm: Sinus."], 51, "F", ("Rhythm: Sinus.",)),
        (["Age: 63", "Sex: Male", "Dx: 426783006"], 63, "M", ("Dx: 426783006",)),
        (["<age>: 72.5  <sex>: M  <diagnoses>: (none)"], 72.5, "M", ("diagnoses: (none)",)),
        (["age: 81", "sex: female", "ECG date: 01/10/1990"], 81, "F", ("ECG date: 01/10/1990",)),
        (["Age: NaN", "Sex: Unknown"], None, None, ()),
        (["Age: 300", "gender: m"], None, "M", ()),
        (["69 M 1085 1629 x1", "Aldomet, Inderal"], None, None, ("69 M 1085 1629 x1", "Aldomet, Inderal")),
        (["Age: 50", "Age: 51", "sex: F"], None, "F", ()),
        (["Stage: 4", "Age of infarction: 2 days"], None, None, ("Stage: 4", "Age of infarction: 2 days")),
    ],
)
def test_comments_tell_age_and_sex_and_the_rest_is_the_sources(
    comments: list[str], age: float | None, sex: str | None, others: tuple[str, ...]
) -> None:
    assert told(comments) == (Patient(age=age, sex=sex), others)


def test_comments_reach_the_recording_and_a_declared_patient_completes_them() -> None:
    one = read_one(written(), patient=Patient(id="PLANTED-4711", age=99))
    assert one.patient == Patient(id="PLANTED-4711", age=63, sex="F")
    assert one.statements == ("Rhythm: Sinus rhythm.",)
    assert "Sinus" not in repr(one)


def test_a_header_alone_is_claimed_and_told_what_is_missing() -> None:
    held = written()
    with pytest.raises(MalformedPayload, match="in one zip"):
        read(Payload(held["r.hea"]))
    with pytest.raises(MalformedPayload, match="in one zip"):
        read_one({"r.hea": held["r.hea"]})
    with pytest.raises(UnknownFormat):
        read(Payload(held["r.dat"]))


@pytest.mark.parametrize(
    "text", ["1 2 3 4\n5 6 7 8\n", "t I II\n0 1 2\n", "I,II\n1,2\n", "hello\nworld\n", "1 12 500\n"]
)
def test_a_table_or_a_text_is_no_header(text: str) -> None:
    with pytest.raises(UnknownFormat):
        read(Payload(text.encode()))
