"""ECGs as another program writes them as DICOM are the ECGs that it was given."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.readers import read
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.recording import STANDARD, Recording

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".peers" / "writers" / "bin" / "python"
LUDB = ROOT.parent / "shared" / "samples" / "ludb"
# What ecg2dcm makes of a matrix of steps: a rhythm group, a median beat beside it, measurements and a sentence.
WRITE = """
import sys
import numpy as np
from ecg2dcm.ir import EcgRecord, Measurements, Waveform
from ecg2dcm.writer import write
source, target, fs, step = sys.argv[1:]
raw, leads = np.load(source), sys.stdin.read().split()
rows = dict(zip(leads, raw))
rhythm = Waveform("Rhythm", "ORIGINAL", float(fs), float(step), rows, highpass_hz=0.05, lowpass_hz=150.0)
beat = Waveform("Median", "DERIVED", float(fs), float(step), {k: v[:600] for k, v in rows.items()})
measured = Measurements(ventricular_rate=61, qrs_ms=92, qt_ms=400)
write(EcgRecord("test", [rhythm, beat], patient_name="Example^Eve", patient_id="4711", sex="F", age_value=61,
      acquisition_date="20240229", acquisition_time="123456", measurements=measured, diagnosis=["Sinus  rhythm"]),
      target, deidentify_record=False)
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="tests/peers/install.sh has not installed ecg2dcm")


def written(raw: NDArray[np.int16], leads: tuple[str, ...], step: float, directory: Path) -> Recording:
    source, target = directory / "raw.npy", directory / "ecg.dcm"
    np.save(source, raw)
    command = [str(PYTHON), "-W", "ignore", "-c", WRITE, str(source), str(target), "500", str(step)]
    subprocess.run(command, input=" ".join(leads), text=True, check=True, capture_output=True)
    (recording,) = read(Payload(target.read_bytes()))
    return recording


@pytest.mark.parametrize("step", [1.0, 2.5, 4.88])
@pytest.mark.parametrize("leads", [LEADS, LEADS[::-1], ("V5", "II", "I")])
def test_what_ecg2dcm_writes_is_what_it_was_given(leads: tuple[str, ...], step: float, tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(-2000, 2000, (len(leads), 5000)).astype(np.int16)
    recording = written(raw, leads, step, tmp_path)
    assert set(recording.waveform.leads) == set(leads) and recording.waveform.fs == 500
    for lead, row in zip(recording.waveform.leads, recording.waveform.signal, strict=True):
        assert np.allclose(row, raw[leads.index(lead)] * step / 1000, atol=1e-6)
    assert recording.provenance.notes == ("Read the ORIGINAL multiplex group; 1 other group was left out.",)


def test_its_words_on_patient_filters_and_measurements_are_read(tmp_path: Path) -> None:
    recording = written(np.ones((12, 5000), np.int16), LEADS, 5.0, tmp_path)
    assert (recording.patient.name, recording.patient.id, recording.age) == ("Example^Eve", "4711", 61)
    assert (recording.filters.high_pass, recording.filters.low_pass) == (0.05, 150)
    assert recording.placement == STANDARD
    assert recording.statements[0] == "Sinus rhythm"
    assert {"QRS duration global 92 ms", "QT interval global 400 ms"} <= set(recording.statements)


@pytest.mark.skipif(not LUDB.is_dir(), reason="the LUDB records are not beside the project")
@pytest.mark.parametrize("number", [1, 42])
def test_a_heart_of_ludb_arrives_to_the_microvolt(number: int, tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    record = wfdb.rdrecord(str(LUDB / str(number)))
    names = {each.lower(): each for each in LEADS}
    leads = tuple(names[each.lower()] for each in record.sig_name)
    raw = np.round(record.p_signal.T * 1000).astype(np.int16)
    waveform = written(raw, leads, 1.0, tmp_path).waveform
    placed = record.p_signal.T[[leads.index(lead) for lead in waveform.leads]]
    assert np.abs(waveform.signal - placed).max() < 0.00051
