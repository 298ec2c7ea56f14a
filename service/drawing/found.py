"""The page of proof: the traces as they were found on the page that was sent, and how well they fit it."""

from collections.abc import Iterator
from io import BytesIO
from typing import Final

from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader

from ecg.recording import PageEvidence, Provenance
from ecg.report import Picture
from service.drawing.sheets import FOOT, LEADING, Sheets

NAME: Final = "page"
TITLE: Final = "Traces as found on the page"
SIZE: Final = 8.6  # of the letters
FLOOR: Final = FOOT + 2.0  # mm


def page_picture(provenance: Provenance) -> tuple[Picture, ...]:
    """Return the page with the traces found on it, where the ECG came from one. It may show what is printed there."""
    if provenance.page is None or not provenance.page.overlay:
        return ()
    return (Picture(NAME, TITLE, provenance.page.overlay),)


def draw_found(sheets: Sheets) -> None:
    """Draw the page that was sent with the traces found on it, and say how well; nothing for what came as samples."""
    evidence = sheets.content.recording.provenance.page
    if evidence is None:
        return
    y = sheets.turn(sheets.words("page.found"))
    for sentence in _said(sheets, evidence):
        for line in sheets.lines(sentence, sheets.right - sheets.left, SIZE):
            sheets.text(sheets.left, y, line, SIZE)
            y -= SIZE * LEADING / mm
    if evidence.overlay:
        _fit(sheets, evidence.overlay, y)


def _said(sheets: Sheets, evidence: PageEvidence) -> Iterator[str]:
    words = sheets.words
    assumed = sheets.content.recording.provenance.scale_assumed
    yield words("page.found-as", layout=evidence.layout, scale=evidence.scale)
    if assumed:
        yield words("research.scale-assumed")
    yield words("page.found-ink", on_ink=f"{evidence.on_ink:.0%}", explained=f"{evidence.explained:.0%}")
    if evidence.einthoven is not None and not assumed:
        yield words("page.found-einthoven", residual=f"{evidence.einthoven:.3f}")
    yield words("page.found-confidence", leads=", ".join(f"{lead} {sure:.2f}" for lead, sure in evidence.confidence))


def _fit(sheets: Sheets, png: bytes, top: float) -> None:
    """Draw a picture as large as there is room below `top`."""
    image = ImageReader(BytesIO(png))
    width, height = image.getSize()
    scale = min((sheets.right - sheets.left) / width, (top - FLOOR) / height)
    left = sheets.left + (sheets.right - sheets.left - width * scale) / 2
    sheets.canvas.drawImage(image, left * mm, (top - height * scale) * mm, width * scale * mm, height * scale * mm)
