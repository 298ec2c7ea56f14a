"""The pages of maps: for each asserted finding a panel with the ECG in small and what the model responded to."""

from itertools import islice
from typing import Final

from reportlab.lib.units import mm

from ecg.reading import Explanation, Score
from service.drawing.layout import MM_PER_SECOND, SKETCH
from service.drawing.paper import draw_scale
from service.drawing.sheets import FOOT, GREY, Sheets
from service.sentences import percent

SCALE: Final = 0.48  # of the printed ECG: two panels stand side by side
PANELS: Final = 4  # on a page
KEY: Final = 80.0  # mm from a panel's left edge to its scales
GAP: Final = 10.6  # mm between two panels


def draw_maps(sheets: Sheets) -> None:
    """Draw a panel for each asserted finding that has maps, four to a page."""
    reading = sheets.content.reading
    explained = {each.finding.code for each in reading.maps}
    panels = iter([each for each in reading.prediction.asserted if each.finding.code in explained])
    while these := tuple(islice(panels, PANELS)):
        top = sheets.turn(sheets.words("page.maps"))
        height = (top - FOOT) / 2
        for number, score in enumerate(these):
            x = sheets.left + number % 2 * (SCALE * SKETCH.width + GAP)
            _panel(sheets, x, top - number // 2 * height, score)


def _panel(sheets: Sheets, x: float, y: float, score: Score) -> None:
    """Draw the maps of one finding below y, from x on."""
    words, canvas = sheets.words, sheets.canvas
    maps = [each for each in sheets.content.reading.maps if each.finding == score.finding]
    paper = sheets.content.papers.sketch
    sheets.ink()
    name = f"{words.name(score.finding)} ({score.finding.code})"
    sheets.text(x, y, f"{name}: {percent(score.probability)}", 9, bold=True)
    for number, each in enumerate(maps, start=1):
        _key(sheets, x, y - 4.2 * number, each)
    y -= 4.2 * len(maps) + 3 + SCALE * SKETCH.height
    canvas.saveState()
    canvas.translate(x * mm, y * mm)
    canvas.scale(SCALE, SCALE)
    paper.draw(canvas, 0, 0, maps)
    canvas.restoreState()
    sheets.ink(GREY)
    speed, gain = SCALE * MM_PER_SECOND, SCALE * paper.gain
    sheets.text(x, y - 3, words("page.reduced", speed=f"{speed:g}", gain=f"{gain:g}"), 6.8)
    sheets.ink()


def _key(sheets: Sheets, x: float, y: float, explanation: Explanation) -> None:
    sheets.ink()
    kind = "page.map-leads" if explanation.knows_leads else "page.map-time"
    sheets.text(x, y, sheets.words(kind, method=explanation.method), 6.8)
    draw_scale(sheets.canvas, x + KEY, y - 0.7, explanation)
