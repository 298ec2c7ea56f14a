"""Draws one window of an ECG on millimetre paper, to scale and in vectors, with a map behind or along the traces."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
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
    THREE_BY_FOUR,
    TWELVE_BY_ONE,
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
PEN_WIDTH: Final = 0.26  # mm
BAND_WIDTH: Final = 2.2  # mm
BAND_STEP: Final = 10  # samples (0.5 mm of paper) between the points of a band
LEAST_SHOWN: Final = 0.1  # of the scale; below, nothing is drawn


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
    return 1.0 - 0.22 * relevance, 0.80 - 0.78 * relevance, 0.25 - 0.15 * relevance


def palette(explanation: Explanation) -> Palette:
    """Return the colours of a map: blue for what lies behind all leads, yellow to red for what belongs to one."""
    return lead_colour if explanation.knows_leads else strip_colour


@dataclass(frozen=True, eq=False)
class Paper:
    """ECG paper with one window on it, to be drawn on any page: first a map, then paper and traces.

    Each lead is drawn about its median. The gain is 10 mm/mV, halved as often as it takes to keep all traces on the
    paper; whoever draws prints it.
    """

    layout: Layout
    window: CanonicalEcg

    @cached_property
    def gain(self) -> float:
        """Millimetres per millivolt."""
        gain = MM_PER_MILLIVOLT
        while not all(self._fits(segment, gain) for segment in self.layout.segments):
            gain /= 2
        return gain

    def draw(self, canvas: Canvas, x: float, y: float, maps: Sequence[Explanation] = ()) -> None:
        """Draw maps, paper and traces, the lower left corner at (x, y) mm."""
        for each in maps:
            self.draw_map(canvas, x, y, each)
        self.draw_traces(canvas, x, y)

    def draw_map(self, canvas: Canvas, x: float, y: float, explanation: Explanation) -> None:
        """Draw a map alone: a strip behind all leads, or a broad band along each lead if it knows leads."""
        canvas.saveState()
        canvas.translate(x * mm, y * mm)
        if explanation.knows_leads:
            self._bands(canvas, explanation.relevance)
        else:
            self._strip(canvas, explanation.relevance[0])
        canvas.restoreState()

    def draw_traces(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw paper and traces alone: as a form of the document, so that its other pages need only name it."""
        name = f"paper-{self.layout.rows}"  # a document shows one window
        if not canvas.hasForm(name):
            canvas.beginForm(name, 0, 0, self.layout.width * mm, self.layout.height * mm)
            self._grid(canvas)
            self._pulses(canvas)
            self._traces(canvas)
            canvas.endForm()
        canvas.saveState()
        canvas.translate(x * mm, y * mm)
        canvas.doForm(name)
        canvas.restoreState()

    def _strip(self, canvas: Canvas, relevance: NDArray[np.float32]) -> None:
        height = self.layout.height * mm
        for start, end, level in _steps(relevance, slice(0, len(relevance))):
            canvas.setFillColorRGB(*strip_colour(level / MAP_LEVELS))
            canvas.rect(_across(start), 0, _across(end) - _across(start), height, stroke=0, fill=1)

    def _bands(self, canvas: Canvas, relevance: NDArray[np.float32]) -> None:
        paths: dict[int, PDFPathObject] = {}
        for segment in self.layout.segments:
            row, samples = LEADS.index(segment.lead), _samples(segment)
            height = ((self._foot(segment) + self.gain * self._leads[row]) * mm).tolist()
            for start, end, level in _steps(relevance[row], samples):
                if not self.window.mask[row, start:end].all():
                    continue
                path = paths.setdefault(level, PDFPathObject())
                path.moveTo(_across(start), height[start])
                for at in range(start + BAND_STEP, min(end, samples.stop - BAND_STEP) + 1, BAND_STEP):
                    path.lineTo(_across(at), height[at])
        canvas.setLineWidth(BAND_WIDTH * mm)
        canvas.setLineJoin(1)
        for level, path in sorted(paths.items()):
            canvas.setStrokeColorRGB(*lead_colour(level / MAP_LEVELS))
            canvas.drawPath(path)

    def _grid(self, canvas: Canvas) -> None:
        width, height = self.layout.width, self.layout.height
        for step, colour, line in ((1.0, THIN_LINE, 0.25), (SQUARE, THICK_LINE, 0.5)):
            if step < self.layout.finest:
                continue
            canvas.setStrokeColorRGB(*colour)
            canvas.setLineWidth(line)
            across = [(x * mm, 0, x * mm, height * mm) for x in np.arange(0, width + 0.5, step).tolist()]
            up = [(0, y * mm, width * mm, y * mm) for y in np.arange(0, height + 0.5, step).tolist()]
            canvas.lines(across + up)

    def _pulses(self, canvas: Canvas) -> None:
        """Before each row: 1 mV for 0.2 s, and the row's gain by its height."""
        canvas.setStrokeColorRGB(*INK)
        canvas.setLineWidth(0.7)
        for row in range(self.layout.rows):
            foot = self.layout.baseline(row) * mm
            top = foot + self.gain * mm
            path = PDFPathObject()
            path.moveTo(1.5 * mm, foot)
            for x, y in ((2.5, foot), (2.5, top), (7.5, top), (7.5, foot), (8.5, foot)):
                path.lineTo(x * mm, y)
            canvas.drawPath(path)

    def _traces(self, canvas: Canvas) -> None:
        canvas.setStrokeColorRGB(*INK)
        canvas.setFillColorRGB(*INK)
        canvas.setLineJoin(1)
        canvas.setFont(BOLD, 9 if self.layout.pitch > 20 else 7.5)
        for segment, path in zip(self.layout.segments, self._lines, strict=True):
            canvas.setLineWidth(PEN_WIDTH * mm)
            canvas.drawPath(path)
            x, y = _across(_samples(segment).start), self._foot(segment) * mm
            label = segment.lead + ("*" if segment.lead in self.window.derived else "")
            canvas.drawString(x + 1.2 * mm, y + 0.28 * self.layout.pitch * mm, label)
            if segment.start > 0:
                canvas.setLineWidth(0.5)
                canvas.lines([(x, y + 4 * mm, x, y + 8 * mm), (x, y - 8 * mm, x, y - 4 * mm)])

    @cached_property
    def _lines(self) -> tuple[PDFPathObject, ...]:
        """The trace of each segment; the pen is up where nothing is known."""
        return tuple(self._line(segment) for segment in self.layout.segments)

    def _line(self, segment: Segment) -> PDFPathObject:
        row, samples = LEADS.index(segment.lead), _samples(segment)
        height = (self._foot(segment) + self.gain * self._leads[row]) * mm
        path = PDFPathObject()
        for run in _runs(self.window.mask[row, samples], samples.start):
            at = _extremes(height[run], self.layout.bin) + run.start
            points = zip(_across(at).tolist(), height[at].tolist(), strict=True)
            path.moveTo(*next(points))
            for x, y in points:
                path.lineTo(x, y)
        return path

    @cached_property
    def _leads(self) -> NDArray[np.float64]:
        """Each lead about the median of what is known of it, (12, 5000) mV."""
        leads = np.zeros(self.window.signal.shape)
        for row in np.flatnonzero(self.window.mask.any(axis=1)):
            leads[row] = self.window.signal[row] - np.median(self.window.signal[row, self.window.mask[row]])
        return leads

    def _foot(self, segment: Segment) -> float:
        return self.layout.baseline(segment.row)

    def _fits(self, segment: Segment, gain: float) -> bool:
        row, samples = LEADS.index(segment.lead), _samples(segment)
        drawn = self._leads[row, samples][self.window.mask[row, samples]] * gain + self._foot(segment)
        return not len(drawn) or bool(drawn.min() >= 0 and drawn.max() <= self.layout.height)


