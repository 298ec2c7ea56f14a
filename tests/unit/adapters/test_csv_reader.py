"""What a table may leave open, what settles it, and what is refused: never a silently different ECG."""

import contextlib
import re
import tracemalloc
from datetime import UTC, date, datetime
from itertools import combinations

import numpy as np
import pytest

from adapters.csv.limbs import contradict
from adapters.csv.reader import TableReader
from adapters.readers import read
from ecg.errors import AmbiguousPayload, MalformedPayload, PayloadError, UnknownFormat
from ecg.leads import LEADS, LIMB_FROM_I_II, LIMB_LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient, Recording
from tests.golden.csv_files import FS, millivolt, saved, table

MV = millivolt()
NAMES = ",".join(LEADS)
WHOLE = {"fs": 500.0, "unit": "mV", "leads": LEADS}
TIMES = np.arange(len(MV)) / FS


def read_one(data: bytes | str, **declared: object) -> Recording:
    raw = data if isinstance(data, bytes) else data.encode()
    (one,) = read(Payload(raw, "text/csv", Declared(**declared)))  # type: ignore[arg-type]
    return one


def refused(data: bytes | str, **declared: object) -> tuple[str, ...]:
    with pytest.raises(AmbiguousPayload) as refusal:
        read_one(data, **declared)
    return refusal.value.declare


def with_times(times: np.ndarray, name: str = "time") -> str:
    return saved(np.column_stack([times, MV]), header=f"{name},{NAMES}", fmt="%.9g")


# What is missing is named, all of it at once.


def test_numbers_alone_leave_all_open_but_the_unit_that_their_height_settles() -> None:
    assert refused(saved(MV)) == ("fs", "leads")
    assert refused(saved((MV * 200).round(), fmt="%d")) == ("fs", "unit", "leads")
    assert refused(saved(MV), fs=500.0) == ("leads",)
    assert refused(saved(MV, header=NAMES)) == ("fs",)


def test_one_column_needs_its_lead() -> None:
    assert refused(saved(MV[:, 1]), fs=500.0, unit="mV") == ("leads",)
    waveform = read_one(saved(MV[:, 1]), fs=500.0, unit="mV", leads=("II",)).waveform
    assert waveform.leads == ("II",) and np.abs(waveform.signal - MV[:, 1]).max() < 1e-5
    named = read_one(saved(MV[:, 1], header="ecg"), fs=500.0, unit="mV", leads=("II",)).waveform
    assert named.leads == ("II",) and np.array_equal(named.signal, waveform.signal)


def test_two_whole_numbers_may_be_one_with_a_decimal_comma() -> None:
    text = saved((MV[:, :2] * 1000).round() % 500, fmt="%d")
    assert refused(text, fs=500.0, unit="uV") == ("leads",)
    assert read_one(text, fs=500.0, unit="uV", leads=("I", "II")).waveform.leads == ("I", "II")
    assert read_one(text, fs=500.0, unit="uV", leads=("I",)).waveform.leads == ("I",)


@pytest.mark.parametrize("mark", [".", ","])
def test_a_mark_that_stands_far_down_and_may_group_thousands_is_refused(mark: str) -> None:
    steps = np.clip((MV * 1000).round(), -900, 900).astype(int)
    steps[-1, 0] = 1234
    text = ";".join(LEADS) + "\n" + "\n".join(";".join(f"{x:,}".replace(",", mark) for x in row) for row in steps)
    with pytest.raises(MalformedPayload, match="group thousands"):
        read_one(text, fs=500.0, unit="uV")


def test_a_fraction_further_on_settles_what_a_point_is() -> None:
    steps = np.clip((MV * 1000).round(), -900, 900)
    steps[-2:, 0] = 0.5, 1.234
    text = saved(steps, header=";".join(LEADS), delimiter=";", fmt="%.6g")
    assert read_one(text, fs=500.0, unit="uV").waveform.signal[0, -1] == pytest.approx(0.001234)


