"""A report as it is kept, and back: what a delivery needs, long after the models may have changed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from ecg.canonical import canonicalise
from ecg.findings import FINDINGS
from ecg.measurement import Measurement, Measurements
from ecg.quality import assess
from ecg.reading import Abstention, Check, Choice, Declined, ModelName, OperatingPoint, Prediction, Reading, Score
from ecg.recording import Recording
from ecg.report import Picture, Report, Sentence

ARCHIVE: Final = "archive.json"
PDF: Final = "report.pdf"


def picture_name(name: str) -> str:
    """Return the file name of a picture."""
    return f"{name}.png"


@dataclass(frozen=True)
class Told:
    """What a kept report told, without the recording that it was made of."""

    version: int
    status: str
    sentences: tuple[Sentence, ...]
    prediction: Prediction
    measurements: Measurements


def archived(report: Report) -> bytes:
    """Return all of a report but its recording, its pages and its pictures, as JSON. It names no patient."""
    prediction = report.reading.prediction
    kept = {
        "id": str(report.id),
        "version": report.version,
        "release": report.release,
        "issued": report.issued.isoformat(),
        "status": report.status,
        "reason": report.reason,
        "sentences": [asdict(each) for each in report.sentences],
        "pictures": [
            {"name": each.name, "title": each.title, "finding": each.finding, "method": each.method}
            for each in report.pictures
        ],
        "choice": asdict(prediction.choice),
        "model": asdict(prediction.model) if prediction.model else None,
        "scores": [
            [each.finding.code, each.probability, each.threshold, *map(_point, (each.at_threshold, each.sensitive))]
            for each in prediction.scores
        ],
        "measurements": [asdict(each) for each in report.reading.measurements.values],
        "window": prediction.window,
        "abstention": asdict(prediction.abstention) if prediction.abstention else None,
    }
    return (json.dumps(kept, indent=1, ensure_ascii=False) + "\n").encode()


def told(archive: bytes) -> Told:
    """Return what the archived report told."""
    kept = json.loads(archive)
    return Told(kept["version"], kept["status"], _sentences(kept), _prediction(kept), _measurements(kept))


def restored(files: Mapping[str, bytes], recording: Recording) -> Report:
    """Return the report that was archived, of the recording it was made of. Its maps are pictures by now."""
    kept = json.loads(files[ARCHIVE])
    windows = canonicalise(recording.waveform)
    quality = assess(windows, recording.waveform)
    return Report(
        id=UUID(kept["id"]),
        version=kept["version"],
        release=kept["release"],
        recording=recording,
        reading=Reading(windows, quality, _prediction(kept), measurements=_measurements(kept)),
        sentences=_sentences(kept),
        pictures=tuple(Picture(png=files[picture_name(each["name"])], **each) for each in kept["pictures"]),
        pdf=files[PDF],
        issued=datetime.fromisoformat(kept["issued"]),
        status=kept["status"],
        reason=kept.get("reason"),
    )


def _choice(kept: dict[str, Any]) -> Choice:
    declined = tuple(Declined(**each) for each in kept.get("declined", ()))
    return Choice(**{**kept, "declined": declined, "checks": tuple(Check(**each) for each in kept.get("checks", ()))})


def _prediction(kept: dict[str, Any]) -> Prediction:
    model = kept["model"]
    return Prediction(
        choice=_choice(kept["choice"]),
        model=ModelName(**{**model, "statements": tuple(model["statements"])}) if model else None,
        scores=tuple(_score(*each) for each in kept["scores"]),
        window=kept["window"],
        abstention=Abstention(**kept["abstention"]) if kept["abstention"] else None,
    )


def _score(code: str, probability: float, threshold: float, *points: list[float] | None) -> Score:
    at_threshold, sensitive = (OperatingPoint(*each) if each else None for each in points or (None, None))
    return Score(FINDINGS[code], probability, threshold, at_threshold, sensitive)


def _point(point: OperatingPoint | None) -> tuple[float, float, float] | None:
    return (point.probability, point.sensitivity, point.specificity) if point else None


def _sentences(kept: dict[str, Any]) -> tuple[Sentence, ...]:
    return tuple(Sentence(each["text"], tuple(each["about"])) for each in kept["sentences"])


def _measurements(kept: dict[str, Any]) -> Measurements:
    return Measurements(tuple(Measurement(**each) for each in kept.get("measurements", ())))
