"""The grid as its squares repeat it: what most squares about a place show there, lines and dots alike, is no trace."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SQUARE_MM: Final = 5.0  # a grid's larger squares
BLOCK: Final = 4  # squares each way that are compared: more than an R wave is high, fewer than a page has
LIGHTER: Final = BLOCK * BLOCK * 6 // 10  # of a block's squares may be darker: rows 10 mm apart lie in every second one

Colours = NDArray[np.uint8]


def grid_of(reflected: Colours, px_per_mm: float) -> Colours:
    """Return the shade of the grid alone: uint8 (height, width, 3).

    Args:
        reflected: uint8 (height, width, 3), RGB, paper's shade the same everywhere, its grid upright.
        px_per_mm: pixels per millimetre, such that a square of 5 mm is a whole number of pixels.
    """
    side = max(1, round(SQUARE_MM * px_per_mm))
    height, width = reflected.shape[:2]
    down, across = (-(-size // (side * BLOCK)) * BLOCK for size in (height, width))
    whole = np.asarray(
        cv2.copyMakeBorder(reflected, 0, down * side - height, 0, across * side - width, cv2.BORDER_REFLECT), np.uint8
    )
    return _repeated(whole, side)[:height, :width]


def _repeated(whole: Colours, side: int) -> Colours:
    """Return what most squares of a block show, in each of its squares."""
    down, across = (size // side // BLOCK for size in whole.shape[:2])
    squares = whole.reshape(down, BLOCK, side, across, BLOCK, side, 3)
    grid = np.empty_like(squares)
    for each in range(down):  # one row of blocks at a time, so that it stays in the processor's cache
        row = squares[each].transpose(0, 3, 1, 2, 4, 5).reshape(BLOCK * BLOCK, side, across, side, 3)
        grid[each] = np.partition(row, LIGHTER, axis=0)[LIGHTER][None, :, :, None]
    return grid.reshape(whole.shape)
