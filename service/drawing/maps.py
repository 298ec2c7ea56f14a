"""The pages of maps: for each asserted finding a panel with the ECG in small and what the model responded to."""

from itertools import islice
from typing import Final

from reportlab.lib.units import mm

from ecg.leads import LEADS
from ecg.reading import Explanation, Score
from service.drawing.layout import MM_PER_SECOND, sketch
from service.drawing.paper import Paper, draw_scale, lead_colour
from service.drawing.sheets import FOOT, GREY, LEADING, RED, RULE, Sheets
from service.sentences import percent

SCALE: Final = 0.48  # of the printed ECG: two panels stand side by side
PANELS: Final = 4  # on a page
KEY: Final = 78.0  # mm from a panel's left edge to its scales
SMALL: Final = 6.8  # size of what stands around a panel
STEP: Final = SMALL * LEADING / mm
RHYTHM: Final = "II"  # stands below the grid where no lead matters most
BARS: Final = 8.0  # mm from the top of the highest bar to the foot of the lowest


def draw_maps(sheets: Sheets) -> None:
    """Draw a panel for each asserted finding that was explained, four to a page."""
    reading = sheets.content.reading
    explained = {each.finding.code for each in reading.explanations}
    panels = iter([each for each in reading.prediction.asserted if each.finding.code in explained])
    papers = {lead: Paper(sketch(lead), reading.shown) for lead in LEADS}
    while these := tuple(islice(panels, PANELS)):
        top = sheets.turn(sheets.words("page.maps"))
        height = (top - FOOT) / 2
        for number, score in enumerate(these):
            by_lead = reading.by_lead(score.finding)
            paper = papers[(by_lead and by_lead.top_lead) or RHYTHM]
            width = SCALE * paper.layout.width
            x = sheets.left if number % 2 == 0 else sheets.right - width
            _panel(sheets, (x, top - number // 2 * height), paper, score)


def _panel(sheets: Sheets, place: tuple[float, float], paper: Paper, score: Score) -> None:
    """Draw what explains one finding, the upper left corner at `place`: words, scales, the ECG with maps, bars."""
    (x, y), words, reading = place, sheets.words, sheets.content.reading
    width = SCALE * paper.layout.width
    name = f"{words.name(score.finding)} ({score.finding.code}): {percent(score.probability)}"
    sheets.ink()
    sheets.shrunk(x, y, name, width, bold=True)
    y -= 1.0
    ids = {each.id for each in reading.explanations if each.finding == score.finding}
    for sentence in sheets.content.said:
        if ids & set(sentence.about):
            for line in sheets.lines(sentence.text, width, SMALL):
                y -= STEP
                sheets.text(x, y, line, SMALL)
    y = _ecg(sheets, (x, y - 4.4), paper, score)
    by_lead = reading.by_lead(score.finding)
    if by_lead is not None:
        _bars(sheets, (x, y), width, by_lead)


def _ecg(sheets: Sheets, place: tuple[float, float], paper: Paper, score: Score) -> float:
    """Draw the scales of a finding's maps, and below them the ECG with the maps; return where it ends.

    Behind all leads lies what knows no leads. Along the grid of twelve lies the last of those that know leads, which
    attributes; along the strip below it the first, which tells how sensitive the score is.
    """
    (x, y), canvas, words = place, sheets.canvas, sheets.words
    maps = [each for each in sheets.content.reading.maps if each.finding == score.finding]
    behind = [each for each in maps if not each.knows_leads]
    along = [each for each in maps if each.knows_leads]
    *grid, strip = paper.layout.segments
    drawn = [(each, "behind", paper.layout.segments) for each in behind]
    if along:
        drawn += [(along[-1], "grid", tuple(grid)), (along[0], "strip", (strip,))]
    for each, where, _ in drawn:
        sheets.ink()
        sheets.text(x, y, words(f"page.map-{where}", method=each.method, lead=strip.lead), SMALL)
        draw_scale(canvas, x + KEY, y - 0.7, each)
        y -= 4.0
    y -= SCALE * paper.layout.height - 2.2
    canvas.saveState()
    canvas.translate(x * mm, y * mm)
    canvas.scale(SCALE, SCALE)
    for each, _, segments in drawn:
        paper.draw_map(canvas, 0, 0, each, segments)
    paper.draw_traces(canvas, 0, 0)
    canvas.restoreState()
    sheets.ink(GREY)
    speed, gain = SCALE * MM_PER_SECOND, SCALE * paper.gain
    sheets.text(x, y - 2.8, words("page.reduced", speed=f"{speed:g}", gain=f"{gain:g}"), 6.2)
    return y - 4.6


def _bars(sheets: Sheets, place: tuple[float, float], width: float, by_lead: Explanation) -> None:
    """Draw a bar for each lead below `place`: upwards what speaks for the finding, downwards what speaks against."""
    (x, y), pitch, values = place, width / len(LEADS), by_lead.relevance.tolist()
    most, least = max(0.0, *values), min(0.0, *values)
    unit = BARS / (most - least) if most > least else 0.0
    foot = y - most * unit
    sheets.ink(GREY)
    said = sheets.words("page.bars", method=by_lead.method, peak=f"{by_lead.peak:.3g}", unit=by_lead.unit)
    sheets.text_to(x + width, y + 1.8, said, 6.2)
    sheets.rule(foot, x, x + width)
    for number, (lead, value) in enumerate(zip(LEADS, values, strict=True)):
        at, top = x + (number + 0.18) * pitch, lead == by_lead.top_lead
        colour = RED if top else lead_colour(0.2) if value > 0 else RULE
        sheets.box(at, foot + min(value, 0) * unit, 0.64 * pitch, abs(value) * unit, colour)
        sheets.ink()
        sheets.text(at, y - BARS - 2.6, lead, 6.2, bold=top)
