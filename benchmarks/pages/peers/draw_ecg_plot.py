"""Draws pages by ecg-plot. Runs in its own environment: reads jobs as JSON from stdin, writes pages and truth.

Each job: source (.npy, 12 x samples in mV at 500 Hz), options of plot() and of Style, file, truth; silent where speed
and gain are not to be printed.
"""

import json
import sys

import matplotlib as mpl
import numpy as np
from ecg_plot import Style, plot
from ecg_plot.chart import STANDARD_LEADS

mpl.rcParams["path.simplify"] = False  # or matplotlib would leave out samples that lie near a line
for job in json.load(sys.stdin):
    signal = np.load(job["source"])
    style = "bw" if job["style"] is None else Style(**job["style"])
    page = plot(signal, sample_rate=500, lead_names=STANDARD_LEADS, style=style, **job["options"])
    figure, _ = page.to_matplotlib()
    for text in figure.findobj(mpl.text.Text) if job.get("silent") else ():
        if "mm/" in text.get_text():
            text.set_visible(False)
    figure.savefig(job["file"])
    np.save(job["truth"], signal.astype(np.float32))
