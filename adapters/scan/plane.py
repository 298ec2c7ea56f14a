"""The plane of the grid: a projective map from pixels to periods, fitted to frequencies, then to phases."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from adapters.scan.lattice import Lattice
from adapters.scan.phase import unwrapped
from adapters.scan.tiles import Floats, Tiles

_CELL: Final = 40  # px: a side of the cells whose phases are compared; a few periods
_LOOSE: Final = 0.05  # a frequency or phase off by this share counts no longer with its square, but with its size
_FAR: Final = 1.0  # periods: cells off by more than this are on a fold, or beside the page
# Panels that were printed each with a grid of its own stand anywhere to each other: the steps from cell to cell, most
# of them within a panel, then fit a plane so much better than the phases do.
_PANELS: Final = 0.8
_JUMP: Final = 0.15  # periods that phases jump from cell to cell where a panel ends; noise is a third of it
_WEAK: Final = 0.35  # a cell counts where its lines stand out by this share of what they do in a good one


@dataclass(frozen=True, eq=False)
class Plane:
    """Where on the grid a pixel lies.

    Attributes:
        matrix: float64 (3, 3), from pixels (x, y, 1) to periods of the grid, across and down.
        error: how far cells lie from it, in periods, root mean square.
        bounds: float64 (2, 2), least and greatest x and y of what shows the grid, in periods.
        finest: the matrix, made truer by the whole length of each panel where each has a grid of its own: for places,
            not to tell what a period is, since panels do not lie on one grid.
    """

    matrix: Floats = field(repr=False)
    error: float
    bounds: Floats
    finest: Floats = field(repr=False)


def plane_of(lattice: Lattice, tiles: Tiles, response: NDArray[np.float32]) -> Plane:
    """The plane that the frequencies give, made exact by the phases of the lines themselves."""
    matrix = _from_frequencies(_ordered(lattice.frequencies[lattice.found]), tiles.centres[lattice.found])
    plane = Plane(matrix, np.inf, np.zeros((2, 2)), matrix)
    for _ in range(2):
        plane = _from_phases(plane.matrix, response)
    return plane


def positions(matrix: Floats, points: Floats) -> Floats:
    """Points (n, 2) under a projective map: (n, 2)."""
    whole = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(whole[:, :2] / whole[:, 2:])


def _ordered(pairs: Floats) -> Floats:
    """Frequencies (n, 2, 2) with the lines met on the way right first, those on the way down second."""
    first = np.abs(pairs[:, 0, 0]).sum() >= np.abs(pairs[:, 1, 0]).sum()
    ordered = pairs if first else pairs[:, ::-1]
    right = ordered[:, 0] * np.where(ordered[:, 0, :1] < 0, -1, 1)
    turn = right[:, 0] * ordered[:, 1, 1] - right[:, 1] * ordered[:, 1, 0]
    return np.stack([right, ordered[:, 1] * np.where(turn[:, None] < 0, -1, 1)], 1)


def _from_frequencies(pairs: Floats, centres: Floats) -> Floats:
    """The map whose derivatives are the frequencies (n, 2, 2) at the centres (n, 2)."""
    middle, size = centres.mean(0), float(np.ptp(centres, axis=0).max() / 2 + 1)
    at = (centres - middle) / size
    start = np.append(np.median(pairs, axis=0).ravel() * size, [0.0, 0.0])
    scale = float(np.hypot(*start[:2]))

    def off(guess: Floats) -> Floats:
        lines, tilt = guess[:4].reshape(2, 2), guess[4:]
        depth = (1 + at @ tilt)[:, None, None]
        slopes = lines / depth - (at @ lines.T)[:, :, None] * tilt / depth**2
        return np.asarray(((slopes - pairs * size) / scale).ravel())

    guess = least_squares(off, start, loss="soft_l1", f_scale=_LOOSE).x
    local = np.array([[*guess[:2], 0], [*guess[2:4], 0], [*guess[4:], 1]])
    return np.asarray(local @ np.array([[1 / size, 0, -middle[0] / size], [0, 1 / size, -middle[1] / size], [0, 0, 1]]))


def _from_phases(matrix: Floats, response: NDArray[np.float32]) -> Plane:
    points, ahead, seen = phases(matrix, response)
    wanted = positions(matrix, points.reshape(-1, 2)).reshape(points.shape) + ahead
    return _exact(matrix, points[seen], wanted[seen], _neighbours(seen))


def phases(
    matrix: Floats, response: NDArray[np.float32], carried: Floats | None = None
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return where cells are, how many periods ahead of a plane, both (rows, columns, 2), and which are seen.

    Where it is known by how much about cells are carried away from the plane, they are seen better for it.
    """
    height, width = response.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    m = matrix.astype(np.float32)
    depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    rows, columns = max(1, height // _CELL), max(1, width // _CELL)
    found = []
    for axis, line in enumerate(m[:2]):
        periods = (line[0] * x + line[1] * y + line[2]) / depth
        if carried is not None:
            periods += cv2.resize(carried[..., axis].astype(np.float32), (width, height))
        real, imaginary = cv2.polarToCart(response, -2 * np.float32(np.pi) * periods)
        found.append(
            _cells(np.asarray(real, np.float32), rows, columns)
            + 1j * _cells(np.asarray(imaginary, np.float32), rows, columns)
        )
    sizes = np.minimum(np.abs(found[0]), np.abs(found[1]))
    seen = sizes > _WEAK * np.percentile(sizes, 75)
    ahead = np.stack([unwrapped(np.angle(each) / (2 * np.pi), sizes * seen) for each in found], -1)
    down, across = np.indices(seen.shape)
    points = np.stack([(across + 0.5) * width / columns - 0.5, (down + 0.5) * height / rows - 0.5], -1)
    return points, ahead if carried is None else ahead + carried, seen


def _neighbours(seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which cells of those seen lie beside each other, or one below the other: (n, 2), by their order."""
    order = np.cumsum(seen).reshape(seen.shape) - 1
    beside = np.stack([order[:, :-1], order[:, 1:]], -1)[seen[:, :-1] & seen[:, 1:]]
    below = np.stack([order[:-1], order[1:]], -1)[seen[:-1] & seen[1:]]
    return np.concatenate([beside, below])


def _exact(matrix: Floats, points: Floats, wanted: Floats, pairs: NDArray[np.int64]) -> Plane:
    """The plane that takes points (n, 2) to where they are wanted or, of panels, from neighbour to neighbour alike."""
    exact = _fit(matrix, points, wanted)
    off = np.abs(positions(exact, points) - wanted).max(1)
    near = off < _FAR if np.mean(off < _FAR) > 0.5 else off <= np.median(off)
    exact = _fit(exact, points[near], wanted[near])
    error = float(np.sqrt(np.mean((positions(exact, points[near]) - wanted[near]) ** 2)))
    panels = _fit(exact, points, wanted, lambda away: np.diff(away[pairs], axis=1))
    steps = [np.diff((positions(each, points) - wanted)[pairs], axis=1)[:, 0] for each in (exact, panels)]
    if np.median(np.abs(steps[1])) < _PANELS * np.median(np.abs(steps[0])):
        jumps = np.abs(steps[1]).max(axis=1) >= _JUMP
        finest = _fit(panels, points, wanted, _within(pairs[~np.isin(pairs, pairs[jumps]).any(axis=1)], len(points)))
        return Plane(panels, float(np.sqrt(np.mean(steps[1] ** 2))), _reached(panels, points), finest)
    return Plane(exact, error, _reached(exact, points[near]), exact)


def _within(pairs: NDArray[np.int64], count: int) -> Callable[[Floats], Floats]:
    """What counts of how far `count` cells are off (n, 2): how far from the mean of their panel, told by pairs in it.

    A panel's whole length tells its slope far better than steps from cell to cell do.
    """
    beside = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    panel = connected_components(beside, directed=False)[1]
    sizes = np.bincount(panel)[:, None]

    def apart(away: Floats) -> Floats:
        sums = np.stack([np.bincount(panel, each) for each in away.T], axis=1)
        return np.asarray(away - (sums / sizes)[panel])

    return apart


def _reached(matrix: Floats, points: Floats) -> Floats:
    corners = np.concatenate([points + np.array(each) * _CELL / 2 for each in ((-1, -1), (1, -1), (-1, 1), (1, 1))])
    reached = positions(matrix, corners)
    return np.array([reached.min(0), reached.max(0)])


def _cells(values: NDArray[np.float32], rows: int, columns: int) -> Floats:
    means = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(means, (3, 3), 0.8), np.float64)


def _fit(matrix: Floats, points: Floats, wanted: Floats, counts: Callable[[Floats], Floats] | None = None) -> Floats:
    """The map nearest to one that takes points to where they are wanted, robustly.

    Where it `counts` only how they lie to each other, the middle stays where it is.
    """
    middle, size = points.mean(0), float(np.ptp(points, axis=0).max() / 2 + 1)
    shrink = np.array([[1 / size, 0, -middle[0] / size], [0, 1 / size, -middle[1] / size], [0, 0, 1]])
    at = (points - middle) / size
    local = matrix @ np.linalg.inv(shrink)
    start = (local / local[2, 2]).ravel()[:8]

    free = np.arange(8) if counts is None else np.array([0, 1, 3, 4, 6, 7])

    def local_of(values: Floats) -> Floats:
        whole = np.append(start, 1.0)
        whole[free] = values
        return whole.reshape(3, 3)

    def off(values: Floats) -> Floats:
        away = positions(local_of(values), at) - wanted
        return np.asarray(away if counts is None else counts(away)).ravel()

    found = least_squares(off, start[free], loss="soft_l1", f_scale=_LOOSE, x_scale="jac").x
    return np.asarray(local_of(found) @ shrink)
