"""Tables as other hands write them: numpy, pandas, the csv module, spreadsheets, WFDB's rdsamp, and LUDB's records."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from numpy.typing import NDArray

from adapters.readers import READERS, read
from ecg.errors import AmbiguousPayload
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Recording
from tests.golden.csv_files import FS, millivolt, saved, table

LUDB = [each for root in Path(__file__).parents if (each := root / "shared" / "samples" / "ludb").is_dir()]

MV: NDArray[np.float64] = millivolt()
NAMES = ",".join(LEADS)


def read_one(data: bytes | str, **declared: object) -> Recording:
    raw = data if isinstance(data, bytes) else data.encode()
    payload = Payload(raw, "text/csv", Declared(**declared))  # type: ignore[arg-type]
    assert [each.name for each in READERS if each.claims(payload)] == ["CSV"]
    (one,) = read(payload)
    return one


def assert_is_the_sample(recording: Recording, within: float = 1e-5) -> None:
    waveform = recording.waveform
    assert (waveform.leads, waveform.fs) == (LEADS, FS)
    assert np.abs(waveform.signal - MV.T).max() < within


def frame(values: NDArray[np.float64] = MV, **how: object) -> pd.DataFrame:
    return pd.DataFrame(values.round(5), columns=list(LEADS), **how)  # type: ignore[arg-type]


def test_numpy_with_a_header_as_a_comment() -> None:
    assert_is_the_sample(read_one(saved(MV, header=NAMES, comments="# "), fs=500.0, unit="mV"))


def test_numpy_in_its_own_notation_with_spaces() -> None:
    text = saved(MV, fmt="%.18e", delimiter=" ", header="fs = 500 Hz\nunit: mV\n" + " ".join(LEADS), comments="# ")
    assert_is_the_sample(read_one(text))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_pandas_with_its_index_and_each_separator(separator: str) -> None:
    assert_is_the_sample(read_one(frame().to_csv(sep=separator), fs=500.0, unit="mV"))


def test_pandas_with_seconds_as_its_nameless_index() -> None:
    assert_is_the_sample(read_one(frame(index=np.arange(len(MV)) / FS).to_csv(), unit="mV"))


def test_pandas_with_the_time_of_each_sample() -> None:
    when = pd.date_range("2024-02-29 12:34:56", periods=len(MV), freq="2ms")
    recording = read_one(frame(index=when).to_csv(index_label="time"), unit="mV")
    assert_is_the_sample(recording)
    assert recording.acquired_at == pd.Timestamp("2024-02-29 12:34:56").to_pydatetime()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_pandas_with_decimal_commas(separator: str) -> None:
    assert_is_the_sample(read_one(frame().to_csv(sep=separator, decimal=",", index=False), fs=500.0, unit="mV"))


@pytest.mark.parametrize("written_as", ["", "NaN", "NA", "null", "-"])
def test_pandas_with_samples_that_are_missing(written_as: str) -> None:
    values = MV.copy()
    values[100:200, 3], values[:7, 0], values[-7:, 11] = np.nan, np.nan, np.nan
    recording = read_one(frame(values).to_csv(na_rep=written_as, index=False), fs=500.0, unit="mV")
    signal = recording.waveform.signal
    assert np.array_equal(np.isnan(signal), np.isnan(values.T))
    assert np.nanmax(np.abs(signal - values.T)) < 1e-5


def test_pandas_without_names_but_its_own_numbers() -> None:
    text = pd.DataFrame(MV.round(5)).to_csv(index=False)
    assert_is_the_sample(read_one(text, fs=500.0, unit="mV", leads=LEADS))


def test_pandas_with_one_series_and_its_numbers() -> None:
    text = pd.Series(MV[:, 1].round(5)).to_csv()
    waveform = read_one(text, fs=500.0, unit="mV", leads=("II",)).waveform
    assert np.abs(waveform.signal - MV[:, 1]).max() < 1e-5


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("dialect", ["excel", "excel-tab", "unix"])
def test_the_csv_module(dialect: str, quoting: int) -> None:
    whole = io.StringIO()
    writer = csv.writer(whole, dialect, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([f"{lead} (µV)" for lead in LEADS])
    writer.writerows((MV * 1000).round(2).tolist())
    assert_is_the_sample(read_one(whole.getvalue(), fs=500.0))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_spreadsheet_of_a_country_with_decimal_commas(encoding: str, end: str) -> None:
    times = np.arange(len(MV)) * 2
    text = saved(np.column_stack([times, MV * 1000]), delimiter=";", fmt="%.2f").replace(".", ",")
    header = "Zeit [ms];" + ";".join(f"{lead} [µV]" for lead in LEADS)
    assert_is_the_sample(read_one(f"{header}\n{text}".replace("\n", end).encode(encoding)))


@pytest.mark.parametrize("marks", [",.", ".,"])
def test_a_spreadsheet_that_groups_thousands(marks: str) -> None:
    rows = (";".join(f"{each:,.2f}".translate(str.maketrans(",.", marks)) for each in row) for row in MV * 1e6)
    text = "\n".join([";".join(f"{lead} (nV)" for lead in LEADS), *rows])
    assert_is_the_sample(read_one(text, fs=500.0))


def test_a_spreadsheet_with_a_separator_at_the_end_of_each_row() -> None:
    text = frame().to_csv(index=False).replace("\n", ",\n")
    assert_is_the_sample(read_one(text, fs=500.0, unit="mV"))


def test_rows_that_begin_with_their_leads_names() -> None:
    text = frame().T.to_csv(header=False)
    assert_is_the_sample(read_one(text, fs=500.0, unit="mV"))


def test_rdsamp_with_its_times_and_units_in_single_quotes() -> None:
    """WFDB Applications Guide, rdsamp -c -pe -v: minutes and seconds, two rows of header."""
    header = "'Elapsed time','II','V5'\n'hh:mm:ss.mmm','mV','mV'\n"
    rows = (f"'{at / FS // 60:.0f}:{at / FS % 60:06.3f}',{two:.3f},{five:.3f}\n"
            for at, (two, five) in enumerate(MV[:, [1, 10]]))  # fmt: skip
    waveform = read_one(header + "".join(rows)).waveform
    assert (waveform.leads, waveform.fs) == (("II", "V5"), 500.0)
    assert np.abs(waveform.signal - MV[:, [1, 10]].T).max() < 0.00051


def test_the_arrhythmia_database_as_it_goes_round_is_refused() -> None:
    """Steps of a recorder of 5 microvolt, their zero at 1024, and a lead that is none of the twelve."""
    steps = np.column_stack([np.arange(len(MV)), (MV[:, [1, 10]] * 200 + 1024).round()])
    text = "'sample #','MLII','V5'\n" + saved(steps, fmt="%d")
    with pytest.raises(AmbiguousPayload) as refusal:
        read_one(text)
    assert refusal.value.declare == ("fs", "unit")


def test_a_watch_that_writes_one_lead_under_a_list_of_what_it_knows() -> None:
    header = (
        'Name,\nDate of Birth,"Jan 8, 2002"\nRecorded Date,2026-05-30 16:32:18 -0700\nClassification,Sinus Rhythm\n'
        'Symptoms,\nSoftware Version,1.90\nDevice,"Watch7,12"\nSample Rate,500 hertz\n\n\nLead,Lead I\nUnit,µV\n\n'
    )
    recording = read_one(header + saved(MV[:, 0] * 1000, fmt="%.3f"))
    assert (recording.waveform.leads, recording.waveform.fs) == (("I",), 500.0)
    assert np.abs(recording.waveform.signal - MV[:, :1].T).max() < 1e-5
    assert recording.acquired_at is not None and recording.acquired_at.isoformat() == "2026-05-30T16:32:18-07:00"


@pytest.mark.skipif(not LUDB, reason="no ../shared/samples")
@pytest.mark.parametrize("record", [1, 8, 42, 77, 100])
def test_a_record_of_ludb_is_what_wfdb_makes_of_it(record: int) -> None:
    source = wfdb.rdrecord(str(LUDB[0] / str(record)))
    names = ";".join(f"{name} [{unit}]" for name, unit in zip(source.sig_name, source.units, strict=True))
    text = saved(source.p_signal, delimiter=";", header=f"fs: {source.fs}\n{names}", comments="# ", fmt="%.7f")
    waveform = read_one(text.replace(".", ",")).waveform
    assert (waveform.leads, waveform.fs) == (LEADS, 500.0)
    assert np.abs(waveform.signal - source.p_signal.T).max() < 1e-6


def test_the_golden_table_says_all() -> None:
    assert_is_the_sample(read_one(table()))
