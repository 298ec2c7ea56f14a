"""LUDB's records, by other hands, are read to the microvolt as wfdb reads them, through each door that takes files."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from adapters.archive import packed
from adapters.readers import read, unwrapped
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.recording import Recording
from tests.golden.corpus import wfdb

LUDB = next((each for root in Path(__file__).parents if (each := root / "shared/samples/ludb").is_dir()), None)

pytestmark = pytest.mark.skipif(LUDB is None, reason="LUDB is not there: shared/samples/ludb beside the project")


def files(number: int) -> dict[str, bytes]:
    assert LUDB is not None
    return {each.name: each.read_bytes() for each in sorted(LUDB.glob(f"{number}.*"))}


@cache
def record(number: int) -> Recording:
    (bare,) = unwrapped(Payload(packed(files(number))))
    (one,) = read(bare)
    return one


@pytest.mark.parametrize("number", range(1, 101))
def test_each_equals_what_wfdb_reads(number: int) -> None:
    theirs = wfdb.rdrecord(f"{LUDB}/{number}")
    ours = record(number)
    assert theirs.units == ["mV"] * 12 and [each.upper() for each in theirs.sig_name] == [
        each.upper() for each in LEADS
    ]
    assert ours.waveform.leads == LEADS and ours.waveform.fs == theirs.fs == 500
    np.testing.assert_array_equal(ours.waveform.signal, theirs.p_signal.T.astype(np.float32))
    assert ours.provenance.notes == ()


def test_age_and_sex_are_the_patients_and_the_diagnoses_the_sources() -> None:
    first = record(1)
    assert (first.patient.age, first.patient.sex, first.patient.id, first.acquired_at) == (51, "F", None, None)
    assert first.statements[0] == "Rhythm: Sinus bradycardia." and len(first.statements) == 5
    assert not any("age" in each or "sex" in each for each in first.statements)


def test_several_in_one_archive_come_apart() -> None:
    inner = unwrapped(Payload(packed(files(1) | files(2))))
    assert len(inner) == 2
    for payload, number in zip(inner, (1, 2), strict=True):
        (one,) = read(payload)
        assert (one.waveform.signal == record(number).waveform.signal).all()


def test_the_command_line_finds_the_signals_beside_a_header(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("twelvelead")), "read", f"{LUDB}/1.hea", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "12 leads, 500 Hz, 10.0 s (WFDB record)" in done.stdout
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
