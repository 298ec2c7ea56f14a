"""Encode a report as DICOM objects for the study of its ECG, and know them again. Same report, same bytes."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType
from typing import Final
from uuid import UUID

import numpy as np
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from adapters.dicom import values
from adapters.dicom.codes import DEFLATED_LITTLE, ENCAPSULATED_PDF, JPEG_BASELINE, SECONDARY_CAPTURE
from adapters.dicom.elements import UNREADABLE, is_part10, parse
from adapters.dicom.outgoing import (
    PDF,
    PICTURE,
    PRIVATE_CREATOR,
    PRIVATE_GROUP,
    REPORT_ID,
    STRUCTURED,
    acquired,
    captured,
    code,
    earlier,
    hierarchy,
    shared,
)
from adapters.dicom.structured import structured_report
from adapters.terminology import EKG_STUDY
from ecg.report import Report

# The objects of a report, in the order in which they are sent: what is referred to goes first.
ALL: Final = (PDF, PICTURE, STRUCTURED)
DOCUMENTS: Final = frozenset({PDF, STRUCTURED})  # those that name their predecessor
_URN: Final = "urn:uuid:"  # RFC 9562, 4


def encoded(report: Report, former: Sequence[str] = (), parts: Sequence[str] = ALL) -> tuple[Dataset, ...]:
    """Return the report as the objects that a PACS gets, of those `parts`: PDF, the ECG's picture, structured report.

    A withdrawn report has none: all it says there is that the former ones are rejected.

    Args:
        report: what is encoded.
        former: SOP Instance UIDs among which its predecessor is, if there is one.
        parts: which of the objects; where the report has no picture, none is made.

    Raises:
        Refused: the recording names no study to which they could belong.
    """
    if report.withdrawn:
        return ()
    wanted = [part for part in ALL if part in parts and (part != PICTURE or report.pictures)]
    objects = {part: ENCODERS[part](report) for part in wanted}
    for part, predecessor in earlier(report, former).items():
        if part in objects and part in DOCUMENTS:
            # PS3.3 C.24.2 and C.17.2: the document that this one replaces.
            objects[part].PredecessorDocumentsSequence = [hierarchy(report, {part: predecessor})]
    return tuple(objects.values())


def encapsulated_pdf(report: Report) -> Dataset:
    """Return the report's PDF as an Encapsulated PDF object (PS3.3 A.45.1).

    Raises:
        Refused: the recording names no study to which it could belong.
    """
    dataset = shared(report, ENCAPSULATED_PDF, PDF)
    dataset.Modality = "DOC"
    dataset.SeriesDescription = values.label(f"AI ECG report, {report.status}, research only")
    # Encapsulated Document (PS3.3 C.24.2). The page names the patient.
    dataset.AcquisitionDateTime = values.moment(acquired(report))
    dataset.BurnedInAnnotation = "YES"
    dataset.DocumentTitle = f"ECG report, {report.status}: not a cleared medical device, research and evaluation only"
    dataset.ConceptNameCodeSequence = [code(EKG_STUDY)]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    # The value is padded to an even length; the true one stands beside it.
    dataset.EncapsulatedDocumentLength = len(report.pdf)
    dataset.EncapsulatedDocument = report.pdf + b"\0" * (len(report.pdf) % 2)
    # SC Equipment (PS3.3 C.8.6.1): made at a workstation.
    dataset.ConversionType = "WSD"
    return dataset


def secondary_capture(report: Report) -> Dataset:
    """Return a picture of the ECG as a Secondary Capture object (PS3.3 A.8.1), RGB of 8 bits: see `captured`.

    Raises:
        Refused: the recording names no study to which it could belong.
        ValueError: the report has no picture.
    """
    if (picture := captured(report)) is None:
        raise ValueError("the report has no picture")
    pixels = np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"))
    dataset = shared(report, SECONDARY_CAPTURE, PICTURE)
    # SC Equipment (PS3.3 C.8.6.1): the modality is that of the source; drawn from its samples, so synthetic.
    dataset.Modality, dataset.ConversionType = "ECG", "SYN"
    dataset.SeriesDescription = values.label(f"AI ECG picture, {report.status}, research only")
    # General Image and General Acquisition (PS3.3 C.7.6.1, C.7.10.1). Pictures hold no patient data.
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.PatientOrientation = None
    if at := values.moment(acquired(report)):
        dataset.AcquisitionDateTime = at
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


def own_report_id(payload: bytes) -> UUID | None:
    """Return the id of the report that a DICOM file is a part of, None where it is not one of ours. Never raises."""
    if not is_part10(payload) or not (PRIVATE_CREATOR.encode() in payload or DEFLATED_LITTLE.encode() in payload):
        return None
    try:
        dataset = parse(payload, (JPEG_BASELINE,)).dataset  # a PACS may have compressed it
        # A PACS may have moved the block, and written the elements as UN (PS3.5 7.8.1 and 6.2.2).
        for block in range(0x10, 0x100):
            if _text(dataset, block) == PRIVATE_CREATOR:
                return UUID(_text(dataset, block << 8 | REPORT_ID).removeprefix(_URN))
    except UNREADABLE:
        return None
    return None


ENCODERS: Final[Mapping[str, Callable[[Report], Dataset]]] = MappingProxyType(
    {PDF: encapsulated_pdf, PICTURE: secondary_capture, STRUCTURED: structured_report}
)


def _text(dataset: Dataset, element: int) -> str:
    """Return an element of the private group as it stands in the file."""
    held = dataset.get_item((PRIVATE_GROUP, element))
    value = held.value if isinstance(held, RawDataElement) else None
    return value.decode("ascii").strip(" \0") if isinstance(value, bytes) else ""
