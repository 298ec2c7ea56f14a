"""Whether traces agree with the leads that they are named: Einthoven's and Goldberger's laws, and rhythm strips."""

from collections.abc import Sequence
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.rows import Row, grid
from ecg.leads import INVERTED_AVR, LIMB_FROM_I_II, LIMB_LEADS

# Rows may lie this much apart in time on paper that was photographed: mm, tried in half millimetres.
_SHIFTS: Final = (0.0, -0.5, 0.5, -1.0, 1.0, -1.5, 1.5)
_SMOOTH: Final = np.full(5, 0.2)  # points of 0.25 mm: flanks of QRS complexes, a line thick, do not decide
_SUSPECT: Final = 0.3  # residual above which other names are tried
_EDGE: Final = 4.0  # mm at both ends of a piece that are left out: where it ends exactly may not be known yet
_LEAST: Final = 20  # points that two pieces must share


def limb_coefficients(lead: str) -> NDArray[np.float64] | None:
    """Return a lead as a combination of I and II, or None for a chest lead."""
    if lead == INVERTED_AVR:
        return -np.asarray(LIMB_FROM_I_II[LIMB_LEADS.index("aVR")], dtype=np.float64)
    if lead not in LIMB_LEADS:
        return None
    return np.asarray(LIMB_FROM_I_II[LIMB_LEADS.index(lead)], dtype=np.float64)


def residual(heights: Sequence[NDArray[np.float64]], leads: Sequence[str]) -> float:
    """Return the share of limb leads, seen at the same time, that breaks Einthoven's and Goldberger's laws.

    Args:
        heights: one array a lead, of one length, mm above the baseline, NaN where not seen.
        leads: their names; three or more limb leads.

    Returns:
        0 for perfect agreement, about 0.6 for three traces that have nothing to do with each other; NaN where too
        little is seen.
    """
    mixing = np.stack([_known(lead) for lead in leads])
    beyond = np.eye(len(leads)) - mixing @ np.linalg.pinv(mixing)
    smoothed = [_smooth(height) for height in heights]
    shifts = [0.0] * len(leads)
    best = _outside(smoothed, shifts, beyond)
    for lead in range(1, len(leads)):
        for shift in _SHIFTS[1:]:
            tried = [*shifts[:lead], shift, *shifts[lead + 1 :]]
            left = _outside(smoothed, tried, beyond)
            if left < best:
                best, shifts = left, tried
    return best


def misnamed(heights: Sequence[NDArray[np.float64]], leads: Sequence[str]) -> bool:
    """Whether limb leads break the laws under their names, and obey them much better once names are exchanged."""
    own = residual(heights, leads)
    if not own > _SUSPECT:
        return False
    others = (residual(heights, order) for order in permutations(leads))
    return min(others, default=own) < own / 2


def likeness(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return how alike two traces of the same time are: 1 - the share of them in which they differ; NaN for too little.

    Height counts, not shape alone: the same lead at the same gain gives nearly 1.
    """
    scores = [_alike(_smooth(first), _moved(_smooth(second), shift)) for shift in _SHIFTS]
    seen = [score for score in scores if np.isfinite(score)]
    return max(seen) if seen else float("nan")


def piece_grid(begin: float, end: float) -> NDArray[np.float64]:
    """Return the places of a piece at which it is compared with others."""
    return grid(begin + _EDGE, end - _EDGE)


def heights(rows: Sequence[Row], begin: float, end: float) -> list[NDArray[np.float64]]:
    """Return how high each row stands above its own baseline between two places."""
    x = piece_grid(begin, end)
    return [row.height(x) for row in rows]


def _known(lead: str) -> NDArray[np.float64]:
    coefficients = limb_coefficients(lead)
    if coefficients is None:
        raise ValueError("a chest lead obeys no such law")
    return coefficients


def _smooth(height: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.convolve(height, _SMOOTH, mode="same") if len(height) >= len(_SMOOTH) else height


def _moved(height: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
    places = np.arange(len(height), dtype=np.float64)
    return np.interp(places + shift / 0.25, places, height, left=np.nan, right=np.nan) if len(height) else height


def _outside(smoothed: list[NDArray[np.float64]], shifts: list[float], beyond: NDArray[np.float64]) -> float:
    moved = np.stack([_moved(height, shift) for height, shift in zip(smoothed, shifts, strict=True)])
    shared = moved[:, np.isfinite(moved).all(axis=0)]
    if shared.shape[1] < _LEAST:
        return float("nan")
    shared = shared - np.median(shared, axis=1, keepdims=True)
    whole = float(np.linalg.norm(shared))
    return float(np.linalg.norm(beyond @ shared)) / whole if whole > 0 else float("nan")


def _alike(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    shared = np.isfinite(first) & np.isfinite(second)
    if int(shared.sum()) < _LEAST:
        return float("nan")
    one, two = first[shared], second[shared]
    one, two = one - np.median(one), two - np.median(two)
    whole = float(np.linalg.norm(one) + np.linalg.norm(two))
    return 1.0 - 2.0 * float(np.linalg.norm(one - two)) / whole if whole > 0 else float("nan")