def test_points_that_may_be_decimal_or_group_thousands_are_refused() -> None:
    text = "\n".join(f"1.{100 + at % 800};2.{100 + at % 700}" for at in range(3000))
    with pytest.raises(MalformedPayload, match="group thousands"):
        read_one(text, fs=500.0, unit="uV", leads=("I", "II"))


# Sampling frequency.


@pytest.mark.parametrize(
    "comment",
    [
        "# fs=500",
        "# fs: 500 Hz",
        "% Sampling frequency (Hz): 500",
        "Sample Rate,500 hertz",
        "// sampling_rate = 0.5 kHz",
    ],
)
def test_a_comment_states_the_frequency(comment: str) -> None:
    assert read_one(f"{comment}\n{saved(MV, header=NAMES)}").waveform.fs == 500.0


@pytest.mark.parametrize(
    "name, step", [("time", 0.002), ("time (s)", 0.002), ("t [ms]", 2.0), ("time_us", 2000.0), ("seconds", 0.002)]
)
def test_regular_times_state_the_frequency(name: str, step: float) -> None:
    assert read_one(with_times(np.arange(len(MV)) * step, name), unit="mV").waveform.fs == 500.0


@pytest.mark.parametrize("fs", [360.0, 257.0, 1000.0, 2000.0])
def test_a_whole_frequency_is_found_behind_times_that_are_rounded_to_milliseconds(fs: float) -> None:
    text = with_times((np.arange(len(MV)) / fs).round(3), "time (s)")
    assert read_one(text, unit="mV").waveform.fs == fs


def test_a_fractional_frequency_stays_one() -> None:
    assert read_one(with_times(np.arange(len(MV)) / 511.562)).waveform.fs == pytest.approx(511.562, rel=1e-6)


def test_times_without_a_unit_that_may_be_numbers_of_samples_are_ambiguous() -> None:
    text = with_times(np.arange(len(MV)) * 1.0)
    assert refused(text, unit="mV") == ("fs",)
    assert read_one(text, unit="mV", fs=500.0).waveform.fs == 500.0
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(with_times(np.arange(len(MV)) * 2.0), unit="mV", fs=250.0)


@pytest.mark.parametrize("at", [1, 2500, 4998])
def test_times_with_a_gap_are_refused_whatever_is_declared(at: int) -> None:
    times = TIMES.copy()
    times[at:] += 0.002
    with pytest.raises(MalformedPayload, match="not regular"):
        read_one(with_times(times), fs=500.0, unit="mV")


def test_a_gap_is_seen_behind_times_in_whole_steps_of_their_rounding() -> None:
    times = np.arange(len(MV)) + (np.arange(len(MV)) > 2500)
    for declared in ({}, {"fs": 1000.0}):
        with pytest.raises(MalformedPayload, match="times"):
            read_one(with_times(times, "time (ms)"), unit="mV", **declared)


def test_times_that_count_both_ends_are_taken_with_the_frequency_that_is_declared() -> None:
    text = with_times(np.linspace(0, 10, len(MV)), "time (s)")
    assert read_one(text, unit="mV", fs=500.0).waveform.fs == 500.0
    assert read_one(text, unit="mV").waveform.fs == pytest.approx(499.9)


def test_numbers_of_samples_with_a_gap_are_refused() -> None:
    numbers = np.arange(len(MV)) + (np.arange(len(MV)) > 100)
    with pytest.raises(MalformedPayload, match="gaps"):
        read_one(with_times(numbers, "sample"), fs=500.0, unit="mV")


@pytest.mark.parametrize("wrong", [250.0, 499.0, 1000.0])
def test_a_wrong_frequency_is_refused(wrong: float) -> None:
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(table(), fs=wrong)
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(f"# fs=500\n{saved(MV, header=NAMES)}", fs=wrong, unit="mV")


# The unit.


