"""Pages whose millimetres are known: drawn grids with curves, the foreign print, and what cameras do to them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Picture, Sheet

SAMPLES: Final = Path(__file__).parents[5] / "shared" / "samples"
PRINT: Final = SAMPLES / "prints" / "anonymous_ecg_3x4_1.png"
PRINT_PX_PER_MM: Final = 300 / 25.4  # its grid is drawn at 300 dpi

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paper:
    """A drawn page: its px per mm, its size in mm, the colours of its lines, and every how many mm they stand."""

    px_per_mm: float = 5.0
    size: tuple[int, int] = (260, 160)
    fine: tuple[int, int, int] | None = (255, 205, 205)
    heavy: tuple[int, int, int] | None = (240, 140, 140)

    def drawn(self) -> NDArray[np.uint8]:
        """Its pixels, with four rows of beats."""
        width, height = (round(each * self.px_per_mm) for each in self.size)
        pixels = np.full((height, width, 3), 255, np.uint8)
        for every, colour in ((1, self.fine), (5, self.heavy)):
            if colour is not None:
                for mm in range(0, max(self.size) + 1, every):
                    at = round(mm * self.px_per_mm)
                    pixels[at : at + 1] = colour
                    pixels[:, at : at + 1] = colour
        x = np.arange(width) / self.px_per_mm
        for row in range(4):
            beat = (
                np.exp(-(((x + 7 * row) % 21 - 10) ** 2) / 0.5) * 11 + np.exp(-(((x + 7 * row) % 21 - 16) ** 2) / 4) * 3
            )
            y = (25 + 36 * row - beat) * self.px_per_mm
            cv2.polylines(
                pixels, [np.column_stack([np.arange(width), y]).round().astype(np.int32)], False, (20, 20, 20), 1
            )
        return pixels


def seen(pixels: NDArray[np.uint8], matrix: Floats, size: tuple[int, int]) -> Picture:
    """What a camera makes of a page: a picture of a size (width, height), on a dark table."""
    return Picture(cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_AREA, borderValue=(70, 60, 50)))


def aslant(width: int, height: int, corners: Floats) -> Floats:
    """The map that takes a page's corners, clockwise from its top left, to others (4, 2)."""
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(flat, corners.astype(np.float32)), np.float64)


def stretch(sheet: Sheet, matrix: Floats, px_per_mm: float, box: tuple[float, float, float, float]) -> Floats:
    """How long what is a mm on the page is on its sheet, in its mm, at a lattice of places within a box of the page.

    Returns:
        float64 (n, 2, 2): for each place, where a step to the right and a step down on the page lead on the sheet.
    """
    x, y = np.meshgrid(np.linspace(box[0], box[2], 6), np.linspace(box[1], box[3], 6))
    at = np.column_stack([x.ravel(), y.ravel()])
    there = [
        _through(sheet.homography @ matrix, (at + step) * px_per_mm) / sheet.px_per_mm
        for step in (np.zeros(2), np.array([10.0, 0.0]), np.array([0.0, 10.0]))
    ]
    return np.stack([(each - there[0]) / 10 for each in there[1:]], 1)


def _through(matrix: Floats, points: Floats) -> Floats:
    whole = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(whole[:, :2] / whole[:, 2:])
