"""HL7 FHIR R4: a report as a transaction Bundle."""