@pytest.mark.parametrize("unit, factor", [("nV", 1e6), ("uV", 1e3), ("mV", 1.0), ("V", 1e-3)])
@pytest.mark.parametrize("header", ["{} ({})", "{} [{}]", "{}_{}", "{}/{}"])
def test_a_unit_in_the_header_scales(unit: str, factor: float, header: str) -> None:
    names = ";".join(header.format(lead, unit) for lead in LEADS)
    waveform = read_one(saved(MV * factor, header=names, delimiter=";", fmt="%.9g"), fs=500.0).waveform
    assert np.abs(waveform.signal - MV.T).max() < 1e-5


def test_each_lead_may_have_a_unit_of_its_own() -> None:
    text = saved(MV[:, :2] * [1, 1000], header="I (mV),II (uV)")
    assert np.abs(read_one(text, fs=500.0).waveform.signal - MV[:, :2].T).max() < 1e-5


@pytest.mark.parametrize("unit, factor", [("uV", 1e3), ("mV", 1.0), ("V", 1e-3)])
def test_the_height_settles_the_unit_and_it_is_noted(unit: str, factor: float) -> None:
    recording = read_one(saved(MV * factor, header=NAMES, fmt="%.9g"), fs=500.0)
    assert np.abs(recording.waveform.signal - MV.T).max() < 1e-5
    assert recording.provenance.notes == (f"The unit was settled by the amplitude: only in {unit} is it an ECG's.",)


@pytest.mark.parametrize(
    "values",
    [
        (MV * 1000).round(),
        MV * 10,
        MV / 5,
        (MV - MV.mean(axis=0)) / MV.std(axis=0),
        (MV - MV.min(axis=0)) / np.ptp(MV, axis=0),
        (MV - MV.min()) * 30,
        MV / np.abs(MV).max(),
        (MV - MV.min()) / np.ptp(MV),
    ],
    ids=["whole numbers", "tenths", "small", "z-scores", "zero to one", "too high", "all by one", "all from zero"],
)
def test_the_height_settles_nothing_where_it_may_deceive(values: np.ndarray) -> None:
    whole = bool((values == values.round()).all())
    assert refused(saved(values, header=NAMES, fmt="%d" if whole else "%.5f"), fs=500.0) == ("unit",)


def test_the_height_settles_nothing_where_a_gain_is_spoken_of() -> None:
    assert refused(f"# gain=200\n{saved(MV, header=NAMES)}", fs=500.0) == ("unit",)
    assert refused(saved(MV, header=",".join(f"{lead} (adu)" for lead in LEADS)), fs=500.0) == ("unit",)


@pytest.mark.parametrize("stated", ["# unit: mV\n# gain: 100 per mV\n{}", "# unit: mV\n{} (adu)"])
def test_a_unit_stated_beside_raw_samples_is_theirs_only_where_the_sender_says_so(stated: str) -> None:
    names = NAMES if "gain" in stated else " (adu),".join(LEADS)
    text = saved((MV * 100).round(), header=stated.format(names), fmt="%d")
    assert refused(text, fs=500.0) == ("unit",)
    np.testing.assert_allclose(read_one(text, fs=500.0, unit="mV").waveform.signal, (MV.T * 100).round())
    scaled = saved(MV, header=f"# unit: mV\n# gain: 100 per mV\n{NAMES}")
    np.testing.assert_allclose(read_one(scaled, fs=500.0).waveform.signal, MV.T, atol=1e-5)


@pytest.mark.parametrize(
    "other", ["original sampling rate: 1000 Hz", "Pleth fs=125", "downsampled from original fs=1000"]
)
def test_the_frequency_of_something_else_is_not_the_samples(other: str) -> None:
    assert refused(f"# {other}\n{saved(MV, header=NAMES)}", unit="mV") == ("fs",)
    assert read_one(f"# {other}, ECG fs=500\n{saved(MV, header=NAMES)}", unit="mV").waveform.fs == 500.0


def test_the_unit_of_the_times_is_not_the_samples() -> None:
    text = saved(MV, header=f"# Time unit: ms\n# Unit: mV\n{NAMES}")
    np.testing.assert_allclose(read_one(text, fs=500.0).waveform.signal, MV.T, atol=1e-5)


