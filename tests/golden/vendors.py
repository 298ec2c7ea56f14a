"""ECGs of which the recorder's own program states what it measured; the statements stand in the files themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom.data import get_testdata_file

SAMPLES: Final = Path(__file__).parents[3] / "shared" / "samples"


@dataclass(frozen=True)
class Stated:
    """One ECG: its name, where it lies, and what its file states, by the codes and units of ecg.measurement."""

    name: str
    file: Callable[[], Path]
    values: dict[str, float]


STATED: Final = (
    Stated(  # WaveformAnnotationSequence: RR interval 982 ms
        "DICOM, pydicom's sample",
        lambda: Path(str(get_testdata_file("waveform_ecg.dcm"))),
        {"heart-rate": 61.1, "pr": 161, "qrs": 75, "qt": 368, "axis-p": 74, "axis-qrs": 52, "axis-t": 57},
    ),
    Stated(  # globalmeasurements
        "Philips Sierra 1.04",
        lambda: SAMPLES / "sierra" / "3191723_ZZDEMOPTONLY_1-04_orig.xml",
        {"heart-rate": 84, "pr": 144, "qrs": 84, "qt": 352, "axis-p": 81, "axis-qrs": 78, "axis-t": 67},
    ),
    Stated(  # globalmeasurements: means
        "Philips Sierra 1.03",
        lambda: SAMPLES / "sierra" / "129DYPRG.XML",
        {"heart-rate": 41, "pr": 151, "qrs": 135, "qt": 476, "axis-p": 66, "axis-qrs": -21, "axis-t": 59},
    ),
    Stated(  # MDC_ECG_TIME_PD_PR and its like
        "aECG, subject 1",
        lambda: SAMPLES / "aecg" / "subject1_0.xml",
        {"pr": 148, "qrs": 120, "qt": 420, "axis-p": 44, "axis-qrs": -61, "axis-t": 86},
    ),
)
