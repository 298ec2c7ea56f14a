"""What all resources of one report share: whose it is, when, by which device, under which ids."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal
from uuid import UUID, uuid5

from adapters.fhir.codes import AI_ASSERTED, VISIT, Json
from adapters.fhir.elements import business_identifier, effective, kept, link, logical
from ecg.reading import ModelName
from ecg.report import NAMESPACE, Report

# R4 value sets diagnostic-report-status and observation-status: the codes that stand in both.
STATUSES: Final = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error"}
)


@dataclass(frozen=True)
class FhirSettings:
    """What a site decides about our resources.

    Attributes:
        patient_systems: the URI of the identifier system, for each issuer of patient ids as recordings name it. An
            issuer that is missing here is named as the assigner, and the id has no system; '' stands for no issuer.
        preliminary: what a DiagnosticReport says before a physician signed. R4 defines 'preliminary' as verified early
            results but is read otherwise nearly everywhere; 'partial' may be unverified by its definition.
    """

    patient_systems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    preliminary: Literal["preliminary", "partial"] = "preliminary"


DEFAULTS: Final = FhirSettings()


@dataclass(frozen=True)
class Frame:
    """One report on its way to FHIR.

    Raises:
        ValueError: the report's status is none that FHIR has for both report and observations.
    """

    report: Report
    settings: FhirSettings = DEFAULTS

    def __post_init__(self) -> None:
        if self.report.status not in STATUSES:
            raise ValueError(f"FHIR has no status {self.report.status!r}")

    @cached_property
    def subject(self) -> Json | None:
        """The patient by identifier, None without an id; never found by name, never a Patient resource of ours."""
        patient = self.report.recording.patient
        system = self.settings.patient_systems.get(patient.issuer or "")
        return logical("Patient", business_identifier(patient.id, issuer=patient.issuer, system=system))

    @cached_property
    def encounter(self) -> Json | None:
        """The visit as a logical reference, None where it is not known."""
        return logical("Encounter", business_identifier(self.report.recording.order.admission_id, type_=VISIT))

    @cached_property
    def effective(self) -> Json:
        """When the ECG was acquired."""
        return effective(self.report.recording.acquired_at)

    @cached_property
    def model(self) -> ModelName | None:
        """The model that read, None where none did."""
        return self.report.reading.prediction.model

    @cached_property
    def device_id(self) -> UUID:
        """The id of the Device: the same for all reports of one model in one release."""
        model = self.model
        parts = (model.name, model.version, model.digest) if model else ("", "", "")
        return uuid5(NAMESPACE, "\0".join(("Device", *parts, self.report.release)))

    @cached_property
    def device(self) -> Json:
        """The Device as a reference."""
        return {"reference": link(self.device_id)}

    def id(self, role: str) -> UUID:
        """Return the id of the resource that plays `role` in this report."""
        return uuid5(self.report.id, role)

    def reference(self, role: str) -> Json:
        """Return a reference to the resource that plays `role` in this report."""
        return {"reference": link(self.id(role))}


def ai_meta() -> Json:
    """Return the Meta of what an AI asserted: as security label and, for R4's validators, as tag."""
    return kept(security=[AI_ASSERTED], tag=[AI_ASSERTED])
