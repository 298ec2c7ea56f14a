"""Pages that come as DICOM objects are taken out, with patient and order; ours are not."""

import os
import tracemalloc
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space

from adapters.archive import packed
from adapters.dicom.codes import ENCAPSULATED_PDF, JPEG_BASELINE, SECONDARY_CAPTURE
from adapters.dicom.documents import DicomDocumentWrapper
from adapters.dicom.results import encapsulated_pdf, own_report_id, part10, secondary_capture
from adapters.readers import READERS, read, unwrapped
from ecg.errors import MalformedPayload, PayloadError, UnknownFormat, UnreadablePage
from ecg.payload import Declared, Payload
from ecg.recording import Patient
from tests.golden.dicom_files import BIG, DEFLATED, SYNTAXES, square_wave, to_bytes, twelve_lead_dataset
from tests.golden.reports import report

PDF = b"%PDF-1.7\nnot much of a page\n%%EOF"  # an odd number of bytes
RNG = np.random.default_rng(11)


def document(sop_class: str, **attributes: Any) -> Dataset:
    ds = twelve_lead_dataset(square_wave(2.5))
    del ds.WaveformSequence
    ds.SOPClassUID = sop_class
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def pdf(data: bytes = PDF, **attributes: Any) -> Dataset:
    return document(ENCAPSULATED_PDF, EncapsulatedDocument=data + b"\0" * (len(data) % 2), **attributes)


def capture(pixels: NDArray[Any], kind: str = "RGB", **attributes: Any) -> Dataset:
    planes = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = pixels.dtype.itemsize * 8
    ds = document(SECONDARY_CAPTURE, Rows=pixels.shape[0], Columns=pixels.shape[1], SamplesPerPixel=planes)
    ds.PhotometricInterpretation, ds.BitsAllocated, ds.BitsStored, ds.HighBit = kind, bits, bits, bits - 1
    ds.PixelRepresentation = 0
    if planes > 1:
        ds.PlanarConfiguration = 0
    data = pixels.tobytes()
    ds.add_new("PixelData", "OW" if bits == 16 else "OB", data + b"\0" * (len(data) % 2))
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def page_of(ds: Dataset, syntax: str = SYNTAXES[1]) -> Payload:
    (page,) = unwrapped(Payload(to_bytes(ds, syntax)))
    return page


def picture(page: Payload) -> NDArray[Any]:
    assert page.media_type == "image/png"
    return np.asarray(Image.open(BytesIO(page.data)))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("length", [{}, {"EncapsulatedDocumentLength": len(PDF)}])
def test_a_pdf_comes_out_as_it_is(syntax: str, length: dict[str, int]) -> None:
    page = page_of(pdf(**length), syntax)
    assert page.media_type == "application/pdf" and page.data == (PDF if length else PDF + b"\0")


def test_patient_order_and_time_go_with_it() -> None:
    declared = page_of(pdf()).declared
    assert declared.patient is not None and (declared.patient.id, declared.patient.name) == ("4711", "Example^Eve")
    assert declared.order is not None and declared.order.accession_number == "A-1"
    assert declared.acquired_at == datetime(2024, 2, 29, 12, 34, 56, 250000)
    assert "Eve" not in repr(declared) and "2024" not in repr(declared)


def test_what_was_declared_of_it_must_agree() -> None:
    data = to_bytes(pdf())
    for declared in (Declared(patient=Patient(id="4712")), Declared(acquired_at=datetime(2020, 1, 1, tzinfo=UTC))):
        with pytest.raises(MalformedPayload, match="disagree"):
            unwrapped(Payload(data, declared=declared))
    (page,) = unwrapped(Payload(data, declared=Declared(fs=500.0, patient=Patient(id="4711", issuer="HOSPITAL"))))
    at = datetime(2024, 2, 29, 12, 34, 56)
    for same in (at, at.replace(tzinfo=UTC), at.replace(hour=7, tzinfo=UTC)):  # the file names no zone
        assert unwrapped(Payload(data, declared=Declared(acquired_at=same)))
    assert page.declared.fs == 500 and page.declared.patient is not None and page.declared.patient.sex == "F"


