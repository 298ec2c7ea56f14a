"""Runs of ink in each column of a sheet, with edges finer than a pixel."""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE: Final = 0.25  # share of the core's darkness at which ink begins: fine traces, and blurred ones, stay below 1
CRACK: Final = 3  # pixels up to which a gap in a column, less 1, is a fault of the print, not paper between two strokes
# Upright strokes may be paler: a pen that moves fast leaves them narrower than a pixel. By so much, and so many times
# what is left of the grid, they are darker than paper; a sheet's few strokes leave the percentile to the grid.
PALE: Final = 0.1
ABOVE_GRID: Final = 4.0
GRID: Final = 97.0
UPRIGHT_MM: Final = 1.5  # no stroke is lower
SIDE_MM: Final = 0.2  # beside a stroke its edge may be blurred
RIDGE: Final = 0.35  # share of the darkest beside it from which on a pixel is of a stroke itself
FRAME_MM: Final = 40.0  # an upright line as long as this is a frame's, or an edge's: no stroke of a trace
RULED_MM: Final = 150.0  # a line across, straight piece by piece, is a frame's: no trace goes on for 3 s without a wave
SHRINK: Final = 8  # pixels of its length that are looked at as one
HALF, NEARLY_ALL = 0.5, 0.8  # share of them that is ink; a trace leaves a line across for a beat's width
BLUR_MM: Final = 0.2  # about dark ink, at most
STRONG: Final = 0.5  # a piece of ink is nothing but dirt or grid unless it gets as dark as this somewhere

