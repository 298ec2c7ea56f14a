"""Recovers what a pen drew from the edges of its ink, as sharp as it was."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from adapters.scan.nouns import Curve

Floats = NDArray[np.float64]
Edges = tuple[Floats, Floats]  # the upper one and the lower one

STEP_MM: Final = 0.05  # of a curve: 500 Hz at 25 mm/s
# A pen that moves fast leaves less ink, and a tip narrower than itself: shares of its width that may fit it yet.
NARROWER: Final = (0.7, 0.4)
LOST_MM: Final = 0.2  # by which a narrower pen must reach further: a tip is round
END_MM: Final = 0.5  # by which ink may go on beyond what is dark in it: a tip ends it, a line of the grid goes on
BRIDGE_MM: Final = 1.0  # a gap as short as this is bridged: one QRS stroke of another row, or a scratch


def drawn(ink: Edges, dark: Edges, px_per_mm: float) -> Curve:
    """Return the curve that a round pen drew.

    A pen as wide as w blackens all within w/2 of its way. Rolled along the upper edge of that ink it finds the way
    again, but for valleys narrower than itself; along the lower edge, but for such peaks. Each is taken where it holds.

    Args:
        ink: the ink's upper and lower edge, float64 (columns,), pixels from the sheet's top edge, NaN where is none.
        dark: the same of what is dark in it, as waves are at their tips; a line of the grid is not, or not to its end.
        px_per_mm: pixels per millimetre.
    """
    columns = len(ink[0])
    x = np.arange(0.5 * STEP_MM, columns / px_per_mm, STEP_MM)
    at = x * px_per_mm - 0.5
    inked = np.flatnonzero(np.isfinite(ink[0]))
    if len(inked) < 2:
        return Curve(x, np.full(len(x), np.nan), np.zeros(len(x), np.float32))
    upper, lower, dark_upper, dark_lower = (_between(at, edge) / px_per_mm for edge in (*ink, *dark))
    width = float(np.percentile((ink[1] - ink[0])[inked], 25)) / px_per_mm
    high, low = _rolled((upper, lower), width, width)
    for share in NARROWER:
        higher, lower_yet = _rolled((dark_upper, dark_lower), width, share * width)
        higher = np.where(dark_upper - upper > END_MM, high, higher)
        lower_yet = np.where(lower - dark_lower > END_MM, low, lower_yet)
        high, low = _further(high, higher, width), -_further(-low, -lower_yet, width)
    y = _joined(high, low, width)
    far = _distance(at, inked, px_per_mm)
    y[far > BRIDGE_MM] = np.nan
    surety = np.clip(1 - far / BRIDGE_MM, 0, 1).astype(np.float32)
    return Curve(x, y, surety)


def _between(at: Floats, edge: Floats) -> Floats:
    """Return an edge at places in pixels, led straight across where it is not known."""
    known = np.flatnonzero(np.isfinite(edge))
    return np.interp(at, known, edge[known]) if len(known) else np.full(len(at), np.nan)


def _distance(at: Floats, inked: NDArray[np.int64], px_per_mm: float) -> Floats:
    """Return the length in mm of the gap without ink in which each place lies: 0 on ink, endless beyond all ink."""
    after = np.searchsorted(inked, at)
    inside = (after > 0) & (after < len(inked))
    gap = inked[np.minimum(after, len(inked) - 1)] - inked[np.maximum(after - 1, 0)] - 1.0
    beyond = (at < inked[0]) | (at > inked[-1])  # as beside a gap: no pixel beyond the ink is its own
    return np.where(inside, gap / px_per_mm, np.where(beyond, np.inf, 0.0))


def _rolled(edges: Edges, high: float, wide: float) -> Edges:
    """Return the ways of a pen, as high and as wide as said, along the upper and the lower edge."""
    upper, lower = edges
    reach = int(wide / 2 / STEP_MM)
    along_upper, along_lower = upper + high / 2, lower - high / 2
    for k in range(1, reach + 1):
        depth = high / 2 * float(np.sqrt(1 - (2 * k * STEP_MM / wide) ** 2))
        for ahead in (k, -k):
            np.maximum(along_upper, _shifted(upper, ahead) + depth, out=along_upper)
            np.minimum(along_lower, _shifted(lower, ahead) - depth, out=along_lower)
    return along_upper, along_lower


def _shifted(edge: Floats, by: int) -> Floats:
    return (
        np.concatenate([edge[by:], np.full(by, edge[-1])])
        if by > 0
        else np.concatenate([np.full(-by, edge[0]), edge[:by]])
    )


def _further(way: Floats, narrower: Floats, width: float) -> Floats:
    """Return a way along an upper edge with the tips that only a narrower pen reaches."""
    reached = minimum_filter1d(way, 2 * round(width / STEP_MM) + 1, mode="nearest")
    return np.where(narrower < reached - LOST_MM, narrower, way)


def _joined(high: Floats, low: Floats, width: float) -> Floats:
    """Return one way: the mean of both where they agree, else the one that reaches further from where they part."""
    y = (high + low) / 2
    parted = np.abs(low - high) > width / 2
    change = np.diff(np.r_[0, parted.astype(np.int8), 0])
    for a, b in zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True):
        ends = y[max(a - 1, 0)], y[min(b, len(y) - 1)]
        peak, valley = min(ends) - high[a:b].min(), low[a:b].max() - max(ends)
        y[a:b] = _piece(high[a:b], low[a:b], peak > width, valley > width)
    return y


def _piece(high: Floats, low: Floats, peak: bool, valley: bool) -> Floats:
    """Return the way through a piece that holds a narrow peak, a narrow valley, both, or neither."""
    if not (peak and valley):
        return high if peak else low if valley else (high + low) / 2
    tip, foot = int(high.argmin()), int(low.argmax())
    first, last = min(tip, foot), max(tip, foot)
    before, after = (high, low) if tip <= foot else (low, high)
    share = np.linspace(0, 1, last - first + 1)
    between = before[first : last + 1] * (1 - share) + after[first : last + 1] * share
    return np.concatenate([before[:first], between, after[last + 1 :]])
