"""The report's Observations: of each score, each finding asserted, or why there are none, and what was measured."""

from adapters.fhir.codes import (
    ABSTENTIONS,
    EKG_IMPRESSION,
    NEGATIVE,
    NOT_PERFORMED,
    POSITIVE,
    PROCEDURE,
    THRESHOLD,
    Json,
    coding,
    probability,
    stated,
)
from adapters.fhir.elements import instant, kept, narrative, own_identifier, plain, ratio
from adapters.fhir.frame import Frame, ai_meta
from adapters.fhir.measured import measurements
from adapters.figures import issued_score
from ecg.reading import Abstention, Score


def observations(frame: Frame) -> dict[str, Json]:
    """Return the report's Observations by their role in it; a withdrawn report observes nothing."""
    if frame.report.withdrawn:
        return {}
    prediction = frame.report.reading.prediction
    if prediction.abstention is not None:
        return {"abstention": _abstention(frame, prediction.abstention)} | measurements(frame)
    scores = {score_role(each): _score(frame, each) for each in prediction.scores}
    findings = {f"finding-{each.finding.code}": _finding(frame, each) for each in prediction.asserted}
    return scores | findings | measurements(frame)


def score_role(score: Score) -> str:
    """Return the role of a score's Observation."""
    return f"score-{score.finding.code}"


def _observation(frame: Frame, role: str, text: str, code: Json) -> Json:
    """Return what every Observation of ours holds (R4 observation.html)."""
    return kept(
        resourceType="Observation",
        meta=ai_meta(),
        text=narrative(text),
        identifier=[own_identifier(frame.id(role))],
        status=frame.report.status,
        category=[{"coding": [PROCEDURE]}],
        code={"coding": [code]},
        subject=frame.subject,
        encounter=frame.encounter,
        **frame.effective,
        issued=instant(frame.report.issued),
        device=frame.device,
    )


def _score(frame: Frame, score: Score) -> Json:
    """Return a score: a number and its threshold, never a clinical code.

    POS and NEG say on which side of the threshold it lies. The score of a pattern that is never asserted has none:
    'probability of a normal ECG: POS' would read as a conclusion that the heart is well.
    """
    code, model = probability(score.finding), frame.model
    value, threshold = issued_score(score)
    side = POSITIVE if score.reached else NEGATIVE
    return _observation(
        frame, score_role(score), f"{code['display']}: {value:g} (threshold {threshold:g})", code
    ) | kept(
        valueQuantity=ratio(value),
        interpretation=[{"coding": [side]}] if score.finding.asserted else None,
        note=[{"text": "A calibrated probability of a pattern in the ECG, not of a disease."}],
        method={"text": plain(f"Neural network {model.name} {model.version}")} if model else None,
        component=[{"code": {"coding": [THRESHOLD]}, "valueQuantity": ratio(threshold)}],
    )


def _finding(frame: Frame, score: Score) -> Json:
    """Return a finding at or above its threshold: its code as value, derived from its score."""
    role, text = f"finding-{score.finding.code}", f"ECG pattern of {score.finding.name}, preliminary, by AI"
    return _observation(frame, role, text, EKG_IMPRESSION) | {
        "valueCodeableConcept": stated(score.finding),
        "interpretation": [{"coding": [POSITIVE]}],
        "derivedFrom": [frame.reference(score_role(score))],
    }


def _abstention(frame: Frame, abstention: Abstention) -> Json:
    """Return the impression that is absent, and why: no model was run ('not-performed'), which is no model's error."""
    own = coding(ABSTENTIONS, plain(abstention.code), plain(abstention.reason))
    text = f"No AI impression: {abstention.reason}"
    return _observation(frame, "abstention", text, EKG_IMPRESSION) | {
        "dataAbsentReason": {"coding": [NOT_PERFORMED, own], "text": plain(abstention.reason)},
    }
