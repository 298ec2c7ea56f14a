"""HL7 FHIR R4: an ECG as Observation, a report as a transaction Bundle."""