def test_a_page_without_an_ecg_is_refused_by_a_code() -> None:
    for ds, reason in ((pdf(), "damaged"), (capture(np.zeros((4, 4, 3), np.uint8)), "resolution-too-low")):
        with pytest.raises(UnreadablePage) as caught:
            read(page_of(ds))
        assert caught.value.reason == reason


def test_it_is_taken_out_of_an_archive_too() -> None:
    held = Payload(packed({"a.dcm": to_bytes(pdf()), "b.dcm": to_bytes(twelve_lead_dataset(square_wave()))}))
    page, ecg = unwrapped(held)
    assert page.media_type == "application/pdf" and len(read(ecg)) == 1


@pytest.mark.parametrize("data", [b"", b"MZ this is no page", b" %PDF-1.7"])
def test_what_is_no_pdf_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPayload, match="no PDF"):
        page_of(pdf(data))


def pydicoms(file: str) -> bytes:
    return Path(str(get_testdata_file(file, download=False))).read_bytes()


@pytest.mark.parametrize(
    "file", ["SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_jpeg_dcmd.dcm", "image_dfl.dcm"]
)
def test_pydicoms_own_captures_are_the_same_pixels(file: str) -> None:
    (page,) = unwrapped(Payload(pydicoms(file)))
    assert (picture(page) == pydicom.dcmread(BytesIO(pydicoms(file))).pixel_array).all()


@pytest.mark.parametrize(
    "file",
    [
        "SC_rgb_dcmtk_+eb+cy+n1.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm",
        "SC_rgb_small_odd_jpeg.dcm",
    ],
)
def test_jpegs_of_dcmtk_and_others_come_out_whole(file: str) -> None:
    (page,) = unwrapped(Payload(pydicoms(file)))
    ds = pydicom.dcmread(BytesIO(pydicoms(file)), stop_before_pixels=True)
    image = Image.open(BytesIO(page.data))
    image.load()
    assert page.media_type == "image/jpeg" and image.size == (ds.Columns, ds.Rows)


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("SC_rgb_rle.dcm", UnknownFormat),
        ("JPEG2000.dcm", UnknownFormat),
        ("JPEG-lossy.dcm", UnknownFormat),
        ("SC_ybr_full_422_uncompressed.dcm", MalformedPayload),
    ],
)
def test_captures_that_are_not_read_are_refused(file: str, error: type[PayloadError]) -> None:
    with pytest.raises(error):
        unwrapped(Payload(pydicoms(file)))


@pytest.mark.parametrize("syntax", [*SYNTAXES[:2], DEFLATED])
def test_colours_by_pixel_and_by_plane_are_the_same_picture(syntax: str) -> None:
    pixels = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert (picture(page_of(capture(pixels), syntax)) == pixels).all()
    by_plane = capture(pixels)
    by_plane.PlanarConfiguration = 1
    by_plane.PixelData = pixels.transpose(2, 0, 1).tobytes() + b"\0"
    assert (picture(page_of(by_plane, syntax)) == pixels).all()


def test_grey_is_grey_and_its_inverse_inverted() -> None:
    grey = RNG.integers(0, 256, (6, 5)).astype(np.uint8)
    assert (picture(page_of(capture(grey, "MONOCHROME2"))) == grey).all()
    assert (picture(page_of(capture(grey, "MONOCHROME1"))) == 255 - grey).all()


@pytest.mark.parametrize(("bits", "shift"), [(16, 8), (12, 4)])
def test_grey_of_16_bits_keeps_its_upper_ones(bits: int, shift: int) -> None:
    grey = RNG.integers(0, 1 << bits, (6, 4)).astype(np.uint16)
    assert (picture(page_of(capture(grey, "MONOCHROME2", BitsStored=bits))) == grey >> shift).all()


def test_ybr_is_what_pydicom_makes_of_it() -> None:
    pixels = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    ours = picture(page_of(capture(pixels, "YBR_FULL"))).astype(int)
    assert np.abs(ours - convert_color_space(pixels, "YBR_FULL", "RGB")).max() <= 2  # each rounds in its own way


