"""What a picture shows beside the paper, a table or a scanner's lid, is covered: its grain and edges are no ink."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Box = tuple[float, float, float, float]

_COARSE: Final = 2.0  # px per mm: enough to see where paper ends
_THICK: Final = 3  # mm: print and grid are narrower, what is dark for longer both ways may be a table
_SIDE: Final = int(_THICK * _COARSE) | 1
# By this share of its light paper differs from what is beside it, within a millimetre; a shadow's edge is softer.
_STEP: Final = 0.08
_RIM: Final = 1.0  # mm of paper's edge that are covered with what is beside it
_NOTHING: Final = 255  # what a sheet shows beyond its picture
_PART: Final = 0.02  # share of the grid's box from which a piece in it is paper, not a letter's inside
_BLURRED: Final = 10.0  # mm by which the grid's box may reach beyond paper: it is told by cells as wide
_MOST: Final = 0.7  # of the grid's box must be paper; else what is paper was not made out, and nothing is covered
_ALL: Final = 0.98  # of the picture: then it shows nothing but paper


def paper_alone(pixels: Pixels, px_per_mm: float, box: Box) -> Pixels:
    """Return the pixels with the shade of the nearest paper wherever no paper is.

    Paper reaches from the grid as far as its light changes softly, and is convex. A table lies mostly beside the grid.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        px_per_mm: pixels per millimetre.
        box: left, top, right, bottom, mm, of what shows the grid; it may reach beyond the paper.
    """
    height, width = pixels.shape[:2]
    size = (max(1, round(width * _COARSE / px_per_mm)), max(1, round(height * _COARSE / px_per_mm)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    shade = np.asarray(cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((_SIDE, _SIDE), np.uint8)), np.uint8)
    paper = _paper(shade, box)
    if paper.mean() >= _ALL:
        return pixels
    covered = cv2.resize(1 - paper, (width, height), interpolation=cv2.INTER_NEAREST)
    filled = cv2.resize(_spread(shade, paper), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(filled, covered, pixels.copy()), np.uint8)


def _paper(shade: Pixels, box: Box) -> Mask:
    """Return where paper is: 1 there, 0 elsewhere, as large as the shade (height, width, 3)."""
    left, top, right, bottom = (
        max(round((edge + inwards) * _COARSE), 0)
        for edge, inwards in zip(box, (_BLURRED, _BLURRED, -_BLURRED, -_BLURRED), strict=True)
    )
    inner = np.s_[top:bottom, left:right]
    labels = _even(shade)
    inside, whole = (np.bincount(each.ravel(), minlength=labels.max() + 1) for each in (labels[inner], labels))
    inside[0] = 0
    chosen = (inside >= _PART * labels[inner].size) & (2 * inside >= whole)
    chosen[np.argmax(inside)] = True
    down, across = np.nonzero(chosen[labels])
    paper = np.zeros(labels.shape, np.uint8)
    cv2.fillConvexPoly(paper, cv2.convexHull(np.column_stack([across, down]).astype(np.int32)), 1)
    return _beyond_table(shade, paper) if paper[inner].mean() >= _MOST else np.ones_like(paper)


def _even(shade: Pixels) -> NDArray[np.int32]:
    """Return the pieces within which the light changes softly: their numbers, 0 where it does not."""
    light = shade.max(axis=2)  # a coloured grid is as light in its colour as paper
    near = np.ones((3, 3), np.uint8)
    brightest, darkest = cv2.dilate(light, near).astype(np.float32), cv2.erode(light, near)
    soft = (brightest - darkest < _STEP * brightest).astype(np.uint8)
    return np.asarray(cv2.connectedComponents(soft, connectivity=4)[1], np.int32)


def _beyond_table(shade: Pixels, paper: Mask) -> Mask:
    """Return paper without its rim beside a table, and with the white beyond the picture that is nearer to it.

    Where the picture ends before the paper does, there is no rim.
    """
    beyond = (shade.min(axis=2) == _NOTHING).astype(np.uint8)
    table = cv2.morphologyEx((1 - paper) & (1 - beyond), cv2.MORPH_OPEN, np.ones((_SIDE, _SIDE), np.uint8))
    from_table, from_paper = (cv2.distanceTransform(1 - each, cv2.DIST_L2, 3) for each in (table, paper))
    return (from_table >= np.maximum(from_paper, _RIM * _COARSE)).astype(np.uint8)


def _spread(shade: Pixels, paper: Mask) -> Pixels:
    """Return the shade of each place of paper, elsewhere that of the nearest paper."""
    _, nearest = cv2.distanceTransformWithLabels(1 - paper, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    on_paper = paper > 0
    colours[nearest[on_paper]] = shade[on_paper]
    return np.asarray(np.where(on_paper[..., None], shade, colours[nearest]), np.uint8)
