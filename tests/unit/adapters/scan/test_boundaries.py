"""What looks like a boundary between columns, and what does not."""

import cv2
import numpy as np

from adapters.scan.boundaries import evidence
from adapters.scan.nouns import Curve, Sheet
from adapters.scan.rows import rows_of

PX_PER_MM = 8.0


def test_r_waves_below_each_other_are_no_line() -> None:
    page = np.full((800, 1600, 3), 255, np.uint8)
    x = np.arange(1.0, 199.0, 0.05)
    curves = []
    for base in (15.0, 41.0, 67.0, 93.0):
        y = base - 22 * np.exp(-((((x % 21.0) - 10.0) / 0.3) ** 2))  # from row to row
        points = np.stack([x, y], axis=1) * PX_PER_MM - 0.5
        cv2.polylines(page, [np.round(points * 256).astype(np.int32)], False, (20, 20, 20), 2, cv2.LINE_AA, 8)
        curves.append(Curve(x, y, np.ones(len(x), np.float32)))
    at = np.arange(5.0, 195.0, 0.25)
    sheet = Sheet(page, PX_PER_MM, np.eye(3), 1.0)
    rows = rows_of(curves)
    assert evidence(rows[:3], rows[3:], sheet, at).max() < 0.5
    cv2.line(page, (800, 0), (800, 799), (20, 20, 20), 2)
    found = evidence(rows[:3], rows[3:], Sheet(page, PX_PER_MM, np.eye(3), 1.0), at)
    assert found[np.abs(at - 100.0) < 0.3].max() > 2.0
