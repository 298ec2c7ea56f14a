"""The two prints of ../shared/samples, by dicom-ecg-plot of 2013, against the recording that they show: pydicom's.

That version filtered from 0.05 to 40 Hz by a Butterworth filter of order 1, forwards (its README of then says so).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from scipy.signal import butter, lfilter

from benchmarks.pages.door import read_page
from benchmarks.pages.settings import FS, Setting, printed
from benchmarks.pages.snr import LeadFigure, figures

PRINTS: Final = Path(__file__).parents[3] / "shared" / "samples" / "prints"
BAND: Final = (0.05, 40.0)  # Hz
PAGE: Final = Setting(0, "dicom-ecg-plot", 0, "3x4+1", 25, 10, 300, "png", {})


def prints() -> Iterator[tuple[str, tuple[LeadFigure, ...]]]:
    """Yield by the ending of each print's name its leads' figures; none where it was refused."""
    truth = printed(PAGE, _drawn())
    for file in sorted(PRINTS.iterdir()):
        read = read_page(file.read_bytes())
        yield file.suffix[1:].upper(), () if read.signal is None else figures(truth, read.signal)


def _drawn() -> NDArray[np.float32]:
    """Return what was drawn, float32 (12, 5000), mV at 500 Hz."""
    recording = dcmread(str(get_testdata_file("waveform_ecg.dcm")))
    group = recording.WaveformSequence[0]
    fs = float(group.SamplingFrequency)
    microvolt = recording.waveform_array(0).T
    drawn = lfilter(*butter(1, BAND, "bandpass", fs=fs), microvolt / 1000)
    return np.asarray(drawn[:, :: round(fs / FS)], np.float32)


def told(found: Iterator[tuple[str, tuple[LeadFigure, ...]]]) -> str:
    """Return the figures as Markdown."""
    rows = ["| print | SNR, mean of leads, dB | leads, dB | amplitude > 10 % off |", "|---|--:|--:|--:|"]
    for name, leads in found:
        each = sorted(lead.snr for lead in leads)
        off = sum(lead.gain is not None and abs(lead.gain - 1) > 0.1 for lead in leads)
        said = f"{np.mean(each):.1f} | {each[0]:.1f} to {each[-1]:.1f} | {off}" if each else "refused | |"
        rows.append(f"| {name} | {said} |")
    return "\n".join(rows)
