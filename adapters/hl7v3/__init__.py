"""HL7 v3 annotated ECG: its reader."""
