"""Draws the curves that were found on the page they were found on."""

import io
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adapters.scan.nouns import Curve, Sheet, Strip

WIDTHS: Final = (1600, 1300, 1000, 800, 600)  # pixels, the first that fits
MOST_BYTES: Final = 400_000
GREYS: Final = 12  # of the page beneath: enough to see it by, few enough to be small
EFFORT: Final = 4  # of zlib: 9 takes ten times as long, and saves a twentieth
# Leads beside each other differ; all stand out of grey and of each other for the colour-blind (Okabe and Ito, 2008).
COLOURS: Final = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167))


def overlay(sheet: Sheet, strips: Sequence[Strip]) -> bytes:
    """Return a PNG of the page in grey with its leads in colour, at most MOST_BYTES long."""
    encoded = b""
    for width in WIDTHS:
        encoded = _encoded(sheet, strips, min(1.0, width / sheet.pixels.shape[1]))
        if len(encoded) <= MOST_BYTES:
            break
    return encoded


def _encoded(sheet: Sheet, strips: Sequence[Strip], shrink: float) -> bytes:
    grey = cv2.cvtColor(sheet.pixels, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    page = np.asarray(grey.astype(np.uint16) * GREYS // 256, dtype=np.uint8)
    for number, strip in enumerate(strips):
        polylines(page, strip.curve, sheet.px_per_mm * shrink, GREYS + number % len(COLOURS), 2)
    image = Image.fromarray(page, mode="P")
    # Grey is drawn pale, so that the colours stand out.
    pale = [round(96 + 159 * shade / (GREYS - 1)) for shade in range(GREYS)]
    image.putpalette(
        [part for shade in pale for part in (shade,) * 3] + [part for colour in COLOURS for part in colour]
    )
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=EFFORT)
    return out.getvalue()


def polylines(page: NDArray[np.uint8], curve: Curve, px_per_mm: float, value: int, thickness: int) -> None:
    """Draw a curve, but for its gaps, on a page of one channel."""
    change = np.diff(np.r_[0, np.isfinite(curve.y).astype(np.int8), 0])
    for begin, end in zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True):
        points = np.stack([curve.x[begin:end], curve.y[begin:end]], axis=1) * px_per_mm - 0.5
        cv2.polylines(page, [np.round(points).astype(np.int32)], isClosed=False, color=value, thickness=thickness)
