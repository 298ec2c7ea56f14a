"""Draws pages by dicom-ecg-plot. Runs in its own environment: reads jobs as JSON from stdin, writes pages and truth.

Each job: source (.npy, 12 x samples in mV at 500 Hz), layout, gain, minor, paper, colours, file, truth.
"""

import io
import json
import sys

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file

from ecg import ECG, plotter

FS = 500


def dicom(signal: NDArray[np.float64]) -> io.BytesIO:
    made = dcmread(get_testdata_file("waveform_ecg.dcm"))
    group = made.WaveformSequence[0]
    group.NumberOfWaveformSamples = signal.shape[1]
    group.SamplingFrequency = FS
    group.WaveformData = np.round(signal.T * 1000).astype("<i2").tobytes()
    for channel in group.ChannelDefinitionSequence:
        channel.ChannelSensitivity = 1
        channel.ChannelSensitivityCorrectionFactor = 1
        channel.ChannelBaseline = 0
        channel.ChannelSensitivityUnitsSequence[0].CodeValue = "uV"
    del made.WaveformSequence[1:]
    file = io.BytesIO()
    made.save_as(file)
    file.seek(0)
    return file


mpl.rcParams["path.simplify"] = False  # or matplotlib would leave out samples that lie near a line
for job in json.load(sys.stdin):
    plotter.GRID_COLOR = {"minor": job["colours"][0], "major": job["colours"][1]}
    plotter.SIGNAL_LINEWIDTH = job["line"]
    with ECG(dicom(np.load(job["source"])), paper=job["paper"]) as page:
        page.draw(job["layout"], job["gain"], job["minor"], interpretation=True)
        page.save(job["file"])
        np.save(job["truth"], page._plotter.signals.astype(np.float32))  # as it was drawn: low-passed by the program
    del page  # its end clears the current figure, which must not be the next page's
