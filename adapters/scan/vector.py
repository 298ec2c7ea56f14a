"""Reads a vector PDF as it is drawn: paper, traces and words exactly, in millimetres of the printed grid."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Curve, Drawn, Sheet
from adapters.scan.paths import lines
from adapters.scan.pdf import POINTS_PER_INCH, Leaf
from adapters.scan.ruled import is_ruling, points_per_mm
from adapters.scan.textlayer import words

PX_PER_MM: Final = 8.0  # as the sheet of a photograph has them
STEP: Final = 0.025  # mm: 1,000 samples a second at 25 mm/s
LEAST_POINTS: Final = 40  # of a trace; a frame or an arrow has fewer
LEAST_LENGTH: Final = 15.0  # mm: 0.6 s at 25 mm/s
LEAST_PULSE: Final = 1.5  # mm from side to side: a separator is narrower
NEAR: Final = 20.0  # mm between the middles of a row's traces: rows lie further apart, or end elsewhere
OVERLAP: Final = 1.0  # mm by which a trace may begin before the last one's end


def drawn(leaf: Leaf) -> Drawn | None:
    """Return a page as it is drawn, None where it shows no grid and no trace in paths, as a scan does."""
    found = lines(leaf)
    scale = points_per_mm(found)
    if scale is None:
        return None
    strokes = [each for each in found if not is_ruling(each)]
    traces = [each for each in strokes if _is_trace(each.points / scale)]
    if not traces:
        return None
    inks = {each.style[:3] for each in traces}
    pulses = [each for each in strokes if each.style[:3] in inks and _is_pulse(each.points / scale)]
    rows = _rows([each.points / scale for each in (*traces, *pulses)])
    return Drawn(_sheet(leaf, scale), tuple(_curve(each) for each in rows), words(leaf, scale))


def _is_trace(points: NDArray[np.float64]) -> bool:
    return len(points) >= LEAST_POINTS and bool(np.ptp(points[:, 0]) >= LEAST_LENGTH) and _runs_on(points)


def _is_pulse(points: NDArray[np.float64]) -> bool:
    """Say whether it may be a calibration pulse: it runs on, rises and falls, and is no trace."""
    return 4 <= len(points) < LEAST_POINTS and bool(np.ptp(points[:, 0]) >= LEAST_PULSE) and _runs_on(points)


def _runs_on(points: NDArray[np.float64]) -> bool:
    """Say whether a line goes from left to right, never back: one value at each time."""
    return bool(points[-1, 0] > points[0, 0] and np.diff(points[:, 0]).min() >= -STEP)


def _rows(pieces: Sequence[NDArray[np.float64]]) -> list[list[NDArray[np.float64]]]:
    """Put pieces of traces into rows: each goes to the row whose end it follows, and whose middle is nearest."""
    rows: list[list[NDArray[np.float64]]] = []
    for piece in sorted(pieces, key=lambda points: (points[0, 0], points[0, 1])):
        fitting = [row for row in rows if row[-1][-1, 0] <= piece[0, 0] + OVERLAP and _apart(row[-1], piece) < NEAR]
        if fitting:
            min(fitting, key=lambda row: _apart(row[-1], piece)).append(piece)
        else:
            rows.append([piece])
    return sorted(rows, key=lambda row: float(np.median(np.concatenate(row)[:, 1])))


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return abs(float(np.median(one[:, 1]) - np.median(other[:, 1])))


def _curve(row: Sequence[NDArray[np.float64]]) -> Curve:
    """Return a row's pieces on even millimetres, NaN between them."""
    start, end = row[0][0, 0], max(piece[-1, 0] for piece in row)
    x = np.arange(start, end + STEP / 2, STEP)
    y = np.full(len(x), np.nan)
    for piece in row:
        along = np.maximum.accumulate(piece[:, 0])
        inside = (x >= along[0] - STEP / 2) & (x <= along[-1] + STEP / 2)
        y[inside] = np.interp(x[inside], along, piece[:, 1])
    return Curve(x, y, np.where(np.isnan(y), 0.0, 1.0).astype(np.float32))


def _sheet(leaf: Leaf, scale: float) -> Sheet:
    pixels = leaf.rendered(PX_PER_MM / scale * POINTS_PER_INCH)
    return Sheet(pixels, pixels.shape[1] / (leaf.width / scale), np.eye(3), 1.0)
