"""Steep strokes that no curve explains: where a lead's own was missed, the lead is not known there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.ink import ink_of
from adapters.scan.nouns import Curve, Sheet, Strip, Word
from adapters.scan.overlay import polylines
from adapters.scan.runs import STRONG, strokes

NEAR_MM: Final = 0.8  # of a curve, its own ink ends: a pen's width and a flank's slant
TALL_MM: Final = 2.5  # and what goes on for so long was missed; less is a tip that is rounded
NARROW_MM: Final = 2.5  # across both flanks; wider ones are something else
BESIDE_MM: Final = 1.0  # the curve passes so near to a stroke of its own
ENDS_MM: Final = 1.5  # of a strip, where what separates columns stands

Box = tuple[float, float, float, float]


def without_missed(
    strips: Sequence[Strip], curves: Sequence[Curve], words: Sequence[Word], sheet: Sheet
) -> tuple[Strip, ...]:
    """Return the strips with NaN about each steep stroke that a curve leaves before it ends."""
    boxes = _missed(curves, words, sheet)
    return tuple(_without(strip, [box for box in boxes if _is_own(strip.curve, box)]) for strip in strips)


def _missed(curves: Sequence[Curve], words: Sequence[Word], sheet: Sheet) -> list[Box]:
    """Return the left, top, right and bottom in mm of each stroke that lies on no curve and in no word."""
    dark = ink_of(sheet)
    found = strokes(dark, sheet.px_per_mm)
    for curve in curves:
        polylines(found, curve, sheet.px_per_mm, 0, round(2 * NEAR_MM * sheet.px_per_mm) + 1)
    for word in words:
        left, top, right, bottom = (round(edge * sheet.px_per_mm) for edge in word.box)
        found[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = 0
    # Both flanks of a wave are one stroke.
    wide = np.ones((1, round(NARROW_MM / 2 * sheet.px_per_mm)), np.uint8)
    joined = cv2.morphologyEx(found, cv2.MORPH_CLOSE, wide)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_32S)
    across, down = (stats[1:, each] / sheet.px_per_mm for each in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
    dense = np.isin(np.arange(1, len(stats)), labels[dark >= STRONG])  # at their tips, where no line of a grid is
    likely = dense & (down >= TALL_MM) & (across <= NARROW_MM)
    corners = stats[1:, : cv2.CC_STAT_WIDTH] / sheet.px_per_mm
    edges = np.column_stack([corners, corners + np.stack([across, down], axis=1)])[likely]
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in edges]


def _is_own(curve: Curve, box: Box) -> bool:
    """Whether a stroke goes on where a curve turns back, or stands where the curve has a gap."""
    left, top, right, bottom = box
    if not curve.x[0] + ENDS_MM < (left + right) / 2 < curve.x[-1] - ENDS_MM:
        return False
    reach = BESIDE_MM + NEAR_MM
    y = curve.y[_about(curve.x, box)]
    y = y[np.isfinite(y)]
    return bool(len(y) and y.min() - reach <= bottom and top <= y.max() + reach)


def _about(x: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    return np.asarray((x >= box[0] - BESIDE_MM) & (x <= box[2] + BESIDE_MM))


def _without(strip: Strip, boxes: Sequence[Box]) -> Strip:
    if not boxes:
        return strip
    curve = strip.curve
    hidden = np.any([_about(curve.x, box) for box in boxes], axis=0)
    return replace(strip, curve=Curve(curve.x, np.where(hidden, np.nan, curve.y), curve.surety))
