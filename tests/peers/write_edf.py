"""Writes an ECG as EDF, in steps of a microvolt; run by the Python of .peers/writers, which has pyedflib.

python write_edf.py NPZ EDF    # NPZ: microvolt int16 (samples, leads), fs in Hz, leads
"""

import sys

import numpy as np
import pyedflib

held = np.load(sys.argv[1])
leads = [str(each) for each in held["leads"]]
with pyedflib.EdfWriter(sys.argv[2], len(leads), file_type=pyedflib.FILETYPE_EDF) as file:
    for at, lead in enumerate(leads):
        file.setSignalHeader(at, {
            "label": lead, "dimension": "uV", "sample_frequency": int(held["fs"]), "transducer": "", "prefilter": "",
            "physical_min": -32768, "physical_max": 32767, "digital_min": -32768, "digital_max": 32767,
        })  # fmt: skip
    file.writeSamples([np.ascontiguousarray(row, dtype=np.int32) for row in held["microvolt"].T], digital=True)
