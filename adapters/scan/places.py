"""Where the labels of a layout stand on a sheet, and how many stand elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from adapters.scan.labels import ROMANS, lead_of
from adapters.scan.nouns import Word
from adapters.scan.plans import Plan
from adapters.scan.rows import Row

_LABEL_HEIGHT: Final = 7.0  # mm; what is taller is no label
_LABEL_WIDTH: Final = 14.0
_OFF: Final = 0.3  # share of the rows' distance by which a label may lie off its place
# Millimetres that a label may lie above or below its row's middle, or a share of the rows' distance if that is more.
_FARTHEST: Final = 22.0
_BETWEEN: Final = 0.48
_EARLY: Final = 0.12  # share of a column's width by which a label may stand before it
_WITHIN: Final = 0.45  # share of a column's width within which its label stands


@dataclass(frozen=True)
class Label:
    """A word that may name a lead.

    Attributes:
        lead: which.
        word: as it was read.
        sure: whether it can be little else; a stroke may be a separator rather than 'I'.
        left: the place where it begins, as its row counts places.
    """

    lead: str
    word: Word
    sure: bool
    left: float


def labels_of(words: Sequence[Word]) -> tuple[Label, ...]:
    """Return the words that may name leads."""
    found = []
    for word in words:
        lead = lead_of(word.text)
        left, top, right, bottom = word.box
        if lead is not None and bottom - top <= _LABEL_HEIGHT and right - left <= _LABEL_WIDTH:
            found.append(Label(lead, word, lead not in ROMANS, left))
    return tuple(found)


Laid = tuple[float, float, dict[tuple[int, int], Label], int]


def laid(plan: Plan, rows: Sequence[Row], labels: Sequence[Label], tried: Sequence[tuple[float, float]]) -> Laid:
    """Return the begin and the width, of those tried, at which most labels stand at their places; and these."""
    placed = [(begin, width, *_place_labels(plan, rows, labels, begin, width)) for begin, width in tried]
    return max(placed, key=lambda each: _weight(*each[2:]))


def firsts(plan: Plan, labels: Sequence[Label], width: float) -> list[float]:
    """Return where the first column's labels would begin if each sure label stood in its own column."""
    return [label.left - column * width for label in labels if label.sure for column, _ in plan.places(label.lead)]


def _place_labels(
    plan: Plan, rows: Sequence[Row], labels: Sequence[Label], begin: float, width: float
) -> tuple[dict[tuple[int, int], Label], int]:
    """Return the labels at their places, and how many sure ones stand elsewhere, at the best height for all."""
    best: tuple[dict[tuple[int, int], Label], int] = ({}, sum(label.sure for label in labels))
    reach, farthest = _OFF * _distance(rows), max(_FARTHEST, _BETWEEN * _distance(rows))
    offsets = {round(_height(label) - row.base) for label in labels if label.sure for row in rows} or {0}
    for offset in sorted(offsets, key=abs):
        if abs(offset) > farthest:
            continue
        named: dict[tuple[int, int], Label] = {}
        against = 0
        for label in sorted(labels, key=lambda label: label.sure):
            near = {
                r: label.word.box[0] - row.lean
                for r, row in enumerate(rows)
                if abs(_height(label) - row.base - offset) <= reach
            }
            place = _place(plan, label.lead, near, begin, width)
            if place is not None:
                named[place] = replace(label, left=near[place[1]])
            else:
                against += label.sure
        if _weight(named, against) > _weight(*best):
            best = named, against
    return best


def _weight(named: dict[tuple[int, int], Label], against: int) -> float:
    return sum(1.0 if label.sure else 0.5 for label in named.values()) - against


def _place(plan: Plan, lead: str, near: dict[int, float], begin: float, width: float) -> tuple[int, int] | None:
    """Return the column and the row of a label in a layout, or None where it has no business there.

    Rows near the label have the place where it begins.
    """
    for column, row in plan.places(lead):
        if row in near and -_EARLY <= (near[row] - begin) / width - column <= _WITHIN:
            return column, row
    # A rhythm strip's label stands where the first column's do.
    rhythm = [row for row in near if row >= plan.rows]
    first = _EARLY * width * max(len(plan.columns), 1) / 4
    if rhythm and -first <= near[rhythm[0]] - begin <= 3 * first and not lead.endswith("R"):
        return -1, rhythm[0]
    return None


def _height(label: Label) -> float:
    return (label.word.box[1] + label.word.box[3]) / 2


def _distance(rows: Sequence[Row]) -> float:
    """Return the usual distance between rows, mm."""
    if len(rows) < 2:
        return 40.0
    return float(np.median(np.diff([row.base for row in rows])))
