"""The report's pages: A4 landscape, vector, to scale, the marks on each of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ecg.reading import Explanation, Reading, Score
from ecg.recording import Recording
from ecg.report import Sentence
from service.drawing.paper import BOLD, INK, REGULAR, Colour, Papers, draw_scale, register_fonts
from service.drawing.pictures import caption
from service.release import RELEASE
from service.sentences import MARKS, percent

WIDTH: Final = 297.0  # mm
LEFT: Final = 16.0
RIGHT: Final = WIDTH - LEFT
GREY: Final[Colour] = (0.42, 0.42, 0.46)
RED: Final[Colour] = (0.72, 0.10, 0.12)
BLUE: Final[Colour] = (0.16, 0.38, 0.62)
BADGE: Final = "PRELIMINARY \N{MIDDLE DOT} NOT REVIEWED \N{MIDDLE DOT} RESEARCH USE ONLY"
MOST_STATEMENTS: Final = 20  # of the recorder
PALE: Final[Colour] = (0.90, 0.91, 0.93)


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


def draw_pages(content: Content) -> bytes:
    """Draw the report: the ECG with the impression, the scores and limits, then a page of maps for each finding."""
    buffer = io.BytesIO()
    canvas = _document(buffer, content, "Preliminary ECG report")
    maps = _maps_by_finding(content.reading)
    total = 2 + len(maps)
    _ecg_page(_Page(canvas, content, 1, total))
    _scores_page(_Page(canvas, content, 2, total))
    for number, pair in enumerate(maps, start=3):
        _maps_page(_Page(canvas, content, number, total), pair)
    canvas.save()
    return buffer.getvalue()


def draw_notice(content: Content) -> bytes:
    """Draw what stands in the place of a report that was withdrawn: whose it was, when and why; no ECG, no finding."""
    buffer = io.BytesIO()
    canvas = _document(buffer, content, "ECG report, withdrawn")
    page = _Page(canvas, content, 1, 1)
    page.frame("ECG report, withdrawn", "WITHDRAWN \N{MIDDLE DOT} NOT TO BE USED")
    _identity_block(page)
    page.ink(RED)
    page.text(LEFT, 130, "WITHDRAWN", 72, bold=True)
    page.ink()
    y = 108.0
    for sentence in content.sentences[: -len(MARKS)]:
        y = page.paragraph(LEFT, y, sentence.text, RIGHT - LEFT, 14) - 2
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _document(buffer: io.BytesIO, content: Content, title: str) -> Canvas:
    register_fonts()
    canvas = Canvas(buffer, landscape(A4), pageCompression=1, invariant=True)
    canvas.setTitle(title)
    canvas.setSubject(f"urn:uuid:{content.report_id}")
    canvas.setCreator(f"Twelvelead {RELEASE}")
    canvas.setViewerPreference("PrintScaling", "None")
    return canvas


def _maps_by_finding(reading: Reading) -> list[tuple[Explanation, ...]]:
    codes = [score.finding.code for score in reading.prediction.asserted]
    return [tuple(each for each in reading.explanations if each.finding.code == code) for code in codes]


@dataclass(frozen=True)
class _Page:
    """A page under the pen: places in mm from the lower left corner."""

    canvas: Canvas
    content: Content
    number: int
    total: int

    def text(self, x: float, y: float, text: str, size: float = 8.5, *, bold: bool = False) -> None:
        self.canvas.setFont(BOLD if bold else REGULAR, size)
        self.canvas.drawString(x * mm, y * mm, text)

    def ink(self, colour: Colour = INK) -> None:
        self.canvas.setFillColorRGB(*colour)
        self.canvas.setStrokeColorRGB(*colour)

    def paragraph(self, x: float, y: float, text: str, width: float, size: float = 8.5) -> float:
        """Write wrapped text from y downwards; return where the next line would stand."""
        leading = size * 1.35 / mm
        for line in simpleSplit(text, REGULAR, size, width * mm):
            self.text(x, y, line, size)
            y -= leading
        return y

    def frame(self, title: str, badge: str = BADGE) -> None:
        """Title above, marks and identity below: on every page."""
        content = self.content
        self.ink()
        self.text(LEFT, 198, title, 15, bold=True)
        self.ink(RED)
        width = stringWidth(badge, BOLD, 9) / mm
        self.text(RIGHT - width - 3, 198.6, badge, 9, bold=True)
        self.canvas.setLineWidth(1)
        self.canvas.roundRect((RIGHT - width - 6) * mm, 196.6 * mm, (width + 6) * mm, 6.4 * mm, 2 * mm)
        self.ink(RED)
        self.text(LEFT, 11.5, " ".join(MARKS), 7.4, bold=True)
        self.ink(GREY)
        model = content.reading.prediction.model
        read_by = f"{model.name} {model.version}, card sha256 {model.digest[:16]}" if model else "no model"
        issued = content.issued.isoformat(timespec="seconds")
        version = f", version {content.version}" if content.version > 1 else ""
        self.text(
            LEFT, 7.5, f"Report {content.report_id}{version}   issued {issued}   Twelvelead {RELEASE}   {read_by}", 7
        )
        self.canvas.setFont(REGULAR, 7)
        self.canvas.drawRightString(RIGHT * mm, 7.5 * mm, f"page {self.number} of {self.total}")
        self.ink()


def _ecg_page(page: _Page) -> None:
    version = page.content.version
    amended = f", version {version}: it replaces every earlier one" if version > 1 else ""
    page.frame(f"Preliminary ECG report{amended}")
    _identity_block(page)
    reading = page.content.reading
    y = 166.0
    page.text(LEFT, y, "Automated impression", 9.5, bold=True)
    y -= 5
    # What a later version says first stands in the title.
    for sentence in page.content.sentences[1 if amended else 0 : -len(MARKS)]:
        y = page.paragraph(LEFT, y, sentence.text, RIGHT - LEFT, 8.8)
    strip = next((each for each in reading.explanations if not each.knows_leads), None)
    paper = page.content.papers.common
    paper.draw(page.canvas, LEFT, 20, tuple(filter(None, (strip,))))
    _scale_line(page, 15.6, paper.gain, tuple(filter(None, (strip,))))
    page.canvas.showPage()


def _scale_line(page: _Page, y: float, gain: float, maps: Sequence[Explanation]) -> None:
    page.ink()
    said = [f"25 mm/s   {gain:g} mm/mV", _filters(page.content.recording)]
    if page.content.reading.shown.derived:
        said.append("* derived lead")
    page.text(LEFT, y, "   ".join(said), 7.6)
    for each in maps:
        x = RIGHT - 42
        draw_scale(page.canvas, x, y - 0.7, each)
        page.canvas.setFont(REGULAR, 7)
        page.canvas.drawRightString((x - 5) * mm, y * mm, caption(each))


def _filters(recording: Recording) -> str:
    filters = recording.filters
    known = [
        f"{name} {value:g} Hz"
        for name, value in (
            ("high-pass", filters.high_pass),
            ("low-pass", filters.low_pass),
            ("notch", filters.notch),
        )
        if value is not None
    ]
    return "Filters as recorded: " + (", ".join(known) if known else "not stated")


def _identity_block(page: _Page) -> None:
    recording = page.content.recording
    patient, order = recording.patient, recording.order
    at = recording.acquired_at
    when = "not stated" if at is None else at.isoformat(sep=" ", timespec="seconds")
    zone = "" if at is None or at.tzinfo else " (zone not stated)"
    age = "" if recording.age is None else f", {recording.age:.0f} years"
    born = "not stated" if patient.birth_date is None else patient.birth_date.isoformat()
    blocks = (
        (("Patient", _in_reading_order(patient.name)), ("Patient ID", _with_issuer(patient.id, patient.issuer)),
         ("Born, sex", f"{born}, {patient.sex or 'sex not stated'}{age}")),
        (("Acquired", when + zone), ("Accession", order.accession_number), ("Order", order.placer_number)),
        (("Recorder", " ".join(filter(None, (recording.device.manufacturer, recording.device.model))) or None),
         ("Recording", f"{len(recording.waveform.leads)} leads, {recording.waveform.fs:g} Hz, "
                       f"{recording.waveform.seconds:.1f} s"),
         ("Source", recording.provenance.reader)),
    )  # fmt: skip
    width = (RIGHT - LEFT) / len(blocks)
    for column, block in enumerate(blocks):
        for line, (label, value) in enumerate(block):
            x, y = LEFT + column * width, 189 - line * 6.5
            page.ink(GREY)
            page.text(x, y, label, 8)
            page.ink()
            _fitted(page, x + 19, y, value or "not stated", width - 22)


def _in_reading_order(name: str | None) -> str | None:
    """Write 'Family^Given^Middle' (PS3.5 6.2, PN) as 'Family, Given Middle'; other names stay as they are."""
    family, *rest = (name or "").split("^")
    given = " ".join(part for part in rest if part)
    return f"{family}, {given}" if given else family or None


def _with_issuer(identifier: str | None, issuer: str | None) -> str | None:
    return f"{identifier} ({issuer})" if identifier and issuer else identifier


def _fitted(page: _Page, x: float, y: float, text: str, width: float) -> None:
    """Write a value on one line, or smaller on two; nothing of an identity is cut off unless three lines would be."""
    for size in (9.5, 8.5, 7.5):
        if stringWidth(text, BOLD, size) <= width * mm:
            page.text(x, y, text, size, bold=True)
            return
    lines = simpleSplit(text, BOLD, 7.5, width * mm)
    shown = lines if len(lines) <= 2 else [lines[0], lines[1] + " \N{HORIZONTAL ELLIPSIS}"]
    for line, part in enumerate(shown):
        page.text(x, y + 1.2 - 2.9 * line, part, 7.5, bold=True)


def _scores_page(page: _Page) -> None:
    page.frame("Scores, model and limits")
    reading, recording = page.content.reading, page.content.recording
    y = 188.0
    prediction = reading.prediction
    if prediction.scores:
        y = _score_table(page, y)
    else:
        page.text(LEFT, y, "No model read this recording, so there is no score.", 10, bold=True)
        y -= 6
    model = prediction.model
    y = _section(page, y, "Why this model", (prediction.choice.why,))
    if model is not None:
        y = _section(page, y, f"Model {model.name} {model.version}, card SHA-256 {model.digest}", model.statements)
    y = _section(page, y, "Recording", (_lead_quality(reading), *recording.provenance.notes))
    if recording.statements:
        quoted = _quoted(recording.statements)
        y = _section(page, y, "Statements of the recorder: not checked, not used by any model", (quoted,))
    maps = (
        "Grad-CAM shows where in time the last convolution of the network found evidence for a finding; it knows no "
        "leads. Input-gradient saliency shows, for each lead and moment, how much a small change of the signal would "
        "change the score, averaged over 40 ms. Below a tenth of "
        "its scale a map is left blank. Neither shows a cause, and neither is a measurement.",
    )
    if reading.explanations:
        _section(page, y, "How to read the maps", maps)
    page.canvas.showPage()


def _section(page: _Page, y: float, title: str, paragraphs: tuple[str, ...]) -> float:
    page.text(LEFT, y, title, 9.5, bold=True)
    y -= 4.8
    for paragraph in paragraphs:
        y = page.paragraph(LEFT, y, paragraph, RIGHT - LEFT)
    return y - 2.5


def _quoted(statements: tuple[str, ...]) -> str:
    """Quote what the recorder said, as much of it as the page holds."""
    shown = (
        each if len(each) <= 120 else f"{each[:119]}\N{HORIZONTAL ELLIPSIS}" for each in statements[:MOST_STATEMENTS]
    )
    more = len(statements) - MOST_STATEMENTS
    return "; ".join(f"\u201c{each}\u201d" for each in shown) + (f"; and {more} more" if more > 0 else "")


def _lead_quality(reading: Reading) -> str:
    window = reading.quality.windows[reading.prediction.window]
    known = min(window.known)
    flat = f" Flat: {', '.join(window.flat)}." if window.flat else ""
    return f"Of the window shown, every lead is known for at least {known:.0%}.{flat}"


def _score_table(page: _Page, y: float) -> float:
    columns = (LEFT, LEFT + 110, LEFT + 136, LEFT + 210, LEFT + 236)
    for x, head in zip(columns, ("Pattern of", "Probability", "", "Threshold", "Result"), strict=True):
        page.ink(GREY)
        page.text(x, y, head, 8)
    y -= 6
    for score in page.content.reading.prediction.scores:
        page.ink()
        page.text(columns[0], y, f"{score.finding.name} ({score.finding.code})", 9.5, bold=score.asserted)
        page.text(columns[1], y, percent(score.probability), 9.5, bold=score.asserted)
        _bar(page, columns[2], y, score)
        page.ink()
        page.text(columns[3], y, percent(score.threshold), 9.5)
        page.text(columns[4], y, _result(score), 9.5, bold=score.asserted)
        y -= 6.2
    return y - 2.5


def _result(score: Score) -> str:
    if not score.finding.asserted:
        return "score only"
    return "threshold reached" if score.reached else "below threshold"


def _bar(page: _Page, x: float, y: float, score: Score) -> None:
    """A bar of 70 mm for 0 to 1, with a tick at the threshold."""
    page.canvas.setFillColorRGB(*PALE)
    page.canvas.rect(x * mm, (y - 0.4) * mm, 70 * mm, 3 * mm, stroke=0, fill=1)
    page.canvas.setFillColorRGB(*(RED if score.asserted else BLUE))
    page.canvas.rect(x * mm, (y - 0.4) * mm, 70 * score.probability * mm, 3 * mm, stroke=0, fill=1)
    page.ink()
    page.canvas.setLineWidth(1)
    tick = (x + 70 * score.threshold) * mm
    page.canvas.line(tick, (y - 1.2) * mm, tick, (y + 3.4) * mm)


def _maps_page(page: _Page, maps: tuple[Explanation, ...]) -> None:
    score = next(s for s in page.content.reading.prediction.scores if s.finding == maps[0].finding)
    page.frame(f"What the model looked at: {score.finding.code}, {percent(score.probability)}")
    paper = page.content.papers.full
    paper.draw(page.canvas, LEFT, 26, maps)
    y = 188.0
    for each in maps:
        page.ink()
        page.text(LEFT, y, caption(each), 8.5)
        draw_scale(page.canvas, LEFT + 150, y - 0.7, each)
        y -= 5.5
    _scale_line(page, 18, paper.gain, ())
    page.canvas.showPage()
