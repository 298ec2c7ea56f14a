"""Reports made of plain vocabulary, for the tests of whatever encodes a report."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import numpy as np
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from ecg.canonical import SAMPLES, canonicalise
from ecg.findings import FINDINGS
from ecg.leads import LEADS, LIMB_FROM_I_II
from ecg.measurement import GLOBAL_UNITS, LEAD_UNITS, Measurement, Measurements
from ecg.quality import assess
from ecg.reading import Abstention, Choice, Explanation, ModelName, Prediction, Reading, Score
from ecg.recording import Order, Patient, Provenance, Recording, Study, Waveform
from ecg.report import AMENDED, Picture, Report, Sentence, report_id
from service.compose import withdraw

RELEASE = "1.0.0"
ISSUED = datetime(2024, 5, 1, 8, 30, tzinfo=UTC)
ACQUIRED = datetime(2024, 5, 1, 10, 12, 30, tzinfo=timezone(timedelta(hours=2)))
PATIENT = Patient(id="4711", issuer="Musterklinik", name="Muster^Erika", sex="F", age=61.0)
ORDER = Order("A-100", "RIS", "P-100", "F-100", "V-100", "1.2.826.0.1.3680043.10.1.1")
STUDY = Study("S-100", "20240501", "095900", "ECG at rest", "Beispiel^Anna")
MODEL = ModelName("synthetic-12", "0.0.1", "a" * 64)
CHOICE = Choice("the recording holds twelve leads", "b" * 64)
MARKS = (
    "Preliminary and unverified until a physician signs.",
    "Not a cleared medical device: research and evaluation only.",
    "Acute cannot be told from old infarction, and a negative result does not exclude acute coronary syndrome.",
)


@cache
def waveform(seconds: float = 10.0, fs: float = 500.0) -> Waveform:
    """Return twelve leads of a synthetic ECG that obeys Einthoven's law: float32 (12, samples), mV."""
    phase = np.arange(int(seconds * fs)) / fs % 0.8
    beat = 1.2 * np.exp(-(((phase - 0.30) / 0.012) ** 2)) + 0.25 * np.exp(-(((phase - 0.55) / 0.045) ** 2))
    limb = LIMB_FROM_I_II @ np.stack([0.6 * beat, 0.9 * beat])
    chest = np.outer(np.linspace(-0.6, 1.2, 6), beat)
    return Waveform(np.concatenate([limb, chest]).astype(np.float32), LEADS, fs)


@cache
def png() -> bytes:
    """Return a real picture of 16 x 8 pixels."""
    held = io.BytesIO()
    Image.new("RGB", (16, 8), (200, 30, 30)).save(held, "PNG")
    return held.getvalue()


@cache
def pdf() -> bytes:
    """Return a real document of one page, the same bytes each time."""
    held = io.BytesIO()
    canvas = Canvas(held, pagesize=(200, 100), invariant=1)
    canvas.setTitle("ECG report")
    canvas.drawString(20, 50, "ECG report, preliminary")
    canvas.save()
    return held.getvalue()


def recording(patient: Patient = PATIENT) -> Recording:
    """Return the recording that the reports are about, with all that a source can say."""
    source = Provenance(
        "dicom",
        series_uid="1.2.826.0.1.3680043.10.1.2",
        instance_uid="1.2.826.0.1.3680043.10.1.3",
        class_uid="1.2.840.10008.5.1.4.1.1.9.1.1",
    )
    return Recording(waveform(), source, patient, ORDER, ACQUIRED, statements=("Sinus rhythm",), study=STUDY)