def test_a_unit_that_contradicts_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(table(), unit="uV")
    with pytest.raises(MalformedPayload, match="none of"):
        read_one(saved(MV, header=NAMES), fs=500.0, unit="furlong")
    with pytest.raises(MalformedPayload, match="no surface ECG"):
        read_one(saved(MV * 1000, header=NAMES), fs=500.0, unit="mV")


# The leads.


def test_a_first_sample_that_counts_is_no_header() -> None:
    values = np.column_stack([TIMES, (MV[:, :2] * 1000).round()])
    values[0] = [0, 0, 1]
    text = "\n".join(f"{at:.3f},{one:.0f},{two:.0f}" for at, one, two in values)
    assert read_one(text, unit="uV", leads=("I", "II")).waveform.signal.shape == (2, len(MV))


def test_leads_are_known_by_their_names_in_whatever_order() -> None:
    order = np.random.default_rng(4).permutation(12)
    names = ",".join(f"{LEADS[at].lower()}" for at in order)
    waveform = read_one(saved(MV[:, order], header=names), fs=500.0, unit="mV").waveform
    assert waveform.leads == LEADS and np.abs(waveform.signal - MV.T).max() < 1e-5


def test_a_lead_that_is_missing_stays_missing() -> None:
    kept = [at for at in range(12) if at != 7]
    waveform = read_one(saved(MV[:, kept], header=",".join(LEADS[at] for at in kept)), fs=500.0, unit="mV").waveform
    assert waveform.leads == tuple(LEADS[at] for at in kept)
    with pytest.raises(MalformedPayload, match="12 leads are declared for 11 columns"):
        read_one(saved(MV[:, kept]), **WHOLE)


@pytest.mark.parametrize("name", ["-aVR", "aVR-", "\u2212aVR", "-aVR (mV)"])
def test_minus_avr_is_turned_over(name: str) -> None:
    values = MV * np.where(np.arange(12) == 3, -1, 1)
    names = ",".join([*LEADS[:3], name, *LEADS[4:]])
    waveform = read_one(saved(values, header=names), fs=500.0, unit="mV").waveform
    assert waveform.leads == LEADS and np.abs(waveform.signal - MV.T).max() < 1e-5
    with pytest.raises(MalformedPayload, match="Einthoven"):
        read_one(saved(values, header=NAMES), fs=500.0, unit="mV")


def test_a_name_that_says_more_than_a_lead_is_no_lead() -> None:
    assert refused(saved(MV[:, :2], header="I (inverted),V3R filtered"), fs=500.0, unit="mV") == ("leads",)


def test_right_sided_leads_never_fill_others() -> None:
    waveform = read_one(saved(MV[:, [0, 1, 8]], header="I,II,V3R"), fs=500.0, unit="mV").waveform
    assert waveform.leads == ("I", "II", "V3R")


def test_other_columns_are_left_out_and_it_is_noted() -> None:
    values = np.column_stack([MV[:, 0], MV[:, 1], np.full(len(MV), 99.0)])
    recording = read_one(saved(values, header="I,II,SpO2"), fs=500.0, unit="mV")
    assert recording.waveform.leads == ("I", "II")
    assert recording.provenance.notes == ("1 columns that are no lead were left out.",)


def test_declared_leads_that_contradict_the_names_are_refused() -> None:
    with pytest.raises(MalformedPayload, match="disagree"):
        read_one(table(), leads=("II", "I", *LEADS[2:]))
    with pytest.raises(MalformedPayload, match="stands twice: I"):
        read_one(saved(MV[:, :2], header="I,I"), fs=500.0, unit="mV")


@pytest.mark.parametrize("pair", list(combinations(range(6), 2)), ids=lambda pair: "-".join(LEADS[at] for at in pair))
def test_limb_leads_in_a_wrong_order_are_refused(pair: tuple[int, int]) -> None:
    order = list(range(12))
    order[pair[0]], order[pair[1]] = pair[1], pair[0]
    with pytest.raises(MalformedPayload, match="Einthoven"):
        read_one(saved(MV[:, order]), **WHOLE)


