"""The text of a PDF's page as words with their places, as they are seen; from nothing that was recognised."""

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from adapters.scan.nouns import Word
from adapters.scan.pdf import Leaf

MAX_LETTERS: Final = 20_000  # of one page: a page full of print has 5,000
APART: Final = 1.2  # heights of a letter: beyond such a gap something else begins


@dataclass(frozen=True)
class _Letter:
    """A letter as it is seen, and whether a space stands before it."""

    text: str
    box: tuple[float, float, float, float]
    apart: bool

    @property
    def height(self) -> float:
        return max(self.box[3] - self.box[1], 0.1)


def words(leaf: Leaf, mm: float) -> tuple[Word, ...]:
    """Return the text of a page, a line at a time, in pieces that stand apart.

    Args:
        leaf: the page.
        mm: points per millimetre.
    """
    pieces: list[list[_Letter]] = []
    for letter in _letters(leaf):
        if not pieces or not _goes_on(pieces[-1][-1], letter):
            pieces.append([])
        pieces[-1].append(letter)
    return tuple(_word(each, mm) for each in pieces)


def _letters(leaf: Leaf) -> list[_Letter]:
    page = pdfium.FPDFText_LoadPage(leaf.page.raw)
    if not page:
        return []
    try:
        count = min(pdfium.FPDFText_CountChars(page), MAX_LETTERS)
        text = [_text(page, index) for index in range(count)]
        return [
            _Letter(each, _box(page, index, leaf.seen), not text[index - 1].strip() if index else False)
            for index, each in enumerate(text)
            if each.strip()
        ]
    finally:
        pdfium.FPDFText_ClosePage(page)


def _text(page: Any, index: int) -> str:
    code = pdfium.FPDFText_GetUnicode(page, index)
    text = chr(code) if 0 < code < 0x110000 else ""
    return text if text.isprintable() else ""


def _box(page: Any, index: int, seen: NDArray[np.float64]) -> tuple[float, float, float, float]:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    pdfium.FPDFText_GetCharBox(page, index, left, right, bottom, top)
    corners = np.array([[left.value, bottom.value, 1.0], [right.value, top.value, 1.0]]) @ seen.T
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return x0, y0, x1, y1


def _goes_on(last: _Letter, letter: _Letter) -> bool:
    """Say whether a letter stands on the line of the one before it, and near it."""
    tall = max(last.height, letter.height)
    overlap = min(last.box[3], letter.box[3]) - max(last.box[1], letter.box[1])
    gap = letter.box[0] - last.box[2]
    return overlap > -0.3 * tall and -tall < gap < APART * tall


def _word(letters: list[_Letter], mm: float) -> Word:
    text = "".join((" " if each.apart else "") + each.text for each in letters).strip()
    boxes = np.array([each.box for each in letters])
    left, top = boxes[:, :2].min(axis=0) / mm
    right, bottom = boxes[:, 2:].max(axis=0) / mm
    return Word(text, (float(left), float(top), float(right), float(bottom)), 1.0)
