"""Follows each row of traces across a sheet."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.baselines import find_baselines
from adapters.scan.ink import ink_of
from adapters.scan.nouns import Curve, Sheet
from adapters.scan.pen import drawn
from adapters.scan.runs import Runs, find_runs
from adapters.scan.spans import spans
from adapters.scan.ways import find_ways, part, rows_apart

FINE: Final = 8.0  # px per mm below which a pen is narrower than two pixels, and its edges need finer ones


def follow(sheet: Sheet) -> tuple[Curve, ...]:
    """Return one curve for each row of traces on a sheet, from top to bottom; none where there is none."""
    dark, px_per_mm = darkness(sheet)
    return trace(find_runs(dark, px_per_mm), px_per_mm)


def darkness(sheet: Sheet) -> tuple[NDArray[np.float32], float]:
    """Return the ink of a sheet, float32 (height, width), 1 in a trace's core, and its pixels per mm, FINE or more."""
    dark = ink_of(sheet)
    if sheet.px_per_mm >= FINE:
        return dark, sheet.px_per_mm
    finer = cv2.resize(dark, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.asarray(finer, dtype=np.float32), 2 * sheet.px_per_mm


def trace(runs: Runs, px_per_mm: float) -> tuple[Curve, ...]:
    """Return one curve for each row of traces among runs of ink, from top to bottom."""
    bases = find_baselines(runs, px_per_mm)
    if not len(bases):
        return ()
    ways = find_ways(runs, bases, px_per_mm)
    rows = rows_apart(ways)
    if not rows.all():
        bases = bases[rows]
        ways = find_ways(runs, bases, px_per_mm)
    ways = part(runs, ways, bases)
    return tuple(drawn(ink, dark, px_per_mm) for ink, dark in spans(runs, ways, px_per_mm))
