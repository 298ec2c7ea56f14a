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
    "HL7 v3 aECG": Format(
        standard="HL7 v3 Annotated ECG R1 (PORT_MT020001)",
        reads="Each rhythm series, by origin, scale and unit of each sequence; filters, device and findings with it.",
        leaves="Derived series, such as representative beats, are left out; document types and entities are refused.",
        proofs=("tests/unit/adapters/test_aecg_samples.py", "tests/peers/test_other_readers.py"),
    ),
    "Philips Sierra XML": Format(
        standard="Philips Sierra ECG XML 1.03, 1.04, 1.04.01 and 1.04.02",
        reads="The rhythm leads, plain or compressed (XLI), by their resolution; findings and filters with them.",
        leaves="Representative beats and the calibration pulse are left out; other encodings are refused;"
        " leads derived from EASI electrodes are kept under other names, and no model reads them.",
        proofs=("tests/unit/adapters/test_sierra_samples.py", "tests/peers/test_other_readers.py"),
    ),
    "SCP-ECG": Format(
        standard="EN 1064, ISO 11073-91064",
        reads="The rhythm, plain, as differences, in Huffman codes; each checksum is proved before.",
        leaves="Reference beats are left out; a rhythm compressed bimodally, or from which a reference beat was"
        " subtracted, is refused.",
        proofs=("tests/unit/adapters/test_scp_samples.py", "tests/peers/test_other_readers.py"),
    ),
    "CSV": Format(
        standard="RFC 4180 and what spreadsheets and programs make of it",
        reads="Tables with a lead in each column, or in each row with its name; any usual separator, decimal points or "
        "commas; names, units, times and comments in the header; a side-car.",
        leaves="What the table does not say of sampling frequency, unit and leads is refused until it is declared "
        "(docs/declaring.md).",
        proofs=("tests/unit/adapters/test_csv_writers.py",),
    ),
    "WFDB record": Format(
        standard="WFDB Applications Guide, header(5) and signal(5)",
        reads="A header with its signal files in one zip or tar, in every signal format, with its segments.",
        leaves="Annotations are left out; signals without calibration are refused until their unit is declared.",
        proofs=("tests/unit/adapters/test_wfdb_samples.py", "tests/unit/adapters/test_wfdb_formats.py"),
    ),
    "Page": Format(
        standard="ISO 32000 (PDF), ISO/IEC 15948 (PNG), ISO/IEC 10918 (JPEG), TIFF 6.0, BMP",
        reads="Printed ECGs: every page of a PDF, a scan, a photograph. A vector PDF is read by its paths; in all "
        "else the grid is found and the traces are followed. Reports on pages are experimental (docs/pages.md).",
        leaves="What cannot be read surely is refused with a reason, yet parts of some traces are read wrongly "
        "(docs/scans.md); without a scale that was read, no mV and no ms is stated.",
        proofs=(
            "tests/unit/adapters/scan/test_scans.py",
            "tests/unit/adapters/test_page_reader.py",
            "tests/unit/adapters/test_scan_vector.py",
        ),
    ),
    "Archive (zip, tar)": Format(
        standard="APPNOTE.TXT, POSIX ustar",
        reads="The files of a zip, tar or tar.gz, each read for itself, those of a WFDB record together; JSON beside "
        "one is its side-car.",
        leaves="A file in it that is no ECG makes the whole refused.",
        proofs=("tests/unit/adapters/test_archive.py",),
    ),
    "DICOM document": Format(
        standard="DICOM PS3.3 A.45.1 and A.8.1",
        reads="The page in an Encapsulated PDF or a Secondary Capture, uncompressed or JPEG baseline.",
        leaves="Other transfer syntaxes are acknowledged and not read.",
        proofs=("tests/unit/adapters/test_dicom_documents.py",),
    ),
}