def test_a_palette_is_looked_up() -> None:
    index = np.array([[10, 11], [12, 9]], np.uint8)
    table = np.array([0x0100, 0x8000, 0xFFFF], "<u2").tobytes()
    ds = capture(index, "PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [3, 10, 16])
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", table)
    assert picture(page_of(ds))[:, :, 0].tolist() == [[1, 128], [255, 1]]


def test_a_large_palette_picture_takes_few_times_its_size() -> None:
    ds = capture(np.full((2000, 2000), 11, np.uint8), "PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [2, 10, 8])
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", b"\x05\x07")
    payload = Payload(to_bytes(ds))
    tracemalloc.start()
    (page,) = unwrapped(payload)
    assert tracemalloc.get_traced_memory()[1] < 16 * len(payload.data)
    tracemalloc.stop()
    assert (picture(page) == 7).all()


def test_a_jpeg_comes_out_as_it_is() -> None:
    held = BytesIO()
    Image.fromarray(RNG.integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(held, "JPEG")
    ds = capture(np.zeros((16, 16, 3), np.uint8), "YBR_FULL_422")
    ds.PixelData = encapsulate([held.getvalue()])
    ds["PixelData"].is_undefined_length = True
    page = page_of(ds, JPEG_BASELINE)
    assert page.media_type == "image/jpeg" and page.data.rstrip(b"\0") == held.getvalue()
    ds.PixelData = encapsulate([b"not a picture at all"])
    ds["PixelData"].is_undefined_length = True
    with pytest.raises(MalformedPayload, match="no JPEG"):
        page_of(ds, JPEG_BASELINE)


@pytest.mark.parametrize(
    "change",
    [
        {"Rows": 60_000, "Columns": 60_000},
        {"Rows": 0},
        {"SamplesPerPixel": 2},
        {"BitsAllocated": 1},
        {"BitsAllocated": 32},
        {"PixelRepresentation": 1},
        {"NumberOfFrames": 2},
        {"PhotometricInterpretation": "HSV"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PixelData": b""},
    ],
)
def test_pixels_that_do_not_fit_or_are_of_another_kind_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload):
        page_of(capture(np.zeros((4, 4, 3), np.uint8), **change))


def test_a_compressed_picture_of_another_kind_is_refused() -> None:
    with pytest.raises(UnknownFormat, match="transfer syntax"):
        page_of(pdf(), "1.2.840.10008.1.2.4.90")


def test_an_ecg_in_the_clothes_of_a_document_is_refused() -> None:
    ds = twelve_lead_dataset(square_wave())
    data = to_bytes(ds).replace(
        ds.SOPClassUID.encode(), SECONDARY_CAPTURE.encode().ljust(len(ds.SOPClassUID), b"\0"), 1
    )
    with pytest.raises(MalformedPayload):
        unwrapped(Payload(data))


@pytest.mark.parametrize("make", [encapsulated_pdf, secondary_capture])
@pytest.mark.parametrize("syntax", [SYNTAXES[0], BIG, DEFLATED])
def test_reports_of_ours_are_not_taken_apart(make: Any, syntax: str) -> None:
    ours = report(asserted=("MI",))
    for data in (part10(make(ours)), to_bytes(make(ours), syntax)):
        assert not DicomDocumentWrapper().claims(Payload(data))
        assert own_report_id(unwrapped(Payload(data))[0].data) == ours.id
        with pytest.raises(UnknownFormat):
            read(Payload(data))


def test_exactly_one_claims_a_document_and_no_reader_does() -> None:
    payload = Payload(to_bytes(pdf()))
    assert DicomDocumentWrapper().claims(payload) and not any(each.claims(payload) for each in READERS)
    with pytest.raises(UnknownFormat):
        read(payload)


@pytest.mark.parametrize("ds", [pdf(), capture(np.zeros((16, 16, 3), np.uint8))], ids=["pdf", "capture"])
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_document_gives_a_page_or_one_of_our_errors(ds: Dataset) -> None:
    whole = to_bytes(ds)
    for _ in range(int(os.environ.get("FUZZ_EXAMPLES", "500"))):
        data = bytearray(whole)
        for _ in range(RNG.integers(1, 5)):
            at = int(RNG.integers(0, len(data)))
            data[at : at + int(RNG.integers(0, 3))] = RNG.bytes(int(RNG.integers(0, 4)))
        payload = Payload(bytes(data))
        try:
            inner = unwrapped(payload)
        except PayloadError as error:
            assert "Eve" not in str(error) and "4711" not in str(error)
        else:
            assert inner and all(isinstance(each, Payload) for each in inner)
