"""What is read of each format: the rows of `twelvelead formats` and of docs/conformance/formats.md."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Format:
    """One row.

    Attributes:
        standard: where the format is defined.
        reads: what is read of it, in one sentence.
        leaves: what of it is not read, and what is answered then.
        proofs: tests, each with a file or a peer that this project did not make, as pytest names them.
    """

    standard: str
    reads: str
    leaves: str
    proofs: tuple[str, ...]


# By the name of the reader or wrapper, in the order in which they are asked.
FORMATS: Final[dict[str, Format]] = {
    "DICOM 12-lead ECG waveform": Format(
        standard="DICOM PS3.3 A.34.3",
        reads="12-lead ECG objects, signed 16 bit, in the unit they declare; the original multiplex group.",
        leaves="Median beats and other derived groups are left out; objects of other classes are refused.",
        proofs=("tests/unit/adapters/test_dicom_samples.py", "tests/peers/test_spine.py"),
    ),
    "FHIR R4 Observation": Format(
        standard="HL7 FHIR R4, Observation and SampledData",
        reads="Observations with SampledData, all leads in one or a lead in each, alone or in a Bundle.",
        leaves="Samples without a unit or a lead's name are refused until these are declared.",
        proofs=("tests/unit/adapters/test_fhir_reader.py",),
    ),
    "WFDB record": Format(
        standard="WFDB Applications Guide, header(5) and signal(5)",
        reads="A header with its signal files in one zip or tar, in every signal format, with its segments.",
        leaves="Annotations are left out; signals without calibration are refused until their unit is declared.",
        proofs=("tests/unit/adapters/test_wfdb_samples.py", "tests/unit/adapters/test_wfdb_formats.py"),
    ),
    "Archive (zip, tar)": Format(
        standard="APPNOTE.TXT, POSIX ustar",
        reads="The files of a zip, tar or tar.gz, each read for itself; those of a WFDB record together.",
        leaves="A file in it that is no ECG makes the whole refused.",
        proofs=("tests/unit/adapters/test_archive.py",),
    ),
}
