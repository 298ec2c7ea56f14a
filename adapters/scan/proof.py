"""Shows how well a page was read: an overlay, what the leads say of each other, and ink against curves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.ink import shrunk_ink
from adapters.scan.nouns import Curve, Scale, Sheet, Source, Strip
from adapters.scan.overlay import overlay, polylines
from ecg.errors import UnreadablePage
from ecg.leads import LEADS, LIMB_LEADS
from ecg.recording import PageEvidence

PROOF_PX_PER_MM: Final = (
    5.0  # as fine as the coarsest sheet: what is proven here is where a curve lies, not how exactly
)
INKED: Final = 0.3  # share of a core's darkness that is ink
NEAR_MM: Final = 0.4  # a curve lies on ink, and ink on a curve, within this: a line's thickness
WIDE_MM: Final = 10.0  # pieces of ink that extend so far are traces; print is narrower
LEAST_ON_INK: Final = 0.6  # of the curves, below which they were not followed surely
LEAST_EXPLAINED: Final = 0.5  # of the traces' ink, likewise
LEAST_SURE: Final = 0.4  # of a lead: a trace so faint that half of it is missing loses waves elsewhere, too, unseen
# Of the strips between their ends. Pages that were followed lose 3 % at most, to labels; one whose QRS complexes are
# too pale to be seen loses 8 %.
LEAST_FOLLOWED: Final = 0.95
MOST_EINTHOVEN: Final = 0.5  # of the limb leads' own size may their sum be, at most; chance gives about 1
SURELY_MV: Final = 0.05  # and a sum as small as this is no contradiction, however small the leads
# Samples by which rows may lie apart in time on paper that was bent: up to 1.5 mm at 25 mm/s.
SHIFTS: Final = tuple(range(-30, 31, 6))
LEAST_TOGETHER: Final = 500  # samples, 1 s: fewer prove nothing
BY_PLACE: Final = 0.8  # a lead that no print named is less sure by this
_SAID: Final[dict[Source, str]] = {"pulse": "read from the pulse", "print": "as printed", "assumed": "assumed"}


@dataclass(frozen=True, eq=False)
class Found:
    """What a page gave, to be proven: its strips and its signal, as `sampled` returns it."""

    strips: Sequence[Strip] = field(repr=False)
    signal: NDArray[np.float32] = field(repr=False)
    leads: tuple[str, ...]
    scale: Scale


def proof(sheet: Sheet, curves: Sequence[Curve], found: Found) -> PageEvidence:
    """Return the evidence of a page.

    Raises:
        UnreadablePage: 'no-trace' where curves and ink do not agree or a lead is hardly seen, 'leads-disagree' where
            limb leads break their laws.
    """
    inked = shrunk_ink(sheet, PROOF_PX_PER_MM) >= INKED
    on_ink = [_on_ink(strip.curve, inked) for strip in found.strips]
    points = [int(np.isfinite(strip.curve.y).sum()) for strip in found.strips]
    together = float(np.average(on_ink, weights=points)) if sum(points) else 0.0
    explained = _explained(curves, inked)
    if together < LEAST_ON_INK or explained < LEAST_EXPLAINED or _followed(found.strips) < LEAST_FOLLOWED:
        raise UnreadablePage("no-trace")
    confidence = _confidence(found, on_ink, sheet)
    if min(sure for _, sure in confidence) < LEAST_SURE:
        raise UnreadablePage("no-trace")
    return PageEvidence(
        overlay=overlay(sheet, found.strips),
        einthoven=_einthoven(found),
        on_ink=round(together, 3),
        explained=round(explained, 3),
        confidence=confidence,
        layout=_layout(found.strips),
        scale=_words(found.scale),
        gain_assumed=tuple(lead for lead in found.leads if lead not in LIMB_LEADS) if _half_known(found.scale) else (),
    )


def _on_ink(curve: Curve, inked: NDArray[np.bool_]) -> float:
    """Return the share of a curve that lies on ink."""
    reach = round(NEAR_MM * PROOF_PX_PER_MM) * 2 + 1
    thick = cv2.dilate(inked.astype(np.uint8), np.ones((reach, reach), np.uint8))
    seen = np.isfinite(curve.y)
    if not seen.any():
        return 0.0
    height, width = inked.shape
    x = np.clip((curve.x[seen] * PROOF_PX_PER_MM).astype(int), 0, width - 1)
    y = np.clip((curve.y[seen] * PROOF_PX_PER_MM).astype(int), 0, height - 1)
    return float(thick[y, x].mean())


def _followed(strips: Sequence[Strip]) -> float:
    """Return the share of the strips, each from its first point that was seen to its last, in which they were seen."""
    seen = [np.flatnonzero(np.isfinite(strip.curve.y)) for strip in strips]
    whole = sum(int(each[-1] - each[0]) + 1 for each in seen if len(each))
    return sum(len(each) for each in seen) / whole if whole else 0.0


def _explained(curves: Sequence[Curve], inked: NDArray[np.bool_]) -> float:
    """Return the share of the traces' ink between the first row and the last that lies on the curves."""
    drawn = np.zeros(inked.shape, np.uint8)
    for curve in curves:
        polylines(drawn, curve, PROOF_PX_PER_MM, 255, round(2 * NEAR_MM * PROOF_PX_PER_MM) + 1)
    rows = np.flatnonzero(drawn.any(axis=1))
    columns = np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return 0.0
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(inked.astype(np.uint8), connectivity=8)
    wide = boxes[:, cv2.CC_STAT_WIDTH] >= WIDE_MM * PROOF_PX_PER_MM
    wide[0] = False
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    traces = wide[labels[part]]
    return float((drawn[part] > 0)[traces].mean()) if traces.any() else 0.0


