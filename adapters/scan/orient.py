"""Which way round a sheet lies: its rows of traces run across."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Sheet

_COARSE: Final = 2.0  # px per mm: enough to see rows of traces
_THICK: Final = 3  # mm: what is dark for longer than this both ways is no stroke of a pen
_INK: Final = 0.25  # darker than paper by this share, in every channel: ink, where a coloured grid is not
_PLAINLY: Final = 1.2  # times as much as across: pages are seldom turned
_ROW: Final = 4  # mm: rows differ from one such stretch to the next


def turned(sheet: Sheet, quarters: int) -> Sheet:
    """The sheet turned clockwise by quarters of a turn."""
    pixels, matrix = sheet.pixels, sheet.homography
    for _ in range(quarters % 4):
        # A quarter clockwise takes (x, y) to (height - 1 - y, x).
        matrix = np.array([[0.0, -1.0, pixels.shape[0] - 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ matrix
        pixels = np.rot90(pixels, -1)
    return Sheet(np.ascontiguousarray(pixels), sheet.px_per_mm, matrix, sheet.grid)


def laid_across(sheet: Sheet) -> Sheet:
    """The sheet, or the sheet turned by a quarter where its traces run down. It may still be upside down."""
    ink = _ink(sheet)
    return turned(sheet, 1) if _rows(ink.T) > _PLAINLY * _rows(ink) else sheet


def _ink(sheet: Sheet) -> NDArray[np.float32]:
    scale = _COARSE / sheet.px_per_mm
    light = cv2.resize(sheet.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).max(2)
    side = int(_THICK * _COARSE) | 1
    paper = cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    return np.asarray(light < (1 - _INK) * paper.astype(np.float32), np.float32)


def _rows(ink: NDArray[np.float32]) -> float:
    """How much ink gathers in rows: variance of its share from row to row, in stretches of a sixth of the width."""
    total = 0.0
    for piece in np.array_split(ink, 6, axis=1):
        share = cv2.blur(piece.mean(1, keepdims=True), (1, int(_ROW * _COARSE)))
        total += float(share.var())
    return total
