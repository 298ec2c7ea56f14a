"""What the columns of a table are, by their names: leads with their units, the time, the number of the sample."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from adapters.csv.layout import Layout
from adapters.csv.statements import bare, is_statement
from adapters.voltage import MILLIVOLT_PER_UNIT
from ecg.errors import MalformedPayload
from ecg.leads import INVERTED_AVR, LEADS, lead_name, signed_lead_name

# How else than UCUM tables write the units.
_UNITS: Final = {
    **{"nv": "nV", "uv": "uV", "mv": "mV", "v": "V", "\u00b5v": "uV", "\u03bcv": "uV"},
    **{"nanovolt": "nV", "microvolt": "uV", "millivolt": "mV", "volt": "V"},
    **{"nanovolts": "nV", "microvolts": "uV", "millivolts": "mV", "volts": "V"},
}
_RAW: Final = frozenset({"adu", "adc", "raw", "counts", "count", "lsb", "digital", "nu"})
_SECONDS: Final = {
    **{"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sekunden": 1.0},
    **{"ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3},
    **{"us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "microseconds": 1e-6},
}
_TIMES: Final = frozenset({"time", "t", "zeit", "temps", "tiempo", "timestamp", "date", "datetime", "elapsed time"})
_INDICES: Final = frozenset({"", "sample", "sample #", "samples", "sample number", "index", "idx", "no", "nr", "row"})
_INDEX_OF_PANDAS: Final = re.compile(r"unnamed: \d+")

MAX_NAME: Final = 80  # characters
# 'I (mV)', 'V1 [uV]', 'II_mV', 'time/ms': a name and a unit.
_BRACKETED: Final = re.compile(r"(?P<label>[^\[\]()]*?)[\s_]*[\[(]\s*(?P<unit>[^\[\]()]*?)\s*[\])]\s*")
_SUFFIXED: Final = re.compile(r"(?P<label>.*?)\s*[_/]\s*(?P<unit>[A-Za-z\u00b5\u03bc]+)\s*")
_ECG: Final = re.compile(r"(?:ecg|ekg)[\s_:]+", re.IGNORECASE)
_APART: Final = re.compile(r"\s{2,}|\t")
# Right-sided and posterior leads: known, and none of the twelve.
_FURTHER: Final = re.compile(r"V[3-6]R|V[789]", re.IGNORECASE)

Role = Literal["lead", "time", "index", "other"]


@dataclass(frozen=True)
class Column:
    """What a column is.

    Attributes:
        role: what it holds; 'other' where its name says nothing that is known here.
        lead: the lead's name, where it is one.
        sign: -1 for a lead that is written upside down.
        unit: of UCUM, None where none is said.
        seconds: of one step of a time, None where none is said.
        raw: whether it says that its samples are in no unit.
    """

    role: Role
    lead: str = field(default="", repr=False)
    sign: int = 1
    unit: str | None = None
    seconds: float | None = None
    raw: bool = False


def unit_of(text: str) -> str | None:
    """Return the unit (UCUM) that a text means, None where it means none."""
    return text if text in MILLIVOLT_PER_UNIT else _UNITS.get(text.strip().lower())


def lead_of(label: str) -> tuple[str, int] | None:
    """Return the lead that a label means, and the sign of its samples; None where it means none."""
    text = _ECG.sub("", label.strip(), count=1)
    if signed_lead_name(text) == INVERTED_AVR:
        return "aVR", -1
    if "(" in text:  # 'I (filtered)' is not what the recorder had
        return None
    if name := lead_name(text):
        return name, 1
    return (text.upper(), 1) if _FURTHER.fullmatch(text) else None


def column(label: str) -> Column:
    """Return what a name in the header says of its column."""
    if len(label) > MAX_NAME:
        return Column("other")
    if plain := _named(label):
        return plain
    for pattern in (_BRACKETED, _SUFFIXED):
        if not (match := pattern.fullmatch(label)):
            continue
        found, word = _named(match["label"]), match["unit"]
        if found and (made := _with_unit(found, word)):
            return made
    return Column("other")


def columns(layout: Layout) -> tuple[Column, ...]:
    """Return what the header says of each column, by a row of names and perhaps one of units; empty for no header.

    Raises:
        MalformedPayload: the names are more or fewer than the columns, or their units contradict each other.
    """
    rows: list[list[str]] = []
    for line in reversed(layout.before):
        words = bare(line)
        held = _names(layout, words)
        if not words.strip():
            continue
        if len(held) != layout.columns or (is_statement(words) and not any(map(_is_named, held))):
            if not rows and any(map(_is_lead, held)) and not is_statement(words):
                raise MalformedPayload(f"{len(held)} names stand over {layout.columns} columns.")
            break
        rows.append(held)
        if len(rows) == 2 or not _are_units(held):
            break
    if not rows:
        return ()
    if _are_units(rows[0]) and len(rows) == 2:
        return tuple(_completed(column(name), word) for name, word in zip(rows[1], rows[0], strict=True))
    return tuple(column(name) for name in rows[0])


def _named(label: str) -> Column | None:
    word = label.strip().lower()
    if found := lead_of(label):
        return Column("lead", *found)
    if word in _SECONDS:
        return Column("time", seconds=_SECONDS[word])
    if word in _TIMES:
        return Column("time")
    if word in _INDICES or _INDEX_OF_PANDAS.fullmatch(word):
        return Column("index")
    return None


def _is_named(label: str) -> bool:
    return column(label).role in ("lead", "time")


def _is_lead(label: str) -> bool:
    return column(label).role == "lead"


def _with_unit(found: Column, word: str) -> Column | None:
    if found.role == "lead":
        if word.lower() in _RAW:
            return replace(found, raw=True)
        return replace(found, unit=unit) if (unit := unit_of(word)) else None
    if found.role == "time" and found.seconds is None:
        seconds = _SECONDS.get(word.lower())
        return replace(found, seconds=seconds) if seconds else None
    return None


def _completed(named: Column, word: str) -> Column:
    if not word:
        return named
    completed = _with_unit(named, word)
    if completed is None:
        return named if named.role in ("index", "other") else Column(named.role, named.lead, named.sign)
    if named.unit not in (None, completed.unit):
        raise MalformedPayload("The units in the header contradict each other.")
    return completed


def _are_units(held: Sequence[str]) -> bool:
    known = [each for each in held if each]
    return any(map(unit_of, known)) and all(
        unit_of(each) or each.lower() in _SECONDS or each.lower() in _RAW or ":" in each for each in known
    )


def _names(layout: Layout, words: str) -> list[str]:
    """Return the cells of a header without what separators at its end add, or with what they add to each row.

    Where spaces separate, 'Lead II (mV)' is one name if two of them stand between names, or there is a single column.
    """
    held, width = layout.cells(words), layout.columns
    if not layout.separator and len(held) != width:
        apart = [each.strip("\"'") for each in _APART.split(words.strip())]
        return apart if len(apart) == width else held
    while len(held) > width and not held[-1]:
        held = held[:-1]
    return held


def ordered(leads: Sequence[str]) -> list[int]:
    """Return the places of leads, the twelve first and in their order."""
    return sorted(range(len(leads)), key=lambda at: LEADS.index(leads[at]) if leads[at] in LEADS else len(LEADS))
