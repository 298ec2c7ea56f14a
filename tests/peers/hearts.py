"""One heart in many formats: the same ECG as programs of other hands write it.

make hearts    # writes docs/conformance/one-heart.md; needs ../shared, `make peers` and biosig-tools
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.archive import packed
from adapters.readers import read, unwrapped
from ecg.canonical import CanonicalEcg, canonicalise
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.quality import assess
from ecg.recording import Provenance, Recording, Waveform
from models.router import CardRouter
from tests.golden import reports
from tests.golden.dicom_files import to_bytes, twelve_lead_dataset

ROOT: Final = Path(__file__).parents[2]
LUDB: Final = ROOT.parent / "shared" / "samples" / "ludb"
WRITERS_VENV: Final = ROOT / ".peers" / "writers" / "bin" / "python"
BIOSIG: Final = "save2gdf"  # of biosig-tools
STEP: Final = 1e-3  # mV: every format here is written in steps of a microvolt
SAME_SCORE: Final = 1e-4
COUNT: Final = 20  # recordings of LUDB on the page
UCUM: Final = "http://unitsofmeasure.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
CODES: Final = (131329, 131330, 131389, 131390, 131391, 131392, *range(131331, 131337))


@dataclass(frozen=True)
class Heart:
    """An ECG: int16 (samples, 12) in microvolt, the twelve leads in their order; fs in Hz."""

    name: str
    microvolt: NDArray[np.int16]
    fs: int

    @property
    def recording(self) -> Recording:
        """The recording that every format should give."""
        signal = (self.microvolt.T / 1000).astype(np.float32)
        return Recording(Waveform(signal, LEADS, self.fs), Provenance("truth"))


def hearts() -> Iterator[Heart]:
    """Yield a synthetic ECG at two frequencies, and those of LUDB where it is."""
    for fs in (500, 1000):
        made = reports.waveform(10.0, fs).signal
        yield Heart(f"synthetic, {fs} Hz", np.round(made.T * 1000).astype(np.int16), fs)
    if LUDB.is_dir():
        import wfdb

        for number in range(1, 101):
            record = wfdb.rdrecord(str(LUDB / str(number)))
            order = [record.sig_name.index(lead.lower()) for lead in LEADS]
            yield Heart(f"LUDB {number}", np.round(record.p_signal[:, order] * 1000).astype(np.int16), record.fs)


def dicom_by_pydicom(heart: Heart, place: Path) -> Payload:
    return Payload(to_bytes(twelve_lead_dataset(heart.microvolt, heart.fs)))


def dicom_by_ecg2dcm(heart: Heart, place: Path) -> Payload:
    _wfdb(heart, place)
    _run(WRITERS_VENV.with_name("ecg2dcm-convert"), place / "heart.hea", "-o", place)
    return Payload((place / "heart.dcm").read_bytes())


def wfdb_by_wfdb(heart: Heart, place: Path) -> Payload:
    _wfdb(heart, place)
    return Payload(packed({each.name: each.read_bytes() for each in sorted(place.glob("heart.*"))}))


def fhir_r4_by_fhir_resources(heart: Heart, place: Path) -> Payload:
    from fhir.resources.R4B.observation import Observation  # R4's Observation has the same elements

    made = Observation.model_validate(_observation(heart, {"period": 1000 / heart.fs}))
    return Payload(made.model_dump_json().encode())


def fhir_r5_by_fhir_resources(heart: Heart, place: Path) -> Payload:
    from fhir.resources.observation import Observation

    made = Observation.model_validate(_observation(heart, {"interval": 1000 / heart.fs, "intervalUnit": "ms"}))
    return Payload(made.model_dump_json().encode())


def csv_by_numpy(heart: Heart, place: Path) -> Payload:
    table = np.column_stack([np.arange(len(heart.microvolt)) / heart.fs, heart.microvolt / 1000])
    header = ",".join(["time (s)", *(f"{lead} (mV)" for lead in LEADS)])
    np.savetxt(place / "heart.csv", table, fmt=["%.4f"] + ["%.3f"] * 12, delimiter=",", header=header, comments="")
    return Payload((place / "heart.csv").read_bytes())


def csv_by_pandas(heart: Heart, place: Path) -> Payload:
    import pandas

    frame = pandas.DataFrame(heart.microvolt, columns=[f"{lead} [uV]" for lead in LEADS])
    frame.insert(0, "time [ms]", np.arange(len(frame)) * 1000 / heart.fs)
    frame.to_csv(place / "heart.csv", sep=";", decimal=",", index=False)
    return Payload((place / "heart.csv").read_bytes())


def aecg_by_biosig(heart: Heart, place: Path) -> Payload:
    np.savez(place / "heart.npz", microvolt=heart.microvolt, fs=heart.fs, leads=LEADS)
    _run(WRITERS_VENV, ROOT / "tests" / "peers" / "write_edf.py", place / "heart.npz", place / "heart.edf")
    _run(BIOSIG, "-f=HL7", place / "heart.edf", place / "heart.xml")
    return Payload((place / "heart.xml").read_bytes())


WRITERS: Final[dict[str, Callable[[Heart, Path], Payload]]] = {
    "DICOM 12-lead ECG, by pydicom": dicom_by_pydicom,
    "DICOM General ECG, by ecg2dcm": dicom_by_ecg2dcm,
    "FHIR R4, by fhir.resources": fhir_r4_by_fhir_resources,
    "FHIR R5, by fhir.resources": fhir_r5_by_fhir_resources,
    "WFDB, by wfdb": wfdb_by_wfdb,
    "CSV in mV, by numpy": csv_by_numpy,
    "CSV in uV with decimal commas, by pandas": csv_by_pandas,
    "HL7 v3 aECG, by biosig": aecg_by_biosig,
}


def missing(writer: str) -> str | None:
    """Say what a writer needs that is not here, None where all is."""
    if writer.endswith(("ecg2dcm", "biosig")) and not WRITERS_VENV.exists():
        return "make peers installs the writers of other hands"
    if writer.endswith("biosig") and shutil.which(BIOSIG) is None:
        return "biosig-tools is not installed"
    return None


@dataclass(frozen=True)
class Difference:
    """How far a format is from the truth: in mV, and in probability."""

    signal: float
    score: float


def compared(heart: Heart, writer: str, router: CardRouter) -> Difference:
    """Write a heart, read it back, and compare canonical tensor and scores with the truth.

    Raises:
        AssertionError: another number of recordings or windows, another mask, another arm.
    """
    with tempfile.TemporaryDirectory() as place:
        payload = WRITERS[writer](heart, Path(place))
    (recording,) = (found for each in unwrapped(payload) for found in read(each))
    (truth,), (window,) = canonicalise(heart.recording.waveform), canonicalise(recording.waveform)
    assert (window.mask == truth.mask).all() and window.derived == truth.derived
    ours, theirs = scores(recording, window, router), scores(heart.recording, truth, router)
    assert ours.keys() == theirs.keys() and ours
    return Difference(
        float(np.abs(window.signal - truth.signal).max()), max(abs(ours[each] - theirs[each]) for each in ours)
    )


def scores(recording: Recording, window: CanonicalEcg, router: CardRouter) -> dict[str, float]:
    """Return the probabilities by the code of the finding."""
    quality = assess([window])
    unguarded = CardRouter(router.arms)  # the guards stop synthetic hearts, and rightly
    prediction = unguarded.route([window], recording, quality).predict([window], quality)
    return {each.finding.code: each.probability for each in prediction.scores}


def page(router: CardRouter) -> Iterator[str]:
    """Yield the lines of docs/conformance/one-heart.md."""
    held = list(islice(hearts(), COUNT + 2))
    yield "# One heart, many formats"
    yield ""
    yield f"The same {len(held)} ECGs, {len(held) - 2} recordings of LUDB and two synthetic ones at 500 and 1000 Hz,"
    yield "written by programs that are not this project's, read back, and compared with what was written: the"
    yield "largest difference of the canonical tensor, and of any probability. A step of each encoding is"
    yield f"{STEP * 1000:g} microvolt. This page is written by `make hearts`; `tests/peers/test_one_heart.py` holds the"
    yield "first of these ECGs to it."
    yield ""
    yield "| format, and who wrote it | ECGs | largest difference, microvolt | of a probability |"
    yield "|---|---:|---:|---:|"
    for writer in WRITERS:
        found = [compared(heart, writer, router) for heart in held]
        signal, score = max(each.signal for each in found) * 1000, max(each.score for each in found)
        yield f"| {writer} | {len(found)} | {signal:.4f} | {score:.1e} |"


def _observation(heart: Heart, timing: dict[str, Any]) -> dict[str, Any]:
    origin = {"value": 0, "unit": "uV", "system": UCUM, "code": "uV"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": MDC, "code": "131328"}]},
        "component": [
            {
                "code": {"coding": [{"system": MDC, "code": str(code)}]},
                "valueSampledData": {
                    "origin": origin, "factor": 1, "dimensions": 1, "data": " ".join(map(str, row))} | timing,
            }
            for code, row in zip(CODES, heart.microvolt.T.tolist(), strict=True)
        ],
    }  # fmt: skip


def _wfdb(heart: Heart, place: Path) -> None:
    import wfdb

    wfdb.wrsamp(
        "heart",
        fs=heart.fs,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        d_signal=heart.microvolt.astype(np.int64),
        fmt=["16"] * 12,
        adc_gain=[1000.0] * 12,
        baseline=[0] * 12,
        base_date=date(2024, 2, 29),
        base_time=time(12, 34, 56),
        write_dir=str(place),
    )


def _run(*words: object) -> None:
    subprocess.run([str(each) for each in words], check=True, capture_output=True)


if __name__ == "__main__":
    from service.settings import load_settings
    from service.wiring import build_router

    sys.stdout.write("\n".join(page(build_router(load_settings()))) + "\n")
