"""PNG pictures of the ECG and its maps: the same drawing as in the report, without patient data."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pypdfium2
import pypdfium2.raw
from PIL import Image
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from ecg.reading import Explanation, Reading
from ecg.report import Picture
from service.drawing import strongest
from service.drawing.paper import BOLD, INK, REGULAR, Paper, Papers, draw_scale, register_fonts
from service.wording import texts

DPI: Final = 4 * 25.4  # four pixels a millimetre: the grid falls on whole pixels
MARGIN: Final = 6.0  # mm
CAPTION: Final = 14.0  # mm above the paper
FOOT: Final = 8.0  # mm below it
SCALES: Final = 70.0  # mm from one scale to the next
CLEAR: Final = (0, 0, 0, 0)
WHITE: Final = (255, 255, 255, 255)
PLAIN: Final = "ECG, 3x4+1"
RGBA: Final = pypdfium2.raw.FPDFBitmap_BGRA

PDFIUM: Final = threading.Lock()  # it may be called by one thread at a time, whatever the documents


@dataclass(frozen=True)
class Overlay:
    """What lies over the ECG in one picture: the maps of one finding, or nothing."""

    maps: tuple[Explanation, ...] = ()

    @property
    def title(self) -> str:
        """What the picture is, each map under its method's true name."""
        if not self.maps:
            return PLAIN
        said = "; ".join(f"{each.method}, {_where(each)}" for each in self.maps)
        return f"{self.maps[0].finding.code}: {said}"

    def drawn(self, png: bytes) -> Picture:
        """Return the picture, drawn."""
        if not self.maps:
            return Picture("ecg", PLAIN, png)
        code = self.maps[0].finding.code
        return Picture(f"map-{code}", self.title, png, code, "; ".join(each.method for each in self.maps))


def _where(explanation: Explanation) -> str:
    return "along the leads" if explanation.knows_leads else "over time only, behind all leads"


def overlays(reading: Reading) -> tuple[Overlay, ...]:
    """Return what is drawn over the ECG: nothing, then the maps of each finding that has some.

    Of those that know leads the last, which attributes; the others stand in the report's pages.
    """
    of_findings = []
    for score in reading.prediction.asserted:
        maps = [each for each in reading.maps if each.finding == score.finding]
        behind, along = (tuple(each for each in maps if each.knows_leads is knows) for knows in (False, True))
        of_findings.append(Overlay((*behind, *along[-1:])))
    return (Overlay(), *(each for each in of_findings if each.maps))


def pictures(reading: Reading, papers: Papers) -> tuple[Picture, ...]:
    """Draw the ECG as a PNG, once more for each finding with its maps, and each finding's strongest lead.

    Paper and traces are rasterised once for each format, and laid over the maps: the same layers as in the report.
    """
    register_fonts()
    shown = overlays(reading)
    on = [papers.showing(each.maps) for each in shown]
    used = list(dict.fromkeys(on))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=True, pageCompression=0)
    for paper in used:
        _traces_page(canvas, paper)
    for overlay, paper in zip(shown, on, strict=True):
        _map_page(canvas, paper, overlay)
    leads = strongest.strongest(reading)
    for lead in leads:
        strongest.draw(canvas, lead)
    canvas.save()
    with _opened(buffer.getvalue()) as document:
        over = {paper: _image(document[at], CLEAR) for at, paper in enumerate(used)}
        under = [_image(document[at + len(used)], WHITE) for at in range(len(shown))]
        alone = [_image(document[at + len(used) + len(shown)], WHITE) for at in range(len(leads))]
    layers = zip(shown, on, under, strict=True)
    drawn = (each.drawn(_png(Image.alpha_composite(image, over[paper]))) for each, paper, image in layers)
    return (*drawn, *(_of_lead(each, _png(image)) for each, image in zip(leads, alone, strict=True)))


def _of_lead(each: strongest.Strongest, png: bytes) -> Picture:
    code = each.score.finding.code
    return Picture(f"lead-{code}", each.title, png, code, each.attributed.method)


def _traces_page(canvas: Canvas, paper: Paper) -> None:
    _set_size(canvas, paper)
    paper.draw_traces(canvas, MARGIN, FOOT)
    canvas.showPage()


def _map_page(canvas: Canvas, paper: Paper, overlay: Overlay) -> None:
    """Draw all of a picture but paper and traces."""
    _set_size(canvas, paper)
    width, top = paper.layout.width + 2 * MARGIN, FOOT + paper.layout.height
    canvas.setFillColorRGB(*INK)
    canvas.setFont(BOLD, 11)
    canvas.drawString(MARGIN * mm, (top + 8) * mm, overlay.title)
    for number, each in enumerate(overlay.maps):
        paper.draw_map(canvas, MARGIN, FOOT, each)
        draw_scale(canvas, MARGIN + 4 + number * SCALES, top + 2, each)
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
