"""A strip's ends: what stands upright there parts leads, or is a pulse's flank or the paper's edge, and no trace."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Curve, Strip

REACH_MM: Final = 1.2  # from a strip's end, within which what is upright may part leads
STEEP: Final = 3.0  # mm per mm from which on a stroke is upright
UPRIGHT: Final = 10.0  # mm per mm of a pulse, or of an edge
PULSE_MM: Final = 4.0  # from a strip's end, within which what leads to another level is a pulse, or the paper's edge
WAVE_MM: Final = 1.5  # within which a narrow wave's flanks follow each other
EDGE_MM: Final = 10.0  # the same of what is ruled there, as a cut or a frame is: no trace is so straight
FLAT_MM: Final = 0.4  # by which that strays
PEN_MM: Final = 0.25  # beside an upright stroke that are its own ink
OTHER_MM: Final = 5.0  # between the two levels: more than an ST segment differs from what was before its QRS complex
STUB_MM: Final = 2.5  # between a strip's end and a label: so little shows no wave, and may be the label's ink
SETTLED_MM: Final = 0.5  # beside the upright stroke, that show its levels


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
    steep = np.zeros(len(y))
    steep[seen] = np.abs(np.gradient(y[seen], curve.x[seen]))  # a piece as short as a stroke has no neighbours
    upright = steep > STEEP
    first, last = curve.x[seen[0]], curve.x[seen[-1]]
    last = min([last, *curve.x[_leads_away(curve, steep > UPRIGHT, last)]])
    begin = _innermost(curve.x[upright], first)
    end = _innermost(curve.x[upright & (curve.x <= last)][::-1], last)
    if begin is not None:
        y[curve.x <= begin] = np.nan
    if end is not None:
        y[curve.x >= end] = np.nan
    return Curve(curve.x, _without_stubs(curve.x, y), curve.surety)


def _innermost(strokes: NDArray[np.float64], end: float) -> float | None:
    """Return the last place of strokes, in order from an end, that stand near it; None where none does.

    Each is an end to the next, for a mark may stand beside what is left of a beat.
    """
    found = None
    for place in strokes[np.abs(strokes - end) <= PULSE_MM].tolist():
        if abs(place - (end if found is None else found)) > REACH_MM:
            break
        found = place
    return found


def _without_stubs(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return y with NaN for short pieces at either end that gaps, as a label leaves, part from the rest."""
    seen = np.flatnonzero(np.isfinite(y))
    pieces = np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1)
    for at in (0, -1):
        while len(pieces) > 1 and x[pieces[at][-1]] - x[pieces[at][0]] < STUB_MM:
            y[pieces.pop(at)] = np.nan
    return y


def _leads_away(curve: Curve, upright: NDArray[np.bool_], last: float) -> NDArray[np.bool_]:
    """Return which points are of an upright stroke near a strip's end, to a level from which it does not come back."""
    y, strokes, step = curve.y, np.flatnonzero(upright), float(curve.x[1] - curve.x[0])
    away = np.zeros(len(y), bool)
    for reach, strays in ((PULSE_MM, np.inf), (EDGE_MM, FLAT_MM)):
        late = strokes[last - curve.x[strokes] <= reach]
        if not len(late):
            continue
        late = strokes[strokes >= late[0] - round(WAVE_MM / step)]  # a wave that stands across that place is whole
        before, after = y[max(late[0] - round(SETTLED_MM / step), 0) : late[0]], y[late[-1] + round(PEN_MM / step) :]
        if np.isfinite(before).any() and np.isfinite(after).any():
            apart = abs(float(np.nanmedian(after)) - float(np.nanmedian(before)))
            away[late] |= apart > OTHER_MM and float(np.nanmax(after) - np.nanmin(after)) <= strays
    return away
