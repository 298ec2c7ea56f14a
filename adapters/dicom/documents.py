"""Takes the page out of a DICOM object that holds one: an Encapsulated PDF, or a Secondary Capture's picture."""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import get_frame

from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.dicom import context
from adapters.dicom.codes import ENCAPSULATED_PDF, JPEG_BASELINE, SECONDARY_CAPTURE
from adapters.dicom.elements import Item, is_part10, parse, sop_class, transfer_syntax
from adapters.dicom.results import own_report_id
from ecg.errors import MalformedPayload
from ecg.payload import Declared, Payload

_GREYS: Final = {"MONOCHROME1", "MONOCHROME2"}
_COLOURS: Final = {"RGB": "RGB", "YBR_FULL": "YCbCr"}  # PS3.3 C.7.6.3.1.2, and Pillow's name
_PALETTE: Final = ("Red", "Green", "Blue")


def is_document(data: bytes) -> bool:
    """Say whether a DICOM file holds a page of others. Ours are none: they are known as such, and dropped."""
    return sop_class(data) in (ENCAPSULATED_PDF, SECONDARY_CAPTURE) and own_report_id(data) is None


@dataclass(frozen=True)
class DicomDocumentWrapper:
    """Takes the page out of an Encapsulated PDF or a Secondary Capture; patient and order go with it."""

    name: str = "DICOM document"

    def claims(self, payload: Payload) -> bool:
        """Claim a document that is not a report of ours."""
        return is_part10(payload.data) and is_document(payload.data)

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return the PDF as it is, a JPEG as it is, uncompressed pixels as a PNG.

        Raises:
            UnknownFormat: the transfer syntax is none of those read.
            MalformedPayload: there is no page in it, or its pixels are of a kind that is not read.
        """
        item = parse(payload.data, (JPEG_BASELINE,))
        declared = _inherited(item, payload.declared)
        if item.text("SOPClassUID") == ENCAPSULATED_PDF:
            return (Payload(_pdf(item), "application/pdf", declared),)
        if transfer_syntax(payload.data) == JPEG_BASELINE:
            return (Payload(_jpeg(item), "image/jpeg", declared),)
        return (Payload(_png(item), "image/png", declared),)


def _inherited(item: Item, declared: Declared) -> Declared:
    acquired_at, _ = context.acquired_at(item)
    return replace(
        declared,
        patient=agreed_patient(context.patient(item), declared.patient),
        order=agreed_order(context.order(item), declared.order),
        acquired_at=agreed_time(acquired_at, declared.acquired_at),
    )


def _pdf(item: Item) -> bytes:
    """Return the document (PS3.3 C.24.2) in its true length; without one, the byte that makes it even stays."""
    data = item.data("EncapsulatedDocument") or b""
    if not data.startswith(b"%PDF-"):
        raise MalformedPayload("The encapsulated document is no PDF.")
    length = item.integer("EncapsulatedDocumentLength")
    return data[:length] if length and length == len(data) - 1 else data


def _jpeg(item: Item) -> bytes:
    frame = get_frame(item.data("PixelData") or b"", 0, number_of_frames=1)
    if not frame.startswith(b"\xff\xd8\xff"):
        raise MalformedPayload("The picture is no JPEG.")
    return frame


def _png(item: Item) -> bytes:
    held = BytesIO()
    _picture(item).save(held, "PNG", compress_level=1)
    return held.getvalue()


def _picture(item: Item) -> Image.Image:
    """Return the uncompressed pixels (PS3.3 C.7.6.3) as a grey or coloured picture of 8 bits."""
    kind = item.text("PhotometricInterpretation") or ""
    pixels = _pixels(item)
    if kind in _GREYS and pixels.shape[2] == 1:
        grey = _as_bytes(pixels[:, :, 0], item.integer("BitsStored") or pixels.itemsize * 8)
        return Image.fromarray(255 - grey if kind == "MONOCHROME1" else grey)
    if kind in _COLOURS and pixels.shape[2] == 3 and pixels.dtype == np.uint8:
        return Image.fromarray(pixels, _COLOURS[kind]).convert("RGB")
    if kind == "PALETTE COLOR" and pixels.shape[2] == 1:
        return Image.fromarray(np.stack([_looked_up(item, each, pixels[:, :, 0]) for each in _PALETTE], axis=2))
    raise MalformedPayload("The picture's pixels are of a kind that is not read here.")


def _pixels(item: Item) -> NDArray[np.unsignedinteger]:
    """Return the pixels, unsigned (rows, columns, samples of a pixel)."""
    names = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    rows, columns, planes, bits = (item.integer(each) or 0 for each in names)
    frames = item.text("NumberOfFrames") or "1"
    data = item.words("PixelData") or b""
    size = rows * columns * planes * bits // 8
    if (
        bits not in (8, 16)
        or frames != "1"
        or item.integer("PixelRepresentation")
        or not 0 < size <= len(data) <= size + 1
    ):
        raise MalformedPayload(f"{rows} rows of {columns} pixels do not fit {len(data)} bytes of one picture.")
    flat = np.frombuffer(data[:size], f"<u{bits // 8}")
    if planes > 1 and item.integer("PlanarConfiguration"):
        return np.ascontiguousarray(flat.reshape(planes, rows, columns).transpose(1, 2, 0))
    return flat.reshape(rows, columns, planes)


def _as_bytes(values: NDArray[np.unsignedinteger], bits: int) -> NDArray[np.uint8]:
    stored = np.minimum(values, (1 << bits) - 1) if bits <= 16 else values
    return (stored >> (bits - 8) if bits >= 8 else stored << (8 - bits)).astype(np.uint8)


def _looked_up(item: Item, colour: str, at: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """Return one colour of a palette (PS3.3 C.7.6.3.1.5 and .6): entries, the first value mapped, bits of an entry."""
    descriptor = item.words(f"{colour}PaletteColorLookupTableDescriptor") or b""
    data = item.words(f"{colour}PaletteColorLookupTableData") or b""
    if len(descriptor) != 6:
        raise MalformedPayload("The picture's palette is not described.")
    count, first, bits = (int(each) for each in np.frombuffer(descriptor, "<u2"))
    table = np.frombuffer(data, "<u2" if len(data) >= 2 * (count or 65_536) else "u1")
    if bits not in (8, 16) or len(table) < (count or 65_536):
        raise MalformedPayload("The picture's palette is shorter than described.")
    values = np.arange(1 << 8 * at.itemsize)  # all that a pixel may be: there are fewer than pixels
    entries = _as_bytes(table, bits if table.itemsize == 2 else 8)
    return np.take(np.take(entries, np.clip(values - first, 0, (count or 65_536) - 1)), at)
