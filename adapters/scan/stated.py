"""What print says of speed and gain: '25mm/s', '10 mm/mV', 'Limb: 10 mm/mV Chest: 5 mm/mV', '1 mV = 10 mm'."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from adapters.scan.nouns import Word

SPEEDS: Final = (12.5, 25.0, 50.0, 100.0)
GAINS: Final = (2.5, 5.0, 10.0, 20.0, 40.0)

_NUMBER: Final = r"(?<![\d.,/])(\d{1,3}(?:[.,]\d{1,2})?)"
# 'mm' is read as 'nm', 'rnm', 'mrn' or 'mn' now and then; the stroke as 1, l, I or nothing at all.
_MM: Final = r"\s*(?:[rmn]{2,4})"
_STROKE: Final = r"\s*[/|lI1'\\]?\s*"
_SPEED: Final = re.compile(rf"{_NUMBER}{_MM}{_STROKE}(?:sec|seg|s|5)(?![a-z0-9])", re.IGNORECASE)
_GAIN: Final = re.compile(rf"{_NUMBER}(?:\s*/\s*(\d{{1,2}}(?:[.,]\d)?))?{_MM}{_STROKE}m\s*[vy]", re.IGNORECASE)
_GAIN_CM: Final = re.compile(rf"{_NUMBER}\s*cm{_STROKE}m\s*[vy]", re.IGNORECASE)
_EQUALS: Final = re.compile(rf"(?<![\d.])1(?:[.,]0)?\s*m\s*v\s*[=:]\s*(\d{{1,2}}(?:[.,]\d)?){_MM}", re.IGNORECASE)
_CHEST: Final = re.compile(r"(?:chest|prec|thor|brust|\bV1?)[^\d]{0,12}$", re.IGNORECASE)
_LINE: Final = 2.0  # mm by which pieces of one line may lie higher or lower than each other


@dataclass(frozen=True)
class Stated:
    """Every speed and gain that print states: mm/s, and mm/mV for the limb leads and for the chest leads.

    More than one in a set is a contradiction.
    """

    speeds: frozenset[float]
    gains: frozenset[float]
    chest_gains: frozenset[float]


def stated(words: Iterable[Word]) -> Stated:
    """Return what print states of the scale; what no recorder prints is taken for a slip of reading and left out."""
    speeds: set[float] = set()
    gains: set[float] = set()
    chest: set[float] = set()
    for line in _lines(words):
        speeds.update(_number(match[1]) for match in _SPEED.finditer(line))
        for match in _GAIN.finditer(line):
            (chest if _CHEST.search(line[: match.start()]) else gains).add(_number(match[1]))
            if match[2]:
                chest.add(_number(match[2]))
        gains.update(10 * _number(match[1]) for match in _GAIN_CM.finditer(line))
        gains.update(_number(match[1]) for match in _EQUALS.finditer(line))
    known = frozenset(GAINS)
    return Stated(frozenset(speeds & set(SPEEDS)), known & gains, known & chest)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _lines(words: Iterable[Word]) -> list[str]:
    """Join the pieces of a line, from left to right: '25' and 'mm/s' may be two."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=_middle):
        if rows and _middle(word) - _middle(rows[-1][-1]) < _LINE:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [" ".join(word.text for word in sorted(row, key=lambda word: word.box[0])) for row in rows]


def _middle(word: Word) -> float:
    return (word.box[1] + word.box[3]) / 2
