"""What is drawn on a page of a PDF: its lines in points as they are seen, those of nested forms among them."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from adapters.scan.pdf import Leaf

MAX_DEPTH: Final = 8  # forms, one in the other
MAX_OBJECTS: Final = 200_000  # of one page: a recorder that draws each sample by itself needs 120,000
NEAR: Final = 0.01  # points within which places are the same
_BEZIER_STEPS: Final = np.linspace(0, 1, 5)[1:, None]  # a curve is drawn as four chords

Style = tuple[int, int, int, float]


@dataclass(frozen=True, eq=False)
class Line:
    """One stroke of the pen.

    Attributes:
        points: float64 (n, 2), x and y in points from the upper left corner of the page as seen.
        style: red, green and blue of the ink, 0 to 255, and the width of the pen in points.
    """

    points: NDArray[np.float64] = field(repr=False)
    style: Style


def lines(leaf: Leaf) -> tuple[Line, ...]:
    """Return every line that is stroked on a page, in the order in which they are drawn."""
    whole = np.vstack([leaf.seen, (0, 0, 1)])
    found: list[Line] = []
    for handle, outer in _objects(leaf.page.raw, whole, 0):
        clip = _clip(handle, outer)
        found.extend(piece for line in _strokes(handle, outer @ _matrix(handle)) for piece in _inside(line, clip))
    return tuple(_joined(found))


def _objects(parent: Any, matrix: NDArray[np.float64], depth: int) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    """Yield each path with the matrix that takes the points of what holds it to the page as seen."""
    count, get = (
        (pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject)
        if depth
        else (pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject)
    )
    for index in range(min(count(parent), MAX_OBJECTS)):
        handle = get(parent, index)
        kind = pdfium.FPDFPageObj_GetType(handle)
        if kind not in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_FORM):
            continue
        if kind == pdfium.FPDF_PAGEOBJ_PATH:
            yield handle, matrix
        elif depth < MAX_DEPTH:
            yield from _objects(handle, matrix @ _matrix(handle), depth + 1)


def _matrix(handle: Any) -> NDArray[np.float64]:
    m = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(handle, m):
        return np.eye(3)
    return np.array([[m.a, m.c, m.e], [m.b, m.d, m.f], [0.0, 0.0, 1.0]])


def _strokes(handle: Any, matrix: NDArray[np.float64]) -> Iterator[Line]:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not pdfium.FPDFPath_GetDrawMode(handle, fill, stroke) or not stroke.value:
        return
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    pdfium.FPDFPageObj_GetStrokeColor(handle, red, green, blue, alpha)
    width = ctypes.c_float()
    pdfium.FPDFPageObj_GetStrokeWidth(handle, width)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    style = (red.value, green.value, blue.value, round(width.value * scale, 3))
    for piece in _pieces(handle):
        if len(piece) > 1:
            points = np.array(piece)
            yield Line(points @ matrix[:2, :2].T + matrix[:2, 2], style)


def _pieces(handle: Any) -> list[list[tuple[float, float]]]:
    """Return the points of a path, those after each move by themselves."""
    pieces: list[list[tuple[float, float]]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    bezier: list[tuple[float, float]] = []
    for index in range(pdfium.FPDFPath_CountSegments(handle)):
        segment = pdfium.FPDFPath_GetPathSegment(handle, index)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        if kind == pdfium.FPDF_SEGMENT_MOVETO or not pieces:
            pieces.append([point])
        elif kind == pdfium.FPDF_SEGMENT_BEZIERTO:
            bezier.append(point)
            if len(bezier) == 3:
                pieces[-1].extend(_chords(pieces[-1][-1], *bezier))
                bezier = []
        else:
            pieces[-1].append(point)
        if pdfium.FPDFPathSegment_GetClose(segment):
            pieces[-1].append(pieces[-1][0])
    return pieces


def _chords(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    """Return points along a cubic Bezier curve (ISO 32000-1 8.5.2.2), without its first."""
    p0, p1, p2, p3 = np.array(corners)
    t = _BEZIER_STEPS
    points = (1 - t) ** 3 * p0 + 3 * t * (1 - t) ** 2 * p1 + 3 * t**2 * (1 - t) * p2 + t**3 * p3
    return [(float(x), float(y)) for x, y in points]


def _clip(handle: Any, matrix: NDArray[np.float64]) -> tuple[float, float]:
    """Return between which x a path is seen (ISO 32000-1 8.5.4): the narrowest of its clipping paths' extents.

    A recorder draws a trace a sample beyond its panel, and clips it there.
    """
    paths, low, high = pdfium.FPDFPageObj_GetClipPath(handle), -np.inf, np.inf
    for number in range(max(pdfium.FPDFClipPath_CountPaths(paths), 0)):
        count = pdfium.FPDFClipPath_CountPathSegments(paths, number)
        segments = (pdfium.FPDFClipPath_GetPathSegment(paths, number, index) for index in range(count))
        x = np.array([_point(segment) for segment in segments]).reshape(-1, 2) @ matrix[0, :2] + matrix[0, 2]
        if len(x):
            low, high = max(low, float(x.min())), min(high, float(x.max()))
    return low, high


def _point(segment: Any) -> tuple[float, float]:
    x, y = ctypes.c_float(), ctypes.c_float()
    pdfium.FPDFPathSegment_GetPoint(segment, x, y)
    return x.value, y.value


def _inside(line: Line, clip: tuple[float, float]) -> Iterator[Line]:
    """Yield a line as far as it is seen, if it runs to the right; others are no traces, and left as they are."""
    x = line.points[:, 0]
    if (x[0] >= clip[0] - NEAR and x[-1] <= clip[1] + NEAR) or np.diff(x).min() < 0:
        yield line
        return
    left, right = max(clip[0], float(x[0])), min(clip[1], float(x[-1]))
    if left < right:
        inner = line.points[(x > left) & (x < right)]
        first, last = np.interp([left, right], x, line.points[:, 1])
        yield Line(np.vstack([(left, first), inner, (right, last)]), line.style)


def _joined(found: list[Line]) -> Iterator[Line]:
    """Join lines of one style that go on where the one before ended: some recorders draw each sample by itself."""
    run: list[NDArray[np.float64]] = []
    style: Style | None = None
    for line in found:
        if run and style == line.style and np.abs(run[-1][-1] - line.points[0]).max() < NEAR:
            run.append(line.points[1:])
            continue
        if run and style is not None:
            yield Line(np.concatenate(run), style)
        run, style = [line.points], line.style
    if run and style is not None:
        yield Line(np.concatenate(run), style)
