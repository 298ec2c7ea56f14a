"""Which lead is where: a sheet's curves become strips, one a lead and column, by layout, labels and Einthoven."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from adapters.scan.agreement import likeness, piece_grid
from adapters.scan.columns import Column, columns
from adapters.scan.fit import Fit, fits
from adapters.scan.labels import ROMANS
from adapters.scan.lettering import Box, bare, label_boxes, without_letters
from adapters.scan.nouns import Curve, Scale, Sheet, Strip, Word
from adapters.scan.places import Label, labels_of
from adapters.scan.plans import plans
from adapters.scan.rows import Row, baseline, rows_of
from ecg.errors import UnreadablePage
from ecg.leads import INVERTED_AVR, LIMB_LEADS

_SURELY: Final = 4.0  # labels in their places that settle a layout
_HARDLY: Final = 1.5  # labels that settle it where Einthoven agrees well
_WELL: Final = 0.25  # residual of leads that agree well
_BADLY: Final = 0.45  # residual from which a trace was misread, or misnamed; 0.58 is chance
_STRAY: Final = 5  # rows at most that are none
_LAW: Final = 6.0  # labels that limb leads which break their laws entirely outweigh
_ALIKE: Final = 0.6  # likeness from which a rhythm strip surely is a lead
_FAIRLY: Final = 0.3  # likeness from which it is what its label seems to say
_UNLIKE: Final = 0.0  # likeness below which it surely is not
_USUAL_RHYTHMS: Final = ("II", "V1", "V5")
_LONGEST: Final = 10.5  # s; columns that are longer in all cannot follow one another in 10 s, so they are simultaneous
_LEAST_SECONDS: Final = 2.0


@dataclass(frozen=True, eq=False)
class _Piece:
    """A lead's piece of a row, and the label that it bears."""

    row: Row
    lead: str
    column: Column
    label: Label | None


def place(curves: Sequence[Curve], words: Sequence[Word], scale: Scale, sheet: Sheet) -> tuple[Strip, ...]:
    """Return the strips of a sheet: every lead of its layout, column by column, then its rhythm strips.

    Raises:
        UnreadablePage: 'layout-unknown' where no layout surely fits, 'leads-disagree' where limb leads break
            Einthoven's law, 'too-short' where there is less than 2 s of a lead.
    """
    rows, fit = _chosen(rows_of(bare(curve, words) for curve in curves), words)
    across = columns(rows, fit, sheet)
    seconds = (across[-1].right - across[-1].since) / scale.mm_per_s
    if seconds < _LEAST_SECONDS:
        raise UnreadablePage("too-short")
    if fit.rhythms == 0 and seconds > _LONGEST:
        across = tuple(replace(column, since=column.left) for column in across)
    labels = label_boxes(fit, rows, across)
    strips = [_strip(piece, scale, labels) for piece in _pieces(rows, fit, across)]
    return tuple(strip for strip in strips if np.isfinite(strip.curve.y).any())


def _pieces(rows: Sequence[Row], fit: Fit, across: Sequence[Column]) -> list[_Piece]:
    pieces = []
    for c, (column, leads) in enumerate(zip(across, fit.plan.columns, strict=False)):
        for r, lead in enumerate(leads):
            pieces.append(_Piece(rows[r], lead, column, fit.named.get((c, r))))
    whole = Column(across[0].left, across[-1].right, across[0].left)
    for r in range(fit.plan.rows, len(rows)):
        name = _rhythm_name(rows, r, across, fit)
        if name is not None:
            pieces.append(_Piece(rows[r], name, whole, fit.named.get((-1, r))))
    return pieces


