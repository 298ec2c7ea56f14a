"""The sequences of a series as leads in millivolt on one axis of time."""

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from adapters.hl7v3.codes import MDC, TIMES, UNITS_PER_SECOND, lead_of
from adapters.hl7v3.times import moment
from adapters.markup import attribute
from adapters.periods import frequency
from adapters.voltage import checked_step, millivolt_per
from ecg.errors import AmbiguousPayload, MalformedPayload, TooLarge
from ecg.leads import INVERTED_AVR, LEADS, lead_name
from ecg.payload import Declared
from ecg.recording import Waveform

MAX_LEADS: Final = 64
MAX_SETS: Final = 64
MAX_SAMPLES: Final = 8_000_000  # of one lead: an hour at 2000 Hz

_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][-+]?\d{1,2})?", re.ASCII)
# HL7 v3 data types, SLIST: integers. Decimals are let pass. Possessive: nothing is ever tried again.
_DIGITS: Final = re.compile(r"\s*+(?:[-+]?\d{1,18}+(?:\.\d*+)?(?:\s++|\Z))++", re.ASCII)


@dataclass(frozen=True)
class SequenceSet:
    """Leads that were recorded at the same time.

    Attributes:
        leads: float64 (samples,) in mV by name, NaN where nothing was measured; all of the same length.
        fs: samples per second and lead, Hz.
        head: when the first sample was: a moment, seconds from some beginning, or None where nothing is said.
    """

    leads: dict[str, NDArray[np.float64]] = field(repr=False)
    fs: float
    head: datetime | float | None = field(repr=False)

    @property
    def samples(self) -> int:
        """Samples of each lead."""
        return len(next(iter(self.leads.values())))


def waveform(series: Element, declared: Declared) -> tuple[Waveform, tuple[str, ...]]:
    """Return the leads of a series, the twelve first and in their order, with notes on what was left out.

    Raises:
        AmbiguousPayload: it does not say its sampling frequency, a unit, or which lead a sequence is.
        MalformedPayload: numbers are none or absurd, lengths or times disagree, or it contradicts what was declared.
    """
    held = series.findall("{*}component/{*}sequenceSet")
    if not 0 < len(held) <= MAX_SETS:
        raise MalformedPayload(f"A series of {len(held)} sets of sequences; 1 to {MAX_SETS} are read.")
    left: list[str] = []
    sets = [_sequence_set(each, declared, left) for each in held]
    sets = [each for each in sets if each.leads]
    if not sets:
        raise MalformedPayload("The series holds no samples of a lead.")
    if len({each.fs for each in sets}) > 1:
        raise MalformedPayload("The sets of a series differ in their sampling frequency.")
    leads = _placed(sets)
    _check_against_effective_time(series, next(iter(leads.values())), sets[0].fs)
    order = sorted(leads, key=lambda each: LEADS.index(each) if each in LEADS else len(LEADS))
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite there, which no Waveform is
        signal = np.stack([leads[each] for each in order]).astype(np.float32)
    notes = (f"{len(left)} sequences that are no lead of an ECG were left out.",) if left else ()
    return Waveform(signal, tuple(order), sets[0].fs), notes


def first_moment(series: Element) -> str | None:
    """Return the time of the first sample as it is written, where the axis of time is absolute."""
    axes = series.iterfind("{*}component/{*}sequenceSet/{*}component/{*}sequence")
    absolute = (each for each in axes if attribute(each, "code", "{*}code") == TIMES[0])
    return attribute(next(absolute, None), "value", "{*}value/{*}head")


