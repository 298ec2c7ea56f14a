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
    "DICOM ECG waveform": Format(
        standard="DICOM PS3.3 A.34.3 to A.34.5",
        reads="12-lead, general, ambulatory and 32-bit ECG objects, signed 8, 16 or 32 bit as the class allows, in the "
        "unit they declare; the original multiplex groups, on one axis of time.",
        leaves="Median beats and other derived groups and leads are left out; objects of other classes are refused.",
        proofs=(
            "tests/unit/adapters/test_dicom_samples.py",
            "tests/unit/adapters/test_dicom_classes.py",
            "tests/peers/test_spine.py",
        ),
    ),
    "FHIR R4 Observation": Format(
        standard="HL7 FHIR R4, Observation and SampledData",
        reads="Observations with SampledData, all leads in one or a lead in each, alone or in a Bundle.",
        leaves="Samples without a unit or a lead's name are refused until these are declared.",
        proofs=("tests/unit/adapters/test_fhir_reader.py",),
    ),
    "Archive (zip, tar)": Format(
        standard="APPNOTE.TXT, POSIX ustar",
        reads="The files of a zip, tar or tar.gz, each read for itself.",
        leaves="A file in it that is no ECG makes the whole refused.",
        proofs=("tests/unit/adapters/test_archive.py",),
    ),
    "DICOM document": Format(
        standard="DICOM PS3.3 A.45.1 and A.8.1",
        reads="The page in an Encapsulated PDF or a Secondary Capture, uncompressed or JPEG baseline.",
        leaves="Pages are not read yet: that is answered, and the object acknowledged.",
        proofs=("tests/unit/adapters/test_dicom_documents.py",),
    ),
}
