"""Draws one window of an ECG on millimetre paper, to scale and in vectors, with a map behind or along the traces."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from ecg.canonical import FS, CanonicalEcg
from ecg.leads import LEADS
from ecg.reading import Explanation
from service.drawing.fonts import BOLD as BOLD
from service.drawing.fonts import REGULAR as REGULAR
from service.drawing.fonts import register_fonts as register_fonts
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

Colour = tuple[float, float, float]
Palette = Callable[[float], Colour]
THIN_LINE: Final[Colour] = (0.96, 0.82, 0.80)
THICK_LINE: Final[Colour] = (0.91, 0.62, 0.60)
INK: Final[Colour] = (0.05, 0.05, 0.10)
MAP_STEP: Final = 0.04  # seconds (1 mm of paper): the finest stretch that a map is drawn in
MAP_LEVELS: Final = 16
BAND_WIDTH: Final = 2.2  # mm
BAND_STEP: Final = 10  # samples (0.5 mm of paper) between the points of a band
LEAST_SHOWN: Final = 0.1  # of the scale; below, nothing is drawn
GRAIN: Final = 100  # traces and bands are written in whole hundredths of a point (3.5 um)


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

    def draw_map(
        self, canvas: Canvas, x: float, y: float, explanation: Explanation, only: Sequence[Segment] = ()
    ) -> None:
        """Draw a map alone: a strip behind all leads, or a broad band along each lead if it knows leads.

        Bands lie along all segments, or `only` along some.
        """
        canvas.saveState()
        canvas.translate(x * mm, y * mm)
        if explanation.knows_leads:
            self._bands(canvas, explanation.relevance, only or self.layout.segments)
        else:
            self._strip(canvas, explanation.relevance[0])
        canvas.restoreState()

    def draw_traces(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw paper and traces alone: as a form of the document, so that its other pages need only name it."""
        name = f"paper-{self.layout.name}-{self.layout.bin}"  # a document shows one window
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
        for start, end, level in _steps(relevance, np.ones(len(relevance), dtype=np.bool_)):
            canvas.setFillColorRGB(*strip_colour(level / MAP_LEVELS))
            canvas.rect(_across(start), 0, _across(end) - _across(start), height, stroke=0, fill=1)

    def _bands(self, canvas: Canvas, relevance: NDArray[np.float32], only: Sequence[Segment]) -> None:
        runs: dict[int, list[str]] = {}
        for segment in only:
            points = self._band_points[self.layout.segments.index(segment)]
            row, samples = LEADS.index(segment.lead), _samples(segment)
            for start, end, level in _steps(relevance[row, samples], self.window.mask[row, samples]):
                run = points[start // BAND_STEP : end // BAND_STEP + 1]
                runs.setdefault(level, []).append(f"{run[0]} m {' l '.join(run[1:])} l")
        canvas.saveState()
        canvas.scale(1 / GRAIN, 1 / GRAIN)
        canvas.setLineWidth(BAND_WIDTH * mm * GRAIN)
        canvas.setLineJoin(1)
        for level, these in sorted(runs.items()):
            canvas.setStrokeColorRGB(*lead_colour(level / MAP_LEVELS))
            canvas.drawPath(PDFPathObject(these))
        canvas.restoreState()

    @cached_property
    def _band_points(self) -> tuple[list[str], ...]:
        """Each BAND_STEP samples a point of each segment's trace, with its end, as it is written."""
        every = []
        for segment, height in zip(self.layout.segments, self._heights, strict=True):
            samples = _samples(segment)
            at = np.arange(samples.start, samples.stop + 1, BAND_STEP)
            every.append(_written(_across(at), height[np.minimum(at, samples.stop - 1)]))
        return tuple(every)

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
        every = 2 if 0 < self.layout.pitch < MM_PER_MILLIVOLT + 2 else 1  # where each would stand on the next one's
        for row in range(0, self.layout.rows, every):
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
        canvas.setFont(BOLD, self.layout.label)
        for segment, line in zip(self.layout.segments, self._lines, strict=True):
            if line:
                canvas.saveState()
                canvas.scale(1 / GRAIN, 1 / GRAIN)
                canvas.setLineWidth(self.layout.pen * mm * GRAIN)
                canvas.drawPath(PDFPathObject([line]))
                canvas.restoreState()
            x, y = _across(_samples(segment).start), self._foot(segment) * mm
            label = segment.lead + ("*" if segment.lead in self.window.derived else "")
            canvas.drawString(x + 1.2 * mm, y + self.layout.lift * mm, label)
            if segment.start > 0:
                canvas.setLineWidth(0.5)
                canvas.lines([(x, y + 4 * mm, x, y + 8 * mm), (x, y - 8 * mm, x, y - 4 * mm)])

    @cached_property
    def _lines(self) -> tuple[str, ...]:
        """The trace of each segment as it is written; the pen is up where nothing is known."""
        pairs = zip(self.layout.segments, self._heights, strict=True)
        return tuple(" ".join(self._runs(segment, height)) for segment, height in pairs)

    def _runs(self, segment: Segment, height: NDArray[np.float64]) -> Iterator[str]:
        row, samples = LEADS.index(segment.lead), _samples(segment)
        for run in _runs(self.window.mask[row, samples], samples.start):
            at = _extremes(height[run], self.layout.bin) + run.start
            first, *rest = _written(_across(at), height[at])
            yield f"{first} m {' l '.join(rest)} l" if rest else f"{first} m {first} l"

    @cached_property
    def _heights(self) -> tuple[NDArray[np.float64], ...]:
        """The height of each segment's lead at each sample, (5000,), points above the paper's lower edge."""
        every = ((segment, LEADS.index(segment.lead)) for segment in self.layout.segments)
        return tuple((self._foot(segment) + self.gain * self._leads[row]) * mm for segment, row in every)

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

    def showing(self, maps: Sequence[Explanation]) -> Paper:
        """The format that shows maps best: all of each lead where one knows leads; else the common print."""
        return self.full if any(each.knows_leads for each in maps) else self.common


def _samples(segment: Segment) -> slice:
    return slice(round(segment.start * FS), round(segment.end * FS))


def _across(sample: NDArray[np.int64] | int) -> Any:
    """Place of a sample from the paper's left edge, in points."""
    return (PULSE_LANE + sample / FS * MM_PER_SECOND) * mm


def _written(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[str]:
    """Write points as PDF does, in whole GRAINs of a point."""
    rounded = np.rint(np.column_stack([x, y]) * GRAIN).astype(np.int64).tolist()
    return [f"{across} {up}" for across, up in rounded]


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


def _steps(relevance: NDArray[np.float32], known: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Yield (first sample, end, level of the scale) of the stretches of one level, without those that are not shown.

    A step of MAP_STEP is shown where all of it is known and its mean reaches LEAST_SHOWN.
    """
    edges = np.append(np.arange(0, len(relevance), round(MAP_STEP * FS)), len(relevance))
    mean = np.add.reduceat(relevance, edges[:-1]) / np.diff(edges)
    shown = np.logical_and.reduceat(known, edges[:-1]) & (mean >= LEAST_SHOWN)
    level = np.where(shown, np.ceil(mean * MAP_LEVELS), 0).astype(np.int64)
    turns = np.flatnonzero(np.diff(level, prepend=-1, append=-1)).tolist()
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
