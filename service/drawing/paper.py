"""Draws one window of an ECG on millimetre paper, to scale and in vectors, with a map behind or along the traces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import font_roboto
import numpy as np
from numpy.typing import NDArray
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from ecg.canonical import FS, CanonicalEcg
from ecg.leads import LEADS
from ecg.reading import Explanation
from service.drawing.layout import (
    MM_PER_MILLIVOLT,
    MM_PER_SECOND,
    PULSE_LANE,
    SQUARE,
    Layout,
    Segment,
)

REGULAR: Final = "Roboto"
BOLD: Final = "Roboto-Bold"

Colour = tuple[float, float, float]
Palette = Callable[[float], Colour]
THIN_LINE: Final[Colour] = (0.96, 0.82, 0.80)
THICK_LINE: Final[Colour] = (0.91, 0.62, 0.60)
INK: Final[Colour] = (0.05, 0.05, 0.10)
MAP_STEP: Final = 0.04  # seconds (1 mm of paper): the finest stretch that a map is drawn in
MAP_LEVELS: Final = 16
TOLERANCE: Final = 0.03  # mm, a tenth of the pen's width
BAND_STEP: Final = 10  # samples (0.5 mm of paper) between the points of the band of 2.2 mm along a trace
LEAST_SHOWN: Final = 0.05  # of the scale; below, nothing is drawn


@cache
def register_fonts() -> None:
    """Make the fonts known to reportlab, once in a process: Latin, Greek and Cyrillic, embedded as subsets."""
    files = Path(font_roboto.__file__).parent / "files"
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, files / f"{name if name == BOLD else 'Roboto-Regular'}.ttf"))


def strip_colour(relevance: float) -> Colour:
    """Return the colour of a relevance of 0 to 1 behind all leads: white to blue."""
    return 1.0 - 0.45 * relevance, 1.0 - 0.22 * relevance, 1.0


def lead_colour(relevance: float) -> Colour:
    """Return the colour of a relevance of 0 to 1 along one lead: yellow to red."""
    return 1.0, 0.92 - 0.70 * relevance, 0.45 - 0.35 * relevance


def palette(explanation: Explanation) -> Palette:
    """Return the colours of a map: blue for what lies behind all leads, yellow to red for what belongs to one."""
    return lead_colour if explanation.knows_leads else strip_colour


@dataclass(frozen=True, eq=False)
class Paper:
    """ECG paper with one window on it; its lower left corner lies at (x, y) mm of the canvas.

    Each lead is drawn about its median. The gain is 10 mm/mV, halved as often as it takes to keep all traces on the
    paper; whoever draws prints it.
    """

    canvas: Canvas
    x: float
    y: float
    layout: Layout
    window: CanonicalEcg

    @cached_property
    def gain(self) -> float:
        """Millimetres per millivolt."""
        gain = MM_PER_MILLIVOLT
        while not all(self._fits(segment, gain) for segment in self.layout.segments):
            gain /= 2
        return gain

    def draw(self, *, strip: Explanation | None = None, along: Explanation | None = None) -> None:
        """Draw paper, map and traces: `strip` is a map over time behind all leads, `along` one along each lead."""
        canvas = self.canvas
        canvas.saveState()
        canvas.translate(self.x * mm, self.y * mm)
        if strip is not None:
            self._strip(strip.relevance[0])
        self._once("paper", self._grid)
        if along is not None:
            self._along(along.relevance)
        self._once("traces", self._traces)
        canvas.restoreState()

    def _once(self, what: str, draw: Callable[[], None]) -> None:
        """Draw as a form of the document, so that its other pages need only name it."""
        name = f"{what}-{self.layout.rows}"  # a document shows one window
        if not self.canvas.hasForm(name):
            self.canvas.beginForm(name, 0, 0, self.layout.width * mm, self.layout.height * mm)
            draw()
            self.canvas.endForm()
        self.canvas.doForm(name)

    def _strip(self, relevance: NDArray[np.float32]) -> None:
        height = self.layout.height * mm
        for start, end, level in _steps(relevance, slice(0, len(relevance))):
            self.canvas.setFillColorRGB(*strip_colour(level / MAP_LEVELS))
            self.canvas.rect(_across(start), 0, _across(end) - _across(start), height, stroke=0, fill=1)

    def _grid(self) -> None:
        width, height = self.layout.width, self.layout.height
        for step, colour, line in ((1.0, THIN_LINE, 0.25), (SQUARE, THICK_LINE, 0.5)):
            self.canvas.setStrokeColorRGB(*colour)
            self.canvas.setLineWidth(line)
            across = [(x * mm, 0, x * mm, height * mm) for x in np.arange(0, width + 0.5, step).tolist()]
            up = [(0, y * mm, width * mm, y * mm) for y in np.arange(0, height + 0.5, step).tolist()]
            self.canvas.lines(across + up)

    def _pulses(self) -> None:
        """Before each row: 1 mV for 0.2 s, and the row's gain by its height."""
        self.canvas.setStrokeColorRGB(*INK)
        self.canvas.setLineWidth(0.7)
        for row in range(self.layout.rows):
            foot = self.layout.baseline(row) * mm
            top = foot + self.gain * mm
            path = self.canvas.beginPath()
            path.moveTo(1.5 * mm, foot)
            for x, y in ((2.5, foot), (2.5, top), (7.5, top), (7.5, foot), (8.5, foot)):
                path.lineTo(x * mm, y)
            self.canvas.drawPath(path)

    def _along(self, relevance: NDArray[np.float32]) -> None:
        """A broad line under each trace, coloured by the relevance of its own lead."""
        paths: dict[int, PDFPathObject] = {}
        for segment in self.layout.segments:
            row, samples = LEADS.index(segment.lead), _samples(segment)
            height = ((self._foot(segment) + self.gain * self._leads[row]) * mm).tolist()
            for start, end, level in _steps(relevance[row], samples):
                if not self.window.mask[row, start:end].all():
                    continue
                path = paths.setdefault(level, self.canvas.beginPath())
                path.moveTo(_across(start), height[start])
                for at in range(start + BAND_STEP, min(end, samples.stop - BAND_STEP) + 1, BAND_STEP):
                    path.lineTo(_across(at), height[at])
        self.canvas.setLineWidth(2.2 * mm)
        self.canvas.setLineJoin(1)
        for level, path in sorted(paths.items()):
            self.canvas.setStrokeColorRGB(*lead_colour(level / MAP_LEVELS))
            self.canvas.drawPath(path)

    def _traces(self) -> None:
        self._pulses()
        canvas = self.canvas
        canvas.setStrokeColorRGB(*INK)
        canvas.setFillColorRGB(*INK)
        canvas.setLineJoin(1)
        for segment in self.layout.segments:
            canvas.setLineWidth(0.75)
            self._polyline(segment, _samples(segment))
            canvas.setFont(BOLD, 9 if self.layout.pitch > 20 else 7.5)
            label = segment.lead + ("*" if segment.lead in self.window.derived else "")
            lift = 0.28 * self.layout.pitch
            canvas.drawString(_across(_samples(segment).start) + 1.2 * mm, (self._foot(segment) + lift) * mm, label)
            if segment.start > 0:
                self._divider(segment)

    def _divider(self, segment: Segment) -> None:
        x, y = _across(_samples(segment).start), self._foot(segment) * mm
        self.canvas.setLineWidth(0.5)
        self.canvas.lines([(x, y + 4 * mm, x, y + 8 * mm), (x, y - 8 * mm, x, y - 4 * mm)])

    def _polyline(self, segment: Segment, samples: slice) -> None:
        """Draw what is known of a lead in `samples`, the pen is up where it is not known."""
        millivolts = self._leads[LEADS.index(segment.lead)]
        known = self.window.mask[LEADS.index(segment.lead), samples]
        height = (self._foot(segment) + self.gain * millivolts[samples]) * mm
        across = _across(np.arange(samples.start, samples.stop))
        path = self.canvas.beginPath()
        for run in _runs(known):
            kept = _needed(height[run], TOLERANCE * mm)
            points = zip(across[run][kept].tolist(), height[run][kept].tolist(), strict=True)
            path.moveTo(*next(points))
            for x, y in points:
                path.lineTo(x, y)
        self.canvas.drawPath(path)

    @cached_property
    def _leads(self) -> NDArray[np.float64]:
        """Each lead about the median of what is known of it, (12, 5000) mV."""
        known = self.window.mask.any(axis=1)
        leads = np.zeros(self.window.signal.shape)
        for row in np.flatnonzero(known):
            leads[row] = self.window.signal[row] - np.median(self.window.signal[row, self.window.mask[row]])
        return leads

    def _foot(self, segment: Segment) -> float:
        return self.layout.baseline(segment.row)

    def _fits(self, segment: Segment, gain: float) -> bool:
        row, samples = LEADS.index(segment.lead), _samples(segment)
        drawn = self._leads[row, samples][self.window.mask[row, samples]] * gain + self._foot(segment)
        return not len(drawn) or bool(drawn.min() >= 0 and drawn.max() <= self.layout.height)


