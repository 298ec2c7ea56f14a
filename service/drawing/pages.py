"""The report's pages: landscape, vector, to scale, the marks on each of them."""

from collections.abc import Iterator
from typing import Final

from reportlab.lib.units import mm

from ecg.leads import LEADS
from ecg.measurement import DEGREE
from ecg.report import Sentence
from service.drawing.details import draw_details
from service.drawing.fonts import is_drawable
from service.drawing.found import draw_found
from service.drawing.layout import MM_PER_MILLIVOLT, MM_PER_SECOND, PRINTED, fitting
from service.drawing.maps import draw_maps
from service.drawing.paper import INK, Paper
from service.drawing.sheets import FOOT, GREY, LEADING, RED, Content, Sheets
from service.sentences import tabled, written

PAPER_FOOT: Final = FOOT + 3.4  # mm: a line of scale and filters stands below the paper
SCALE_WIDTH: Final = 38.0  # mm, of what the scale is
COLUMNS: Final = (0.0, 0.40, 0.70, 1.0)  # of the identity, shares of the width: names are long
LABEL: Final = 21.0  # mm, of what a value of the identity is
LEAST_HEIGHT: Final = PRINTED["3x4+1"].height
MEASURED_WIDTH: Final = 92.0  # mm, of the table beside the impression
SHOWN: Final = (
    ("heart-rate", "rr-variation"),
    ("pr", "axis-p"),
    ("qrs", "axis-qrs"),
    ("qt", "axis-t"),
    ("qtc-bazett", "qtc-fridericia"),
)


def draw_pages(content: Content) -> bytes:
    """Draw the report: the ECG with impression and measurements, all figures, what was found on a page, the maps."""
    words = content.words
    sheets = Sheets(content, words("page.title"))
    left_over = _ecg_page(sheets)
    draw_details(sheets, left_over)
    draw_found(sheets)
    draw_maps(sheets)
    return sheets.bytes()


def draw_notice(content: Content) -> bytes:
    """Draw what stands in the place of a report that was withdrawn: whose it was, when and why; no ECG, no finding."""
    words = content.words
    sheets = Sheets(content, words("page.withdrawn"))
    y = _identity(sheets, sheets.turn(words("page.withdrawn"), "page.badge-withdrawn"))
    sheets.ink(RED)
    sheets.text(sheets.left, y - 46, words("page.stamp-withdrawn"), 72, bold=True)
    sheets.ink()
    y -= 66
    for sentence in content.said:
        for line in sheets.lines(sentence.text, sheets.right - sheets.left, 14):
            sheets.text(sheets.left, y, line, 14)
            y -= 6.6
        y -= 2
    return sheets.bytes()


def _ecg_page(sheets: Sheets) -> tuple[Sentence, ...]:
    """Draw the first page; return the sentences for which it has no room."""
    content, words = sheets.content, sheets.words
    amended = content.version > 1
    title = words("page.amended", version=content.version) if amended else words("page.title")
    top = _identity(sheets, sheets.turn(title))
    shown = content.reading.shown
    known = [lead for lead, mask in zip(LEADS, shown.mask, strict=True) if mask.any()]
    paper = Paper(fitting(PRINTED[content.style.layout], known), shown)
    foot = PAPER_FOOT + max(LEAST_HEIGHT - paper.layout.height, 0)  # a strip stands where all paper begins
    floor = foot + paper.layout.height + 2.5
    # What a later version says first stands in the title, other things in the tables and beside the maps.
    said = [each for each in content.said[1 if amended else 0 :] if not _elsewhere(content, each)]
    left_over = _impression(sheets, top, floor, said)
    _measurements(sheets, top, floor)
    paper.draw(sheets.canvas, sheets.left, foot)
    _scale_line(sheets, foot - 4, paper)
    return left_over


def _elsewhere(content: Content, sentence: Sentence) -> bool:
    """Say whether a sentence's values stand in the tables of measurements, or beside the maps."""
    beside = bool(sentence.about) and all(each.startswith("explanation:") for each in sentence.about)
    return beside or tabled(sentence, content.reading.measurements)


def _impression(sheets: Sheets, y: float, floor: float, said: list[Sentence]) -> tuple[Sentence, ...]:
    """Write what fits between y and the floor; return the rest."""
    width = sheets.right - sheets.left - MEASURED_WIDTH - 8
    sheets.text(sheets.left, y, sheets.words("page.impression"), 10, bold=True)
    y -= 5.2
    for size in (9.2, 8.4, 7.6):
        step = size * LEADING / mm
        needed = [len(sheets.lines(each.text, width - 4, size)) * step + 0.6 for each in said]
        if y - sum(needed) + step >= floor:
            return _written(sheets, y, said, size)
    fitting, room = 0, y - floor + step - step - 0.6  # a line is kept for the pointer to the next page
    while fitting < len(said) and sum(needed[: fitting + 1]) <= room:
        fitting += 1
    _written(sheets, y, said[:fitting], size)
    sheets.ink(GREY)
    sheets.text(sheets.left + 4, y - sum(needed[:fitting]), sheets.words("page.continued"), size)
    sheets.ink()
    return tuple(said[fitting:])


def _written(sheets: Sheets, y: float, said: list[Sentence], size: float) -> tuple[Sentence, ...]:
    width = sheets.right - sheets.left - MEASURED_WIDTH - 8
    for sentence in said:
        asserted = any(each.startswith("finding:") for each in sentence.about)
        sheets.box(sheets.left, y, 2.1, 2.1, RED if asserted else GREY)
        sheets.ink()
        for line in sheets.lines(sentence.text, width - 4, size):
            sheets.text(sheets.left + 4, y, line, size, bold=asserted)
            y -= size * LEADING / mm
        y -= 0.6
    return ()


