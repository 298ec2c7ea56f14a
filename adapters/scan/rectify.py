"""A picture becomes a sheet: its grid straight, its rows across, its millimetres known. Or it is refused."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.bend import Bend
from adapters.scan.grid import Grid, find_grid
from adapters.scan.nouns import MM_PER_INCH, Picture, Sheet
from adapters.scan.orient import laid_across
from adapters.scan.paper import paper_alone
from adapters.scan.plane import positions
from adapters.scan.tiles import Floats
from ecg.errors import UnreadablePage

# A sheet has as many px per mm as its picture, within these: fewer are too coarse to follow, more cost time only.
_COARSEST_SHEET: Final = 5.0
_FINEST_SHEET: Final = 8.0
_NEARLY: Final = 0.8  # of the finest: what is as fine is enlarged to it, so that it need not be doubled to be followed
# A picture with fewer px per mm than this shows neither a Q wave nor a lead's name.
_COARSEST: Final = 2.2

# A page without grid has at least so many mm: a lead of 2.5 s is 62 mm long, and 20 mm high with its name.
_SMALLEST: Final = 20.0

# Print about the grid is kept, mm: names, speed and gain stand there.
_MARGIN: Final = 45.0
# A sheet is at most so long, mm: a page that is seen aslant has no end where it meets the horizon.
_LONGEST: Final = 600.0
_WHITE: Final = (255, 255, 255)
_NODE: Final = 16  # pixels of a sheet


def rectify(picture: Picture) -> Sheet:
    """The sheet that a picture shows, by its grid, or by the picture's dpi where it has no grid.

    Raises:
        UnreadablePage: no-grid where nothing tells the millimetres, resolution-too-low, no-ecg where it is too small.
    """
    grid = find_grid(picture)
    if grid is None:
        return laid_across(_by_dpi(picture))
    fine = _px_per_mm(grid)
    if fine < _COARSEST:
        raise UnreadablePage("resolution-too-low")
    size = _sheet_px_per_mm(fine)
    left, top, right, bottom = _extent(grid, picture)
    to_sheet = np.array([[size, 0, -left * size], [0, size, -top * size], [0, 0, 1]]) @ grid.to_mm
    sheet = _warped(picture, to_sheet, size, (right - left, bottom - top), grid.surety)
    if grid.bend is not None:
        sheet = replace(sheet, pixels=_unbent(picture, grid, grid.bend, (left, top), sheet))
    box = (grid.box[0] - left, grid.box[1] - top, grid.box[2] - left, grid.box[3] - top)
    return laid_across(replace(sheet, pixels=paper_alone(sheet.pixels, size, box)))


def _by_dpi(picture: Picture) -> Sheet:
    if picture.dpi is None:
        raise UnreadablePage("no-grid")
    fine = picture.dpi / MM_PER_INCH
    if fine < _COARSEST:
        raise UnreadablePage("resolution-too-low")
    size = _sheet_px_per_mm(fine)
    height, width = picture.pixels.shape[:2]
    if min(height, width) < _SMALLEST * fine:
        raise UnreadablePage("no-ecg")
    return _warped(picture, np.diag([size / fine, size / fine, 1.0]), size, (width / fine, height / fine), 0.0)


def _px_per_mm(grid: Grid) -> float:
    """Pixels of the picture per mm in the middle of the grid."""
    left, top, right, bottom = grid.box
    middle = np.array([[(left + right) / 2, (top + bottom) / 2]])
    back = np.asarray(np.linalg.inv(grid.to_mm), np.float64)
    steps = np.vstack([positions(back, middle + step) - positions(back, middle) for step in np.eye(2)])
    return float(np.sqrt(abs(np.linalg.det(steps))))


def _sheet_px_per_mm(fine: float) -> float:
    """Return the pixels per mm of the sheet of a picture that has so many: a square of 5 mm is a whole number."""
    size = _FINEST_SHEET if fine > _NEARLY * _FINEST_SHEET else max(fine, _COARSEST_SHEET)
    return round(5 * size) / 5


def _extent(grid: Grid, picture: Picture) -> tuple[float, float, float, float]:
    """Left, top, right, bottom, mm, of the part of the picture that is kept."""
    height, width = picture.pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    seen = positions(grid.to_mm, corners)
    depths = np.column_stack([corners, np.ones(4)]) @ grid.to_mm[2]
    low, high = np.array(grid.box[:2]) - _MARGIN, np.array(grid.box[2:]) + _MARGIN
    if (depths > 0).all() or (depths < 0).all():
        low, high = np.maximum(low, seen.min(0)), np.minimum(high, seen.max(0))
    high = np.minimum(high, low + _LONGEST)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _warped(picture: Picture, matrix: Floats, size: float, mm: tuple[float, float], surety: float) -> Sheet:
    shape = (max(1, round(mm[0] * size)), max(1, round(mm[1] * size)))
    flags = cv2.INTER_CUBIC if size == _COARSEST_SHEET else cv2.INTER_LINEAR
    pixels = cv2.warpPerspective(
        picture.pixels, matrix, shape, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_WHITE
    )
    return Sheet(np.asarray(pixels, np.uint8), size, matrix / matrix[2, 2], surety)


def _unbent(picture: Picture, grid: Grid, bend: Bend, corner: tuple[float, float], sheet: Sheet) -> NDArray[np.uint8]:
    """Return a sheet's pixels with its paper's bend straightened: what lies on the grid lies there on the sheet.

    Where its places come from is told every _NODE pixels, and lies evenly between.
    """
    height, width = sheet.pixels.shape[:2]
    rows, columns = height // _NODE + 3, width // _NODE + 3
    down, across = np.indices((rows, columns), np.float64)
    nodes = np.stack([across.ravel(), down.ravel()], axis=1) * _NODE - (_NODE + 1) / 2
    places = nodes / sheet.px_per_mm + np.array(corner)
    back = np.asarray(np.linalg.inv(grid.to_mm), np.float64)
    sources = positions(back, places - bend.at(places)).astype(np.float32).reshape(rows, columns, 2)
    fine = cv2.resize(sources, (columns * _NODE, rows * _NODE), interpolation=cv2.INTER_LINEAR)
    x, y = cv2.split(np.ascontiguousarray(fine[_NODE : _NODE + height, _NODE : _NODE + width]))
    flags = cv2.INTER_CUBIC if sheet.px_per_mm == _COARSEST_SHEET else cv2.INTER_LINEAR
    pixels = cv2.remap(picture.pixels, x, y, flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_WHITE)
    return np.asarray(pixels, np.uint8)
