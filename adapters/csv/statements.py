"""What the lines before a table state: sampling frequency, unit, leads and time of acquisition."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from adapters.csv.moments import stamp
from ecg.errors import MalformedPayload
from ecg.leads import lead_name
from ecg.recording import MAX_FS, MIN_FS

_T = TypeVar("_T")

_COMMENT: Final = re.compile(r"\s*(?:#+|%+|//)\s*")
MAX_LINE: Final = 300  # characters; a longer one states nothing

_IS: Final = r"[\s_]*(?:[\[(]\s*hz\s*[\])])?\s*[=:,;\t]\s*[\"']?\s*"
_FS: Final = re.compile(
    rf"\b(?:fs|f_s|sampl(?:e|ing)[\s_]*(?:rate|freq(?:uency)?)){_IS}(?P<number>\d[\d.,]*\d|\d)\s*(?P<unit>[a-z/]*)",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(r"\bunits?\s*[=:,;\t]\s*[\"']?\s*(?P<unit>[a-z\u00b5\u03bc]+)", re.IGNORECASE)
_LEADS: Final = re.compile(r"\s*[\"']?leads?[\"']?\s*[=:,;\t]\s*(?P<leads>.+)", re.IGNORECASE)
_TIME: Final = re.compile(
    r"\s*[\"']?(?:acquired_at|acquisition time|record(?:ed|ing) date|start(?: ?time)?)[\"']?\s*[=:,;\t]\s*(?P<time>.+)",
    re.IGNORECASE,
)
# 'Original fs: 1000' and 'time unit: s' say nothing of these samples; after one of these words it is still theirs.
_QUALIFIED: Final = re.compile(r"([^\W\d_]+)[\s_-]+\Z")
_OF_ALL: Final = frozenset(
    {"amplitude", "and", "at", "data", "ecg", "ekg", "sample", "samples", "signal", "signals", "the", "voltage", "with"}
)
# Figures by which somebody scaled, or is to scale, the samples. Who may multiply by which is said nowhere.
_GAIN: Final = re.compile(r"\b(?:gain|resolution|scal(?:e|ing)|sensitivity|lsb|adc|adu|raw)\b", re.IGNORECASE)
_HERTZ: Final = {"": 1.0, "hz": 1.0, "hertz": 1.0, "sps": 1.0, "samples/s": 1.0, "khz": 1000.0}


@dataclass(frozen=True)
class Statements:
    """What a file states of all its samples.

    Attributes:
        fs: Hz.
        unit: as it is written.
        leads: as they are written.
        acquired_at: when it begins; no tzinfo where no zone is said.
        gain: whether it speaks of a gain or of raw samples.
    """

    fs: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] = field(default=(), repr=False)
    acquired_at: datetime | None = field(default=None, repr=False)
    gain: bool = False


def bare(line: str) -> str:
    """Return a line without what marks it as a comment."""
    mark = _COMMENT.match(line)
    return line[mark.end() :] if mark else line


def is_statement(line: str) -> bool:
    """Say whether a line states something, and is no row of names."""
    return len(line) <= MAX_LINE and any(each.search(line) for each in (_FS, _UNIT, _LEADS, _TIME))


def stated(lines: Sequence[str]) -> Statements:
    """Return what lines state.

    Raises:
        MalformedPayload: they contradict each other.
    """
    said = [bare(each) for each in lines if len(each) <= MAX_LINE]
    times = {stamp(each) for each in _found(_TIME, "time", said)} - {None}
    return Statements(
        fs=_only({each for match in _matches(_FS, said) if (each := _frequency(match))}),
        unit=_only(set(_found(_UNIT, "unit", said))),
        leads=_only({_labels(each) for each in _found(_LEADS, "leads", said)} - {()}) or (),
        acquired_at=_only(times),
        gain=any(_GAIN.search(each) for each in said),
    )


def _found(pattern: re.Pattern[str], name: str, lines: Sequence[str]) -> Iterator[str]:
    yield from (match[name].strip(" \t\"',;") for match in _matches(pattern, lines))


def _matches(pattern: re.Pattern[str], lines: Sequence[str]) -> Iterator[re.Match[str]]:
    """Yield what lines state of these samples, and not of something else that a word before it names."""
    for match in (match for line in lines for match in pattern.finditer(line)):
        before = _QUALIFIED.search(match.string[: match.start()])
        if before is None or before[1].lower() in _OF_ALL:
            yield match


def _only(said: set[_T]) -> _T | None:
    if len(said) > 1:
        raise MalformedPayload("The lines before the table contradict each other.")
    return next(iter(said), None)


def _labels(text: str) -> tuple[str, ...]:
    """Return the leads in a text; none where it speaks of something else, such as their number."""
    labels = tuple(each.strip(" \"'") for each in re.split(r"[,;\t]", text))
    return labels if all(map(lead_name, labels)) else ()


def _frequency(match: re.Match[str]) -> float | None:
    """Return Hz. In '511,422' and '1,000' the comma is what makes a frequency of it that an ECG may have."""
    factor = _HERTZ.get(match["unit"].lower())
    for text in (match["number"].replace(",", "."), match["number"].replace(",", "")):
        try:
            value = float(text)
        except ValueError:
            continue
        if factor and math.isfinite(value) and ("," not in match["number"] or MIN_FS <= value * factor <= MAX_FS):
            return value * factor
    return None
