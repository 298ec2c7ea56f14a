"""Encode a report as DICOM objects for the study of its ECG: the PDF, and the picture. Same report, same bytes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final
from uuid import UUID, uuid5

import numpy as np
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from adapters.dicom import values
from adapters.dicom.codes import DEFLATED_LITTLE, ENCAPSULATED_PDF, SECONDARY_CAPTURE
from adapters.dicom.elements import UNREADABLE, is_part10, parse
from ecg.errors import Refused
from ecg.recording import Study
from ecg.report import NAMESPACE, Report

# The parts of a report that go to a PACS, each a series of its own: a series has one modality (PS3.3 C.7.3.1.1.1).
PDF: Final = "pdf"
PICTURE: Final = "picture"
REJECTION: Final = "rejection"
_SERIES_NUMBER: Final = {PDF: 9001, PICTURE: 9002, REJECTION: 9003}
# The SOP class of each part that a rejection note may reject.
PARTS: Final = {PDF: ENCAPSULATED_PDF, PICTURE: SECONDARY_CAPTURE}

# PS3.5 7.8.1: a private block, by which an object is known as ours when it comes back. Early in the dataset: it is
# found without passing over document or pixels.
PRIVATE_GROUP: Final = 0x0009
PRIVATE_CREATOR: Final = "TWELVELEAD"
_REPORT_ID: Final = 0x01
_URN: Final = "urn:uuid:"  # RFC 9562, 4

_MANUFACTURER: Final = "Twelvelead"
# PS3.5 B.2: a UID from a UUID, under 2.25.
_IMPLEMENTATION: Final = f"2.25.{uuid5(NAMESPACE, 'DICOM implementation').int}"


def encoded(report: Report, former: Sequence[str] = ()) -> tuple[Dataset, ...]:
    """Return the report as the objects that a PACS gets: the PDF, and the ECG's picture where there is one.

    A withdrawn report has none: all it says there is that the former ones are rejected.

    Args:
        report: what is encoded.
        former: SOP Instance UIDs among which its predecessor is, if there is one.

    Raises:
        Refused: the recording names no study to which they could belong.
    """
    encoders: tuple[Callable[[Report], Dataset], ...] = (encapsulated_pdf, secondary_capture)
    if report.withdrawn:
        return ()
    document, *pictures = (encode(report) for encode in encoders[: 1 + bool(report.pictures)])
    if predecessor := earlier(report, former).get(PDF):
        # PS3.3 C.24.2 and C.17.2: the document that this one replaces.
        document.PredecessorDocumentsSequence = [hierarchy(report, {PDF: predecessor})]
    return (document, *pictures)


def encapsulated_pdf(report: Report) -> Dataset:
    """Return the report's PDF as an Encapsulated PDF object (PS3.3 A.45.1).

    Raises:
        Refused: the recording names no study to which it could belong.
    """
    dataset = shared(report, ENCAPSULATED_PDF, PDF)
    dataset.Modality = "DOC"
    dataset.SeriesDescription = values.label(f"AI ECG report, {report.status}, research only")
    # Encapsulated Document (PS3.3 C.24.2). The page names the patient.
    dataset.AcquisitionDateTime = values.moment(_acquired(report))
    dataset.BurnedInAnnotation = "YES"
    dataset.DocumentTitle = f"ECG report, {report.status}: not a cleared medical device, research and evaluation only"
    dataset.ConceptNameCodeSequence = [code("11524-6", "LN", "EKG study")]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    # The value is padded to an even length; the true one stands beside it.
    dataset.EncapsulatedDocumentLength = len(report.pdf)
    dataset.EncapsulatedDocument = report.pdf + b"\0" * (len(report.pdf) % 2)
    # SC Equipment (PS3.3 C.8.6.1): made at a workstation.
    dataset.ConversionType = "WSD"
    return dataset


def secondary_capture(report: Report) -> Dataset:
    """Return the ECG's picture as a Secondary Capture object (PS3.3 A.8.1), RGB of 8 bits.

    Raises:
        Refused: the recording names no study to which it could belong.
        ValueError: the report has no picture.
    """
    picture = next((each for each in report.pictures if each.name == "ecg"), next(iter(report.pictures), None))
    if picture is None:
        raise ValueError("the report has no picture")
    pixels = np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"))
    dataset = shared(report, SECONDARY_CAPTURE, PICTURE)
    # SC Equipment (PS3.3 C.8.6.1): the modality is that of the source; drawn from its samples, so synthetic.
    dataset.Modality, dataset.ConversionType = "ECG", "SYN"
    dataset.SeriesDescription = values.label(f"AI ECG picture, {report.status}, research only")
    # General Image and General Acquisition (PS3.3 C.7.6.1, C.7.10.1). Pictures hold no patient data.
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.PatientOrientation = None
    if acquired := values.moment(_acquired(report)):
        dataset.AcquisitionDateTime = acquired
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.ImageComments = values.label(picture.title)
    # Image Pixel (PS3.3 C.7.6.3).
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = pixels.shape
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    data = pixels.tobytes()
    dataset.add_new("PixelData", "OB", data + b"\0" * (len(data) % 2))
    return dataset


def part10(dataset: Dataset) -> bytes:
    """Return an object as a DICOM file (PS3.10 7)."""
    held = BytesIO()
    dcmwrite(held, dataset, enforce_file_format=True)
    return held.getvalue()


def instance_uid(report_id: UUID, part: str, version: int = 1) -> str:
    """Return the SOP Instance UID of a part of a report: a retry sends the same, an amended version another."""
    return _derived(report_id, f"{part}-{version}")


def series_uid(report_id: UUID, part: str) -> str:
    """Return the Series Instance UID of a part of a report, the same for all its versions."""
    return _derived(report_id, f"{part}-series")


def earlier(report: Report, former: Sequence[str]) -> dict[str, list[str]]:
    """Return those of the SOP Instance UIDs that are objects of earlier versions of the report, by their part."""
    uids = {part: [instance_uid(report.id, part, each) for each in range(1, report.version)] for part in PARTS}
    found = {part: [each for each in all_ if each in former] for part, all_ in uids.items()}
    return {part: each for part, each in found.items() if each}


def hierarchy(report: Report, objects: Mapping[str, Sequence[str]]) -> Dataset:
    """Return a reference to objects of the report, by study and series (PS3.3 table C.17-3)."""
    series = [
        item(
            SeriesInstanceUID=series_uid(report.id, part),
            ReferencedSOPSequence=[reference(PARTS[part], each) for each in uids],
        )
        for part, uids in objects.items()
    ]
    return item(StudyInstanceUID=report.recording.order.study_uid, ReferencedSeriesSequence=series)


def own_report_id(payload: bytes) -> UUID | None:
    """Return the id of the report that a DICOM file is a part of, None where it is not one of ours. Never raises."""
    if not is_part10(payload) or not (PRIVATE_CREATOR.encode() in payload or DEFLATED_LITTLE.encode() in payload):
        return None
    try:
        dataset = parse(payload).dataset
        # A PACS may have moved the block, and written the elements as UN (PS3.5 7.8.1 and 6.2.2).
        for block in range(0x10, 0x100):
            if _text(dataset, block) == PRIVATE_CREATOR:
                return UUID(_text(dataset, block << 8 | _REPORT_ID).removeprefix(_URN))
    except UNREADABLE:
        return None
    return None


def shared(report: Report, sop_class: str, part: str) -> Dataset:
    """Return what all objects say: whose they are, of which study, from which ECG and by what."""
    recording = report.recording
    patient, order = recording.patient, recording.order
    if not (study := values.unique_identifier(order.study_uid)):
        raise Refused("The recording names no study, to which a DICOM object could belong.")
    dataset = Dataset()
    dataset.set_original_encoding(False, True, "ISO_IR 192")
    dataset.file_meta = _file_meta(report, sop_class, instance_uid(report.id, part, report.version))
    # SOP Common (PS3.3 C.12.1).
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, dataset.file_meta.MediaStorageSOPInstanceUID
    # Patient (PS3.3 C.7.1.1).
    dataset.PatientName, dataset.PatientID = values.person_name(patient.name), values.identifier(patient.id)
    if dataset.PatientID and (issuer := values.identifier(patient.issuer)):
        dataset.IssuerOfPatientID = issuer
    dataset.PatientBirthDate, dataset.PatientSex = values.day(patient.birth_date), patient.sex or ""
    # General Study (PS3.3 C.7.2.1).
    dataset.StudyInstanceUID = study
    dataset.AccessionNumber = values.identifier(order.accession_number, values.SH)
    if dataset.AccessionNumber and (issuer := values.identifier(order.accession_issuer)):
        dataset.IssuerOfAccessionNumberSequence = [item(LocalNamespaceEntityID=issuer)]
    _set_study(dataset, recording.study)
    # General Series and General Equipment (PS3.3 C.7.3.1, C.7.5.1).
    dataset.SeriesInstanceUID = series_uid(report.id, part)
    dataset.SeriesNumber, dataset.InstanceNumber = _SERIES_NUMBER[part], report.version
    dataset.Manufacturer = dataset.ManufacturerModelName = _MANUFACTURER
    dataset.SoftwareVersions = values.label(report.release)
    _set_issued(dataset, report)
    # General Reference (PS3.3 C.12.4), and in documents C.24.2.
    source = values.unique_identifier(recording.provenance.instance_uid)
    kind = values.unique_identifier(recording.provenance.class_uid)
    if source and kind:
        dataset.SourceInstanceSequence = [reference(kind, source)]
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(_REPORT_ID, "LO", report.id.urn)
    return dataset


def _set_study(dataset: Dataset, study: Study) -> None:
    """Set what all objects of the study share (PS3.3 C.7.2.1): as its source has it, or empty where that is invalid."""
    dataset.StudyDate, dataset.StudyTime = values.stated_day(study.date), values.stated_time(study.time)
    dataset.StudyID = values.identifier(study.id, values.SH)
    dataset.ReferringPhysicianName = values.person_name(study.referring_physician)
    if description := values.label(study.description):
        dataset.StudyDescription = description


def _set_issued(dataset: Dataset, report: Report) -> None:
    """Set the time of issue, in the acquisition's zone.

    Timezone Offset From UTC holds for every time without a zone (PS3.3 C.12.1.1.8), so it is not stated where the
    acquisition's has none: that would give it one.
    """
    acquired = _acquired(report)
    issued = values.zoned(report.issued if acquired is None else report.issued.astimezone(acquired.tzinfo))
    if acquired is None or acquired.tzinfo is not None:
        dataset.TimezoneOffsetFromUTC = values.offset(issued)
    dataset.ContentDate, dataset.ContentTime = values.day(issued), values.time_of_day(issued)


def _acquired(report: Report) -> datetime | None:
    at = report.recording.acquired_at
    return None if at is None else values.zoned(at)


def _file_meta(report: Report, sop_class: str, instance: str) -> FileMetaDataset:
    """Return the file meta information (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = values.label(f"TWELVELEAD {report.release}", values.SH)
    return meta


def _derived(report_id: UUID, role: str) -> str:
    return f"2.25.{uuid5(report_id, f'dicom-{role}').int}"


def item(**attributes: Any) -> Dataset:
    """Return an item of a sequence."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def reference(sop_class: str, uid: str) -> Dataset:
    """Return a reference to an object (PS3.3 table 10-11)."""
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence (PS3.3 8.1)."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _text(dataset: Dataset, element: int) -> str:
    """Return an element of the private group as it stands in the file."""
    held = dataset.get_item((PRIVATE_GROUP, element))
    value = held.value if isinstance(held, RawDataElement) else None
    return value.decode("ascii").strip(" \0") if isinstance(value, bytes) else ""
