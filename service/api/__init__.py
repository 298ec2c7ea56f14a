"""The HTTP face: ECGs in, reports out, and the FHIR read of what was issued."""
