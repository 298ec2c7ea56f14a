"""How bent paper, or a lens, carries a grid away from the plane that was laid through it: smoothly, by its phases."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from adapters.scan.tiles import Floats

_DEGREE: Final = 5  # of the polynomial: paper that curls at its edges, as it lies in a folder, needs four or five
# A bend must explain so much of how far cells are off, in the median: noise is no bend, and a fold is not smooth.
_LEFT: Final = 0.7
_LEAST: Final = 0.05  # mm that cells are off in the median: less does no harm
_ROUNDS: Final = 4
_LOOSE: Final = 0.1  # mm off from which a cell counts no longer with its square
_FEWEST: Final = 100  # cells


@dataclass(frozen=True, eq=False)
class Bend:
    """A smooth map of how far places lie from where a plane has them.

    Attributes:
        coefficients: float64 (terms, 2), of the polynomial in x and y, mm across and down.
        middle, size: float64 (2,), mm, of the box of cells that were seen; beyond it all is as at its edge.
        most: float64 (2, 2), mm, the least and the most that cells which were seen are carried away, across and down.
    """

    coefficients: Floats = field(repr=False)
    middle: Floats
    size: Floats
    most: Floats

    def at(self, places: Floats) -> Floats:
        """Return by how many mm places (n, 2), mm on the grid, are carried right and down: (n, 2)."""
        away = _terms((places - self.middle) / self.size) @ self.coefficients
        return np.asarray(np.clip(away, *self.most))

    def carried(self, places: Floats) -> Floats:
        """Return by how many mm places (n, 2), mm on the plane, are carried right and down: (n, 2)."""
        return self.at(places + self.at(places + self.at(places)))


def bend_of(places: Floats, away: Floats) -> Bend | None:
    """Return the bend of paper whose cells at places (n, 2) are carried away by (n, 2), mm; None where it is not bent.

    Places are those on the grid, not on the plane.
    """
    if len(places) < _FEWEST:
        return None
    low, high = places.min(axis=0), places.max(axis=0)
    middle, size = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    terms = _terms((places - middle) / size)
    weight = np.ones(len(places))
    for _ in range(_ROUNDS):
        found = np.linalg.lstsq(terms * weight[:, None], away * weight[:, None], rcond=None)[0]
        coefficients = np.asarray(found, np.float64)
        left = np.hypot(*(away - terms @ coefficients).T)
        weight = 1 / np.sqrt(np.maximum(left / _LOOSE, 1.0))
    before = float(np.median(np.hypot(*away.T)))
    if before < _LEAST or float(np.median(left)) > _LEFT * before:
        return None
    fitted = terms @ coefficients
    return Bend(coefficients, middle, size, np.stack([fitted.min(axis=0), fitted.max(axis=0)]))


def _terms(at: Floats) -> Floats:
    """Return the terms of a polynomial in x and y at places (n, 2), those beyond -1 to 1 as at its edge."""
    x, y = np.clip(at, -1.0, 1.0).T
    return np.stack([x**i * y**j for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)], axis=1)