def _measurements(sheets: Sheets, y: float, floor: float) -> None:
    """Write the measurements of the whole recording in two columns, in the order in which ECGs are read."""
    x, words = sheets.right - MEASURED_WIDTH, sheets.words
    measurements = sheets.content.reading.measurements
    sheets.text(x, y, words("page.measurements"), 10, bold=True)
    y -= 5.2
    if not measurements.values:
        sheets.ink(GREY)
        sheets.text(x, y, words("page.no-measurements"), 8.5)
        sheets.ink()
        return
    step = min(5.0, (y - floor) / (len(SHOWN) - 1))
    for row, codes in enumerate(SHOWN):
        for column, code in enumerate(codes):
            found = measurements.get(code)
            value = written(found) if found else None
            at = x + column * (MEASURED_WIDTH / 2 + 2)
            sheets.ink(GREY)
            sheets.text(at, y - row * step, words(f"measurement.{code}"), 8.2)
            sheets.ink()
            sheets.text_to(at + 34.5, y - row * step, value or "\N{EN DASH}", 9.4, bold=True)
            if found and value:
                sheets.text(
                    at + (34.7 if found.unit == DEGREE else 35.3), y - row * step, words(f"unit.{found.unit}"), 7.4
                )


def _scale_line(sheets: Sheets, y: float, paper: Paper) -> None:
    words, shown = sheets.words, sheets.content.reading.shown
    said = [_filters(sheets), *([words("page.derived")] if shown.derived else [])]
    sheets.ink(INK if paper.gain == MM_PER_MILLIVOLT else RED)  # another gain than the usual one must be seen
    scale = words("page.scale", speed=f"{MM_PER_SECOND:g}", gain=f"{paper.gain:g}")
    sheets.text(sheets.left, y, scale, 8.6, bold=True)
    sheets.ink()
    sheets.text(sheets.left + SCALE_WIDTH, y, "    ".join(said), 8)


def _filters(sheets: Sheets) -> str:
    filters, words = sheets.content.recording.filters, sheets.words
    known = [
        words(f"page.{name}", value=f"{value:g}")
        for name, value in (
            ("high-pass", filters.high_pass),
            ("low-pass", filters.low_pass),
            ("notch", filters.notch),
        )
        if value is not None
    ]
    return words("page.filters", filters=", ".join(known) or words("page.not-stated"))


def _identity(sheets: Sheets, y: float) -> float:
    """Write whose ECG it is and how it was recorded, in three rows of three; return where the next part begins."""
    for number, (label, value) in enumerate(_identified(sheets)):
        begins, ends = (sheets.left + each * (sheets.right - sheets.left) for each in COLUMNS[number % 3 :][:2])
        x, width, at = begins, ends - begins, y - number // 3 * 5.4
        sheets.ink(GREY)
        sheets.text(x, at, sheets.words(f"page.{label}"), 8)
        sheets.ink()
        sheets.fitted(x + LABEL, at, value or sheets.words("page.not-stated"), width - LABEL - 3)
    sheets.rule(y - 13.6)
    sheets.ink()
    return y - 18.6


def _identified(sheets: Sheets) -> Iterator[tuple[str, str | None]]:
    """Yield label and value of what identifies the ECG, row by row."""
    recording, words = sheets.content.recording, sheets.words
    patient, order = recording.patient, recording.order
    at, device = recording.acquired_at, recording.device
    zone = "" if at is None or at.tzinfo else f" {words('page.zone-unknown')}"
    born = words("page.not-stated") if patient.birth_date is None else patient.birth_date.isoformat()
    age = [] if recording.age is None else [words("page.years", years=f"{recording.age:.0f}")]
    waveform = recording.waveform
    yield "patient", _in_reading_order(patient.name)
    yield "acquired", None if at is None else at.isoformat(sep=" ", timespec="seconds") + zone
    yield "recorder", " ".join(filter(None, (device.manufacturer, device.model))) or None
    yield "patient-id", _with_issuer(patient.id, patient.issuer)
    yield "accession", order.accession_number
    yield (
        "recording",
        words(
            "page.form-one" if len(waveform.leads) == 1 else "page.form",
            leads=len(waveform.leads),
            fs=f"{waveform.fs:g}",
            seconds=f"{waveform.seconds:.1f}",
        ),
    )
    yield "born", ", ".join((born, words(f"page.sex-{patient.sex or 'unknown'}"), *age))
    yield "order", order.placer_number
    yield "source", recording.provenance.reader


def _in_reading_order(name: str | None) -> str | None:
    """Write 'Family^Given^Middle' (PS3.5 6.2, PN) as 'Family, Given Middle'; other names stay as they are.

    Of several component groups (alphabetic=ideographic=phonetic) it is the first that the fonts can draw.
    """
    groups = [each for each in map(_group, (name or "").split("=")) if each]
    return next((each for each in groups if is_drawable(each)), groups[0] if groups else None)


def _group(name: str) -> str:
    family, *rest = name.split("^")
    given = " ".join(part for part in rest if part)
    return ", ".join(filter(None, (family, given)))


def _with_issuer(identifier: str | None, issuer: str | None) -> str | None:
    return f"{identifier} ({issuer})" if identifier and issuer else identifier