def _einthoven(found: Found) -> float | None:
    """Return the RMS in mV by which limb leads printed at one time break their laws, the larger; None if none are.

    Raises:
        UnreadablePage: 'leads-disagree' where they break them by more than any reading of the right traces does.
    """
    worst = None
    for names, signs in ((("I", "II", "III"), (1, -1, 1)), (("aVR", "aVL", "aVF"), (1, 1, 1))):
        if not set(names) <= set(found.leads):
            continue
        rows = np.array([found.signal[found.leads.index(name)] for name in names], dtype=np.float64)
        sum_, size = min((_sum(rows, signs, shifts) for shifts in product(SHIFTS, SHIFTS)), key=lambda each: each[0])
        if not np.isfinite(sum_):
            continue
        if sum_ > max(SURELY_MV, MOST_EINTHOVEN * size):
            raise UnreadablePage("leads-disagree")
        worst = max(sum_, worst or 0.0)
    return None if worst is None else round(worst, 4)


def _sum(rows: NDArray[np.float64], signs: tuple[int, ...], shifts: tuple[int, int]) -> tuple[float, float]:
    """Return the RMS of the signed sum of three leads, the last two shifted in time, and that of leads by chance."""
    edge = max(SHIFTS)
    moved = np.array([row[edge + by : len(row) - edge + by] for row, by in zip(rows, (0, *shifts), strict=True)])
    moved = moved[:, np.isfinite(moved).all(axis=0)]
    if moved.shape[1] < LEAST_TOGETHER:
        return np.inf, 0.0
    moved -= np.median(moved, axis=1, keepdims=True)
    return float(np.sqrt(np.mean((np.array(signs) @ moved) ** 2))), float(np.sqrt(np.mean(moved**2) * len(moved)))


def _confidence(found: Found, on_ink: Sequence[float], sheet: Sheet) -> tuple[tuple[str, float], ...]:
    """Return how surely each lead is what was printed: seen, on ink, its own, named, and on a grid."""
    best: dict[str, float] = {}
    for strip, inked in zip(found.strips, on_ink, strict=True):
        seen = np.isfinite(strip.curve.y)
        sure = float(seen.mean() * strip.curve.surety[seen].mean()) if seen.any() else 0.0
        named = 1.0 if strip.named_by == "print" else BY_PLACE
        best[strip.lead] = max(best.get(strip.lead, 0.0), inked * sure * named * (0.5 + 0.5 * sheet.grid))
    return tuple((lead, round(best[lead], 3)) for lead in LEADS if lead in found.leads)


def _layout(strips: Sequence[Strip]) -> str:
    """Return the name of a layout: rows x columns, and how many rhythm strips beside."""
    lengths = np.array([np.ptp(strip.curve.x) for strip in strips])
    usual = float(np.median(lengths))
    rhythms = int((lengths > 1.6 * usual).sum())
    begins = sorted(strip.begins for strip, long in zip(strips, lengths > 1.6 * usual, strict=True) if not long)
    columns = 1 + sum(later - earlier > 0.5 for earlier, later in pairwise(begins))
    rows = round(len(begins) / columns)
    return f"{rows}x{columns}" + (f"+{rhythms}" if rhythms else "")


def _half_known(scale: Scale) -> bool:
    """Whether the scale was read but for the gain of the chest leads."""
    return scale.chest_from == "assumed" and not scale.assumed


def _words(scale: Scale) -> str:
    """Return a scale in words, such as '25 mm/s as printed, 10 mm/mV read from the pulse'."""
    chest = f" (V1 to V6 {scale.chest_mm_per_mv:g})" if scale.chest_mm_per_mv != scale.mm_per_mv else ""
    if _half_known(scale):
        chest = " (V1 to V6 assumed to be the same)"
    speed, gain = _SAID[scale.speed_from], _SAID[scale.gain_from]
    return f"{scale.mm_per_s:g} mm/s {speed}, {scale.mm_per_mv:g} mm/mV{chest} {gain}"
