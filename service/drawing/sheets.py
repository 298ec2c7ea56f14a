"""The sheets a report is written on: their frame with marks and identity, and a pen for text, lines and boxes."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ecg.reading import Reading
from ecg.recording import Recording
from ecg.report import Sentence
from service.bands import Band
from service.drawing.fonts import BOLD, REGULAR, drawable, register_fonts
from service.drawing.layout import PAGES, PULSE_LANE, SQUARE
from service.drawing.paper import INK, Colour, Papers
from service.release import RELEASE
from service.style import DEFAULT, Style
from service.wording import Texts, texts

BREADTH: Final = PULSE_LANE + 250 + SQUARE  # mm of 10 s of paper: what is written is as wide
GREY: Final[Colour] = (0.38, 0.40, 0.45)
RULE: Final[Colour] = (0.78, 0.80, 0.84)
PALE: Final[Colour] = (0.93, 0.94, 0.96)
WHITE: Final[Colour] = (1.0, 1.0, 1.0)
RED: Final[Colour] = (0.72, 0.10, 0.12)
BLUE: Final[Colour] = (0.16, 0.38, 0.62)
# Told apart by their names too, which stand beside them.
BANDS: Final[dict[Band | None, Colour]] = {
    "red": RED,
    "amber": (0.85, 0.55, 0.05),
    "green": (0.20, 0.52, 0.30),
    None: BLUE,
}
SHRUNK: Final = (8.8, 8.2, 7.6, 7.0, 6.4, 5.8)  # sizes of letters, the first that fits
LEADING: Final = 1.32  # of the size of the letters
TOTAL: Final = "total"  # the form that holds the number of pages, which is known at the end
FOOT: Final = 16.0  # mm above the lower edge: below it stand marks and ids


@dataclass(frozen=True)
class Content:
    """What the pages show."""

    report_id: UUID
    recording: Recording
    reading: Reading
    papers: Papers
    sentences: tuple[Sentence, ...]
    issued: datetime
    version: int = 1
    style: Style = DEFAULT

    @property
    def words(self) -> Texts:
        """The words of its language."""
        return texts(self.style.language)

    @property
    def said(self) -> tuple[Sentence, ...]:
        """Its sentences without the marks, which every page carries."""
        return self.sentences[: -len(self.words.marks)]


class Sheets:
    """A document under the pen, page after page; places are in mm from the lower left corner of a page."""

    def __init__(self, content: Content, title: str) -> None:
        register_fonts()
        self.content, self.words = content, content.words
        self.width, self.height = PAGES[content.style.paper]
        self.left, self.right = (self.width - BREADTH) / 2, (self.width + BREADTH) / 2
        self.number = 0
        self._buffer = io.BytesIO()
        size = (self.width * mm, self.height * mm)
        self.canvas = Canvas(self._buffer, size, pageCompression=1, invariant=True)
        self.canvas.setTitle(title)
        self.canvas.setSubject(f"urn:uuid:{content.report_id}")
        self.canvas.setCreator(f"Twelvelead {RELEASE}")
        self.canvas.setViewerPreference("PrintScaling", "None")

    def turn(self, title: str, badge: str = "page.badge") -> float:
        """Begin a page with its title above and marks and identity below; return where its body begins."""
        if self.number:
            self.canvas.showPage()
        self.number += 1
        self.ink()
        top = self.height - 12.5
        self.text(self.left, top, title, 15, bold=True)
        self._badge(top, self.words(badge))
        self.rule(top - 2.8)
        self._marks()
        return top - 7.4

    def bytes(self) -> bytes:
        """Finish the document."""
        self.canvas.showPage()
        self.canvas.beginForm(TOTAL, 0, 0, 8 * mm, 4 * mm)
        self.ink(GREY)
        self.text(0, 0, str(self.number), 7)
        self.canvas.endForm()
        self.canvas.save()
        return self._buffer.getvalue()

    def ink(self, colour: Colour = INK) -> None:
        """Dip the pen."""
        self.canvas.setFillColorRGB(*colour)
        self.canvas.setStrokeColorRGB(*colour)

    def text(self, x: float, y: float, text: str, size: float = 8.5, *, bold: bool = False) -> None:
        """Write on one line, from x on."""
        self.canvas.setFont(BOLD if bold else REGULAR, size)
        self.canvas.drawString(x * mm, y * mm, drawable(text))

    def text_to(self, x: float, y: float, text: str, size: float = 8.5, *, bold: bool = False) -> None:
        """Write on one line that ends at x."""
        self.canvas.setFont(BOLD if bold else REGULAR, size)
        self.canvas.drawRightString(x * mm, y * mm, drawable(text))

    def lines(self, text: str, width: float, size: float = 8.5, *, bold: bool = False) -> Sequence[str]:
        """Return a text in lines of at most `width` mm."""
        font = BOLD if bold else REGULAR
        lines = simpleSplit(drawable(text), font, size, width * mm)
        return [part for line in lines for part in _broken(line, font, size, width * mm)]

    def fitted(self, x: float, y: float, text: str, width: float) -> None:
        """Write a value in bold on one line, or smaller on two or three; only what is longer still is cut off."""
        shown = drawable(text)
        for size in (9.5, 8.5, 7.5):
            if stringWidth(shown, BOLD, size) <= width * mm:
                self.text(x, y, shown, size, bold=True)
                return
        for size, most in ((6.6, 2), (5.2, 3)):
            lines = self.lines(shown, width, size, bold=True)
            if len(lines) <= most:
                break
        else:
            lines = [*lines[:2], lines[2] + " \N{HORIZONTAL ELLIPSIS}"]
        for number, line in enumerate(lines):
            self.text(x, y + 1.3 - (2.5 if size > 6 else 1.75) * number, line, size, bold=True)

    def shrunk(self, x: float, y: float, text: str, width: float, *, bold: bool = False) -> None:
        """Write on one line, in smaller letters where it is long."""
        shown, font = drawable(text), BOLD if bold else REGULAR
        size = next((each for each in SHRUNK if stringWidth(shown, font, each) <= width * mm), SHRUNK[-1])
        self.text(x, y, shown, size, bold=bold)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle, its lower left corner at (x, y)."""
        self.canvas.setFillColorRGB(*colour)
        self.canvas.rect(x * mm, y * mm, width * mm, height * mm, stroke=0, fill=1)

    def rule(self, y: float, x: float | None = None, end: float | None = None) -> None:
        """Draw a thin line across."""
        self.canvas.setStrokeColorRGB(*RULE)
        self.canvas.setLineWidth(0.6)
        ends = self.left if x is None else x, self.right if end is None else end
        self.canvas.line(ends[0] * mm, y * mm, ends[1] * mm, y * mm)

    def _badge(self, y: float, badge: str) -> None:
        if self.content.recording.provenance.digitised:
            badge = f"{self.words('page.experimental')} \N{MIDDLE DOT} {badge}"
        width = stringWidth(badge, BOLD, 8.6) / mm
        self.canvas.setFillColorRGB(*RED)
        x = self.right - width - 6
        self.canvas.roundRect(x * mm, (y - 1.5) * mm, (width + 6) * mm, 6.2 * mm, 1.2 * mm, stroke=0, fill=1)
        self.ink(WHITE)
        self.text(self.right - width - 3, y + 0.5, badge, 8.6, bold=True)
        self.ink()

    def _marks(self) -> None:
        content, words = self.content, self.words
        self.rule(12.2)
        self.ink(RED)
        self.text(self.left, 8.9, " ".join(words.marks), 7.4, bold=True)
        self.ink(GREY)
        model = content.reading.prediction.model
        foot = words(
            "page.foot",
            id=content.report_id,
            version=words("page.version", version=content.version) if content.version > 1 else "",
            issued=content.issued.isoformat(timespec="seconds"),
            release=RELEASE,
            model=words("page.model", name=model.name, version=model.version, digest=model.digest[:16])
            if model
            else words("page.no-model"),
        )
        self.text(self.left, 5.4, foot, 6.8)
        self.text_to(self.right - 3, 5.4, words("page.number", number=self.number), 7)
        self.canvas.saveState()
        self.canvas.translate((self.right - 2.6) * mm, 5.4 * mm)
        self.canvas.doForm(TOTAL)
        self.canvas.restoreState()
        self.ink()


def _broken(line: str, font: str, size: float, width: float) -> Iterator[str]:
    """Break a line within a word that is wider than the line."""
    while len(line) > 1 and stringWidth(line, font, size) > width:
        fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or stringWidth(line[:n], font, size) <= width)
        yield line[:fits]
        line = line[fits:]
    yield line
