"""The Observations of what was measured: each value of the whole recording by itself, those of a lead together."""

from typing import Final

from adapters.fhir.codes import (
    ABSENCES,
    AGREEMENT,
    BY_LEAD,
    NOT_APPLICABLE,
    NOT_PERFORMED,
    PROCEDURE,
    UNKNOWN,
    VITAL_SIGNS,
    Json,
    coding,
    measured,
)
from adapters.fhir.elements import instant, kept, narrative, own_identifier, plain, quantity, ratio
from adapters.fhir.frame import Frame
from adapters.figures import issued
from adapters.terminology import NO_SUCH, NOT_ATTEMPTED, terms
from ecg.leads import LEADS
from ecg.measurement import Measurement

PANEL: Final = "measurements-by-lead"
# What a corrected QT is calculated from.
_CORRECTED: Final = ("qt", "heart-rate")


def measurements(frame: Frame) -> dict[str, Json]:
    """Return the Observations of the measurements by their role in the report; none where nothing was looked for."""
    held = frame.report.reading.measurements
    roles = {_role(each): _value(frame, each) for each in held.values if each.lead is None}
    leads = {lead: [each for each in held.values if each.lead == lead] for lead in LEADS}
    of_leads = {_lead_role(lead): _lead(frame, lead, values) for lead, values in leads.items() if values}
    panel = {PANEL: _panel(frame, list(of_leads))} if of_leads else {}
    return roles | of_leads | panel


def is_member(role: str) -> bool:
    """Return whether an Observation is told of by another, and not by the report itself."""
    return role.startswith(_lead_role(""))


def _role(measurement: Measurement) -> str:
    return f"measurement-{measurement.code}"


def _lead_role(lead: str) -> str:
    return f"measurements-of-{lead}"


def _observation(frame: Frame, role: str, text: str, code: Json) -> Json:
    """Return what the Observation of a measurement holds (R4 observation.html). No AI made it, so none is named."""
    return kept(
        resourceType="Observation",
        text=narrative(text),
        identifier=[own_identifier(frame.id(role))],
        status=frame.report.status,
        category=[{"coding": [PROCEDURE]}],
        code=code,
        subject=frame.subject,
        encounter=frame.encounter,
        **frame.effective,
        issued=instant(frame.report.issued),
        device=frame.device,
    )


def _value(frame: Frame, measurement: Measurement) -> Json:
    """Return one value of the whole recording, or why it is absent."""
    named, role = terms(measurement.code), _role(measurement)
    made = _observation(frame, role, f"{named.name}: {_said(measurement)}", measured(measurement))
    if measurement.code == "heart-rate" and frame.subject and "effectiveDateTime" in made:  # R4 heartrate.html
        made["category"] = [*made["category"], {"coding": [VITAL_SIGNS]}]
    held = frame.report.reading.measurements
    sources = [each for code in _CORRECTED if (each := held.get(code)) is not None and each.value is not None]
    corrected = measurement.code.startswith("qtc-") and measurement.value is not None
    return made | kept(
        **_content(measurement),
        method={"text": named.method} if named.method else None,
        derivedFrom=[frame.reference(_role(each)) for each in sources] if corrected else None,
        component=_agreement(measurement),
    )


def _lead(frame: Frame, lead: str, values: list[Measurement]) -> Json:
    """Return what was measured on one lead, each value as a component."""
    said = "; ".join(f"{terms(each.code, lead).name}: {_said(each)}" for each in values)
    own = coding(BY_LEAD["system"], f"by-lead-{lead}", f"ECG measurements of lead {lead}")
    made = _observation(frame, _lead_role(lead), f"Lead {lead}. {said}", {"coding": [own], "text": own["display"]})
    return made | {"component": [{"code": measured(each)} | _content(each) for each in values]}


def _panel(frame: Frame, roles: list[str]) -> Json:
    """Return the Observation that gathers those of the leads."""
    made = _observation(frame, PANEL, BY_LEAD["display"], {"coding": [BY_LEAD], "text": BY_LEAD["display"]})
    return made | {"hasMember": [frame.reference(role) for role in roles]}


def _content(measurement: Measurement) -> Json:
    """Return the value, or why there is none (R4 code system data-absent-reason), and our code for that."""
    if measurement.value is not None:
        return {"valueQuantity": quantity(issued(measurement), measurement.unit)}
    why = plain(measurement.absent)
    standard = NOT_PERFORMED if why in NOT_ATTEMPTED else NOT_APPLICABLE if why in NO_SUCH else UNKNOWN
    return {"dataAbsentReason": {"coding": [standard, coding(ABSENCES, why, why)], "text": why}}


def _agreement(measurement: Measurement) -> list[Json]:
    if measurement.value is None:
        return []
    return [{"code": {"coding": [AGREEMENT]}, "valueQuantity": ratio(round(measurement.confidence, 2))}]


def _said(measurement: Measurement) -> str:
    if measurement.value is None:
        return f"absent ({measurement.absent})"
    return f"{issued(measurement):g} {measurement.unit}"
