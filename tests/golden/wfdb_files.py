"""Writes WFDB records by wfdb's own writer, and packs them by Python's: nothing of our reader."""

import io
import tempfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from ecg.leads import LEADS
from tests.golden.corpus import DEPRECATED, wfdb

COMMENTS: Final = ("<age>: 63", "<sex>: F", "<diagnoses>:", "Rhythm: Sinus rhythm.")
FS: Final = 1000


@cache
def heart() -> NDArray[np.int64]:
    """Return pydicom's ECG, the twelve leads at 1000 Hz: int64 (10000, 12) in steps of 1.25 microvolt."""
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    item = pydicom.dcmread(str(path)).WaveformSequence[0]
    raw = np.frombuffer(item.WaveformData, "<i2").reshape(-1, item.NumberOfWaveformChannels)
    return raw[:, : len(LEADS)].astype(np.int64)


def written(name: str = "r", **changes: Any) -> dict[str, bytes]:
    """Return the files that wfdb's writer makes of a record: pydicom's ECG, unless `changes` say otherwise."""
    arguments: dict[str, Any] = {
        "fs": FS,
        "units": ["mV"] * 12,
        "sig_name": list(LEADS),
        "d_signal": heart(),
        "fmt": ["16"] * 12,
        "adc_gain": [800.0] * 12,
        "baseline": [0] * 12,
        "comments": list(COMMENTS),
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", DEPRECATED)
        wfdb.wrsamp(name, write_dir=folder, **(arguments | changes))
        return {each.name: each.read_bytes() for each in sorted(Path(folder).iterdir())}


def zipped(held: dict[str, bytes]) -> bytes:
    """Return files as a deflated zip."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in held.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


@cache
def record() -> bytes:
    """Return pydicom's ECG as a zip of header and signal file."""
    return zipped(written())
