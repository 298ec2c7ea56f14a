"""Rows of traces as layouts see them: without their calibration pulses, from top to bottom."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Curve
from adapters.scan.pulses import Pulse, pulse_of

_PULSE: Final = 2.0  # mm before the other rows' beginnings from which on a row begins with a pulse
_FEW: Final = 3  # pulses that tell how rows lean
_MOST_LEAN: Final = 8.0  # mm; what is more is no lean but a pulse misread
_ONE: Final = 6.5  # mm; no two rows lie closer
_SEEN: Final = 0.5  # share of the way along a row at which it must be seen
_AFTER: Final = 1.3  # mm beside a pulse's top that are still its flank and foot
_GAP: Final = 4.0  # mm within which a gap parts a pulse from its row
_SPECK: Final = 4.0  # mm; a piece of a row that is shorter, and further than a gap from the rest, is a speck beside it
_STEP: Final = 0.25  # mm between the points at which rows are compared
_BIN: Final = 0.2  # mm; the baseline is looked for in bins of this height
_LINE: Final = 0.5  # mm around the baseline that count as lying on it


@dataclass(frozen=True, eq=False)
class Row:
    """One row of traces.

    Attributes:
        curve: as it was followed, its pulse with it.
        begin, end: between which places it shows leads.
        base: the y of its middle, mm.
        lean: by how many mm it lies to the right of where it would on paper that was laid flat perfectly. Its places
            are mm from the sheet's left edge less this, so that places of all rows are of one time.
        parted: whether nothing touches its begin: it has no pulse before it, or a gap parts it from its pulse.
    """

    curve: Curve
    begin: float
    end: float
    base: float
    lean: float = 0.0
    parted: bool = True

    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the curve's y at places x, NaN where there is none."""
        return np.interp(x + self.lean, self.curve.x, self.curve.y, left=np.nan, right=np.nan)

    def height(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how high it stands above its baseline at places x, mm, NaN where it is not seen."""
        y = self.at(x)
        return baseline(y) - y


def rows_of(curves: Iterable[Curve]) -> tuple[Row, ...]:
    """Return the rows of a sheet from top to bottom."""
    seen = sorted((_trimmed(curve) for curve in curves if np.isfinite(curve.y).sum() > 1), key=_level)
    whole: list[Curve] = []
    for curve in seen:
        if whole and _level(curve) - _level(whole[-1]) < _ONE:
            whole[-1] = _joined(whole[-1], curve)
        else:
            whole.append(curve)
    return _aligned(_long([(_row(curve), pulse_of(curve)) for curve in whole]))


def _trimmed(curve: Curve) -> Curve:
    """Return a curve without the specks beyond its ends, which lie on the table, or on the paper's edge."""
    seen = np.flatnonzero(np.isfinite(curve.y))
    pieces = np.split(seen, np.flatnonzero(np.diff(curve.x[seen]) > _GAP) + 1)
    long = [len(piece) * float(np.median(np.diff(curve.x))) >= _SPECK for piece in pieces]
    if not any(long) or (long[0] and long[-1]):
        return curve
    y = curve.y.copy()
    y[: pieces[long.index(True)][0]] = np.nan
    y[pieces[len(long) - 1 - long[::-1].index(True)][-1] + 1 :] = np.nan
    return Curve(curve.x, y, curve.surety)


def _long(rows: list[tuple[Row, Pulse | None]]) -> list[tuple[Row, Pulse | None]]:
    """Leave out what is seen on less than half of the way from where rows begin to where they end: lines of print."""
    if not rows:
        return rows
    begin, end = (float(np.median(edge)) for edge in zip(*((row.begin, row.end) for row, _ in rows), strict=True))
    x = grid(begin, end)
    return [(row, pulse) for row, pulse in rows if not len(x) or np.isfinite(row.at(x)).mean() >= _SEEN]


def _aligned(rows: list[tuple[Row, Pulse | None]]) -> tuple[Row, ...]:
    """Let rows begin where their pulses say: pulses stand below each other, also where one was not made out."""
    whole = [(row, pulse) for row, pulse in rows if pulse is not None and pulse.whole and pulse.at == "start"]
    if not whole:
        return tuple(row for row, _ in rows)
    leans = _leans(whole, [row.base for row, _ in rows])
    leaning = [
        replace(row, begin=row.begin - lean, end=row.end - lean, lean=lean)
        for (row, _), lean in zip(rows, leans, strict=True)
    ]
    begins = {id(row): each.begin for (row, _), each in zip(rows, leaning, strict=True)}
    common = float(np.median([begins[id(row)] for row, _ in whole]))
    return tuple(replace(row, begin=common, parted=False) if row.begin < common - _PULSE else row for row in leaning)


def _leans(whole: list[tuple[Row, Pulse]], bases: list[float]) -> list[float]:
    """Return how far rows lean to the right, by a line through their pulses' left flanks."""
    if len(whole) < _FEW:
        return [0.0] * len(bases)
    lefts = np.array([pulse.left for _, pulse in whole])
    at = np.array([row.base for row, _ in whole])
    slope = float(np.median([(lefts[j] - lefts[i]) / (at[j] - at[i]) for i in range(len(at)) for j in range(i)]))
    leans = slope * (np.array(bases) - np.median(at))
    return [float(lean) for lean in leans] if np.abs(leans).max() <= _MOST_LEAN else [0.0] * len(bases)


def _level(curve: Curve) -> float:
    return float(np.nanmedian(curve.y))


def _joined(one: Curve, other: Curve) -> Curve:
    """Join two curves of one row: one whose baseline wanders far may have been followed as two."""
    step = float(np.median(np.diff(one.x)))
    x = np.arange(min(one.x[0], other.x[0]), max(one.x[-1], other.x[-1]) + step / 2, step)
    ys = [np.interp(x, curve.x, curve.y, left=np.nan, right=np.nan) for curve in (one, other)]
    sureties = [np.interp(x, curve.x, curve.surety, left=0.0, right=0.0) for curve in (one, other)]
    first = np.isfinite(ys[0]) & ~(np.isfinite(ys[1]) & (sureties[1] > sureties[0]))
    surety = np.where(first, *sureties).astype(np.float32)
    return Curve(x, np.where(first, *ys), surety)


def grid(begin: float, end: float) -> NDArray[np.float64]:
    """Return the places between two at which rows are compared."""
    return np.arange(begin, end, _STEP)


def baseline(y: NDArray[np.float64]) -> float:
    """Return the y where a trace lies most of the time: the level between its beats. NaN where nothing is seen."""
    seen = y[np.isfinite(y)]
    if not len(seen):
        return float("nan")
    low, high = np.percentile(seen, [2, 98])
    edges = np.arange(low - 3 * _BIN, high + 4 * _BIN, _BIN)  # a flat trace, too, has as many bins as are smoothed over
    counts, _ = np.histogram(seen, edges)
    smooth = np.convolve(counts, [1, 2, 3, 2, 1], mode="same")
    peak = float(edges[int(np.argmax(smooth))]) + _BIN / 2
    return float(np.median(seen[np.abs(seen - peak) <= _LINE]))


def _row(curve: Curve) -> Row:
    seen = np.flatnonzero(np.isfinite(curve.y))
    begin, end = float(curve.x[seen[0]]), float(curve.x[seen[-1]])
    pulse, parted = pulse_of(curve), True
    if pulse is not None and pulse.at == "start":
        begin, parted = _beside(curve, pulse.right, +1)
    elif pulse is not None:
        end, _ = _beside(curve, pulse.left, -1)
    return Row(curve, begin, end, _middle(curve, begin, end, pulse), parted=parted)


def _beside(curve: Curve, edge: float, way: int) -> tuple[float, bool]:
    """Return where a row begins beside its pulse, and whether a gap parts them: else it is just beyond its foot."""
    away = (curve.x - edge) * way
    blank = (away > 0) & (away <= _GAP) & ~np.isfinite(curve.y)
    start = float(away[blank].max()) if blank.any() else _AFTER
    beyond = (away >= max(start, 0.5)) & np.isfinite(curve.y)
    if not beyond.any():
        return edge, False
    return edge + way * float(away[beyond].min()), bool(blank.any())


def _middle(curve: Curve, begin: float, end: float, pulse: Pulse | None) -> float:
    shown = curve.y[(curve.x >= begin) & (curve.x <= end)]
    if np.isfinite(shown).any():
        return float(np.nanmedian(shown))
    return pulse.foot if pulse is not None else float(np.nanmedian(curve.y))