@dataclass(frozen=True, eq=False)
class Papers:
    """The window that is shown, in each printed format; drawn once, used by pages and pictures."""

    window: CanonicalEcg

    @cached_property
    def common(self) -> Paper:
        """The common print, 3x4+1."""
        return Paper(THREE_BY_FOUR, self.window)

    @cached_property
    def full(self) -> Paper:
        """Every lead for 10 s, 12x1."""
        return Paper(TWELVE_BY_ONE, self.window)

    def showing(self, explanation: Explanation | None) -> Paper:
        """The format that shows a map best: all of each lead where the map knows leads; else the common print."""
        return self.full if explanation is not None and explanation.knows_leads else self.common


def _samples(segment: Segment) -> slice:
    return slice(round(segment.start * FS), round(segment.end * FS))


def _across(sample: NDArray[np.int64] | int) -> Any:
    """Place of a sample from the paper's left edge, in points."""
    return (PULSE_LANE + sample / FS * MM_PER_SECOND) * mm


def _runs(known: NDArray[np.bool_], offset: int) -> Iterator[slice]:
    """Yield the stretches of true values, counted from `offset`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8))) + offset
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield slice(start, end)


def _extremes(height: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Return the lowest and highest point of each `size` points in their order, and the ends; all if size is 1."""
    whole = len(height) // size * size
    if size == 1 or not whole:
        return np.arange(len(height))
    bins = height[:whole].reshape(-1, size)
    first = np.arange(0, whole, size)
    return np.unique(
        np.concatenate([first + bins.argmin(1), first + bins.argmax(1), [0], np.arange(whole - 1, len(height))])
    )


def _steps(relevance: NDArray[np.float32], samples: slice) -> Iterator[tuple[int, int, int]]:
    """Yield (first sample, end, level of the scale) of the stretches of one level, without those that are not shown."""
    edges = np.append(np.arange(samples.start, samples.stop, round(MAP_STEP * FS)), samples.stop)
    shown = np.add.reduceat(relevance[: samples.stop], edges[:-1]) / np.diff(edges)
    level = np.where(shown < LEAST_SHOWN, 0, np.ceil(shown * MAP_LEVELS)).astype(np.int64)
    turns = np.flatnonzero(np.diff(level, prepend=-1, append=-1))
    for first, last in pairwise(turns):
        if level[first]:
            yield int(edges[first]), int(edges[last]), int(level[first])


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
