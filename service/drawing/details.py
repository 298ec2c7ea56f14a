"""The page of figures: every score, every measurement, what the model is and what limits it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reportlab.lib.units import mm

from ecg.leads import LEADS
from ecg.measurement import DEGREE, GLOBAL_UNITS, LEAD_UNITS, Measurement, Measurements
from ecg.quality import FAULTS
from ecg.reading import Score
from ecg.report import Sentence
from service.bands import band
from service.drawing.sheets import BANDS, FOOT, GREY, LEADING, PALE, Sheets
from service.sentences import NO_SUCH_WAVE, percent, written

MOST_STATEMENTS: Final = 20  # of the recorder
LONGEST_STATEMENT: Final = 120  # characters
FLOOR: Final = FOOT + 2.0  # mm
ROW: Final = 4.7  # mm
GAP: Final = 7.0  # mm between columns
ONE_COLUMN: Final = 12  # scores up to here stand in one column, more in two
EVEN: Final = 7.0  # mm by which a first column may be longer than the second
FIGURES: Final = 72.0  # mm that the tables of measurements take at most


@dataclass(frozen=True)
class Columns:
    """A table of scores: where its bar begins and ends, where its figures end, where its result begins; shares."""

    bar: float
    bar_end: float
    probability: float
    threshold: float
    operating: float
    result: float
    head: float  # size of its letters
    terse: bool = False


WIDE: Final = Columns(0.37, 0.60, 0.67, 0.745, 0.84, 0.86, 7.6)
NARROW: Final = Columns(0.45, 0.57, 0.67, 0.76, 0.875, 0.895, 6.4, terse=True)
NONE: Final = "\N{EN DASH}"


def draw_details(sheets: Sheets, left_over: Sequence[Sentence]) -> None:
    """Draw the scores, the measurements and the rest, on as many pages as that takes.

    `left_over` are sentences for which the first page had no room.
    """
    y = sheets.turn(sheets.words("page.details"))
    if left_over:
        y = _heading(sheets, y, "page.impression-continued")
        for sentence in left_over:
            for line in sheets.lines(sentence.text, sheets.right - sheets.left, 8.6):
                sheets.text(sheets.left, y, line, 8.6)
                y -= 8.6 * LEADING / mm
        y -= 3
    y = _scores(sheets, y)
    y = _measurements(sheets, y)
    _sections(sheets, y)


def _heading(sheets: Sheets, y: float, key: str) -> float:
    sheets.ink()
    sheets.text(sheets.left, y, sheets.words(key), 10, bold=True)
    return y - 5.2


def _scores(sheets: Sheets, y: float) -> float:
    scores, words = sheets.content.reading.prediction.scores, sheets.words
    y = _heading(sheets, y, "page.scores")
    if not scores:
        sheets.text(sheets.left, y, words("page.no-scores"), 8.8)
        return y - 8
    count, columns = (1, WIDE) if len(scores) <= ONE_COLUMN else (2, NARROW)
    rows, width = -(-len(scores) // count), (sheets.right - sheets.left + GAP) / count - GAP
    for number in range(count):
        table = _Table(sheets, sheets.left + number * (width + GAP), width, columns)
        table.head(y)
        for row, score in enumerate(scores[number * rows : (number + 1) * rows], start=1):
            table.row(y - row * ROW, score)
    y -= (rows + 1) * ROW + 0.6
    legends = ["legend-bold", f"legend-{sheets.content.style.bands}"]
    if any(each.at_threshold for each in scores):
        legends.append("legend-operating")
    sheets.ink(GREY)
    for line in sheets.lines(" ".join(words(f"page.{each}") for each in legends), sheets.right - sheets.left, 7.2):
        sheets.text(sheets.left, y, line, 7.2)
        y -= 7.2 * LEADING / mm
    return y - 3.6


@dataclass(frozen=True)
class _Table:
    """A table of scores at x, as wide as `width`, mm."""

    sheets: Sheets
    x: float
    width: float
    columns: Columns

    def head(self, y: float) -> None:
        """Write what the columns are."""
        sheets, size = self.sheets, self.columns.head
        sheets.ink(GREY)
        sheets.text(self.x, y, sheets.words("page.pattern"), size)
        for share, key in (
            (self.columns.probability, "probability"),
            (self.columns.threshold, "threshold"),
            (self.columns.operating, "operating"),
        ):
            sheets.text_to(self._at(share), y, sheets.words(f"page.{key}"), size)
        sheets.text(self._at(self.columns.result), y, sheets.words("page.result"), size)
        sheets.rule(y - 1.4, self.x, self.x + self.width)

    def row(self, y: float, score: Score) -> None:
        """Write one score."""
        sheets, columns, bold = self.sheets, self.columns, score.asserted
        sheets.ink()
        name, room = sheets.words.name(score.finding), columns.bar * self.width - 1.5
        with_code = f"{name} ({score.finding.code})"
        fits = not columns.terse or len(sheets.lines(with_code, room, 7.6, bold=bold)) == 1
        sheets.shrunk(self.x, y, with_code if fits else name, room, bold=bold)
        _bar(sheets, (self._at(columns.bar), y), (columns.bar_end - columns.bar) * self.width, score)
        sheets.ink()
        sheets.text_to(self._at(columns.probability), y, percent(score.probability), 8.6, bold=bold)
        sheets.text_to(self._at(columns.threshold), y, percent(score.threshold), 8.6)
        known = score.at_threshold
        said = f"{100 * known.sensitivity:.0f} / {100 * known.specificity:.0f} %" if known else NONE
        sheets.text_to(self._at(columns.operating), y, said, 8.2)
        at = self._at(columns.result)
        sheets.box(at, y, 2.1, 2.1, BANDS[band(score, sheets.content.style.bands)])
        sheets.ink()
        result = _result(sheets, score, terse=columns.terse)
        sheets.shrunk(at + 3.2, y, result, self.x + self.width - at - 3.2, bold=bold)

    def _at(self, share: float) -> float:
        return self.x + share * self.width


def _result(sheets: Sheets, score: Score, *, terse: bool) -> str:
    if not score.finding.asserted:
        return sheets.words("page.score-only")
    colour = band(score, sheets.content.style.bands)
    named = sheets.words(f"page.band-{colour}") if colour else ""
    if terse:
        return named or NONE
    said = sheets.words("page.reached" if score.reached else "page.below")
    return f"{said}, {named}" if named else said


def _bar(sheets: Sheets, place: tuple[float, float], width: float, score: Score) -> None:
    """A bar for 0 to 1: long ticks at the threshold, short ones where the amber band begins."""
    x, y = place
    sheets.box(x, y - 0.3, width, 2.7, PALE)
    sheets.box(x, y - 0.3, width * score.probability, 2.7, BANDS[band(score, sheets.content.style.bands)])
    sheets.ink()
    sheets.canvas.setLineWidth(0.9)
    ticks = [(score.threshold, 1.1)]
    if score.sensitive and sheets.content.style.bands == "card" and score.finding.asserted:
        ticks.append((score.sensitive.probability, 0.1))
    for probability, over in ticks:
        at = (x + width * probability) * mm
        sheets.canvas.line(at, (y - 0.3 - over) * mm, at, (y + 2.4 + over) * mm)


def _measurements(sheets: Sheets, y: float) -> float:
    measurements = sheets.content.reading.measurements
    if not measurements.values:
        return y
    if y - FIGURES < FLOOR:
        y = sheets.turn(sheets.words("page.details"))
    y = _heading(sheets, y, "page.measurements")
    y = _global_figures(sheets, y, measurements)
    if any(each.lead for each in measurements.values):
        y = _lead_figures(sheets, y, measurements)
    absent = {each.id for each in measurements.values if each.absent}
    sheets.ink(GREY)
    for sentence in sheets.content.said:
        if sentence.about and absent.issuperset(sentence.about):
            for line in sheets.lines(sentence.text, sheets.right - sheets.left, 7.4):
                sheets.text(sheets.left, y, line, 7.4)
                y -= 7.4 * LEADING / mm
    return y - 3.6


def _global_figures(sheets: Sheets, y: float, measurements: Measurements) -> float:
    """Name, value and confidence of what was looked for in the whole recording, side by side."""
    found = [each for each in map(measurements.get, GLOBAL_UNITS) if each]
    pitch = (sheets.right - sheets.left) / len(GLOBAL_UNITS)
    for number, each in enumerate(found):
        x = sheets.left + number * pitch
        sheets.ink(GREY)
        sheets.text(x, y, sheets.words(f"measurement.{each.code}"), 6.6)
        value = written(each)
        if value:
            sheets.text(x, y - 7.4, f"{sheets.words('page.confidence')} {each.confidence:.2f}", 6.2)
        sheets.ink()
        unit = sheets.words(f"unit.{each.unit}")
        shown = f"{value}{'' if each.unit == DEGREE else ' '}{unit}"
        sheets.text(x, y - 4, shown if value else NONE, 9, bold=True)
    return y - 12.4


def _lead_figures(sheets: Sheets, y: float, measurements: Measurements) -> float:
    """A table: a row for each kind of measurement, a column for each lead."""
    words, first = sheets.words, 34.0
    pitch = (sheets.right - sheets.left - first) / len(LEADS)
    sheets.ink(GREY)
    sheets.text(sheets.left, y, words("page.lead"), 7.6)
    for column, lead in enumerate(LEADS):
        sheets.text_to(sheets.left + first + (column + 0.8) * pitch, y, lead, 7.6, bold=True)
    sheets.rule(y - 1.4)
    y -= 0.8
    for code, unit in LEAD_UNITS.items():
        y -= 4.1
        sheets.ink(GREY)
        sheets.text(sheets.left, y, f"{words(f'measurement.{code}')}, {words(f'unit.{unit}')}", 7.6)
        sheets.ink()
        for column, lead in enumerate(LEADS):
            found: Measurement | None = measurements.get(code, lead)
            said = (written(found) if found else None) or _dash(sheets, found)
            sheets.text_to(sheets.left + first + (column + 0.8) * pitch, y, said, 8)
    return y - 6.2


def _dash(sheets: Sheets, found: Measurement | None) -> str:
    """Return what stands in the place of a value: that there is no such wave, or a dash."""
    return sheets.words("page.none-such") if found and found.absent == NO_SUCH_WAVE else NONE


def _sections(sheets: Sheets, y: float) -> None:
    """Write the rest in two columns, on further pages where these do not hold it."""
    width = (sheets.right - sheets.left - GAP) / 2
    lines = [line for title, said in _said(sheets) for line in _section(sheets, title, said, width)]
    top, column = y, 0
    needed = sum(step for *_, step in lines) / 2
    if y - FLOOR < 0.3 * sheets.height and y - needed < FLOOR:  # rather a page of its own than a sliver
        top = sheets.turn(sheets.words("page.details"))
    y = top
    sheets.rule(top + 4.4)
    for text, size, bold, step in lines:
        floor = max(FLOOR, top - needed - EVEN) if column == 0 else FLOOR  # about as much in either column
        if y - (2 * step if bold else 0) < floor:
            column, y = column + 1, top
            if column == 2:
                column, y = 0, sheets.turn(sheets.words("page.details"))
                top = y
        sheets.ink()
        sheets.text(sheets.left + column * (width + GAP), y, text, size, bold=bold)
        y -= step


def _section(sheets: Sheets, title: str, said: Sequence[str], width: float) -> Iterator[tuple[str, float, bool, float]]:
    """Yield each line with its size, whether it is bold, and how far below it the next one stands."""
    size = 7.6
    for line in sheets.lines(title, width, 8.6, bold=True):
        yield line, 8.6, True, 4.2
    lines = [(line, last) for each in said for line, last in _marked(sheets.lines(each, width, size))]
    for number, (line, last) in enumerate(lines, start=1):
        step = size * LEADING / mm
        yield line, size, False, step + (2.6 if number == len(lines) else 0.6 if last else 0)


def _marked(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    return ((line, number == len(lines)) for number, line in enumerate(lines, start=1))


def _said(sheets: Sheets) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield title and paragraphs of what else is to be told."""
    words, reading, recording = sheets.words, sheets.content.reading, sheets.content.recording
    model = reading.prediction.model
    yield words("page.why-model"), tuple(_choice(sheets))
    if model is not None:
        digest = words("page.digest", digest=model.digest)
        yield words("page.about-model", name=model.name, version=model.version), (*model.statements, digest)
    yield words("page.quality"), (*_quality(sheets), *recording.provenance.notes)
    if recording.statements:
        yield words("page.statements"), (_quoted(sheets, recording.statements),)
    if reading.maps:
        yield words("page.read-maps"), (words("page.maps-explained"),)


