"""PNG pictures of the ECG and its maps: the same drawing as in the report, without patient data."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pypdfium2
import pypdfium2.raw
from PIL import Image
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from ecg.reading import Explanation, Reading
from ecg.report import Picture
from service.drawing.paper import BOLD, INK, REGULAR, Paper, Papers, draw_scale, register_fonts
from service.wording import texts

DPI: Final = 4 * 25.4  # four pixels a millimetre: the grid falls on whole pixels
MARGIN: Final = 6.0  # mm
CAPTION: Final = 14.0  # mm above the paper
FOOT: Final = 8.0  # mm below it
CLEAR: Final = (0, 0, 0, 0)
WHITE: Final = (255, 255, 255, 255)
PLAIN: Final = "ECG, 3x4+1"
RGBA: Final = pypdfium2.raw.FPDFBitmap_BGRA

PDFIUM: Final = threading.Lock()  # it may be called by one thread at a time, whatever the documents


def caption(explanation: Explanation) -> str:
    """Say what a map is, under its true name."""
    kind = "per lead and time" if explanation.knows_leads else "over time only: one strip behind all leads"
    return f"{explanation.method}, {kind}: {explanation.finding.code}"


def slug(method: str) -> str:
    """Return a method's name as it stands in the names of files: its first words, such as 'grad-cam'."""
    first = re.split(r"[,(]", method.lower())[0]
    return "-".join(first.split())


def pictures(reading: Reading, papers: Papers) -> tuple[Picture, ...]:
    """Draw the ECG as a PNG, and each map as another.

    Paper and traces are rasterised once for each format, and laid over the maps: the same layers as in the report.
    """
    register_fonts()
    shown: tuple[Explanation | None, ...] = (None, *reading.maps)
    used = list(dict.fromkeys(papers.showing(each) for each in shown))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=True, pageCompression=0)
    for paper in used:
        _traces_page(canvas, paper)
    for each in shown:
        _map_page(canvas, papers.showing(each), each)
    canvas.save()
    with _opened(buffer.getvalue()) as document:
        over = {paper: _image(document[at], CLEAR) for at, paper in enumerate(used)}
        under = [_image(document[at + len(used)], WHITE) for at in range(len(shown))]
    layers = zip(shown, under, strict=True)
    return tuple(_picture(each, Image.alpha_composite(image, over[papers.showing(each)])) for each, image in layers)


def _picture(explanation: Explanation | None, image: Image.Image) -> Picture:
    if explanation is None:
        return Picture("ecg", PLAIN, _png(image))
    name = f"{slug(explanation.method)}-{explanation.finding.code}"
    return Picture(name, caption(explanation), _png(image), explanation.finding.code, explanation.method)


def _traces_page(canvas: Canvas, paper: Paper) -> None:
    _set_size(canvas, paper)
    paper.draw_traces(canvas, MARGIN, FOOT)
    canvas.showPage()


def _map_page(canvas: Canvas, paper: Paper, explanation: Explanation | None) -> None:
    """Draw all of a picture but paper and traces."""
    _set_size(canvas, paper)
    width, top = paper.layout.width + 2 * MARGIN, FOOT + paper.layout.height
    canvas.setFillColorRGB(*INK)
    canvas.setFont(BOLD, 11)
    canvas.drawString(MARGIN * mm, (top + 8) * mm, PLAIN if explanation is None else caption(explanation))
    if explanation is not None:
        paper.draw_map(canvas, MARGIN, FOOT, explanation)
        draw_scale(canvas, MARGIN + 4, top + 2, explanation)
    canvas.setFillColorRGB(*INK)
    canvas.setFont(REGULAR, 8)
    canvas.drawRightString((width - MARGIN) * mm, (top + 2.7) * mm, f"25 mm/s   {paper.gain:g} mm/mV")
    canvas.drawString(MARGIN * mm, 2.5 * mm, texts().short_mark)
    canvas.showPage()


def _set_size(canvas: Canvas, paper: Paper) -> None:
    layout = paper.layout
    canvas.setPageSize(((layout.width + 2 * MARGIN) * mm, (FOOT + layout.height + CAPTION + MARGIN) * mm))


@contextmanager
def _opened(pdf: bytes) -> Iterator[pypdfium2.PdfDocument]:
    with PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            yield document
        finally:
            document.close()


def _image(page: pypdfium2.PdfPage, background: tuple[int, int, int, int]) -> Image.Image:
    """Rasterise a page as RGBA."""
    bitmap = page.render(scale=DPI / 72, fill_color=background, rev_byteorder=True, force_bitmap_format=RGBA)
    try:
        image: Image.Image = bitmap.to_pil().copy()
        return image
    finally:
        bitmap.close()
        page.close()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # A quarter of the bytes and of the time of true colour; lines and maps need no more colours.
    few = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
