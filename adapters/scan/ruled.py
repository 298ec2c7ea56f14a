"""Finds the millimetres of ECG paper in the lines of a vector PDF: rulings of even spacing, both ways."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import MM_PER_INCH
from adapters.scan.paths import Line, Style
from adapters.scan.pdf import POINTS_PER_INCH

MM: Final = POINTS_PER_INCH / MM_PER_INCH  # points, where nobody enlarged the page
LEAST_LINES: Final = 8  # one way: 35 mm in squares of 5 mm
LEAST_LENGTH: Final = 15.0  # points: a line of the grid is longer than a tick
STRAIGHT: Final = 0.02  # points that a line of the grid may lean in all
EVEN: Final = 0.02  # of the spacing: how far a line may lie from its place
# A page that was fitted to another paper is 0.6 to 1.6 times as large; then a spacing of 1 mm and of 5 mm are apart.
LEAST_SIZE, MOST_SIZE = 0.6, 1.6


def points_per_mm(found: Sequence[Line]) -> float | None:
    """Return the points per millimetre of the printed grid, None where there is no grid, or its squares are not sure.

    A spacing is 1 mm where another ruling has five times of it, or where it is nearly that as printed; it is 5 mm
    where it is nearly that, and nothing finer is ruled.
    """
    across, down = (_spacings(found, axis) for axis in (0, 1))
    if not across or not down:
        return None
    fine = min(across)
    if not np.isclose(fine, min(down), rtol=EVEN):
        return None
    if any(np.isclose(each, 5 * fine, rtol=EVEN) for each in (*across, *down)):
        return fine if LEAST_SIZE / 2 < fine / MM < MOST_SIZE * 2 else None
    for squares in (1.0, 5.0):
        if LEAST_SIZE < fine / MM / squares < MOST_SIZE:
            return fine / squares
    return None


def is_ruling(line: Line) -> bool:
    """Say whether a line is straight and runs along an edge of the page."""
    return bool(np.ptp(line.points, axis=0).min() <= STRAIGHT)


def _spacings(found: Sequence[Line], axis: int) -> list[float]:
    """Return the even spacings in points of the lines that cross an axis, of each style and panel that has one."""
    places: dict[Style, dict[tuple[int, int], set[float]]] = defaultdict(lambda: defaultdict(set))
    for line in found:
        extent = np.ptp(line.points, axis=0)
        if extent[axis] <= STRAIGHT and extent[1 - axis] >= LEAST_LENGTH:
            along = line.points[:, 1 - axis]
            panel = round(float(along.min())), round(float(along.max()))
            places[line.style][panel].add(round(float(line.points[0, axis]), 3))
    return [spacing for panels in places.values() for spacing in _of_panels(list(panels.values()))]


def _of_panels(panels: Sequence[set[float]]) -> list[float]:
    """Return the spacings of panels, whose lines end together, or of all lines where none of them is one."""
    for tried in (panels, [set().union(*panels)]):
        rows = [np.array(sorted(each)) for each in tried if len(each) >= LEAST_LINES]
        if spacings := [spacing for at in rows if (spacing := _spacing(at))]:
            return spacings
    return []


def _spacing(at: NDArray[np.float64]) -> float | None:
    """Return the spacing of lines of which a few may be missing, as a ruling of another style lies over them.

    Panels may stand apart by any distance: then nearly all lines lie one spacing from the last.
    """
    steps = np.diff(at)
    rough = float(np.median(steps[steps > STRAIGHT])) if (steps > STRAIGHT).any() else 0.0
    if not rough:
        return None
    places = np.round(np.cumsum(np.concatenate([[0.0], np.round(steps / rough)])))
    spacing, start = np.polyfit(places, at, 1)
    off = np.abs(at - (start + spacing * places)) / spacing
    if np.mean(off < EVEN) >= 0.9:
        return float(spacing)
    even = steps[np.abs(steps - rough) < EVEN * rough]
    return float(even.mean()) if len(even) >= 0.9 * len(steps) else None
