"""The signals of a WFDB record: which lead each is, and how its samples become millivolt."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.voltage import MILLIVOLT_PER_UNIT, UNITS, ucum
from adapters.wfdb.header import Signal
from adapters.wfdb.samples import invalid, lowest
from ecg.errors import AmbiguousPayload, MalformedPayload
from ecg.leads import INVERTED_AVR, LEADS, signed_lead_name
from ecg.payload import Declared

# header(5): "If the units field is absent, the physical unit may be assumed to be one millivolt."
DEFAULT_UNIT: Final = "mV"
_SPELLINGS: Final = {
    **{unit.lower(): unit for unit in MILLIVOLT_PER_UNIT},
    **{unit: unit for unit in MILLIVOLT_PER_UNIT},
}

# IEC 60601-2-25 asks for steps of 5 microvolt; 8-bit recorders had some 50. Coarser ones, or a range that no ECG fits
# into, mean that the gain must be wrong.
MAX_STEP: Final = 0.1  # mV
MIN_RANGE: Final = 0.1  # mV

# A description that says no more than that there is a signal, such as the WFDB library's own 'record 100, signal 0'.
_UNNAMED: Final = re.compile(
    r"record .*, signal \d+|(?:(?:ecg|ekg|channel|chan|ch|signal|sig|column|col|lead|input)[\s_#.:-]*+)*+\d*+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Lead:
    """A lead: its name, and whether its sign is to be changed."""

    name: str
    inverted: bool = False


def leads(signals: tuple[Signal, ...], declared: Declared) -> tuple[Lead | None, ...]:
    """Name each signal: one of the twelve, or as its description says; None for what is no voltage.

    Raises:
        AmbiguousPayload: a signal in a unit of voltage does not say which lead it is.
        MalformedPayload: none is one of the twelve, or it contradicts what was declared.
    """
    if declared.leads and len(declared.leads) != len(signals):
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {len(signals)} signals.")
    wanted = declared.leads or (None,) * len(signals)
    found = tuple(_lead(signal, label) for signal, label in zip(signals, wanted, strict=True))
    if not any(lead is not None and lead.name in LEADS for lead in found):
        raise MalformedPayload(f"None of the {len(signals)} signals is one of the twelve leads.")
    return found


def millivolt(raw: NDArray[np.integer[Any]], signal: Signal, inverted: bool, declared: Declared) -> NDArray[np.float64]:
    """Return the samples in mV, float64 (samples,), NaN where none was measured: (raw - baseline) / gain, in its unit.

    Raises:
        AmbiguousPayload: the signal is not calibrated.
        MalformedPayload: the unit is none of a voltage, a step is absurd, or it contradicts what was declared.
    """
    unit = _unit(signal.unit)
    if signal.unit is not None and unit is None:
        raise MalformedPayload(f"The unit of a lead is none of {UNITS}.")
    if unit and declared.unit and unit != declared.unit:
        raise MalformedPayload("The declared unit and the file's disagree.")
    unit = unit or _unit(declared.unit)
    if declared.unit and unit is None:
        raise MalformedPayload(f"The declared unit is none of {UNITS}.")
    gain = signal.gain
    if gain is None:
        if declared.unit is None:
            raise AmbiguousPayload("A signal has no gain: it is not calibrated.", declare=("unit",))
        gain = 1.0  # samples that the sender says are in the unit itself
    scale = MILLIVOLT_PER_UNIT[unit or DEFAULT_UNIT]
    step = scale / gain
    plausible = abs(step) <= MAX_STEP and abs(step * lowest(signal.format)) >= MIN_RANGE
    if not plausible and raw.size and raw.min() < raw.max():  # writers give a flat line any gain
        raise MalformedPayload(
            f"{step:g} mV for one step of a sample is no step of an ECG: gain or unit must be wrong."
        )
    scaled = (raw.astype(np.float64) - signal.baseline) * scale / gain
    if (none := invalid(signal.format)) is not None:
        scaled[raw == none] = np.nan
    return 0.0 - scaled if inverted else scaled


def check_sums(raw: NDArray[np.integer[Any]], signal: Signal, *, whole: bool) -> None:
    """Hold all samples of a signal, as they stand in the file, against its header.

    Raises:
        MalformedPayload: the file is another one, or was damaged.
    """
    if whole and signal.checksum is not None and (int(raw.sum(dtype=np.int64)) - signal.checksum) % 65536:
        raise MalformedPayload("The checksum of a signal does not fit its samples.")
    # 0 is how writers leave it out; in format 8 it is where the differences begin.
    if signal.initial and signal.format != 8 and len(raw) and int(raw[0]) != signal.initial:
        raise MalformedPayload("The first sample of a signal is another than its header says.")


def _lead(signal: Signal, declared: str | None) -> Lead | None:
    label = signal.label
    lead = _by_text(label)
    if lead is None and signal.unit is not None and _unit(signal.unit) is None:
        return None
    if declared is None:
        if lead is None and _UNNAMED.fullmatch(label):
            raise AmbiguousPayload("A signal does not say which lead it is.", declare=("leads",))
        return lead or Lead(label)
    said = _by_text(declared) or Lead(declared)
    if _UNNAMED.fullmatch(label):
        return said
    if said != (lead or Lead(label)):
        raise MalformedPayload("A signal was declared to be another lead than its header says.")
    return said


def _by_text(text: str) -> Lead | None:
    if (name := signed_lead_name(text)) == INVERTED_AVR:
        return Lead("aVR", inverted=True)
    return Lead(name) if name else None


def _unit(text: str | None) -> str | None:
    """Return the unit of voltage that is meant. 'mv' and 'uv' are no other; 'MV' would be megavolt, and is none."""
    return _SPELLINGS.get(ucum(text)) if text else None
