"""How well a layout fits a sheet: its rows, the labels that were read, and the laws that limb leads obey."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.agreement import heights, likeness, limb_coefficients, misnamed, piece_grid, residual
from adapters.scan.places import Label, firsts, laid
from adapters.scan.plans import Plan
from adapters.scan.rows import Row

_BESIDE: Final = 1.0  # mm that a label stands beside its column's beginning, about
_FEW: Final = 4  # labels from which on the columns' width is taken from them
_CUT_OFF: Final = 0.12  # share by which it may then differ from what the rows' ends say
USUAL_LENGTHS: Final = (250.0, 500.0)  # mm of all columns: 10 s at 25 and at 50 mm/s
_ALIKE: Final = 0.3  # likeness from which a strip may be a lead
_LIMBS: Final = 3  # simultaneous limb leads that laws bind


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
        strange: how many rhythm strips bear no label and look like no lead: they may be edges, or grain of a table.
    """

    plan: Plan
    rhythms: int
    begin: float
    width: float
    named: dict[tuple[int, int], Label]
    against: int
    residuals: tuple[float, ...]
    misnamed: bool
    strange: int

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
    begin, width, named, against = laid(plan, rows, labels, [(begin, width) for width in widths])
    if against:
        # Rows begin with something else: what lies beside the paper. Labels tell where their columns begin.
        begins = {round(place - _BESIDE, 0) for width in widths for place in firsts(plan, labels, width)}
        tried = [(begin, width), *((other, width) for width in widths[1:] for other in sorted(begins))]
        begin, width, named, against = laid(plan, rows, labels, tried)
    if sum(label.sure for label in named.values()) < against:
        return ()
    width = _refined(named, width)
    limbs = _limbs(plan, rows, begin, width)
    residuals = tuple(residual(seen, leads) for seen, leads in limbs)
    exchanged = any(misnamed(seen[:_LIMBS], leads[:_LIMBS]) for seen, leads in limbs)
    strange = sum(
        (-1, r) not in named and not _like_any(plan, rows, r, (begin, width)) for r in range(plan.rows, len(rows))
    )
    return (Fit(plan, rhythms, begin, width, named, against, residuals, exchanged, strange),)


def _like_any(plan: Plan, rows: Sequence[Row], strip: int, place: tuple[float, float]) -> bool:
    """Whether a rhythm strip looks like one of the leads of the same time."""
    begin, width = place
    for number in range(len(plan.columns)):
        x = piece_grid(begin + number * width, begin + (number + 1) * width)
        shown = rows[strip].height(x)
        if any(likeness(row.height(x), shown) >= _ALIKE for row in rows[: plan.rows]):
            return True
    return not plan.columns


def _refined(named: dict[tuple[int, int], Label], width: float) -> float:
    """Return the columns' width as labels have it: a row may be cut off at its end, and its last column be narrower."""
    columns = np.array([max(column, 0) for column, _ in named])
    if len(columns) < _FEW or len(set(columns.tolist())) < 2:
        return width
    lefts = np.array([label.left for label in named.values()])
    pairs = [(j - i, b - a) for i, a in zip(columns, lefts, strict=True) for j, b in zip(columns, lefts, strict=True)]
    refined = float(np.median([step / apart for apart, step in pairs if apart > 0]))
    return refined if abs(refined - width) <= _CUT_OFF * width else width


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
