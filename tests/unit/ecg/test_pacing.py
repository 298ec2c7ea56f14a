"""Spikes of pacemakers: on LUDB's second half, which chose nothing, and where they were added to a real ECG."""

import csv
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.pacing import LEAST_SPIKES, count_spikes
from ecg.quality import assess
from ecg.recording import Waveform

LUDB = Path(__file__).parents[4] / "shared" / "samples" / "ludb"
FS = 500.0
HELD_OUT = range(51, 101)
pytestmark = pytest.mark.skipif(not LUDB.is_dir(), reason="needs LUDB's records under ../shared/samples")


def record(number: int) -> np.ndarray:
    return np.asarray(wfdb.rdrecord(str(LUDB / str(number))).p_signal.T, dtype=np.float32)


def paced() -> set[int]:
    with (LUDB / "ludb.csv").open(newline="", encoding="utf-8") as file:
        return {int(row["ID"]) for row in csv.DictReader(file) if row["Cardiac pacing"].strip()}


def test_the_paced_of_the_held_out_half_are_found_and_nobody_else() -> None:
    found = {number for number in HELD_OUT if (count_spikes(record(number), FS) or 0) >= LEAST_SPIKES}
    assert found == paced() & set(HELD_OUT) and len(found) == 5


@pytest.mark.parametrize("lasting", [1, 2])
def test_spikes_that_are_added_to_a_real_ecg_are_counted(lasting: int) -> None:
    signal = record(3).copy()
    at = np.arange(230, 4800, 450)
    for each in range(lasting):
        signal[:, at + each] += np.linspace(-0.6, 1.2, 12)[:, None]
    assert count_spikes(record(3), FS) == 0
    assert abs((count_spikes(signal, FS) or 0) - len(at)) <= 1


def test_below_500_hz_pacing_is_not_assessable() -> None:
    waveform = Waveform(record(74)[:, ::2], LEADS, 250.0)
    quality = assess(canonicalise(waveform), waveform)
    assert quality.paced is None and quality.windows[0].spikes is None
    native = Waveform(record(74), LEADS, FS)
    assert assess(canonicalise(native), native).paced is True


def test_a_single_artefact_is_no_pacemaker() -> None:
    signal = record(3).copy()
    signal[:, 2300] += 1.0
    waveform = Waveform(signal, LEADS, FS)
    assert count_spikes(signal, FS) == 1 and assess(canonicalise(waveform), waveform).paced is False


def test_a_gap_at_either_end_is_no_spike() -> None:
    signal = record(3).copy()
    signal[:, :700] = np.nan
    signal[:, -300:] = np.nan
    assert (count_spikes(signal, FS) or 0) < LEAST_SPIKES
