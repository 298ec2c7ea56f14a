"""What all resources of one report share: whose it is, when, by which device, under which ids."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal
from uuid import UUID, uuid5

from adapters.fhir.codes import ACCESSION, AI_ASSERTED, FILLER, PLACER, URI, VISIT, Json
from adapters.fhir.elements import business_identifier, effective, kept, link, logical, urn
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
        version: of FHIR, which our resources are written in.
    """

    patient_systems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    preliminary: Literal["preliminary", "partial"] = "preliminary"
    version: Literal["R4", "R5"] = "R4"

    def system_of(self, issuer: str | None) -> str | None:
        """Return the identifier system of an issuer, None where it has none. What came from FHIR is one."""
        return self.patient_systems.get(issuer or "") or (issuer if issuer and _URI.fullmatch(issuer) else None)

    def issuer_of(self, system: str | None) -> str | None:
        """Return the issuer whose system this is, so that one patient has one issuer by every door.

        Of several issuers with one system the first that is set; a system of none stands for itself.
        """
        return next((issuer or None for issuer, each in self.patient_systems.items() if each == system), system)


DEFAULTS: Final = FhirSettings()
NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})
_URI: Final = re.compile(r"(urn:|https?://)\S+")  # what FHIR takes for an identifier system, DICOM for no issuer
ORDERS: Final = ("accession", "placer", "filler")


@dataclass(frozen=True)
class Frame:
    """One report on its way to FHIR.

    `found` holds literal references to what the server has of `named`, by the same roles.

    Raises:
        ValueError: the report's status is none that FHIR has for both report and observations.
    """

    report: Report
    settings: FhirSettings = DEFAULTS
    found: Mapping[str, str] = field(default_factory=lambda: NOWHERE)

    def __post_init__(self) -> None:
        if self.report.status not in STATUSES:
            raise ValueError(f"FHIR has no status {self.report.status!r}")

    @cached_property
    def named(self) -> dict[str, Json]:
        """Logical references to what others made, by its role in this report; only what the recording names.

        The order stands under each number that it has: a reference holds one identifier only.
        """
        patient, order = self.report.recording.patient, self.report.recording.order
        system = self.settings.system_of(patient.issuer)
        accession = business_identifier(order.accession_number, issuer=order.accession_issuer, type_=ACCESSION)
        references = {
            "patient": logical("Patient", business_identifier(patient.id, issuer=patient.issuer, system=system)),
            "encounter": logical("Encounter", business_identifier(order.admission_id, type_=VISIT)),
            "accession": logical("ServiceRequest", accession),
            "placer": logical("ServiceRequest", business_identifier(order.placer_number, type_=PLACER)),
            "filler": logical("ServiceRequest", business_identifier(order.filler_number, type_=FILLER)),
        }
        return {role: each for role, each in references.items() if each}

    @cached_property
    def subject(self) -> Json | None:
        """The patient by identifier, None without an id; never found by name, never a Patient resource of ours."""
        return self._reference_to("patient")

    @cached_property
    def encounter(self) -> Json | None:
        """The visit, None where it is not known."""
        return self._reference_to("encounter")

    @cached_property
    def orders(self) -> list[Json]:
        """The order under each of its numbers."""
        return [each for each in map(self._reference_to, ORDERS) if each]

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

    def _reference_to(self, role: str) -> Json | None:
        """Return the reference to what others made; literal as well where it was found."""
        named = self.named.get(role)
        return {"reference": self.found[role]} | named if named and role in self.found else named

    def id(self, role: str) -> UUID:
        """Return the id of the resource that plays `role` in this version of the report."""
        version = self.report.version
        return uuid5(self.report.id, role if version == 1 else f"{role} of version {version}")

    @cached_property
    def version_mark(self) -> Json:
        """The tag by which the DiagnosticReport is known to be this version of the report."""
        return version_mark(self.report.id, self.report.version)

    def reference(self, role: str) -> Json:
        """Return a reference to the resource that plays `role` in this report."""
        return {"reference": link(self.id(role))}


def version_mark(report_id: UUID, version: int) -> Json:
    """Return the Coding that names one version of a report."""
    return {"system": URI, "code": urn(uuid5(report_id, f"version {version}")), "display": f"version {version}"}


def ai_meta() -> Json:
    """Return the Meta of what an AI asserted: as security label and, for R4's validators, as tag."""
    return kept(security=[AI_ASSERTED], tag=[AI_ASSERTED])
