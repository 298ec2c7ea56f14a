"""The published ten steps find the strip of a page that is as they expect it, and make no fuss of a blank one."""

import cv2
import numpy as np

from adapters.scan.nouns import Picture
from adapters.scan.ten_steps import SAMPLES, ten_steps


def page(trace: np.ndarray) -> Picture:
    """Return a white page of 2000 x 1200 whose strip shows `trace` (2000,), pixels upwards, two thirds down."""
    pixels = np.full((1200, 2000, 3), 255, np.uint8)
    points = np.column_stack([np.arange(2000), 790 - trace]).round().astype(np.int32)
    cv2.polylines(pixels, [points], False, (0, 0, 0), 3)
    return Picture(pixels)


def test_a_strip_in_its_place_is_found() -> None:
    time = np.arange(2000) / 200
    trace = 60 * np.exp(-((((time % 0.9) - 0.4) / 0.06) ** 2))
    found = ten_steps(page(trace))
    expected = np.interp(np.linspace(0, 1999, SAMPLES), np.arange(2000), trace)
    assert found.shape == (SAMPLES,) and found.dtype == np.float32
    assert np.corrcoef(found, expected)[0, 1] > 0.9


def test_a_blank_page_gives_zeros() -> None:
    assert not ten_steps(Picture(np.full((600, 800, 3), 255, np.uint8))).any()