Mask = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of ink, column by column from the left, from top to bottom in each.

    Attributes:
        first: int (columns + 1,): the runs of column c are first[c] to first[c + 1].
        top, bottom: float64 (runs,), pixels from the sheet's top edge.
        dark_top, dark_bottom: the same of what is dark in a run, with its blur; NaN where nothing is.
        piece: int (runs,), which piece of connected ink a run belongs to.
        ruled: bool (runs,), whether a line that is ruled across the sheet, as a frame is, runs through its middle.
        width, height: float64 (pieces,), pixels across which each piece extends.
    """

    first: NDArray[np.int64] = field(repr=False)
    top: NDArray[np.float64] = field(repr=False)
    bottom: NDArray[np.float64] = field(repr=False)
    dark_top: NDArray[np.float64] = field(repr=False)
    dark_bottom: NDArray[np.float64] = field(repr=False)
    piece: NDArray[np.int64] = field(repr=False)
    ruled: NDArray[np.bool_] = field(repr=False)
    width: NDArray[np.float64] = field(repr=False)
    height: NDArray[np.float64] = field(repr=False)

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.first) - 1

    @property
    def column(self) -> NDArray[np.int64]:
        """The column of each run."""
        return np.repeat(np.arange(self.columns), np.diff(self.first))


def find_runs(dark: NDArray[np.float32], px_per_mm: float) -> Runs:
    """Return the runs of ink in a page of darkness (height, width), where a trace's core is 1."""
    mask = (dark >= EDGE).astype(np.uint8)
    # What is much paler than ink beside it is that ink's blurred side, which would widen it.
    beside = cv2.dilate(dark, np.ones((1, 2 * round(SIDE_MM * px_per_mm) + 1), np.uint8))
    mask |= strokes(dark, px_per_mm) & (dark >= RIDGE * beside)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((CRACK, 1), np.uint8)), dtype=np.uint8)
    mask[_framed(mask, px_per_mm)] = 0
    mask[[0, -1]] = 0
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    strong = np.zeros(len(boxes), bool)
    strong[labels[dark >= STRONG]] = True
    strong[0] = False
    columns = np.asarray(cv2.transpose(strong.astype(np.uint8)[labels]))
    # In each column, what begins below blank paper ends above it: its first and last rows are blank.
    change = np.flatnonzero(columns[:, 1:] != columns[:, :-1])
    column, above = np.divmod(change[::2], columns.shape[1] - 1)
    last = change[1::2] % (columns.shape[1] - 1)
    top = above + 1.5 - _beyond(dark[above, column], dark[above + 1, column])
    bottom = last + 0.5 + _beyond(dark[last + 1, column], dark[last, column])
    first, final = _within(dark >= STRONG, column, above + 1, last)
    blur = BLUR_MM * px_per_mm
    return Runs(
        first=np.searchsorted(column, np.arange(dark.shape[1] + 1)),
        top=top,
        bottom=bottom,
        dark_top=np.where(first <= final, np.maximum(top, first - blur), np.nan),
        dark_bottom=np.where(first <= final, np.minimum(bottom, final + 1 + blur), np.nan),
        piece=labels[above + 1, column].astype(np.int64),
        ruled=_ruled(mask, px_per_mm)[(above + 1 + last) // 2, column] > 0,
        width=boxes[:, cv2.CC_STAT_WIDTH].astype(np.float64),
        height=boxes[:, cv2.CC_STAT_HEIGHT].astype(np.float64),
    )


def _within(
    mask: NDArray[np.bool_], column: NDArray[np.int64], top: NDArray[np.int64], bottom: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last row of a mask within each run; the first is greater where there is none."""
    row = np.arange(len(mask), dtype=np.int32)[:, None]
    before = np.maximum.accumulate(np.where(mask, row, np.int32(-1)), axis=0)
    after = np.minimum.accumulate(np.where(mask, row, np.int32(len(mask)))[::-1], axis=0)[::-1]
    return after[top, column].astype(np.int64), before[bottom, column].astype(np.int64)


def strokes(dark: NDArray[np.float32], px_per_mm: float) -> NDArray[np.uint8]:
    """Return where upright strokes are, those among them that are paler than other ink: 1 there, 0 elsewhere."""
    upright = np.ones((max(CRACK, round(UPRIGHT_MM * px_per_mm)), 1), np.uint8)
    lasting = cv2.morphologyEx(dark, cv2.MORPH_OPEN, upright)
    left = float(np.percentile(lasting[::CRACK, ::CRACK], GRID))
    return np.asarray(lasting >= min(PALE + ABOVE_GRID * left, EDGE), np.uint8)


def _framed(mask: Mask, px_per_mm: float) -> NDArray[np.bool_]:
    """Return where upright lines run that are too long for strokes: bool, as large as the mask."""
    height, width = mask.shape
    beside = cv2.dilate(_straight(mask, px_per_mm, HALF), np.ones((1, 3), np.uint8))
    return np.asarray(cv2.resize(beside, (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def _ruled(mask: Mask, px_per_mm: float) -> Mask:
    """Return where lines are ruled across a mask, 1 there: thin, straight piece by piece, and as long as frames."""
    height, width = mask.shape
    # Across as upright: a line that is not quite level goes on a pixel beside.
    pieces = cv2.dilate(_straight(np.ascontiguousarray(mask.T), px_per_mm, NEARLY_ALL), np.ones((1, 3), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    long = boxes[:, cv2.CC_STAT_HEIGHT] * SHRINK >= RULED_MM * px_per_mm
    long[0] = False
    ruled = np.ascontiguousarray(long[labels].astype(np.uint8).T)
    return np.asarray(cv2.resize(ruled, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _straight(mask: Mask, px_per_mm: float, least: float) -> Mask:
    """Return where upright lines are longer than FRAME_MM, of pixels of which `least` is ink.

    It is as wide as the mask; each of its pixels stands for SHRINK of its height.
    """
    height, width = mask.shape
    short = cv2.resize(mask * 255, (width, max(1, height // SHRINK)), interpolation=cv2.INTER_AREA)
    long = np.ones((round(FRAME_MM * px_per_mm / SHRINK), 1), np.uint8)
    return np.asarray(cv2.morphologyEx((short > 255 * least).astype(np.uint8), cv2.MORPH_OPEN, long), np.uint8)


def _beyond(outside: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far, in pixels, the edge lies from the centre of the last pixel inside, by interpolation."""
    return np.asarray((inside - EDGE) / np.maximum(inside - outside, 1e-6), dtype=np.float64).clip(0, 1)