def _choice(sheets: Sheets) -> Iterator[str]:
    """Yield why this arm read, which ones declined before it, and what the guards measured."""
    words, choice = sheets.words, sheets.content.reading.prediction.choice
    yield choice.why
    if choice.declined:
        yield words("page.declined", arms=", ".join(f"{each.arm} [{each.code}]" for each in choice.declined))
    for each in choice.checks:
        yield words("page.guard", code=each.code, value=f"{each.value:.3g}", limit=f"{each.limit:.3g}")


def _quality(sheets: Sheets) -> Iterator[str]:
    """Yield how much of the window shown is known, what is wrong with its leads, its beats and pacing."""
    reading, words = sheets.content.reading, sheets.words
    window = reading.quality.windows[reading.prediction.window]
    said = [words("page.known", share=f"{100 * min(window.known):.0f}")]
    said += [words(f"quality.{code}", leads=", ".join(leads)) for code in FAULTS if (leads := window.faulty(code))]
    said.append(words("page.beats", count=window.beating.count))
    if reading.quality.paced is not False:
        said.append(words("page.paced" if reading.quality.paced else "page.spikes-unknown"))
    yield " ".join(said)


def _quoted(sheets: Sheets, statements: tuple[str, ...]) -> str:
    """Quote what the recorder said, as much of it as the page holds."""
    shown = (
        each if len(each) <= LONGEST_STATEMENT else f"{each[: LONGEST_STATEMENT - 1]}\N{HORIZONTAL ELLIPSIS}"
        for each in statements[:MOST_STATEMENTS]
    )
    more = len(statements) - MOST_STATEMENTS
    said = [*(f"\u201c{each}\u201d" for each in shown), *([sheets.words("page.more", count=more)] if more > 0 else [])]
    return "; ".join(said)
