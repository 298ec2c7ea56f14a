"""From payload to report: what the models do not cover is refused, each by its own code, and the report says so."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ecg.leads import LEADS
from ecg.pacing import states_pacing
from ecg.report import Report
from tests.golden.dicom_files import Who, code, to_bytes, twelve_lead_dataset

LUDB = Path(__file__).parents[3] / "shared" / "samples" / "ludb"
pytestmark = pytest.mark.skipif(not LUDB.is_dir(), reason="needs LUDB's records under ../shared/samples")
FilesOf = Callable[[Report], dict[str, bytes]]
Make = Callable[[], bytes]


def microvolt(number: int) -> NDArray[np.int16]:
    """Return a real ECG, int16 (5000, 12), in microvolt."""
    held = wfdb.rdrecord(str(LUDB / str(number))).p_signal
    return np.asarray(np.clip(held * 1000, -32000, 32000), dtype=np.int16)


def dicom(raw: NDArray[np.int16], leads: Sequence[str] = LEADS, **who: object) -> bytes:
    return to_bytes(twelve_lead_dataset(raw, leads=leads, who=Who(**who)))  # type: ignore[arg-type]


def placed(value: str) -> bytes:
    ds = twelve_lead_dataset(microvolt(5))
    item = Dataset()
    item.ValueType, item.ConceptNameCodeSequence = "CODE", [code("10:11345", "MDC", "Lead System")]
    item.ConceptCodeSequence = [code(value, "MDC", "as the code says")]
    ds.AcquisitionContextSequence = [item]
    return to_bytes(ds)


def stated(text: str) -> bytes:
    """Return an ECG of which the recorder says something (PS3.3 C.10.10.1.1: an annotation in words)."""
    ds = twelve_lead_dataset(microvolt(5))
    item = Dataset()
    item.UnformattedTextValue, item.AnnotationGroupNumber, item.ReferencedWaveformChannels = text, 1, [1, 0]
    ds.WaveformAnnotationSequence = [item]
    return to_bytes(ds)


def csv(names: Sequence[str]) -> bytes:
    rows = [",".join(["t (s)", *(f"{name} (uV)" for name in names)])]
    rows += [",".join([f"{at / 500:.3f}", *map(str, sample)]) for at, sample in enumerate(microvolt(5).tolist())]
    return "\n".join(rows).encode()


def wfdb_record(number: int) -> bytes:
    """Return one of LUDB's records as it lies there, in a zip."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for suffix in (".hea", ".dat"):
            archive.write(LUDB / f"{number}{suffix}", f"{number}{suffix}")
    return held.getvalue()


def without_words(number: int) -> bytes:
    """Return one of LUDB's records of which nobody says anything."""
    return dicom(microvolt(number))


WITH_V4R = tuple("V4R" if lead == "V4" else lead for lead in LEADS)
REFUSED: dict[str, tuple[str, Make]] = {
    "nine years old": ("age-below-limit", lambda: child()),
    "V4R": ("placement-right", lambda: csv(WITH_V4R)),
    "EASI": ("placement-easi", lambda: placed("10:11284")),
    "Mason-Likar": ("placement-mason-likar", lambda: placed("10:11266")),
    "paced, by its spikes alone": ("paced", lambda: without_words(74)),
    "paced, by the recorder's word": ("paced", lambda: stated("ATRIAL-SENSED VENTRICULAR-PACED RHYTHM")),
    "paced, as it lies in LUDB": ("paced", lambda: wfdb_record(8)),
    "five minutes": ("too-long", lambda: dicom(np.tile(microvolt(5), (30, 1)))),
    "flat": ("lead-flat", lambda: dicom(np.zeros((5000, 12), dtype=np.int16) + 3)),
    "saturated": ("lead-saturated", lambda: dicom(np.clip(microvolt(5), -120, 170))),
    "nothing but noise": (
        "no-beats",
        lambda: dicom(np.random.default_rng(0).normal(0, 90, (5000, 12)).astype(np.int16)),
    ),
}


def child() -> bytes:
    ds = twelve_lead_dataset(microvolt(5), who=Who(birth_date=None))
    ds.PatientAge = "009Y"
    return to_bytes(ds)


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_model_covers_is_refused_by_its_own_code(
    case: str, report_on: Callable[[bytes], Report], files_of: FilesOf
) -> None:
    expected, make = REFUSED[case]
    report = report_on(make())
    assert report.reading.prediction.abstention is not None and report.reading.prediction.scores == ()
    told = json.loads(files_of(report)["report.json"])
    assert told["prediction"]["abstention"]["code"] == expected
    assert expected in {each["code"] for each in told["prediction"]["declined"]}
    assert f"[{expected}]" in report.sentences[0].text


@pytest.mark.parametrize("make", [lambda: dicom(microvolt(5)), lambda: csv(LEADS), lambda: wfdb_record(5)])
def test_the_same_heart_is_read_where_nothing_stands_against_it(
    make: Make, report_on: Callable[[bytes], Report], files_of: FilesOf
) -> None:
    report = report_on(make())
    told = json.loads(files_of(report)["report.json"])
    assert told["prediction"]["abstention"] is None and told["prediction"]["arm"] == "12-lead"
    assert told["quality"][0]["faults"] == {} and told["quality"][0]["pacing_spikes"] == 0


@pytest.mark.parametrize(
    ("statement", "paced"),
    [
        ("Electronic ventricular pacemaker", True),
        ("Demand pacemaker, interpretation is based on intrinsic rhythm", True),
        ("ATRIAL-PACED RHYTHM", True),
        ("Pace status: Paced", True),
        ("Pacemaker spikes: 12", True),
        ("UNIpolar ventricular pacing.", True),
        ("Schrittmacher-EKG", True),
        ("Wandering atrial pacemaker", False),
        ("No pacemaker spikes detected", False),
        ("Pacemaker spikes: 0", False),
        ("Pace status: NO", False),
        ("Sinus rhythm", False),
        ("Spacer", False),
    ],
)
def test_a_recorders_word_on_pacing_is_understood(statement: str, paced: bool) -> None:
    assert states_pacing(["Sinus rhythm", statement]) is paced
