"""HL7 FHIR: an ECG as Observation or document in R4, R4B and R5, a report as a transaction Bundle in R4."""