def _sequence_set(held: Element, declared: Declared, left: list[str]) -> SequenceSet:
    sequences = held.findall("{*}component/{*}sequence")
    times = [each for each in sequences if attribute(each, "code", "{*}code") in TIMES]
    if len(times) > 1:
        raise MalformedPayload("A set of sequences has more than one axis of time.")
    fs, head = _axis(times[0] if times else None, declared)
    others = [each for each in sequences if each not in times]
    if len(others) > MAX_LEADS:
        raise MalformedPayload(f"{len(others)} leads came together; at most {MAX_LEADS} may.")
    names = _names(others, declared)
    leads: dict[str, NDArray[np.float64]] = {}
    for sequence, name in zip(others, names, strict=True):
        if name == "":
            left.append(name)
            continue
        values = _values(sequence.find("{*}value"), declared)
        standard = "aVR" if name == INVERTED_AVR else name
        if standard in leads:
            raise MalformedPayload(f"A lead stands twice: {standard if standard in LEADS else 'one of the others'}.")
        leads[standard] = 0.0 - values if name == INVERTED_AVR else values
    lengths = {len(each) for each in leads.values()}
    # A lead that was not measured says nothing of its length.
    if len(lengths - {0}) > 1:
        raise MalformedPayload(f"The leads of one set have {len(lengths - {0})} different lengths.")
    whole = max(lengths, default=0)
    filled = {name: each if len(each) else np.full(whole, np.nan) for name, each in leads.items()}
    return SequenceSet(filled if whole else {}, fs, head)


def _axis(sequence: Element | None, declared: Declared) -> tuple[float, datetime | float | None]:
    """Return the sampling frequency and the time of the first sample, of a GLIST_TS or GLIST_PQ."""
    value = None if sequence is None else sequence.find("{*}value")
    period, unit = attribute(value, "value", "{*}increment"), attribute(value, "unit", "{*}increment")
    if period is None:
        if declared.fs is None:
            raise AmbiguousPayload("A set of sequences does not say its sampling frequency.", declare=("fs",))
        return declared.fs, None
    if unit not in UNITS_PER_SECOND:
        raise MalformedPayload(f"The time between samples is in none of {', '.join(UNITS_PER_SECOND)} (UCUM).")
    fs = frequency(period, UNITS_PER_SECOND[unit])
    if declared.fs is not None and not math.isclose(declared.fs, fs, rel_tol=1e-6):
        raise MalformedPayload("The declared sampling frequency and the file's disagree.")
    head, head_unit = attribute(value, "value", "{*}head"), attribute(value, "unit", "{*}head")
    if head is None:
        return fs, None
    if attribute(sequence, "code", "{*}code") == "TIME_ABSOLUTE":
        return fs, moment(head)
    return fs, _number(head, "The head of a time axis") / UNITS_PER_SECOND[head_unit or unit]


def _names(sequences: list[Element], declared: Declared) -> list[str]:
    """Name each sequence: a lead, or '' for what is something else."""
    if declared.leads and len(declared.leads) != len(sequences):
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {len(sequences)} sequences.")
    names = []
    for at, each in enumerate(sequences):
        name, said = _name(each.find("{*}code")), declared.leads[at] if declared.leads else None
        if said is not None:
            standard = lead_name(said)
            if standard is None or name not in (None, standard):
                raise MalformedPayload("The declared leads are none of the twelve, or disagree with the file's.")
            name = standard
        if name is None:
            raise AmbiguousPayload("A sequence does not say which lead it is.", declare=("leads",))
        names.append(name)
    return names


def _name(code: Element | None) -> str | None:
    """Return the lead by its code, and its text, which must agree; None for one without a name, '' for no lead."""
    coded, shown = attribute(code, "code"), attribute(code, "displayName")
    by_text = lead_name(shown) if shown else None
    by_code = lead_of(coded) if coded and attribute(code, "codeSystem") in (MDC, None) else None
    if by_code is None:
        return by_text or ("" if coded else None)
    if by_text and by_text != by_code.removeprefix("-"):  # -aVR may be shown as aVR
        raise MalformedPayload("The code and the text of one lead disagree.")
    return by_code


