"""What a curve leaves of its trace's strokes is found, and the lead is not known there."""

import cv2
import numpy as np

from adapters.scan.missed import without_missed
from adapters.scan.nouns import Curve, Sheet, Strip, Word

PX_PER_MM = 8.0
BASE, TIP = 40.0, 22.0  # mm
BEATS = (30.0, 50.0, 70.0)


def trace() -> Curve:
    """A curve with three narrow beats."""
    x = np.arange(10.0, 90.0, 0.05)
    y = np.full(len(x), BASE)
    for beat in BEATS:
        y = np.minimum(y, np.interp(x, [beat - 0.8, beat, beat + 0.8], [BASE, TIP, BASE]))
    return Curve(x, y, np.ones(len(x), np.float32))


def sheet(curve: Curve) -> Sheet:
    """A sheet without a grid on which that curve was drawn."""
    page = np.full((int(60 * PX_PER_MM), int(100 * PX_PER_MM), 3), 250, np.uint8)
    points = np.stack([curve.x, curve.y], axis=1) * PX_PER_MM - 0.5
    cv2.polylines(page, [np.round(points).astype(np.int32)], False, (20, 20, 20), 2)
    return Sheet(page, PX_PER_MM, np.eye(3), 1.0)


def strip(curve: Curve) -> Strip:
    return Strip("II", 0.0, curve, BASE, "print")


def clipped() -> Curve:
    """The curve as it was followed where half of the second beat was missed."""
    curve = trace()
    second = np.abs(curve.x - BEATS[1]) < 2
    return Curve(curve.x, np.where(second, np.maximum(curve.y, 33.0), curve.y), curve.surety)


def test_a_beat_that_was_cut_short_is_not_known_and_the_others_are() -> None:
    page, curve = sheet(trace()), clipped()
    (found,) = without_missed([strip(curve)], [curve], (), page)
    away = np.abs(curve.x - BEATS[1])
    assert np.isnan(found.curve.y[away < 0.8]).all()
    assert np.isfinite(found.curve.y[away > 3]).all()


def test_a_curve_that_explains_its_ink_is_left() -> None:
    curve = trace()
    (found,) = without_missed([strip(curve)], [curve], (), sheet(curve))
    assert np.isfinite(found.curve.y).all()


def test_print_beside_a_curve_is_no_stroke_of_it() -> None:
    curve = clipped()
    print_there = Word("1", (BEATS[1] - 2, TIP - 2, BEATS[1] + 2, BASE), 0.9)
    (found,) = without_missed([strip(curve)], [curve], [print_there], sheet(trace()))
    assert np.isfinite(found.curve.y).all()
