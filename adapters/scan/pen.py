"""Recovers what a pen drew from the edges of its ink, as sharp as it was."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Curve

STEP_MM: Final = 0.05  # of a curve: 500 Hz at 25 mm/s
BRIDGE_MM: Final = 1.0  # a gap as short as this is bridged: one QRS stroke of another row, or a scratch


def drawn(top: NDArray[np.float64], bottom: NDArray[np.float64], px_per_mm: float) -> Curve:
    """Return the curve that a round pen drew.

    A pen as wide as w blackens all within w/2 of its way. Rolled along the upper edge of that ink it finds the way
    again, but for valleys narrower than itself; along the lower edge, but for such peaks. Each is taken where it holds.

    `top` and `bottom` are float64 (columns,), the ink's edges in pixels from the sheet's top edge, NaN where is none.
    """
    columns = len(top)
    x = np.arange(0.5 * STEP_MM, columns / px_per_mm, STEP_MM)
    at = x * px_per_mm - 0.5
    inked = np.flatnonzero(np.isfinite(top))
    if len(inked) < 2:
        return Curve(x, np.full(len(x), np.nan), np.zeros(len(x), np.float32))
    upper, lower = (np.interp(at, inked, edge[inked]) / px_per_mm for edge in (top, bottom))
    width = float(np.percentile((bottom - top)[inked], 25)) / px_per_mm
    y = _joined(*_rolled(upper, lower, width), width)
    far = _distance(at, inked, px_per_mm)
    y[far > BRIDGE_MM] = np.nan
    surety = np.clip(1 - far / BRIDGE_MM, 0, 1).astype(np.float32)
    return Curve(x, y, surety)


def _distance(at: NDArray[np.float64], inked: NDArray[np.int64], px_per_mm: float) -> NDArray[np.float64]:
    """Return the length in mm of the gap without ink in which each place lies: 0 on ink, endless beyond all ink."""
    after = np.searchsorted(inked, at)
    inside = (after > 0) & (after < len(inked))
    gap = inked[np.minimum(after, len(inked) - 1)] - inked[np.maximum(after - 1, 0)] - 1.0
    beyond = (at < inked[0]) | (at > inked[-1])  # as beside a gap: no pixel beyond the ink is its own
    return np.where(inside, gap / px_per_mm, np.where(beyond, np.inf, 0.0))


def _rolled(
    upper: NDArray[np.float64], lower: NDArray[np.float64], width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ways of a round pen along the upper and the lower edge."""
    reach = int(width / 2 / STEP_MM)
    high, low = upper + width / 2, lower - width / 2
    for k in range(1, reach + 1):
        depth = float(np.sqrt(width**2 / 4 - (k * STEP_MM) ** 2))
        for ahead in (k, -k):
            np.maximum(high, _shifted(upper, ahead) + depth, out=high)
            np.minimum(low, _shifted(lower, ahead) - depth, out=low)
    return high, low


def _shifted(edge: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return (
        np.concatenate([edge[by:], np.full(by, edge[-1])])
        if by > 0
        else np.concatenate([np.full(-by, edge[0]), edge[:by]])
    )


def _joined(high: NDArray[np.float64], low: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return one way: the mean of both where they agree, else the one that reaches further from where they part."""
    y = (high + low) / 2
    parted = np.abs(low - high) > width / 2
    change = np.diff(np.r_[0, parted.astype(np.int8), 0])
    for a, b in zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True):
        ends = y[max(a - 1, 0)], y[min(b, len(y) - 1)]
        peak, valley = min(ends) - high[a:b].min(), low[a:b].max() - max(ends)
        y[a:b] = _piece(high[a:b], low[a:b], peak > width, valley > width)
    return y


def _piece(high: NDArray[np.float64], low: NDArray[np.float64], peak: bool, valley: bool) -> NDArray[np.float64]:
    """Return the way through a piece that holds a narrow peak, a narrow valley, both, or neither."""
    if not (peak and valley):
        return high if peak else low if valley else (high + low) / 2
    tip, foot = int(high.argmin()), int(low.argmax())
    first, last = min(tip, foot), max(tip, foot)
    before, after = (high, low) if tip <= foot else (low, high)
    share = np.linspace(0, 1, last - first + 1)
    between = before[first : last + 1] * (1 - share) + after[first : last + 1] * share
    return np.concatenate([before[:first], between, after[last + 1 :]])
