"""The printed grid of a picture: where each pixel lies on it, in millimetres."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.bend import Bend, bend_of
from adapters.scan.lattice import lattice_of
from adapters.scan.nouns import MM_PER_INCH, Picture
from adapters.scan.period import read_period
from adapters.scan.plane import Plane, phases, plane_of, positions
from adapters.scan.response import grid_response, working_copy
from adapters.scan.tiles import Floats, tiles_of

# Fewer tiles than this, or a smaller share of the picture, are a pattern on something, not a page.
_FEWEST: Final = 6
_LEAST: Final = 0.12
# Tiles rise above noise so far in the median: a grid's do by hundreds, curves and photographs of things by 30.
_PLAIN: Final = 60.0
# Cells may lie so far from the plane on average, mm: paper that is curled more than that is not read.
_FURTHEST: Final = 1.5
_ROUNDS: Final = 8  # in which a bend is told


@dataclass(frozen=True, eq=False)
class Grid:
    """A picture's grid.

    Attributes:
        to_mm: float64 (3, 3), from the picture's pixels (x, y, 1) to mm: x to the right along one set of lines, y down.
        surety: 0 to 1.
        box: left, top, right, bottom, mm: what shows the grid.
        bend: how far bent paper carries places away from there; None where it is flat.
    """

    to_mm: Floats = field(repr=False)
    surety: float
    box: tuple[float, float, float, float]
    bend: Bend | None = field(default=None, repr=False)


def find_grid(picture: Picture) -> Grid | None:
    """The grid of a picture, or None where there is none that is sure."""
    copy, scale = working_copy(picture.pixels)
    response = grid_response(copy)
    tiles = tiles_of(response)
    lattice = lattice_of(tiles)
    found = lattice.found
    if found.sum() < _FEWEST or found.mean() < _LEAST or lattice.plain < _PLAIN:
        return None
    plane = plane_of(lattice, tiles, response)
    reading = read_period(plane, response, scale, picture.dpi and picture.dpi / MM_PER_INCH)
    if not reading.sure or plane.error * max(reading.mm) > _FURTHEST:
        return None
    shrink = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    to_mm = np.diag([*reading.mm, 1.0]) @ plane.finest @ shrink
    low, high = plane.bounds
    box = (*(low * reading.mm), *(high * reading.mm))
    return Grid(to_mm, float(found.mean()), box, _bend(plane, response, np.array(reading.mm)))


def _bend(plane: Plane, response: NDArray[np.float32], mm: Floats) -> Bend | None:
    """The bend of a page; of panels, which have each a grid of its own, none can be told."""
    if plane.finest is not plane.matrix:
        return None
    bend, carried, count = None, None, 0
    for _ in range(_ROUNDS):
        points, ahead, seen = phases(plane.finest, response, carried)
        if seen.sum() <= count:
            break
        on_plane = positions(plane.finest, points.reshape(-1, 2)).reshape(points.shape)
        found = bend_of((on_plane + ahead)[seen] * mm, ahead[seen] * mm)
        if found is None:
            break
        # Where paper is bent most its lines are seen once it is known how they run beside.
        bend, count = found, int(seen.sum())
        carried = bend.carried(on_plane.reshape(-1, 2) * mm).reshape(points.shape) / mm
    return bend
