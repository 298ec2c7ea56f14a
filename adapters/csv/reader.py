"""Reads ECGs that come as tables of numbers: what the table does not say must be declared, and nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.csv import text
from adapters.csv.amplitude import MAX_SAMPLES, unit_by_amplitude
from adapters.csv.clock import Clock
from adapters.csv.columns import Column, column, columns, lead_of, ordered, unit_of
from adapters.csv.layout import Layout, layout
from adapters.csv.limbs import contradict
from adapters.csv.moments import stamp
from adapters.csv.numbers import along, numbers
from adapters.csv.statements import Statements, stated
from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.pages import page_kind
from adapters.voltage import MILLIVOLT_PER_UNIT, UNITS
from ecg.errors import AmbiguousPayload, MalformedPayload, PayloadError, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient, Provenance, Recording, Waveform

# Said before and declared, or said twice, frequencies may differ by what rounding does to them.
_SAME_FS: Final = 1e-4
MAX_FIGURE: Final = 1e12  # no unit makes a voltage of more
_NAMELESS: Final = Column("index")
_OPEN: Final = {
    "fs": "the sampling frequency",
    "unit": "the unit of the samples as they stand",
    "leads": "which lead each column is",
}


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was read: numbers, float64 (samples, columns), and what is said of the columns and of all."""

    values: NDArray[np.float64] = field(repr=False)
    columns: tuple[Column, ...]
    said: Statements
    began: datetime | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TableReader:
    """Reads tables with a lead in each column, by what their header says and what was declared with them."""

    name: str = "CSV"

    def claims(self, payload: Payload) -> bool:
        """Claim every text that becomes a table of numbers, whatever stands before it."""
        if page_kind(payload.data):
            return False
        try:
            plain = text.plain(payload.data)
        except MalformedPayload:
            return False
        try:
            return _layout(plain, payload.declared) is not None
        except PayloadError:
            return True

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read the one ECG of a table.

        Raises:
            UnknownFormat: it is no table of numbers.
            AmbiguousPayload: sampling frequency, unit or leads are said nowhere; it names all that is to be declared.
            MalformedPayload: rows differ, the header and what was declared disagree, the times are not regular, or the
                limb leads clearly contradict Einthoven's law.
        """
        declared = payload.declared
        table = _table(payload.data, declared)
        waveform, notes = _waveform(table, declared)
        return (
            Recording(
                waveform=waveform,
                provenance=Provenance(self.name, notes=notes),
                patient=agreed_patient(Patient(), declared.patient),
                order=agreed_order(Order(), declared.order),
                acquired_at=agreed_time(table.said.acquired_at or table.began, declared.acquired_at),
            ),
        )


def _layout(plain: bytes, declared: Declared) -> Layout | None:
    head = text.head(plain)
    return layout(head, len(declared.leads)) if head else None


def _table(data: bytes, declared: Declared) -> Table:
    plain = text.plain(data)
    found = _layout(plain, declared)
    if found is None:
        raise UnknownFormat("This text is no table of numbers.")
    said = stated(found.before)
    if not found.columns:
        labels, values = along(plain, found)
        return Table(values, tuple(map(column, labels)), said)
    values = numbers(plain, found)
    named = columns(found)
    if values.shape[1] != found.columns:
        raise MalformedPayload(f"The rows have {found.columns} cells, and others {values.shape[1]}.")
    if values.shape[1] == 1 and len(values) > 1 and np.isnan(values[1::2]).all():
        raise MalformedPayload("Every other line is empty: samples that are missing, or ends of lines written twice.")
    values, named = _shaped(values, named, timed=found.timed)
    return Table(values, named, said, stamp(found.first))


def _shaped(
    values: NDArray[np.float64], named: tuple[Column, ...], *, timed: bool
) -> tuple[NDArray[np.float64], tuple[Column, ...]]:
    """Complete what the header says of the columns by their numbers.

    The empty column that a separator at the end of each row makes is left out. A first row that counts its own columns
    is the header of a table that somebody wrote without names. A first column without a name is the time or the number
    of the sample, if it rises evenly.
    """
    if values.shape[1] > 1 and np.isnan(values[:, -1]).all() and (not named or named[-1] == _NAMELESS):
        values, named = values[:, :-1], named[:-1]
    count = values.shape[1]
    beside_index = count > 1 and bool(np.isnan(values[0, 0]))
    if not named and (beside_index or count > 3) and _counts(values[0, beside_index:]):
        values = values[1:]
    first = named[0] if named else Column("other")
    if timed:
        first = Column("time", seconds=1.0)
    elif count > 1 and first in (_NAMELESS, Column("other")) and len(values) > 1:
        steps = np.diff(values[:, 0])
        if (steps > 0).all() and np.allclose(steps, steps.mean(), rtol=0.5):
            first = Column("index") if (steps == 1).all() else Column("time")
    return values, (first, *(named[1:] or (Column("other"),) * (count - 1)))


def _counts(row: NDArray[np.float64]) -> bool:
    return any(np.array_equal(row, np.arange(len(row)) + begin) for begin in (0, 1))


def _waveform(table: Table, declared: Declared) -> tuple[Waveform, tuple[str, ...]]:
    """Name, scale and order the leads, or say all that is to be declared."""
    signals = [at for at, each in enumerate(table.columns) if each.role in ("lead", "other")]
    leads = _leads(table, signals, declared)
    fs = _fs(table, declared)
    units, notes = _units(table, list(leads) or signals, declared)
    missing = {"fs": fs is None, "unit": None in units, "leads": not leads}
    if fs is None or any(missing.values()):
        declare = tuple(name for name, is_missing in missing.items() if is_missing)
        what = " and ".join(_OPEN[each] for each in declare)
        raise AmbiguousPayload(f"The table does not say {what}.", declare=declare)
    names = [lead for lead, _ in leads.values()]
    scales = [sign * MILLIVOLT_PER_UNIT[unit] for (_, sign), unit in zip(leads.values(), units, strict=True) if unit]
    order, places = ordered(names), list(leads)
    signal = np.empty((len(names), len(table.values)), dtype=np.float32)
    for row, at in enumerate(order):
        samples = table.values[:, places[at]]
        if (np.abs(samples) > MAX_FIGURE).any():
            raise MalformedPayload("A number in the table is beyond all voltages.")
        signal[row] = samples * scales[at] + 0.0  # + 0.0: what is turned over has no negative zero
    waveform = Waveform(signal, tuple(names[at] for at in order), fs)
    if contradict(waveform.signal, waveform.leads):
        raise MalformedPayload("The limb leads contradict Einthoven's law: their names or their order are wrong.")
    if left := len(signals) - len(leads):
        notes += (f"{left} columns that are no lead were left out.",)
    return waveform, notes


def _leads(table: Table, signals: Sequence[int], declared: Declared) -> dict[int, tuple[str, int]]:
    """Return name and sign of the leads by their columns.

    What the file does not name the declared leads do, in the order of the columns that hold neither time nor number.

    Raises:
        MalformedPayload: the declared leads are others, more or fewer than the file's, or of no known name.
    """
    named = {at: (each.lead, each.sign) for at, each in enumerate(table.columns) if each.role == "lead"}
    for labels in (each for each in (table.said.leads, declared.leads) if each):
        places = signals if len(labels) == len(signals) else list(named)
        if len(labels) != len(places):
            raise MalformedPayload(f"{len(labels)} leads are declared for {len(signals)} columns.")
        for at, label in zip(places, labels, strict=True):
            if (lead := lead_of(label)) is None:
                raise MalformedPayload(f"A declared lead is none of {', '.join(LEADS)} or -aVR.")
            if named.setdefault(at, lead) != lead:
                raise MalformedPayload("The declared leads and the file's disagree.")
    if named and not any(lead in LEADS for lead, _ in named.values()):
        raise MalformedPayload(f"None of the {len(signals)} columns is one of the twelve leads.")
    return dict(sorted(named.items()))


def _fs(table: Table, declared: Declared) -> float | None:
    """Return samples per second, Hz, as header, times and sender say it; None where none does.

    Raises:
        MalformedPayload: they disagree, or times and numbers of samples have gaps.
    """
    known = declared.fs or table.said.fs
    if declared.fs and table.said.fs and not np.isclose(declared.fs, table.said.fs, rtol=_SAME_FS):
        raise MalformedPayload("The declared sampling frequency and the file's disagree.")
    for at, each in enumerate(table.columns):
        if each.role == "index" and not (np.diff(table.values[:, at]) == 1).all():
            raise MalformedPayload("The numbers of the samples have gaps.")
        if each.role == "time":
            known = Clock(table.values[:, at], each.seconds).fs(known) or known
    return known


def _units(table: Table, places: Sequence[int], declared: Declared) -> tuple[list[str | None], tuple[str, ...]]:
    """Return the unit (UCUM) of each lead, and a note where amplitude settled it.

    Raises:
        MalformedPayload: header and sender disagree, or name what is no unit of voltage.
    """
    of_all = set()
    for word in (each for each in (table.said.unit, declared.unit) if each):
        if (unit := unit_of(word)) is None:
            raise MalformedPayload(f"The unit that is stated or declared is none of {UNITS}.")
        of_all.add(unit)
    said = [table.columns[at].unit for at in places]
    if len(of_all | {each for each in said if each}) > (1 if of_all else len(MILLIVOLT_PER_UNIT)):
        raise MalformedPayload("The units that are stated and declared disagree.")
    # Beside a gain, and for raw samples, what the file states may be the unit that they are to be scaled to.
    raw = [table.columns[at].raw or (table.said.gain and _are_whole(table.values[:, at])) for at in places]
    of_file = next(iter(of_all), None)
    found = [unit or (of_file if declared.unit or not is_raw else None) for unit, is_raw in zip(said, raw, strict=True)]
    is_scaled = table.said.gain or any(each.raw for each in table.columns)
    if not any(found) and not is_scaled and (settled := unit_by_amplitude(table.values[:MAX_SAMPLES, list(places)].T)):
        return [settled] * len(found), (f"The unit was settled by the amplitude: only in {settled} is it an ECG's.",)
    return found, ()


def _are_whole(values: NDArray[np.float64]) -> bool:
    return bool((np.isnan(values) | (values == np.rint(values))).all())
