"""The picture of a finding's strongest lead: the map over all leads and time, and that lead's map and saliency."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from ecg.canonical import FS, SECONDS, CanonicalEcg
from ecg.leads import LEADS
from ecg.reading import Explanation, Reading, Score
from service.drawing.fonts import BOLD, REGULAR, register_fonts
from service.drawing.layout import MM_PER_MILLIVOLT, MM_PER_SECOND
from service.wording import texts

Colour = tuple[float, float, float]
Palette = Callable[[float], Colour]

LEVELS: Final = 16  # of each scale
STEP: Final = 5  # samples: a piece of 10 ms has one colour
CELL: Final = 20  # samples: so fine is the map over all leads, 40 ms or 1 mm
LEFT: Final = 16.0  # mm
WIDTH: Final = SECONDS * MM_PER_SECOND
ROW: Final = 3.5  # mm, of a lead in the map over all leads
STRIP: Final = 36.0  # mm, of the lead alone
FOOT: Final = 8.0
HEAD: Final = 16.0
GAP: Final = 10.0  # for the words and the scale above each part
INK: Final[Colour] = (0.05, 0.05, 0.10)
GROUND: Final[Colour] = (0.80, 0.81, 0.83)  # under colours that end in white
EDGE: Final[Colour] = (0.45, 0.46, 0.50)
PALE: Final[Colour] = (0.93, 0.94, 0.96)

# ColorBrewer's RdYlBu of 11 classes, reversed: blue for little, red for much.
RD_YL_BU_R: Final = (
    *((49, 54, 149), (69, 117, 180), (116, 173, 209), (171, 217, 233), (224, 243, 248), (255, 255, 191)),
    *((254, 224, 144), (253, 174, 97), (244, 109, 67), (215, 48, 39), (165, 0, 38)),
)


def rd_yl_bu_r(relevance: float) -> Colour:
    """Return the colour of a relevance of 0 to 1 on a signal: blue over yellow to red."""
    at = np.linspace(0, 1, len(RD_YL_BU_R))
    red, green, blue = (float(np.interp(relevance, at, part)) / 255 for part in zip(*RD_YL_BU_R, strict=True))
    return red, green, blue


def hot(relevance: float) -> Colour:
    """Return the colour of a relevance of 0 to 1 in a scatter: black over red and yellow to white."""
    red, green, blue = (
        float(np.clip(each, 0, 1)) for each in (relevance * 2.7, relevance * 2.7 - 1, relevance * 4 - 3)
    )
    return red, green, blue


@dataclass(frozen=True)
class Strongest:
    """What is drawn of one finding: its strongest lead, the map that attributes, and the saliency if it passed."""

    score: Score
    window: CanonicalEcg
    lead: str
    by: str
    attributed: Explanation
    saliency: Explanation | None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, mm."""
        strips = 1 if self.saliency is None else 2
        return LEFT + WIDTH + 8, FOOT + HEAD + ROW * len(LEADS) + strips * (STRIP + GAP)

    @property
    def title(self) -> str:
        """What the picture shows, by the methods' true names."""
        return (
            f"{self.score.finding.code}: {self.attributed.method}, over leads and time; {self.by} on top: {self.lead}"
        )


def strongest(reading: Reading) -> tuple[Strongest, ...]:
    """Return what there is to draw: a picture for each asserted finding with a map that attributes to leads."""
    made = []
    for score in reading.prediction.asserted:
        along = [each for each in reading.maps if each.finding == score.finding and each.knows_leads]
        by_lead = reading.by_lead(score.finding)
        if along and by_lead is not None and by_lead.top_lead is not None:
            saliency = along[0] if len(along) > 1 else None
            made.append(Strongest(score, reading.shown, by_lead.top_lead, by_lead.method, along[-1], saliency))
    return tuple(made)


def draw(canvas: Canvas, each: Strongest) -> None:
    """Draw one picture as a page of its own."""
    register_fonts()
    width, height = each.size
    canvas.setPageSize((width * mm, height * mm))
    _text(canvas, (LEFT, height - 6), each.title, 10, bold=True)
    y = height - HEAD - ROW * len(LEADS)
    _overall(canvas, y, each)
    y -= GAP + STRIP
    _words(canvas, y + STRIP, f"Lead {each.lead}, {each.attributed.method}", each.attributed, rd_yl_bu_r)
    _box(canvas, (LEFT, y), (WIDTH, STRIP), PALE)
    _signal(canvas, y, each, each.attributed, rd_yl_bu_r)
    if each.saliency is not None:
        y -= GAP + STRIP
        _words(canvas, y + STRIP, f"Lead {each.lead}, {each.saliency.method}, a point each 10 ms", each.saliency, hot)
        _box(canvas, (LEFT, y), (WIDTH, STRIP), GROUND)
        _signal(canvas, y, each, each.saliency, hot)
    _text(canvas, (LEFT, 2.5), texts().short_mark, 7)
    canvas.showPage()


