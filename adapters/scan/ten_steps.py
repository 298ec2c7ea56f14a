"""The published system's ten steps from a page to a rhythm strip, as they are described: the baseline, for comparison.

It looks for lead II where a 3x4+1 page of one recorder has it, takes no scale, and refuses nothing. What the
description leaves open (the threshold, how gaps are filled, the filter's order) is chosen here in the simplest way.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from adapters.scan.nouns import Picture

ROWS: Final = (0.55, 0.76)  # shares of the page's height between which the rhythm strip lies
LINE: Final = (40, 1)  # pixels: what is black as far as this is a line of the grid
BAND: Final = (0.5, 40.0)  # Hz
ORDER: Final = 4
SAMPLES: Final = 5000
FS: Final = 500.0
FLAT: Final = 1e-6


def ten_steps(picture: Picture) -> NDArray[np.float32]:
    """Return lead II as float32 (5000,), 500 Hz, in standard deviations about its mean: no millivolts are known.

    A page without ink in those rows gives zeros.
    """
    grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY)  # 1: the page in grey
    top, bottom = (round(each * len(grey)) for each in ROWS)
    strip = cv2.medianBlur(grey[top:bottom], 3)  # 2, 3: the strip's rows, less specks
    _, ink = cv2.threshold(strip, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)  # 4: ink from paper
    lines = cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, LINE))
    ink = cv2.subtract(ink, lines)  # 5: less the grid's horizontal lines
    height = _gravity(ink)  # 6, 7: one height per column, gaps bridged
    even = np.interp(np.linspace(0, len(height) - 1, SAMPLES), np.arange(len(height)), height)  # 8: 5000 samples
    band = sosfiltfilt(butter(ORDER, BAND, "bandpass", fs=FS, output="sos"), even)  # 9: 0.5 to 40 Hz
    spread = float(band.std())
    return np.asarray((band - band.mean()) / spread if spread > FLAT else np.zeros(SAMPLES), np.float32)  # 10


def _gravity(ink: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the ink's centre of gravity in each column, upwards, straight lines across columns without ink."""
    weight = (np.asarray(ink) > 0).astype(np.float64)
    total = weight.sum(axis=0)
    inked = np.flatnonzero(total)
    if not len(inked):
        return np.zeros(weight.shape[1])
    centre = np.arange(len(weight)) @ weight[:, inked] / total[inked]
    return np.asarray(-np.interp(np.arange(weight.shape[1]), inked, centre))