def test_cabreras_order_under_the_usual_names_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="Einthoven"):
        read_one(saved(MV[:, [4, 0, 3, 1, 5, 2, *range(6, 12)]]), **WHOLE)


def test_einthovens_law_bears_noise_filters_and_rounding_and_a_dead_lead() -> None:
    rng = np.random.default_rng(1)
    for trial in range(20):
        at = rng.integers(0, len(MV) - 2000)
        limbs = (LIMB_FROM_I_II @ MV[at : at + 2000, :2].T) * rng.normal(1, 0.02, (6, 1))
        limbs += rng.normal(0, 0.02, limbs.shape) + rng.normal(0, 5, (6, 1))
        limbs = (limbs / 0.005).round() * 0.005
        limbs[trial % 6] = (limbs[trial % 6], np.nan, 0.0)[trial % 3]
        assert not contradict(limbs.astype(np.float32), LIMB_LEADS)


def test_strips_that_were_not_recorded_together_are_refused() -> None:
    strips = np.column_stack([MV[at // 3 * 1250 : at // 3 * 1250 + 1250, at] for at in range(12)])
    assert contradict(np.random.default_rng(0).normal(0, 1, (6, 500)).astype(np.float32), LIMB_LEADS)
    kept = [0, 4, 8]
    assert not contradict(strips[:, kept].T.astype(np.float32), [LEADS[at] for at in kept])


# How lines end, and what stands over a single column.


def test_ends_of_lines_that_windows_wrote_twice_are_one_each() -> None:
    for columns, header in ((slice(None), NAMES), (slice(1, 2), "II")):
        text = saved(MV[:, columns], header=header).replace("\n", "\r\r\n")
        signal = read_one(text, fs=500.0, unit="mV").waveform.signal
        np.testing.assert_allclose(signal, MV.T[columns], atol=1e-5)


def test_a_column_whose_every_other_line_is_empty_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="Every other line"):
        read_one(saved(MV[:, 1:2], header="II").replace("\n", "\n\n"), fs=500.0, unit="mV")


@pytest.mark.parametrize("name", ["Lead II", "II (mV)", '"II (mV)"', "ECG II [mV]"])
@pytest.mark.parametrize("timed", [False, True])
def test_a_name_of_several_words_is_one_where_spaces_separate(name: str, timed: bool) -> None:
    values, header = (np.column_stack([TIMES, MV[:, 1]]), f"time (s)   {name}") if timed else (MV[:, 1:2], name)
    waveform = read_one(saved(values, header=header, delimiter="   "), fs=500.0, unit="mV").waveform
    assert waveform.leads == ("II",)
    np.testing.assert_allclose(waveform.signal[0], MV[:, 1], atol=1e-5)


# Whose it is, and when.


def test_what_is_declared_of_patient_order_and_time_reaches_the_recording() -> None:
    when = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)
    patient = Patient("PLANTED-4711", "HOSPITAL", "Quokka^Zebediah", date(1961, 2, 3), "M")
    recording = read_one(table(), patient=patient, order=Order("A-1", priority="stat"), acquired_at=when)
    assert (recording.patient, recording.order.accession_number, recording.acquired_at) == (patient, "A-1", when)
    assert "PLANTED" not in repr(recording)


def test_times_that_disagree_are_refused() -> None:
    text = f"# acquired_at: 2024-02-29T12:34:56\n{table().decode()}"
    assert read_one(text).acquired_at == datetime(2024, 2, 29, 12, 34, 56)
    with pytest.raises(MalformedPayload, match="time of acquisition"):
        read_one(text, acquired_at=datetime(2024, 2, 29, 13, 34, 56))


def test_times_of_which_one_names_a_zone_disagree_only_where_no_zone_explains_it() -> None:
    text = f"# acquired_at: 2024-02-29T12:34:56\n{table().decode()}"
    assert read_one(text, acquired_at=datetime(2024, 2, 29, 20, 34, 56, tzinfo=UTC)).acquired_at is not None
    with pytest.raises(MalformedPayload, match="time of acquisition"):
        read_one(text, acquired_at=datetime(2024, 3, 2, 12, 34, 56, tzinfo=UTC))


# What is no table, or breaks.


@pytest.mark.parametrize(
    "text",
    [
        "Dear colleague,\nwe send you this patient,\nwith many thanks\n" * 40,
        "id;name;born\n" + "4711;Quokka;1961-02-03\n" * 200,
        "1 12 500 5000\n" + "".join(f"1.dat 16 1716(6)/mV 0 0 -120 -32198 0 {lead}\n" for lead in LEADS),
        "100/40 2 360 21600\n" + "".join(f"{at} 540\n" for at in range(40)),
        "[" + "1,2\n" * 200 + "]",
        '{"a": [\n' + "1,2\n" * 200 + "]}",
        "<a>\n" + "1,2\n" * 200 + "</a>",
        "%PDF-1.4\n" + "1,2\n" * 200,
        "1,2\n" * 3,
        "\x00" + "1,2\n" * 200,
    ],
    ids=["prose", "patients", "header of WFDB", "its segments", "list", "JSON", "XML", "PDF", "few", "binary"],
)
def test_what_is_no_table_is_not_claimed(text: str) -> None:
    assert not TableReader().claims(Payload(text.encode()))
    with pytest.raises(PayloadError):
        read(Payload(text.encode()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "1,2\n",
        lambda text: text.replace("\n0.500,", "\nQuokka,", 1).replace("\n0.50000,", "\nQuokka,", 1),
        lambda text: text + "inf," * 12 + "inf\n",
        lambda text: text + "9.99,1e300" + ",0" * 11 + "\n",
        lambda text: text + "\n\n" + text,
    ],
    ids=["short row", "a word", "infinite", "huge", "twice"],
)
def test_a_row_that_does_not_fit_is_refused_and_not_repeated(spoil: object) -> None:
    text = spoil(table().decode())  # type: ignore[operator]
    with pytest.raises(MalformedPayload) as refusal:
        read_one(text)
    assert "Quokka" not in str(refusal.value)


def test_a_number_with_another_decimal_mark_further_on_is_refused() -> None:
    rows = ["0,5;0,25"] * 20000
    rows[15000] = "0.5;1.250"
    with pytest.raises(MalformedPayload, match="commas and points"):
        read_one("\n".join(rows), fs=500.0, unit="mV", leads=("I", "II"))


@pytest.mark.parametrize(
    "text",
    ["0,0,0,0\n" * 100_000, "nan\n" * 100_000, "1;" * 500_000, "I," + "1," * 500_000, '"1","2"\n' * 50_000,
     "#" * 1_000_000 + "\n1,2", " " * 1_000_000, "," * 1_000_000, "\n" * 1_000_000, "1" * 1_000_000, '"' * 1_000_000],
    ids=["zeros", "no numbers", "one row", "one lead", "quotes", "comment", "spaces", "commas", "lines", "digits",
         "quote"],
)  # fmt: skip
def test_floods_are_answered_within_memory(text: str) -> None:
    data = text.encode()
    tracemalloc.start()
    with contextlib.suppress(MalformedPayload, UnknownFormat, AmbiguousPayload):
        read_one(data, **WHOLE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(data) + 100 * 2**20


def test_an_hour_of_one_lead_at_50_hz_stays_within_ten_times_its_bytes() -> None:
    data = b"0.1\n-.2\n" * 90_000
    tracemalloc.start()
    recording = read_one(data, fs=50.0, unit="mV", leads=("II",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.waveform.seconds == 3600.0 and peak < 10 * len(data)


def test_no_message_repeats_what_a_file_says() -> None:
    text = f"Quokka,4711\n{saved(MV, header=NAMES.replace('V6', 'Quokka'))}"
    with pytest.raises(AmbiguousPayload) as refusal:
        read_one(text)
    assert not re.search("Quokka|4711", str(refusal.value))