def _overall(canvas: Canvas, y: float, each: Strongest) -> None:
    """Draw the map over all leads and time, a row for each lead."""
    top = y + ROW * len(LEADS)
    _words(canvas, top, "All leads and 10 s", each.attributed, rd_yl_bu_r)
    cells = each.attributed.relevance.reshape(len(LEADS), -1, CELL).mean(axis=2)
    known = np.logical_and.reduce(each.window.mask.reshape(len(LEADS), -1, CELL), axis=2)
    across = CELL / FS * MM_PER_SECOND
    for row, lead in enumerate(LEADS):
        foot = top - (row + 1) * ROW
        _text(canvas, (LEFT - 9, foot + 0.8), lead, 7, bold=lead == each.lead)
        levels = np.where(known[row], _levels(cells[row]), -1)
        turns = np.flatnonzero(np.diff(levels, prepend=-2, append=-2)).tolist()
        for start, end in pairwise(turns):
            if levels[start] >= 0:
                colour = rd_yl_bu_r(float(levels[start]) / LEVELS)
                _box(canvas, (LEFT + start * across, foot), ((end - start) * across, ROW), colour)


def _signal(canvas: Canvas, y: float, each: Strongest, of: Explanation, palette: Palette) -> None:
    """Draw the lead in the colours of a map: as a line, or as points where they are hot."""
    row, dots = LEADS.index(each.lead), palette is hot
    known, signal = each.window.mask[row], each.window.signal[row].astype(np.float64)
    height = signal - np.median(signal[known])
    gain = MM_PER_MILLIVOLT
    while np.abs(height[known]).max() * gain > STRIP * 0.75:
        gain /= 2
    shift = -(height[known].max() + height[known].min()) / 2  # the middle of what it spans
    at = np.arange(0, len(height), STEP)
    x, points = LEFT + at / FS * MM_PER_SECOND, y + STRIP / 2 + gain * (height[at] + shift)
    levels = _levels(np.maximum.reduceat(of.relevance[row], at))
    canvas.setLineCap(1)
    if not dots:  # an edge, or what is pale would be lost
        _trace(canvas, np.flatnonzero(known[at] & np.roll(known[at], -1))[:-1].tolist(), x, points)
    canvas.setLineWidth((0.9 if dots else 0.8) * mm)
    for level in range(LEVELS + 1):
        path = canvas.beginPath()
        for index in np.flatnonzero((levels == level) & known[at]).tolist():
            to = index if dots else min(index + 1, len(at) - 1)
            if known[at[to]]:
                path.moveTo(x[index] * mm, points[index] * mm)
                path.lineTo(x[to] * mm, points[to] * mm)
        canvas.setStrokeColorRGB(*palette(level / LEVELS))
        canvas.drawPath(path)
    _text(canvas, (LEFT + WIDTH - 32, y + 1.2), f"25 mm/s   {gain:g} mm/mV", 7)


def _trace(canvas: Canvas, pieces: list[int], x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    path = canvas.beginPath()
    for index in pieces:
        path.moveTo(x[index] * mm, y[index] * mm)
        path.lineTo(x[index + 1] * mm, y[index + 1] * mm)
    canvas.setStrokeColorRGB(*EDGE)
    canvas.setLineWidth(1.1 * mm)
    canvas.drawPath(path)


def _levels(relevance: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.asarray(np.rint(np.clip(relevance, 0, 1) * LEVELS), dtype=np.int64)


def _words(canvas: Canvas, y: float, said: str, of: Explanation, palette: Palette) -> None:
    """Write what a part shows above it, and its scale with what its ends stand for."""
    _text(canvas, (LEFT, y + 2), said, 8.5)
    x = LEFT + WIDTH - 74
    for level in range(LEVELS):
        _box(canvas, (x + level * 1.5, y + 1.5), (1.55, 3), palette((level + 1) / LEVELS))
    _text(canvas, (x - 2.5, y + 2.1), "0", 7)
    _text(canvas, (x + LEVELS * 1.5 + 1, y + 2.1), f"{of.peak:.3g} {of.unit}, its largest value", 7)


def _box(canvas: Canvas, corner: Sequence[float], size: Sequence[float], colour: Colour) -> None:
    canvas.setFillColorRGB(*colour)
    canvas.rect(corner[0] * mm, corner[1] * mm, size[0] * mm, size[1] * mm, stroke=0, fill=1)


def _text(canvas: Canvas, place: tuple[float, float], text: str, size: float, *, bold: bool = False) -> None:
    canvas.setFillColorRGB(*INK)
    canvas.setFont(BOLD if bold else REGULAR, size)
    canvas.drawString(place[0] * mm, place[1] * mm, text)
