"""Many varied ECGs and the reports on them: hearts of LUDB as DICOM, files of other hands, all sorts of patients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.data import get_testdata_file

from adapters.readers import read
from ecg.errors import PayloadError
from ecg.payload import Payload
from ecg.ports import Router
from ecg.recording import Order, Patient, Recording
from ecg.report import Report
from service.pipeline import interpret
from tests.golden import reports
from tests.golden.dicom_files import ROOT, SYNTAXES, Who, to_bytes, twelve_lead_dataset
from tests.peers.hearts import Heart, hearts

SAMPLES: Final = Path(__file__).parents[3] / "shared" / "samples"
FOREIGN: Final = ("aecg/*.xml", "sierra/*", "scp/*.scp", "fhir/*.json")
LEAST: Final = 50
HEARTS: Final = 48
ISSUED: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)

# Patients as they come: names that are long, Greek, Cyrillic or of many parts; what is missing, or is not known.
WHO: Final = (
    Who(),
    Who(name="Wolfeschlegelsteinhausenbergerdorff-Wels^Hubert^Blaine^Dr.^Sr."),  # 62 of 64 characters
    Who(name="Παπαδοπούλου^Ελένη", issuer="Νοσοκομείο"),
    Who(name="Щербакова^Ольга^Владимировна"),
    Who(name=None, id=None, issuer=None, sex=None, birth_date=None),
    Who(name='O\'Neil & <Söhne>^"Zoë"', id="<4711>&'x'"),
    Who(birth_date=None, sex=None),
    Who(acquired=None),
    Who(acquired="20240229123456.25-0330"),
    Who(id="4" * 64, issuer="H" * 64),
    Who(sex="O"),
)
# Longer than DICOM has room for, and with what no text there may hold.
LONG: Final = Patient(id="x" * 80, issuer="y" * 90, name="Παπαδοπούλου-" * 8 + "^Ελένη^a^b^c^d=e\\f\x1b")


@dataclass(frozen=True)
class Case:
    """A report, the DICOM object that it is on (b'' where it came otherwise), and the report before it."""

    name: str
    report: Report
    source: bytes = b""
    former: Report | None = None


def cases(router: Router) -> Iterator[Case]:
    """Yield at least LEAST cases where the samples are: most of them LUDB's, each another ECG."""
    for number, heart in enumerate(islice(hearts(), HEARTS)):
        source = _dicom(number, heart)
        (recording,) = read(Payload(source))
        yield from _cases(heart.name, _report(recording, router, number), source, number)
    sample = Path(str(get_testdata_file("waveform_ecg.dcm", download=False))).read_bytes()
    for recording in read(Payload(sample)):
        yield Case("pydicom's sample", _report(recording, router, 0), sample)
    known = set()
    for number, path in enumerate(_foreign()):
        for recording in _read(path):
            placed = replace(recording, order=replace(recording.order, study_uid=f"{ROOT}.9.{number}"))
            report = _report(replace(placed, patient=LONG), router, 1)
            if report.id not in known:  # two of the files may hold one ECG
                known.add(report.id)
                yield Case(path.name, report)


def _cases(name: str, report: Report, source: bytes, number: int) -> Iterator[Case]:
    """Yield the report, and of some what came of it later."""
    yield Case(name, report, source)
    if number % 12 == 3:
        again = replace(reports.amended(report), reading=report.reading, sentences=report.sentences)
        yield Case(f"{name}, amended", replace(again, pdf=report.pdf, pictures=report.pictures), source, report)
    if number % 12 == 7:
        yield Case(f"{name}, withdrawn", reports.withdrawn(report), source, report)


def _dicom(number: int, heart: Heart) -> bytes:
    """Return a heart as a DICOM object of a patient and a study of its own; some of lead II alone, some too short."""
    raw, leads = heart.microvolt, reports.LEADS
    if number % 8 == 5:
        raw, leads = raw[:, 1:2], ("II",)
    if number % 8 == 6:
        raw = raw[: 5 * heart.fs]
    who = replace(WHO[number % len(WHO)], study_uid=f"{ROOT}.7.{number + 1}")
    made = twelve_lead_dataset(np.ascontiguousarray(raw), heart.fs, leads, who=who)
    made.SeriesInstanceUID = f"{ROOT}.8.{number + 1}"
    made.StudyDescription, made.ReferringPhysicianName = "ECG at rest", "Beispiel^Anna"
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):  # type 2: there, if empty
        if keyword not in made:
            setattr(made, keyword, "")
    return to_bytes(made, SYNTAXES[number % 2])


def _report(recording: Recording, router: Router, number: int) -> Report:
    """Return the report; where the pipeline measures nothing of it, with measurements made by hand."""
    if number % 9 == 4:
        recording = replace(recording, order=Order(study_uid=recording.order.study_uid))
    made = interpret(recording, router=router, issued=ISSUED)
    if made.reading.measurements.values:
        return made
    leads = tuple(each for each in reports.LEADS if each in recording.waveform.leads)
    return reports.measured(made, absent=((), ("pr", "axis-p"), ("qt", "st-j"))[number % 3], leads=leads)


def _foreign() -> Sequence[Path]:
    return sorted(path for pattern in FOREIGN for path in SAMPLES.glob(pattern) if path.stat().st_size)


def _read(path: Path) -> Sequence[Recording]:
    try:
        return read(Payload(path.read_bytes()))
    except PayloadError:  # what is not read is other tests' concern
        return ()
