"""A report in all the forms that leave the service: PDF, FHIR Bundle, JSON, PNG."""

import json
from dataclasses import asdict
from typing import Any

from adapters.fhir.bundle import encode
from adapters.fhir.fifth import as_r5
from adapters.fhir.frame import FhirSettings
from adapters.figures import issued, issued_score
from ecg.leads import LEADS
from ecg.measurement import Measurement
from ecg.prevalence import predictive_values
from ecg.quality import Quality
from ecg.reading import Explanation, Prediction, Score
from ecg.recording import PageEvidence, Recording
from ecg.report import Report
from service.archive import PDF, picture_name
from service.bands import band
from service.style import DEFAULT, Style

BUNDLE = "bundle.json"
BUNDLE_R5 = "bundle.r5.json"
SUMMARY = "report.json"


def renderings(report: Report, settings: FhirSettings, style: Style = DEFAULT, *, r5: bool = False) -> dict[str, bytes]:
    """Return file name and bytes of each rendering; of the style only bands and prevalence are asked.

    That in FHIR R5, which can be made of R4's, comes where it is asked for.
    """
    files = {PDF: report.pdf, BUNDLE: encode(report, settings), SUMMARY: _json(summary(report, style))}
    if r5:
        files[BUNDLE_R5] = as_r5(files[BUNDLE])
    return files | {picture_name(picture.name): picture.png for picture in report.pictures}


def summary(report: Report, style: Style = DEFAULT) -> dict[str, Any]:
    """Return what a client needs to know of a report, as plain data. It names no patient."""
    prediction = report.reading.prediction
    return {
        "id": str(report.id),
        "version": report.version,
        "status": report.status,
        "reason": report.reason,
        "issued": report.issued.isoformat(),
        "release": report.release,
        "sentences": [{"text": each.text, "about": list(each.about)} for each in report.sentences],
        "recording": _recording(report.recording),
        "quality": _quality(report.reading.quality),
        "prediction": _prediction(prediction, style),
        "measurements": [] if report.withdrawn else [_measurement(each) for each in report.reading.measurements.values],
        "explanations": [_explanation(each) for each in report.reading.explanations],
        "window": {
            "start": report.reading.shown.start,
            "derived": list(report.reading.shown.derived),
            "windows": len(report.reading.windows),
        },
        "pictures": [
            {
                "file": picture_name(each.name),
                "title": each.title,
                "finding": each.finding,
                "method": each.method,
            }
            for each in report.pictures
        ],
    }


def _recording(recording: Recording) -> dict[str, Any]:
    leads = recording.waveform.leads
    return {
        "reader": recording.provenance.reader,
        "leads": [each for each in leads if each in LEADS],
        "other_leads": sum(each not in LEADS for each in leads),  # their labels are text of the payload
        "fs": recording.waveform.fs,
        "seconds": round(recording.waveform.seconds, 3),
        "digitised": recording.provenance.digitised,
        "scale_assumed": recording.provenance.scale_assumed,
        "page": _page(recording.provenance.page),
    }


def _page(page: PageEvidence | None) -> dict[str, Any] | None:
    """Return what shows how well a page was read; its overlay is a picture."""
    if page is None:
        return None
    return {
        "layout": page.layout,
        "scale": page.scale,
        "gain_assumed": list(page.gain_assumed),
        "einthoven_mV": page.einthoven,
        "on_ink": page.on_ink,
        "explained": page.explained,
        "confidence": dict(page.confidence),
    }


def _quality(quality: Quality) -> list[dict[str, Any]]:
    return [
        {
            "known": dict(zip(LEADS, each.known, strict=True)),
            "faults": dict(each.faults),
            "wander_mV": dict(zip(LEADS, each.noise.wander, strict=True)),
            "muscle_mV": dict(zip(LEADS, each.noise.muscle, strict=True)),
            "mains_mV": dict(zip(LEADS, each.noise.mains, strict=True)),
            "beats": each.beating.count,
            "contrast": each.beating.contrast,
            "likeness": each.beating.likeness,
            "pacing_spikes": each.spikes,  # null: not assessable at this sampling frequency
        }
        for each in quality.windows
    ]


def _prediction(prediction: Prediction, style: Style) -> dict[str, Any]:
    bands, prevalence = style.bands, dict(style.prevalence)
    choice = prediction.choice
    said: dict[str, Any] = {
        "why": choice.why,
        "arm": choice.arm,
        "declined": [{"arm": each.arm, "code": each.code} for each in choice.declined],
        "checks": [{"code": each.code, "value": each.value, "limit": each.limit} for each in choice.checks],
        "model": None,
        "scores": [],
        "abstention": None,
    }
    if prediction.abstention is not None:
        said["abstention"] = {"code": prediction.abstention.code, "reason": prediction.abstention.reason}
    if prediction.model is not None:
        model = prediction.model
        said["model"] = {"name": model.name, "version": model.version, "card_sha256": model.digest}
        said["bands"] = bands
        said["scores"] = [
            {
                "finding": each.finding.code,
                "name": each.finding.name,
                "probability": issued_score(each)[0],
                "threshold": issued_score(each)[1],
                "reached": each.reached,
                "asserted": each.asserted,
                "band": band(each, bands),
                "at_threshold": each.at_threshold and asdict(each.at_threshold),
                "sensitive": each.sensitive and asdict(each.sensitive),
                "predictive": _predictive(each, prevalence.get(each.finding.code)),
            }
            for each in prediction.scores
        ]
    return said


def _predictive(score: Score, prevalence: float | None) -> dict[str, float] | None:
    """Return the threshold's predictive values, where the site told how frequent the finding is."""
    if prevalence is None or score.at_threshold is None:
        return None
    return {name: round(value, 4) for name, value in asdict(predictive_values(score.at_threshold, prevalence)).items()}


def _measurement(measurement: Measurement) -> dict[str, Any]:
    said: dict[str, Any] = {"code": measurement.code, "lead": measurement.lead, "unit": measurement.unit}
    if measurement.value is None:
        return said | {"value": None, "absent": measurement.absent}
    return said | {"value": issued(measurement), "confidence": round(measurement.confidence, 2)}


def _explanation(explanation: Explanation) -> dict[str, Any]:
    """Return what an explanation says beside its map, which is a picture: its checks, and what each lead weighs."""
    weighs = explanation.relevance.ndim == 1
    by_lead = dict(zip(LEADS, (explanation.peak * explanation.relevance).tolist(), strict=True)) if weighs else {}
    return {
        "id": explanation.id,
        "finding": explanation.finding.code,
        "method": explanation.method,
        "unit": explanation.unit,
        "withheld": explanation.withheld,
        "checks": [asdict(each) | {"passed": each.passed} for each in explanation.checks],
        "by_lead": {lead: round(lost, 4) for lead, lost in by_lead.items()},
        "top_lead": explanation.top_lead,
        "flips": list(explanation.flips),
    }


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
