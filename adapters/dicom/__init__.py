"""DICOM: waveform objects in."""
