"""Writes pydicom's ECG as CSV, by numpy's and pandas' writers and with nothing of our readers."""

import io
from functools import cache
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from ecg.leads import LEADS

FS: Final = 500.0


@cache
def millivolt() -> NDArray[np.float64]:
    """Return the sample's original group, float64 (5000, 12), mV, every second of its samples: 500 Hz."""
    ds = pydicom.dcmread(str(get_testdata_file("waveform_ecg.dcm", download=False)))
    return np.asarray(ds.waveform_array(0)[::2] / 1000)


def saved(values: NDArray[np.float64], **how: Any) -> str:
    """Return numbers as numpy.savetxt writes them."""
    whole = io.StringIO()
    np.savetxt(whole, values, **({"fmt": "%.5f", "delimiter": ",", "comments": ""} | how))
    return whole.getvalue()


def table(names: str = ",".join(f"{lead} (mV)" for lead in LEADS)) -> bytes:
    """Return the ECG with its times in seconds: it says all that is to be known."""
    times = np.arange(len(millivolt())) / FS
    return saved(np.column_stack([times, millivolt()]), header=f"time (s),{names}").encode()
