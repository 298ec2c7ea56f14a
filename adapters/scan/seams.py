"""A strip's ends: what stands upright there parts leads, or is a pulse's flank or the paper's edge, and no trace."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from adapters.scan.nouns import Curve, Strip

REACH_MM: Final = 1.2  # from a strip's end, within which what is upright may part leads
STEEP: Final = 3.0  # mm per mm from which on a stroke is upright


def without_seams(strips: Sequence[Strip]) -> tuple[Strip, ...]:
    """Return the strips with NaN from each end to the last upright stroke near it.

    Separators that touch a trace, and a pen's jump from one lead to the next, are followed like it. A QRS complex there
    looks the same, and is of no use: its other part is missing.
    """
    return tuple(replace(strip, curve=_without(strip.curve)) for strip in strips)


def _without(curve: Curve) -> Curve:
    seen = np.flatnonzero(np.isfinite(curve.y))
    if len(seen) < 2:
        return curve
    y = curve.y.copy()
    upright = np.abs(np.gradient(y, curve.x)) > STEEP
    first, last = curve.x[seen[0]], curve.x[seen[-1]]
    begins = np.flatnonzero(upright & (curve.x - first <= REACH_MM))
    ends = np.flatnonzero(upright & (last - curve.x <= REACH_MM))
    if len(begins):
        y[: begins[-1] + 1] = np.nan
    if len(ends):
        y[ends[0] :] = np.nan
    return Curve(curve.x, y, curve.surety)
