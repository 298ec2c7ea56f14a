"""The waveform of a WFDB record: its leads in millivolt, put together from all its parts."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.wfdb.header import Signal
from adapters.wfdb.record import Bundle, Part, Whole
from adapters.wfdb.samples import decoded
from adapters.wfdb.signals import Lead, check_sums, leads, millivolt
from ecg.errors import AmbiguousPayload, MalformedPayload, TooLarge
from ecg.leads import LEADS
from ecg.payload import Declared
from ecg.recording import Waveform

SPARE: Final = 8_000_000  # samples that may come of the smallest payload


def waveform(bundle: Bundle, record: Whole, declared: Declared, size: int) -> tuple[Waveform, tuple[str, ...]]:
    """Decode a record to mV, the twelve leads first and in their order, and note what was chosen and left out.

    Args:
        bundle: the record's files.
        record: what stands where in it.
        declared: what was declared with them.
        size: bytes of the payload that they came in; so many samples may come of it, and SPARE.

    Raises:
        AmbiguousPayload: sampling frequency, calibration or a lead's name is missing.
        MalformedPayload: files are missing or broken, or contradict the header or what was declared.
        TooLarge: it announces more samples than may come of it.
    """
    found = leads(record.signals, declared)
    per_frame, rows = _rows(record, found)
    stored = sum(part.frames * sum(each.per_frame for each in part.header.signals) for part in record.parts)
    if max(stored, len(rows) * record.frames * per_frame) > size + SPARE:
        raise TooLarge(f"{len(rows)} leads of {record.frames} frames are more than may come of {size} bytes.")
    fs = _fs(record, per_frame, declared)
    signal = np.full((len(rows), record.frames * per_frame), np.nan, dtype=np.float32)
    for part in record.parts:
        for at, stated, raw in _samples(bundle, part):
            check_sums(raw, stated, whole=part.header.frames is not None)
            if at not in rows:
                continue
            values = millivolt(raw, stated, rows[at].inverted, declared)
            _place(signal[list(rows).index(at)], values, part, stated)
    return Waveform(signal, tuple(lead.name for lead in rows.values()), fs), record.notes + _notes(
        record, rows, declared
    )


def _rows(record: Whole, found: tuple[Lead | None, ...]) -> tuple[int, dict[int, Lead]]:
    """Return the samples per frame of the twelve, and the leads by their signals' numbers, the twelve first."""
    rates: dict[int, set[int]] = {}
    for part in record.parts:
        for group in part.groups:
            for at, signal in group:
                rates.setdefault(at, set()).add(signal.per_frame)
    standard = {at: LEADS.index(lead.name) for at, lead in enumerate(found) if lead and lead.name in LEADS}
    common = set().union(*(rates.get(at, set()) for at in standard))
    if len(common) != 1:
        raise MalformedPayload(f"The leads have {len(common)} different sampling frequencies; there must be one.")
    kept = [at for at, lead in enumerate(found) if lead and (at in standard or rates.get(at) == common)]
    order = sorted(kept, key=lambda at: standard.get(at, len(LEADS)))
    return common.pop(), {at: lead for at in order if (lead := found[at])}


def _fs(record: Whole, per_frame: int, declared: Declared) -> float:
    fs = declared.fs if record.fs is None else record.fs * per_frame
    if fs is None:
        raise AmbiguousPayload("The WFDB header does not say its sampling frequency.", declare=("fs",))
    if declared.fs is not None and not math.isclose(declared.fs, fs, rel_tol=1e-6):
        raise MalformedPayload("The declared sampling frequency and the file's disagree.")
    return fs


def _samples(bundle: Bundle, part: Part) -> Iterator[tuple[int, Signal, NDArray[np.integer[Any]]]]:
    """Yield each stored signal's number in the record with its samples as they stand in its file."""
    for group in part.groups:
        signals = tuple(signal for _, signal in group)
        raws = decoded(bundle.beside(signals[0].file), signals, part.frames)
        for at, signal in reversed(group):
            yield at, signal, raws.pop()  # each goes when it was used


def _place(row: NDArray[np.float32], values: NDArray[np.float64], part: Part, signal: Signal) -> None:
    """Lay a part's samples into a row wherever it stands, without those that the skew puts before sample 0."""
    late = values[signal.skew * signal.per_frame :]
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite there, which no Waveform is
        for start in part.starts:
            begin = start * signal.per_frame
            row[begin : begin + len(late)] = late


def _notes(record: Whole, rows: dict[int, Lead], declared: Declared) -> tuple[str, ...]:
    notes = []
    if left := len(record.signals) - len(rows):
        which = "signals that are no leads of an ECG" if left > 1 else "signal that is no lead of an ECG"
        notes.append(f"{left} {which}, or sampled otherwise, {'were' if left > 1 else 'was'} left out.")
    stored = [signal for part in record.parts for group in part.groups for at, signal in group if at in rows]
    if declared.unit is None and any(each.unit is None for each in stored):
        notes.append("The header names no unit, which stands for millivolt.")
    if any(each.skew for each in stored):
        notes.append("The skew between leads was corrected as the header says.")
    return tuple(notes)
