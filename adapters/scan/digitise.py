"""A page becomes leads in millivolt, with proof, or is refused."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from adapters.scan.follow import follow
from adapters.scan.layout import place
from adapters.scan.missed import without_missed
from adapters.scan.nouns import Curve, Digitised, Drawn, Picture, Word
from adapters.scan.proof import Found, proof
from adapters.scan.rectify import rectify
from adapters.scan.sampled import FS, sampled
from adapters.scan.scale import measure_scale
from adapters.scan.seams import without_seams
from adapters.scan.words import read_upright
from ecg.errors import UnreadablePage
from ecg.recording import MIN_SECONDS

PRINTED: Final = 0.5  # share of a curve within words from which it is a line of print; a trace meets its label only


def digitise(page: Picture | Drawn) -> Digitised:
    """Return what a page gave: a picture of one, or one that came as paths and text.

    Raises:
        UnreadablePage: it cannot be read surely; its reason says why.
    """
    drawn = page if isinstance(page, Drawn) else _drawn(page)
    scale = measure_scale(drawn.curves, drawn.words, drawn.sheet)
    strips = place(drawn.curves, drawn.words, scale, drawn.sheet)
    if isinstance(page, Picture):
        strips = without_seams(without_missed(strips, drawn.curves, drawn.words, drawn.sheet))
    if not strips:
        raise UnreadablePage("no-trace")
    signal, leads = sampled(strips, scale)
    if np.isfinite(signal).any(axis=0).sum() < MIN_SECONDS * FS:
        raise UnreadablePage("too-short")
    evidence = proof(drawn.sheet, drawn.curves, Found(strips, signal, leads, scale))
    return Digitised(signal, leads, scale.assumed, evidence, drawn.words)


def _drawn(picture: Picture) -> Drawn:
    """Return what a picture shows as a page that came as paths and text would: rectified, followed and read."""
    sheet, words = read_upright(rectify(picture))
    curves = tuple(curve for curve in follow(sheet) if not _is_print(curve, words))
    if not curves:
        raise UnreadablePage("no-trace")
    return Drawn(sheet, curves, words)


def _is_print(curve: Curve, words: Sequence[Word]) -> bool:
    """Whether most of a curve runs through words: then it followed a line of them."""
    inside = np.zeros(len(curve.x), bool)
    for word in words:
        left, top, right, bottom = word.box
        inside |= (curve.x >= left) & (curve.x <= right) & (curve.y >= top) & (curve.y <= bottom)
    seen = np.isfinite(curve.y)
    return bool(seen.any() and inside[seen].mean() > PRINTED)