def _chosen(rows: tuple[Row, ...], words: Sequence[Word]) -> tuple[tuple[Row, ...], Fit]:
    """Return the layout that fits best, and the rows that it is of.

    Rows above and below may be none: frames, folds, the paper's edges and what lies beside it.
    """
    labels = labels_of(words)
    few = range(min(_STRAY, len(rows)) + 1)
    kept = [rows[above : len(rows) - below] for above in few for below in few if above + below <= _STRAY]
    found = []
    for plan in plans():
        laid = [(some, fit) for some in kept for fit in fits(plan, some, labels)]
        if laid:
            found.append(max(laid, key=lambda each: _worth(each[1], _LAW) + len(each[0])))
    if not found:
        raise UnreadablePage("layout-unknown")
    # Limb leads' laws tell which rows a layout is of; which layout it is, labels tell.
    some, best = max(found, key=lambda each: _worth(each[1], 1.0) + len(each[0]))
    if best.against * 3 > best.agreeing or not _settled(best):
        raise UnreadablePage("layout-unknown")
    if len(some) < len(rows) and best.agreeing < _SURELY:
        raise UnreadablePage("layout-unknown")
    if best.misnamed or best.worst > _BADLY:
        raise UnreadablePage("leads-disagree")
    return some, best


def _worth(fit: Fit, law: float) -> float:
    """How much speaks for a layout: labels, and by a given weight the limb leads' laws."""
    return fit.agreeing - 2 * fit.against - 2 * fit.strange - law * float(np.nan_to_num(fit.worst, nan=1.0))


def _settled(fit: Fit) -> bool:
    if not fit.plan.columns:
        return any(label.sure or label.lead == "II" for label in fit.named.values())
    limbs = any(label.sure and label.lead in LIMB_LEADS for label in fit.named.values())
    if not limbs and any(INVERTED_AVR in column for column in fit.plan.columns):
        return False
    return fit.agreeing >= _SURELY or (fit.agreeing >= _HARDLY and fit.worst <= _WELL)


def _rhythm_name(rows: Sequence[Row], r: int, across: Sequence[Column], fit: Fit) -> str | None:
    """Return which lead a rhythm strip shows: as its label says unless its lead belies it, or as it looks."""
    looks = {
        lead: likeness(rows[row].height(x), rows[r].height(x))
        for column, leads in zip(across, fit.plan.columns, strict=False)
        for row, lead in enumerate(leads)
        if len(x := piece_grid(column.left, column.right)) and lead != INVERTED_AVR
    }
    label = fit.named.get((-1, r))
    # Strokes alone may be 'I', 'II' or 'III', some unread; the trace tells which.
    if label is not None and label.sure and not looks.get(label.lead, 1.0) < _UNLIKE:
        return label.lead
    strokes = max(ROMANS, key=lambda lead: looks.get(lead, -1.0))
    if label is not None and not fit.plan.columns:
        return label.lead
    if label is not None and not label.sure and looks.get(strokes, -1.0) >= _FAIRLY:
        return strokes
    usual = {lead: looks[lead] for lead in _USUAL_RHYTHMS if np.isfinite(looks.get(lead, np.nan))}
    best = max(usual, key=lambda lead: usual[lead], default=None)
    return best if best is not None and usual[best] >= _ALIKE else None


def _strip(piece: _Piece, scale: Scale, labels: Sequence[Box]) -> Strip:
    row, curve = piece.row, piece.row.curve
    left, right = max(piece.column.left, row.begin), min(piece.column.right, row.end)
    places = curve.x - row.lean
    inside = (places >= left) & ((places <= right) if right == row.end else (places < right))
    x = curve.x[inside]
    y = without_letters(x, curve.y[inside].copy(), labels)
    y[curve.surety[inside] <= 0] = np.nan
    zero = baseline(y)
    lead = piece.lead
    if lead == INVERTED_AVR:
        y, lead = 2 * zero - y, "aVR"
    first = float(x[0]) - row.lean if len(x) else left
    begins = max(first - piece.column.since, 0.0) / scale.mm_per_s
    return Strip(lead, begins, Curve(x, y, curve.surety[inside]), zero, "layout" if piece.label is None else "print")
