"""The fonts of pages and pictures: Latin, Greek and Cyrillic; what they cannot draw is shown by its number."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

import font_roboto
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "Roboto"
BOLD: Final = "Roboto-Bold"
FILES: Final = {REGULAR: "Roboto-Regular.ttf", BOLD: "Roboto-Bold.ttf"}


@cache
def register_fonts() -> None:
    """Make the fonts known to reportlab, once in a process; a document embeds what it uses of them."""
    for font in _fonts():
        pdfmetrics.registerFont(font)


@cache
def _fonts() -> tuple[TTFont, ...]:
    folder = Path(font_roboto.__file__).parent / "files"
    return tuple(TTFont(name, folder / file) for name, file in FILES.items())


@cache
def _drawn() -> frozenset[int]:
    """Return the code points that every font can draw."""
    return frozenset.intersection(*(frozenset(each.face.charToGlyph) for each in _fonts()))


def is_drawable(text: str) -> bool:
    """Say whether the fonts can draw all of a text."""
    return "[U+" not in drawable(text.replace("[", ""))


def drawable(text: str) -> str:
    """Return a text as the fonts can draw it: composed (Unicode NFC), and what they lack by its number: '[U+738B]'.

    A character that a font lacks would be drawn as nothing or as a box that anything could be: in a name neither may
    be. White space of any kind is a space.
    """
    composed = unicodedata.normalize("NFC", text)
    if composed.isascii() and composed.isprintable():
        return composed
    shown = (" " if each.isspace() else each for each in composed)
    return "".join(each if ord(each) in _drawn() else f"[U+{ord(each):04X}]" for each in shown)
