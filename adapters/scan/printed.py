"""The patient's id where a page clearly prints one: it is never believed, and never overlooked."""

import re
from collections.abc import Sequence
from typing import Final

from adapters.scan.nouns import Word

LEAST_SURETY: Final = 0.9  # of a word: a smeared digit must not accuse
# What recorders print before an id; a number of an order, a device or a study is none.
_NAMED: Final = re.compile(
    r"^(?:patient[\s-]*id|pat\.?[\s-]*id|pid|mrn|id|patienten-?nr)\.?\s*(?:no|nr)?\.?\s*[:#]?\s*", re.I
)
_ID: Final = re.compile(r"^[A-Z0-9][A-Z0-9./-]{2,}$", re.I)
_RIGHT: Final = 40.0  # mm: how far a value may stand from its name
_LEVEL: Final = 0.5  # of a word's height: how far it may stand off its name's line


def patient_ids(words: Sequence[Word]) -> frozenset[str]:
    """Return what stands as the patient's id on a page, as `plain` writes it; empty where none surely does."""
    sure = [each for each in words if each.surety >= LEAST_SURETY]
    found = set()
    for each in sure:
        named = _NAMED.match(each.text)
        if not named:
            continue
        rest = each.text[named.end() :].strip()
        if not rest and named.end() == len(each.text):
            rest = _beside(each, sure)
        elif ":" not in named.group() and "#" not in named.group():
            continue  # 'ID card', 'Identification' and the like
        if _ID.match(rest) and any(letter.isdigit() for letter in rest):
            found.add(plain(rest))
    return frozenset(found)


def plain(identifier: str) -> str:
    """Return an identifier as it is compared: capitals and digits, without leading zeros."""
    return re.sub(r"[^A-Z0-9]", "", identifier.upper()).lstrip("0")


def _beside(name: Word, words: Sequence[Word]) -> str:
    """Return the text of the word that stands to the right of a name, on its line."""
    height = name.box[3] - name.box[1]
    right = [
        each
        for each in words
        if each is not name
        and 0 <= each.box[0] - name.box[2] <= _RIGHT
        and abs((each.box[1] + each.box[3]) - (name.box[1] + name.box[3])) / 2 <= _LEVEL * height
    ]
    return min(right, key=lambda each: each.box[0]).text.strip() if right else ""
