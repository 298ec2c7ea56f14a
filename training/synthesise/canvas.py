"""A sheet to draw on in millimetres: paper with its grid, polylines and print."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.synthesise.style import Colour, Paper
from training.synthesise.wear import Pixels

PX_PER_MM: Final = 12  # about 300 dpi
SHIFT: Final = 4  # bits behind the point of a coordinate that OpenCV takes
CAP_HEIGHT: Final = 21  # pixels of a capital letter of a Hershey font at scale 1
MAJOR: Final = 5  # mm


class Canvas:
    """A page being drawn. All places are mm from the upper left corner."""

    def __init__(self, size: tuple[float, float], paper: Paper) -> None:
        width, height = (round(each * PX_PER_MM) for each in size)
        self.pixels: Pixels = np.full((height, width, 3), paper.ground, np.uint8)
        if paper.ruled == "lines":
            self._rule(1, paper.minor, 1)
        if paper.ruled == "dots":
            self._dot(paper.minor)
        self._rule(MAJOR, paper.major, 2)

    def line(self, x: NDArray[np.float64], y: NDArray[np.float64], colour: Colour, width: float) -> None:
        """Draw a polyline of `width` mm."""
        points = np.column_stack([x, y]) * (PX_PER_MM * 2**SHIFT)
        thick = max(1, round(width * PX_PER_MM))
        cv2.polylines(self.pixels, [np.round(points).astype(np.int32)], False, colour, thick, cv2.LINE_AA, SHIFT)

    def print(self, text: str, at: tuple[float, float], colour: Colour, font: int, high: float) -> None:
        """Print a line whose capitals are `high` mm, from its lower left corner."""
        place = (round(at[0] * PX_PER_MM), round(at[1] * PX_PER_MM))
        scale = high * PX_PER_MM / CAP_HEIGHT
        cv2.putText(self.pixels, text, place, font, scale, colour, max(1, round(scale * 1.6)), cv2.LINE_AA)

    def _rule(self, every: int, colour: Colour, thick: int) -> None:
        height, width = self.pixels.shape[:2]
        for at in range(0, max(height, width), every * PX_PER_MM):
            self.pixels[at : at + thick] = colour
            self.pixels[:, at : at + thick] = colour

    def _dot(self, colour: Colour) -> None:
        for row in (0, 1):
            for column in (0, 1):
                self.pixels[row::PX_PER_MM, column::PX_PER_MM] = colour