def report(
    *, asserted: tuple[str, ...] = (), abstained: bool = False, patient: Patient = PATIENT, **changed: object
) -> Report:
    """Return a report that scores all findings, of which those named in `asserted` reach their thresholds.

    Args:
        asserted: codes of findings; one that is never asserted (NORM) only reaches its threshold.
        abstained: whether no model read the recording.
        patient: whose it is.
        changed: fields of the Recording to change, like `acquired_at`.
    """
    source = replace(recording(patient), **changed)  # type: ignore[arg-type]
    windows = canonicalise(source.waveform)
    prediction = _abstention() if abstained else _prediction(asserted)
    shown = tuple(score.finding for score in prediction.asserted)
    ramp = np.linspace(0, 1, SAMPLES, dtype=np.float32)[None]
    explanations = tuple(Explanation(each, "Grad-CAM", ramp.copy(), 0.5, "logit") for each in shown)
    return Report(
        id=report_id(source, models=CHOICE.models, release=RELEASE),
        version=1,
        release=RELEASE,
        recording=source,
        reading=Reading(windows, assess(windows), prediction, explanations),
        sentences=_sentences(prediction),
        pictures=tuple(
            Picture(f"relevance-{each.code}", f"Relevance for {each.name}", png(), each.code, "Grad-CAM")
            for each in shown
        ),
        pdf=pdf(),
        issued=ISSUED,
    )


# Plausible figures, none of them a whole number, by code.
VALUES = {
    **{"heart-rate": 74.6, "rr-variation": 0.0412, "p-duration": 104.4, "pr": 158.5, "qrs": 92.3, "qt": 384.2},
    **{"qtc-bazett": 428.4, "qtc-fridericia": 413.1, "qtc-framingham": 414.8, "axis-p": 48.2, "axis-qrs": -31.5},
    **{"axis-t": 40.4, "st-j": 0.1234, "st-j60": -0.0512, "t-amplitude": -0.25, "q-amplitude": -0.04},
    **{"q-duration": 21.8, "r-amplitude": 1.2, "s-amplitude": -0.35},
}


def measured(of: Report, *, absent: tuple[str, ...] = (), leads: tuple[str, ...] = LEADS) -> Report:
    """Return the report with measurements: all of the whole recording, and of `leads`, but those codes `absent`."""

    def measurement(code: str, lead: str | None = None) -> Measurement:
        if code in absent:
            return Measurement(code, absent="not-found", lead=lead)
        return Measurement(code, VALUES[code] + (0.01 * LEADS.index(lead) if lead else 0.0), 0.9, lead=lead)

    values = [measurement(code) for code in GLOBAL_UNITS]
    values += [measurement(code, lead) for lead in leads for code in LEAD_UNITS]
    return replace(of, reading=replace(of.reading, measurements=Measurements(tuple(values))))


def amended(first: Report, version: int = 2, *, asserted: tuple[str, ...] = ("STTC",)) -> Report:
    """Return a later version of a report: the same recording, read with another outcome some hours later."""
    again, later = report(asserted=asserted), ISSUED + timedelta(hours=version)
    return replace(again, id=first.id, recording=first.recording, version=version, status=AMENDED, issued=later)


def withdrawn(former: Report, reason: str = "wrong-patient") -> Report:
    """Return the last version of a report."""
    return withdraw(former, former.version + 1, former.issued + timedelta(hours=1), reason)


def _prediction(reached: tuple[str, ...]) -> Prediction:
    scores = (Score(each, 0.81 if each.code in reached else 0.02, 0.43) for each in FINDINGS.values())
    return Prediction(CHOICE, MODEL, tuple(scores))


def _abstention() -> Prediction:
    why = Abstention("too-few-leads", "The recording holds too few leads for any model.")
    return Prediction(CHOICE, abstention=why)


def _sentences(prediction: Prediction) -> tuple[Sentence, ...]:
    if prediction.abstention is not None:
        said = [Sentence(f"No model read this ECG. {prediction.abstention.reason}", ("abstention",))]
    else:
        said = [
            Sentence(f"Pattern of {each.finding.name}: {each.probability:.2f}.", (f"score-{each.finding.code}",))
            for each in prediction.asserted
        ] or [Sentence("No finding reached its threshold.")]
    return (*said, *(Sentence(mark) for mark in MARKS))
