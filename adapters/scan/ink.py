"""Traces' ink on a sheet: paper, shadow and grid are divided away, and other colours with them."""

from functools import lru_cache
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Sheet
from adapters.scan.squares import SQUARE_MM, grid_of

PAPER_MM: Final = 8.0  # paper's shade is a median this wide: wider than print, narrower than a fold's shadow
BLOCK_MM: Final = 30.0  # a grid line's shade is a median this long: over six large squares, and most of a photo's warp
SLACK_MM: Final = 0.3  # by which bent paper carries a line away from where the next square has it
CORE: Final = (
    99.5  # percentile of darkness that is surely a trace's core: four rows of traces cover about 1 % of a page
)
FULL: Final = 170  # stands for 1 in a byte, so that there is room for half as much again
DARKEST: Final = np.uint8(20)  # paper and grid are no darker than this: what is beside the page is
SAMPLE: Final = 7  # every so many pixels each way are enough to learn the colours

Colours = NDArray[np.uint8]


@lru_cache(maxsize=1)
def ink_of(sheet: Sheet) -> NDArray[np.float32]:
    """Return the ink of a sheet, as `ink` does. Its words and its traces are read from the same; nobody changes it."""
    return ink(sheet.pixels, sheet.px_per_mm)


def shrunk_ink(sheet: Sheet, px_per_mm: float) -> NDArray[np.float32]:
    """Return the ink of a sheet at other pixels per mm, where no more than its place is asked for."""
    size = px_per_mm / sheet.px_per_mm
    return np.asarray(cv2.resize(ink_of(sheet), None, fx=size, fy=size, interpolation=cv2.INTER_AREA), np.float32)


def ink(pixels: Colours, px_per_mm: float) -> NDArray[np.float32]:
    """Return how much of each pixel is covered by a trace's ink, or by other print as dark.

    Args:
        pixels: uint8 (height, width, 3), RGB, with its grid upright.
        px_per_mm: pixels per millimetre.

    Returns:
        float32 (height, width); about 0 on paper and grid, about 1 in a trace's core. Fine traces stay below 1.
    """
    shade = _without_grid(_without_shade(pixels, px_per_mm), px_per_mm)
    # A pixel holds at most as much of the traces' ink as its palest colour allows: what is left of a grid, and print
    # of another colour, fall away.
    full = _trace(shade[::SAMPLE, ::SAMPLE].reshape(-1, 3))
    parts = [cv2.convertScaleAbs(part, alpha=FULL / each) for part, each in zip(cv2.split(shade), full, strict=True)]
    dark = cv2.min(cv2.min(parts[0], parts[1]), parts[2])
    core = float(np.percentile(dark[::SAMPLE, ::SAMPLE], CORE))
    return np.multiply(dark, 1 / max(core, 1.0), dtype=np.float32)


def _without_shade(pixels: Colours, px_per_mm: float) -> Colours:
    """Return what each pixel reflects of its paper's light, about FULL on paper."""
    height, width = pixels.shape[:2]
    # Two pixels per mm: as a median sees it, print and grid are gone from them.
    size = (max(8, round(width / px_per_mm * 2)), max(8, round(height / px_per_mm * 2)))
    paper = cv2.medianBlur(cv2.resize(pixels, size), int(PAPER_MM) * 2 + 1)
    large = cv2.resize(cv2.GaussianBlur(paper, (0, 0), 4), (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.divide(pixels, np.maximum(large, DARKEST), scale=FULL).astype(np.uint8, copy=False)


def _without_grid(reflected: Colours, px_per_mm: float) -> Colours:
    """Return the darkness, 0 to 255 in each colour, that neither squares nor straight lines of the grid explain."""
    grid = cv2.min(grid_of(reflected, px_per_mm), _ruled(reflected, px_per_mm))
    return cv2.bitwise_not(cv2.divide(reflected, np.maximum(grid, DARKEST), scale=255)).astype(np.uint8, copy=False)


def _ruled(reflected: Colours, px_per_mm: float) -> Colours:
    """Return the shade of the grid's lines, also where bent paper carries its squares out of place."""
    upright = _recurring(_lines(reflected, px_per_mm, axis=0), px_per_mm)
    # A trace without a wave is straight too, but upright lines never are traces: by as much as a line across is darker
    # than any of them, in one colour, a trace covers it, and takes as much of the others.
    darkest = np.quantile(upright[:, ::3].reshape(-1, 3), 0.01, axis=0)
    across = np.maximum(_lines(reflected, px_per_mm, axis=1), 1)
    covered = np.maximum(darkest / across, 1.0).max(axis=2, keepdims=True)
    across = np.minimum(across * covered, 255.0).astype(np.uint8)
    size = reflected.shape[1::-1]
    return np.asarray(cv2.min(cv2.resize(upright, size), cv2.resize(across, size)), np.uint8)


def _recurring(upright: Colours, px_per_mm: float) -> Colours:
    """Return the shade of upright lines that a square before or after has too: strokes of R waves have none there."""
    side, reach = round(SQUARE_MM * px_per_mm), round(SLACK_MM * px_per_mm)
    near = np.pad(cv2.erode(upright, np.ones((1, 2 * reach + 1), np.uint8)), ((0, 0), (side, side), (0, 0)), "edge")
    return np.maximum(upright, np.minimum(near[:, : -2 * side], near[:, 2 * side :]))


def _lines(reflected: Colours, px_per_mm: float, axis: int) -> Colours:
    """Return the median along `axis` within blocks: uint8 (blocks, width, 3) for axis 0, (height, blocks, 3) for 1."""
    length = reflected.shape[axis]
    edges = np.linspace(0, length, max(1, round(length / (BLOCK_MM * px_per_mm))) + 1).astype(int)
    step = max(1, round(px_per_mm / 3))  # neighbours say the same: three in a millimetre do
    across = reflected if axis == 0 else reflected.swapaxes(0, 1)
    parts = [np.partition(across[a:b:step], at := (b - a) // step // 2, axis=0)[at] for a, b in pairwise(edges)]
    return np.ascontiguousarray(np.stack(parts, axis=axis))


def _trace(shade: Colours) -> NDArray[np.float64]:
    """Return the traces' own shade (3,): the mean of the pixels that are darkest in all colours."""
    least = shade.min(axis=1)
    traces: NDArray[np.float64] = shade[least >= np.percentile(least, CORE)].mean(axis=0)
    return np.maximum(traces, 1.0)
