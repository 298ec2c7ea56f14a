"""How well a layout fits a sheet: its rows, the labels that were read, and the laws that limb leads obey."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.agreement import heights, limb_coefficients, misnamed, residual
from adapters.scan.labels import ROMANS, lead_of
from adapters.scan.nouns import Word
from adapters.scan.plans import Plan
from adapters.scan.rows import Row

_LABEL_HEIGHT: Final = 7.0  # mm; what is taller is no label
_LABEL_WIDTH: Final = 14.0
_OFF: Final = 0.3  # share of the rows' distance by which a label may lie off its place
_FARTHEST: Final = 22.0  # mm that a label may lie above or below its row's middle
_EARLY: Final = 0.12  # share of a column's width by which a label may stand before it
_WITHIN: Final = 0.45  # share of a column's width within which its label stands
_BESIDE: Final = 1.0  # mm that a label stands beside its column's beginning, about
_FEW: Final = 4  # labels from which on the columns' width is taken from them
_CUT_OFF: Final = 0.12  # share by which it may then differ from what the rows' ends say
USUAL_LENGTHS: Final = (250.0, 500.0)  # mm of all columns: 10 s at 25 and at 50 mm/s
_LIMBS: Final = 3  # simultaneous limb leads that laws bind


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


@dataclass(frozen=True, eq=False)
class Fit:
    """A layout laid over a sheet.

    Attributes:
        plan: the layout.
        rhythms: how many of the lowest rows are rhythm strips.
        begin, width: where the first column begins, and how wide each is, mm.
        named: the labels that stand at their places, by column and row; rhythm strips are column -1.
        against: how many sure labels stand where this layout has another lead, or none.
        residuals: of each column's limb leads; NaN where too little is seen.
        misnamed: whether three limb leads obey the laws much better once their names are exchanged.
    """

    plan: Plan
    rhythms: int
    begin: float
    width: float
    named: dict[tuple[int, int], Label]
    against: int
    residuals: tuple[float, ...]
    misnamed: bool

    @property
    def agreeing(self) -> float:
        """How much the labels speak for it: 1 for each sure one, and half for each that is not."""
        return sum(1.0 if label.sure else 0.5 for label in self.named.values())

    @property
    def label_left(self) -> float | None:
        """Where the first column's labels begin, mm, as the labels of all columns say; None for too few of them."""
        lefts = [label.left - max(column, 0) * self.width for (column, _), label in self.named.items()]
        return float(np.median(lefts)) if len(lefts) >= _FEW else None

    @property
    def worst(self) -> float:
        """The worst residual; NaN where none could be told."""
        known = [value for value in self.residuals if np.isfinite(value)]
        return max(known) if known else float("nan")


def labels_of(words: Sequence[Word]) -> tuple[Label, ...]:
    """Return the words that may name leads."""
    found = []
    for word in words:
        lead = lead_of(word.text)
        left, top, right, bottom = word.box
        if lead is not None and bottom - top <= _LABEL_HEIGHT and right - left <= _LABEL_WIDTH:
            found.append(Label(lead, word, lead not in ROMANS, left))
    return tuple(found)


def fits(plan: Plan, rows: Sequence[Row], labels: Sequence[Label]) -> tuple[Fit, ...]:
    """Return how a layout fits a sheet's rows: once, or not at all where their number or their labels are others'."""
    rhythms = len(rows) - plan.rows
    if rhythms not in plan.rhythm_rows:
        return ()
    begin = float(np.median([row.begin for row in rows]))
    end = float(np.median([row.end for row in rows]))
    count = max(len(plan.columns), 1)
    # Rows may be cut off by the page's edge, or run on over what lies beside the paper; most prints show 10 s.
    widths = [(end - begin) / count, *(length / count for length in USUAL_LENGTHS)]
    begin, width, named, against = _laid(plan, rows, labels, [(begin, width) for width in widths])
    if against:
        # Rows begin with something else: what lies beside the paper. Labels tell where their columns begin.
        begins = {round(place - _BESIDE, 0) for width in widths for place in _firsts(plan, labels, width)}
        tried = [(begin, width), *((other, width) for width in widths[1:] for other in sorted(begins))]
        begin, width, named, against = _laid(plan, rows, labels, tried)
    if sum(label.sure for label in named.values()) < against:
        return ()
    width = _refined(named, width)
    limbs = _limbs(plan, rows, begin, width)
    residuals = tuple(residual(seen, leads) for seen, leads in limbs)
    exchanged = any(misnamed(seen[:_LIMBS], leads[:_LIMBS]) for seen, leads in limbs)
    return (Fit(plan, rhythms, begin, width, named, against, residuals, exchanged),)


_Laid = tuple[float, float, dict[tuple[int, int], Label], int]


def _laid(plan: Plan, rows: Sequence[Row], labels: Sequence[Label], tried: Sequence[tuple[float, float]]) -> _Laid:
    """Return the begin and the width, of those tried, at which most labels stand at their places; and these."""
    placed = [(begin, width, *_place_labels(plan, rows, labels, begin, width)) for begin, width in tried]
    return max(placed, key=lambda each: _weight(*each[2:]))


def _firsts(plan: Plan, labels: Sequence[Label], width: float) -> list[float]:
    """Return where the first column's labels would begin if each sure label stood in its own column."""
    return [label.left - column * width for label in labels if label.sure for column, _ in plan.places(label.lead)]


def _place_labels(
    plan: Plan, rows: Sequence[Row], labels: Sequence[Label], begin: float, width: float
) -> tuple[dict[tuple[int, int], Label], int]:
    """Return the labels at their places, and how many sure ones stand elsewhere, at the best height for all."""
    best: tuple[dict[tuple[int, int], Label], int] = ({}, sum(label.sure for label in labels))
    reach = _OFF * _distance(rows)
    offsets = {round(_height(label) - row.base) for label in labels if label.sure for row in rows} or {0}
    for offset in sorted(offsets, key=abs):
        if abs(offset) > _FARTHEST:
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


def _refined(named: dict[tuple[int, int], Label], width: float) -> float:
    """Return the columns' width as labels have it: a row may be cut off at its end, and its last column be narrower."""
    columns = np.array([max(column, 0) for column, _ in named])
    if len(columns) < _FEW or len(set(columns.tolist())) < 2:
        return width
    lefts = np.array([label.left for label in named.values()])
    pairs = [(j - i, b - a) for i, a in zip(columns, lefts, strict=True) for j, b in zip(columns, lefts, strict=True)]
    refined = float(np.median([step / apart for apart, step in pairs if apart > 0]))
    return refined if abs(refined - width) <= _CUT_OFF * width else width


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


def _limbs(
    plan: Plan, rows: Sequence[Row], begin: float, width: float
) -> list[tuple[list[NDArray[np.float64]], list[str]]]:
    """Return the limb leads of each column that has enough of them for the laws: their heights and their names."""
    found = []
    for number, column in enumerate(plan.columns):
        limbs = [(row, lead) for row, lead in zip(rows, column, strict=False) if limb_coefficients(lead) is not None]
        if len(limbs) >= _LIMBS:
            left = begin + number * width
            found.append((heights([row for row, _ in limbs], left, left + width), [lead for _, lead in limbs]))
    return found


def _height(label: Label) -> float:
    return (label.word.box[1] + label.word.box[3]) / 2


def _distance(rows: Sequence[Row]) -> float:
    """Return the usual distance between rows, mm."""
    if len(rows) < 2:
        return 40.0
    return float(np.median(np.diff([row.base for row in rows])))
