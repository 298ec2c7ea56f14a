"""Every code and system that our resources carry, under the citation it comes from."""

from typing import Any, Final
from uuid import UUID

from adapters import terminology
from adapters.terminology import Concept, mdc_number, own_measurement, terms
from ecg.findings import Finding
from ecg.measurement import Measurement

Json = dict[str, Any]


def coding(system: str, code: str, display: str) -> Json:
    """Return a Coding (R4 datatypes.html#Coding)."""
    return {"system": system, "code": code, "display": display}


def _own_system(uuid: str) -> str:
    """Return a code system's URI under the OID arc that a UUID gives its owner (ITU-T X.667, 7)."""
    return f"urn:oid:2.25.{UUID(uuid).int}"


def _observable(concept: Concept) -> Json:
    return coding(OBSERVABLES, concept.value, concept.meaning)


# Our own code systems. Changing one would make every code that is already stored somewhere a stranger.
FINDINGS: Final = _own_system("0c9fc894-a1f8-559d-adf0-ec23f8064e15")  # ecg.findings.Finding.code
OBSERVABLES: Final = _own_system("87e0a2fb-9fd6-5861-9aa2-1ad40cf8030d")  # what a score measures
ABSTENTIONS: Final = _own_system("5dc62c1b-d457-560e-a32b-1f07a353f252")  # ecg.reading.Abstention.code
ABSENCES: Final = _own_system("036003a2-f865-53ba-883b-cdb5c5798cee")  # ecg.measurement.Measurement.absent

# Identifier systems. R4 datatypes.html#Identifier: a value that is a URI has the system RFC 3986.
# R4 imagingstudy.html#notes: a DICOM UID stands as urn:oid under urn:dicom:uid.
URI: Final = "urn:ietf:rfc:3986"
DICOM_UID: Final = "urn:dicom:uid"

# LOINC 2.x, https://loinc.org/<code>.
LOINC: Final = "http://loinc.org"
EKG_STUDY: Final = coding(LOINC, "11524-6", "EKG study")
EKG_IMPRESSION: Final = coding(LOINC, "8601-7", "EKG impression")
CARDIOLOGY: Final = coding(LOINC, "LP29708-2", "Cardiology")

# HL7 v2.9 table 0074, Diagnostic Service Section ID.
ELECTROCARDIAC: Final = coding(
    "http://terminology.hl7.org/CodeSystem/v2-0074", "EC", "Electrocardiac (e.g., EKG,  EEC, Holter)"
)

# HL7 v2.9 table 0203, Identifier Type.
_IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
ACCESSION: Final = coding(_IDENTIFIER_TYPE, "ACSN", "Accession ID")
PLACER: Final = coding(_IDENTIFIER_TYPE, "PLAC", "Placer Identifier")
FILLER: Final = coding(_IDENTIFIER_TYPE, "FILL", "Filler Identifier")
VISIT: Final = coding(_IDENTIFIER_TYPE, "VN", "Visit number")

# R4 value set observation-category: an ECG is a procedure's result. 'vital-signs' demands the vital signs profile, as
# R4 does of a heart rate (LOINC 8867-4) anyway (R4 heartrate.html).
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
PROCEDURE: Final = coding(_CATEGORY, "procedure", "Procedure")
VITAL_SIGNS: Final = coding(_CATEGORY, "vital-signs", "Vital Signs")

# HL7 v3 ObservationInterpretation.
_INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
POSITIVE: Final = coding(_INTERPRETATION, "POS", "Positive")
NEGATIVE: Final = coding(_INTERPRETATION, "NEG", "Negative")

# HL7 v3 ObservationValue AIAST, 'Artificial Intelligence asserted' (AI Transparency on FHIR 1.0.0-ballot). It came to
# terminology.hl7.org after R4, whose packaged copy of the system lacks it; so it stands as a tag too.
AI_ASSERTED: Final = coding(
    "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "AIAST", "Artificial Intelligence asserted"
)

# R4 code system data-absent-reason, and the extension of the same name (R4 extension-data-absent-reason).
_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NOT_PERFORMED: Final = coding(_ABSENT, "not-performed", "Not Performed")
NOT_APPLICABLE: Final = coding(_ABSENT, "not-applicable", "Not Applicable")
UNKNOWN: Final = coding(_ABSENT, "unknown", "Unknown")
DATA_ABSENT_REASON: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

# R4 code system provenance-participant-type: 'a device that operates independently of an author on custodian's
# algorithms for data extraction of existing data for purpose of generating a new artifact'. HL7 v3 DataOperation.
ASSEMBLER: Final = coding("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "assembler", "Assembler")
_DATA_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
CREATE: Final = coding(_DATA_OPERATION, "CREATE", "create")
UPDATE: Final = coding(_DATA_OPERATION, "UPDATE", "revise")
NULLIFY: Final = coding(_DATA_OPERATION, "NULLIFY", "nullify")

# ISO/IEEE 11073-10101, by its URN (R4 mdc.html).
MDC: Final = "urn:iso:std:iso:11073:10101"

# R4 code system media-type.
IMAGE: Final = coding("http://terminology.hl7.org/CodeSystem/media-type", "image", "Image")

# The Unified Code for Units of Measure; '1' is its unity.
UCUM: Final = "http://unitsofmeasure.org"

THRESHOLD: Final = coding(OBSERVABLES, "decision-threshold", "Probability from which the finding counts")

AGREEMENT: Final = coding(OBSERVABLES, "agreement", "How far the beats that the value stands on agree, 0 to 1")
BY_LEAD: Final = coding(OBSERVABLES, "by-lead", "ECG measurements by lead")


def measured(measurement: Measurement) -> Json:
    """Return the CodeableConcept of a measurement: LOINC's code where it has one, MDC's where it has one, else ours."""
    named = terms(measurement.code, measurement.lead)
    name = named.name + (f", lead {measurement.lead}" if measurement.lead else "")
    found = [coding(LOINC, named.loinc.value, named.loinc.meaning)] if named.loinc else []
    if named.mdc is not None:
        found.append({"system": MDC, "code": str(mdc_number(named.mdc, measurement.lead))})
    own = _observable(own_measurement(measurement.code, named))
    if measurement.lead is not None:
        own |= {"code": f"{own['code']}-{measurement.lead}", "display": name}
    return {"coding": found or [own], "text": name}


def probability(finding: Finding) -> Json:
    """Return the observable of a score: ours alone, since a clinical code would read as the finding itself."""
    return _observable(terminology.probability(finding))


def stated(finding: Finding) -> Json:
    """Return the CodeableConcept that states a finding. Only for findings that are asserted."""
    own = coding(FINDINGS, finding.code, finding.name)
    if finding.snomed is None:
        return {"coding": [own], "text": finding.name}
    clinical = coding(finding.snomed.system, finding.snomed.code, finding.snomed.display)
    return {"coding": [clinical, own], "text": finding.name}
