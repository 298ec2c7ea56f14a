"""PNG pictures of explanations: the same drawing as in the report, without patient data."""

import io
from typing import Final

import pypdfium2
from PIL.Image import Dither, Image, Quantize
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from ecg.reading import Explanation, Reading
from ecg.report import Picture
from service.drawing.layout import THREE_BY_FOUR, TWELVE_BY_ONE, Layout
from service.drawing.paper import BOLD, INK, REGULAR, Paper, draw_scale, register_fonts
from service.sentences import SHORT_MARK

DPI: Final = 4 * 25.4  # four pixels a millimetre: the grid falls on whole pixels
MARGIN: Final = 6.0  # mm
CAPTION: Final = 14.0  # mm above the paper
FOOT: Final = 8.0  # mm below it


def layout_for(explanation: Explanation) -> Layout:
    """Return the format that shows a map best: every lead for 10 s where it knows leads, the common print otherwise."""
    return TWELVE_BY_ONE if explanation.knows_leads else THREE_BY_FOUR


def caption(explanation: Explanation) -> str:
    """Say what a map is, under its true name."""
    kind = "per lead and time" if explanation.knows_leads else "over time only: one strip behind all leads"
    return f"{explanation.method}, {kind}: {explanation.finding.code}"


def draw_explained(canvas: Canvas, x: float, y: float, reading: Reading, explanation: Explanation) -> Paper:
    """Draw the shown window with a map on it, the paper's lower left corner at (x, y) mm."""
    paper = Paper(canvas, x, y, layout_for(explanation), reading.shown)
    if explanation.knows_leads:
        paper.draw(along=explanation)
    else:
        paper.draw(strip=explanation)
    return paper


def pictures(reading: Reading) -> tuple[Picture, ...]:
    """Draw each map as a PNG of its own."""
    register_fonts()
    maps = reading.explanations
    if not maps:
        return ()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=True)
    for explanation in maps:
        _picture_page(canvas, reading, explanation)
    canvas.save()
    drawn = rasterise(buffer.getvalue(), DPI)
    return tuple(
        Picture(_name(each), caption(each), each.finding.code, png) for each, png in zip(maps, drawn, strict=True)
    )


def _name(explanation: Explanation) -> str:
    return f"{'saliency' if explanation.knows_leads else 'gradcam'}-{explanation.finding.code}"


def _picture_page(canvas: Canvas, reading: Reading, explanation: Explanation) -> None:
    layout = layout_for(explanation)
    width, top = layout.width + 2 * MARGIN, FOOT + layout.height
    canvas.setPageSize((width * mm, (top + CAPTION + MARGIN) * mm))
    paper = draw_explained(canvas, MARGIN, FOOT, reading, explanation)
    canvas.setFillColorRGB(*INK)
    canvas.setFont(BOLD, 11)
    canvas.drawString(MARGIN * mm, (top + 8) * mm, caption(explanation))
    draw_scale(canvas, MARGIN + 4, top + 2, explanation)
    canvas.setFont(REGULAR, 8)
    canvas.drawRightString((width - MARGIN) * mm, (top + 2.7) * mm, f"25 mm/s   {paper.gain:g} mm/mV")
    canvas.drawString(MARGIN * mm, 2.5 * mm, SHORT_MARK)
    canvas.showPage()


def rasterise(pdf: bytes, dpi: float) -> list[bytes]:
    """Return the pages of a PDF as PNGs."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_png(page.render(scale=dpi / 72).to_pil()) for page in document]
    finally:
        document.close()


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    # A quarter of the bytes and of the time of true colour; lines and maps need few colours.
    few = image.convert("RGB").quantize(64, method=Quantize.FASTOCTREE, dither=Dither.NONE)
    few.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