def _values(value: Element | None, declared: Declared) -> NDArray[np.float64]:
    """Return origin + scale x digit for each digit of an SLIST_PQ, in mV; empty where it is marked as not there."""
    if value is None or value.get("nullFlavor"):
        return np.empty(0)
    if (value.get(_TYPE) or "SLIST_PQ").rpartition(":")[2] != "SLIST_PQ":
        raise MalformedPayload("The samples of a lead are no SLIST_PQ.")
    scale, unit = attribute(value, "value", "{*}scale"), attribute(value, "unit", "{*}scale")
    step = checked_step(_number(scale, "The scale of a lead") * millivolt_per(unit, declared.unit))
    origin = _number(attribute(value, "value", "{*}origin") or "0", "The origin of a lead")
    origin *= millivolt_per(attribute(value, "unit", "{*}origin") or unit, declared.unit)
    digits = value.findtext("{*}digits", "")
    if len(digits) > 24 * MAX_SAMPLES:
        raise TooLarge(f"A lead holds more than {MAX_SAMPLES} samples.")
    if not _DIGITS.fullmatch(digits):
        raise MalformedPayload("The digits of a lead are no numbers separated by spaces.")
    return np.fromstring(digits, sep=" ") * step + origin


def _number(written: str | None, what: str) -> float:
    if written is None or not _NUMBER.fullmatch(written):
        raise MalformedPayload(f"{what} is no number.")
    return float(written)


def _placed(sets: list[SequenceSet]) -> dict[str, NDArray[np.float64]]:
    """Put the sets of a series on one axis by the times of their first samples; NaN where a lead has none."""
    if len(sets) == 1:
        return sets[0].leads
    starts = [_samples_after(sets[0], each) for each in sets]
    first = min(starts)
    ends = [start - first + each.samples for start, each in zip(starts, sets, strict=True)]
    if max(ends) > sum(each.samples for each in sets):
        raise MalformedPayload("The sets of a series stand further apart than they are long.")
    names = dict.fromkeys(name for each in sets for name in each.leads)
    if len(names) > MAX_LEADS:
        raise MalformedPayload(f"{len(names)} leads came together; at most {MAX_LEADS} may.")
    placed = {name: np.full(max(ends), np.nan) for name in names}
    for start, each in zip(starts, sets, strict=True):
        at = slice(start - first, start - first + each.samples)
        for name, values in each.leads.items():
            if not np.isnan(placed[name][at]).all():
                raise MalformedPayload("A lead has two values at the same time.")
            placed[name][at] = values
    return placed


def _samples_after(first: SequenceSet, other: SequenceSet) -> int:
    """Return how many samples after the first set another one begins."""
    if isinstance(first.head, float) and isinstance(other.head, float):
        seconds = other.head - first.head
    elif isinstance(first.head, datetime) and isinstance(other.head, datetime):
        if (first.head.tzinfo is None) != (other.head.tzinfo is None):
            raise MalformedPayload("Of the sets of a series only some name a zone.")
        seconds = (other.head - first.head).total_seconds()
    else:
        raise MalformedPayload("The sets of a series do not say when each began.")
    if abs(seconds) > MAX_SAMPLES / first.fs:
        raise MalformedPayload("The sets of a series stand further apart than they are long.")
    return round(seconds * first.fs)


def _check_against_effective_time(series: Element, lead: NDArray[np.float64], fs: float) -> None:
    """Hold the samples' length against the time that the series says it took, as exactly as it says so.

    Raises:
        MalformedPayload: they differ by more than the last digit that is written and a hundredth.
    """
    low, high = (attribute(series, "value", f"{{*}}effectiveTime/{{*}}{each}") or "" for each in ("low", "high"))
    begun, ended = moment(low), moment(high)
    if begun is None or ended is None or (begun.tzinfo is None) != (ended.tzinfo is None):
        return
    if min(len(low), len(high)) < len("YYYYMMDDHHMMSS"):
        return
    said, held = (ended - begun).total_seconds(), len(lead) / fs
    exactness = 0.1 if "." in low and "." in high else 1.0
    if said > 0 and abs(said - held) > exactness + 0.01 * said:
        raise MalformedPayload(f"The samples last {held:.2f} s, and the series says {said:.2f} s.")