def _samples(segment: Segment) -> slice:
    return slice(round(segment.start * FS), round(segment.end * FS))


def _across(sample: NDArray[np.int64] | int) -> Any:
    """Place of a sample from the paper's left edge, in points."""
    return (PULSE_LANE + sample / FS * MM_PER_SECOND) * mm


def _runs(known: NDArray[np.bool_]) -> Iterator[slice]:
    """Yield the stretches of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield slice(start, end)


def _needed(height: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Return the evenly spaced points without which the line would leave its place by more than `tolerance`.

    Every second point goes if it lies on the line through its neighbours, three times over with a third of the
    tolerance each. The ends stay.
    """
    at = np.arange(len(height))
    for _ in range(3):
        before, here, after = at[:-2:2], at[1:-1:2], at[2::2]
        before, after = before[: len(here)], after[: len(here)]
        share = (here - before) / (after - before)
        off = np.abs(height[before] + share * (height[after] - height[before]) - height[here])
        keep = np.ones(len(at), dtype=bool)
        keep[1:-1:2] = off > tolerance / 3
        at = at[keep]
    return at


def _steps(relevance: NDArray[np.float32], samples: slice) -> Iterator[tuple[int, int, int]]:
    """Yield (first sample, end, level of the scale) of the stretches of one level, without those that are not shown."""
    size = round(MAP_STEP * FS)
    shown = relevance[samples].reshape(-1, size).mean(axis=1)
    level = np.where(shown < LEAST_SHOWN, 0, np.ceil(shown * MAP_LEVELS)).astype(np.int64)
    edges = np.flatnonzero(np.diff(level, prepend=-1, append=-1))
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if level[start]:
            yield samples.start + start * size, samples.start + end * size, int(level[start])


def draw_scale(canvas: Canvas, x: float, y: float, explanation: Explanation) -> None:
    """Draw the colour scale of a map at (x, y) mm, with what its ends stand for."""
    register_fonts()
    for step in range(MAP_LEVELS):
        canvas.setFillColorRGB(*palette(explanation)((step + 1) / MAP_LEVELS))
        canvas.rect((x + step * 1.5) * mm, y * mm, 1.55 * mm, 3 * mm, stroke=0, fill=1)
    canvas.setStrokeColorRGB(*INK)
    canvas.setLineWidth(0.3)
    canvas.rect(x * mm, y * mm, MAP_LEVELS * 1.5 * mm, 3 * mm)
    canvas.setFillColorRGB(*INK)
    canvas.setFont(REGULAR, 7)
    canvas.drawRightString((x - 1) * mm, (y + 0.7) * mm, "0")
    canvas.drawString((x + MAP_LEVELS * 1.5 + 1) * mm, (y + 0.7) * mm, f"{explanation.peak:.3g} {explanation.unit}")
