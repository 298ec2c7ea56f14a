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
    "FHIR Observation": Format(
        standard="HL7 FHIR R4, R4B and R5: Observation and SampledData",
        reads="Observations with SampledData, all leads in one or a lead in each, alone or in a Bundle, as JSON.",
        leaves="Samples without a unit or a lead's name are refused until these are declared. XML is refused.",
        proofs=("tests/unit/adapters/test_fhir_reader.py", "tests/unit/adapters/test_fhir_versions.py"),
    ),
    "FHIR document": Format(
        standard="HL7 FHIR R4, R4B and R5: DocumentReference, Media, Binary, DiagnosticReport",
        reads="What is attached, each form read for itself; of several forms of one document, those with samples.",
        leaves="An attachment by its URL alone is refused: nothing is fetched. Beside samples, documents are left out.",
        proofs=("tests/unit/adapters/test_fhir_documents.py",),
    ),
    "Archive (zip, tar)": Format(
        standard="APPNOTE.TXT, POSIX ustar",
        reads="The files of a zip, tar or tar.gz, each read for itself.",
        leaves="A file in it that is no ECG makes the whole refused.",
        proofs=("tests/unit/adapters/test_archive.py",),
    ),
}
