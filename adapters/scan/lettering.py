"""Where labels stand on a sheet, and what a curve shows there: letters that touch a trace may be followed for it."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing

from adapters.scan.columns import Column
from adapters.scan.fit import Fit
from adapters.scan.nouns import Curve, Word
from adapters.scan.places import labels_of
from adapters.scan.rows import Row

_FEW: Final = 4  # labels from which on they tell where others stand
_WIDTHS: Final = {"a": 9.0}  # mm of labels that were not read, by their first letter
_WIDTH: Final = 5.5  # mm of all others
_LOOSE: Final = 1.5  # mm that a label may stand further to the left than its like
_LOWER: Final = 0.5  # mm that it may stand higher or lower
_INK: Final = 0.4  # mm around a label's box that its ink may reach
_TOUCH: Final = 0.8  # mm beside it within which a steep stroke leads to its ink, not to the trace's
_STEEP: Final = 2.0  # mm per mm

Box = tuple[float, float, float, float]
Floats = NDArray[np.float64]


def label_boxes(fit: Fit, rows: Sequence[Row], across: Sequence[Column]) -> list[Box]:
    """Return where labels stand, left, top, right and bottom in mm.

    Labels of which no letter, or not every one, was read stand as the others do to their columns and rows.
    """
    read = {place: label.word for place, label in fit.named.items()}
    if len(read) < _FEW:
        return [word.box for word in read.values()]
    begins = [_begins(fit, across, column) for column in range(len(across))]
    lines = [_line(read, rows, r) for r in range(len(rows))]
    found = []
    for (column, r), lead in _places(fit, rows):
        left, right = (begin + rows[r].lean for begin in begins[max(column, 0)])
        word = read.get((column, r))
        if word is None:
            width = _WIDTHS.get(lead[:1], _WIDTH)
            found.append((left - _LOOSE, lines[r][0] - _LOWER, right + width, lines[r][1] + _LOWER))
        elif len(word.text) < len(lead):
            found.append((min(word.box[0], left - _LOOSE), *word.box[1:]))
        else:
            found.append(word.box)
    return found


def _begins(fit: Fit, across: Sequence[Column], column: int) -> tuple[float, float]:
    """Return between which places a column's labels begin: as all stand to their columns, or as its own, read whole."""
    usual = float(np.median([label.left - across[max(c, 0)].left for (c, _), label in fit.named.items()]))
    own = [
        label.left
        for (c, r), label in fit.named.items()
        if c == column and len(label.word.text) >= len(fit.plan.columns[c][r])
    ]
    begins = [across[column].left + usual, *([float(np.median(own))] if own else [])]
    return min(begins), max(begins)


def _line(read: dict[tuple[int, int], Word], rows: Sequence[Row], row: int) -> tuple[float, float]:
    """Return the top and bottom of a row's labels: of those that were read, or as the others stand to their rows."""
    own = [(word.box, 0.0) for (_, r), word in read.items() if r == row]
    like = own or [(word.box, rows[row].base - rows[r].base) for (_, r), word in read.items()]
    top, bottom = (float(np.median([box[edge] + lower for box, lower in like])) for edge in (1, 3))
    return top, bottom


def _places(fit: Fit, rows: Sequence[Row]) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield each column and row where a label may stand, and its lead: '' of rhythm strips, which are column -1."""
    for column, leads in enumerate(fit.plan.columns):
        yield from (((column, r), lead) for r, lead in enumerate(leads))
    yield from (((-1, r), "") for r in range(fit.plan.rows, len(rows)))


def without_letters(x: Floats, y: Floats, boxes: Sequence[Box]) -> Floats:
    """Return a curve's y, NaN where its ink may be a label's, and on the strokes that lead to it."""
    hidden = np.zeros(len(x), bool)
    for box in boxes:
        hidden |= _under(x, y, box)
    if not hidden.any():
        return y
    away = np.abs(x - x[hidden][:, None]).min(axis=0)
    hidden |= (away <= _TOUCH) & (np.abs(np.gradient(y, x)) > _STEEP)
    # What is left between two such parts is no more than a letter's own.
    between = np.ones(max(1, round(_TOUCH / float(x[1] - x[0]))), bool)
    return np.where(hidden | binary_closing(hidden, between), np.nan, y)


def bare(curve: Curve, words: Sequence[Word]) -> Curve:
    """Return a curve without what it follows of labels: a trace that touches one may have been followed through it.

    It is led straight across, so that no gap seems to part columns, and is not sure there at all.
    """
    hidden = np.zeros(len(curve.x), bool)
    for label in labels_of(words):
        if label.sure:
            hidden |= _under(curve.x, curve.y, label.word.box)
    kept = np.isfinite(curve.y) & ~hidden
    if not hidden.any() or not kept.any():
        return curve
    y = curve.y.copy()
    y[hidden] = np.interp(curve.x[hidden], curve.x[kept], curve.y[kept])
    return Curve(curve.x, y, np.where(hidden, np.float32(0.0), curve.surety).astype(np.float32))


def _under(x: Floats, y: Floats, box: Box) -> NDArray[np.bool_]:
    """Return where a curve runs within a label's box: its ink may be the label's."""
    left, top, right, bottom = box
    beside = (x >= left - _INK) & (x <= right + _INK)
    return np.asarray(beside & (y >= top - _INK) & (y <= bottom + _INK))
