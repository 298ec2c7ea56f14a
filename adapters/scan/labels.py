"""The leads that print names, as a reader of characters gives them: 'laVR', 'v1', 'IⅢI', '1I'."""

import re
from typing import Final

from ecg.leads import INVERTED_AVR

# A separator beside a label is read as a character before it: '|aVL', '1aVL', 'LV4'.
_STRAY: Final = r"[IlL1|J~\-]?"
_AUGMENTED: Final = re.compile(rf"(?P<before>{_STRAY})(?:(?P<a>[aA4eo])\s?)?[VvYUW]\s?(?P<limb>[RrLlFfEPI1])")
_CHEST: Final = re.compile(rf"{_STRAY}[VvYU]\s?(?P<number>[1-9sSlIizZbB])(?P<right>[rR]?)")
_ROMAN: Final = re.compile(r"[Il1|]{1,5}")
_DIGITS: Final = str.maketrans("sSlIizZbB", "551112266")
# Roman numerals of one character, and the dashes that stand for a minus.
_FOLDED: Final = str.maketrans(
    {
        "\u2160": "I",
        "\u2161": "II",
        "\u2162": "III",
        "!": "I",
        "\u2014": "-",
        "\u2212": "-",
        "\u2013": "-",
    }
)
_LIMBS: Final = {"R": "R", "L": "L", "1": "L", "I": "L", "F": "F", "E": "F", "P": "F"}

ROMANS: Final = ("I", "II", "III")


def lead_of(text: str) -> str | None:
    """Return the lead that a piece of print names: one of ecg.leads.LEADS, '-aVR', another such as 'V4R', or None.

    A lone 'I' may be a separator or a piece of a trace; whoever asks must weigh it against its place.
    """
    folded = re.sub(r"[\s.,:;'\"`_()\[\]]", "", text.translate(_FOLDED))
    if not folded or len(folded) > 6:
        return None
    return _augmented(folded) or _chest(folded) or _roman(folded)


def _augmented(text: str) -> str | None:
    match = _AUGMENTED.fullmatch(text)
    # Without its small a, 'VL' may be V1, and 'V1' is.
    if match is None or (match["a"] is None and match["limb"] in "lLI1EP"):
        return None
    lead = f"aV{_LIMBS[match['limb'].upper()]}"
    return INVERTED_AVR if lead == "aVR" and match["before"] == "-" else lead


def _chest(text: str) -> str | None:
    match = _CHEST.fullmatch(text)
    if match is None:
        return None
    return f"V{match['number'].translate(_DIGITS)}{match['right'].upper()}"


def _roman(text: str) -> str | None:
    strokes = {"H": "II", "m": "III"}.get(text, text)
    return ROMANS[min(len(strokes), 3) - 1] if _ROMAN.fullmatch(strokes) else None
