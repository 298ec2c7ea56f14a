"""The rhythm of an SCP-ECG record (sections 2, 3 and 6) as leads in millivolt."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.leads import place
from adapters.periods import frequency
from adapters.scp.codes import lead_of
from adapters.scp.huffman import decoded, tables
from adapters.scp.sections import Section
from ecg.errors import AmbiguousPayload, MalformedPayload, TooLarge, UnknownFormat
from ecg.leads import INVERTED_AVR, LEADS, lead_name
from ecg.payload import Declared
from ecg.recording import Waveform

MAX_LEADS: Final = 64
MAX_SAMPLES: Final = 8_000_000  # of one lead: an hour at 2000 Hz
MILLIVOLT_PER_NANOVOLT: Final = 1e-6
# 5.6.2: bit 0 says that a reference beat was subtracted from the rhythm.
_SUBTRACTED: Final = 0x01
# Up to protocol 2.9, the sixth byte of section 6 says that the rhythm is decimated outside of the beats; then nothing.
_LAST_BIMODAL: Final = 29


@dataclass(frozen=True)
class Lead:
    """One lead of section 3: its name, and the numbers of its first and last sample, counted from 1."""

    name: str
    first: int
    last: int

    @property
    def samples(self) -> int:
        """Samples from the first to the last."""
        return self.last - self.first + 1


def waveform(held: dict[int, Section], declared: Declared) -> Waveform:
    """Return the rhythm, the twelve leads first and in their order; NaN where a lead was not recorded.

    Raises:
        AmbiguousPayload: a lead has no code.
        MalformedPayload: sections are missing, figures absurd, samples cut short, or what was declared disagrees.
        UnknownFormat: the rhythm is compressed in a way that is not read.
        TooLarge: it is longer than an ECG.
    """
    if 3 not in held or 6 not in held:
        raise MalformedPayload("The record has no section 3 or 6: no leads, or no rhythm.")
    if 6 in held and held[6].protocol <= _LAST_BIMODAL and held[6].u8(5):
        raise UnknownFormat("The rhythm is compressed bimodally, which is not read here.")
    if held[3].u8(1) & _SUBTRACTED:
        raise UnknownFormat("A reference beat was subtracted from the rhythm, which is not read here.")
    leads = _leads(held[3], declared)
    step, fs = _scale(held[6], declared)
    counts = _counts(held, leads)
    first = min(each.first for each in leads)
    span = max(each.last for each in leads) - first + 1
    if span > MAX_SAMPLES or span > sum(each.samples for each in leads):
        raise TooLarge(f"The leads span {span} samples, which they do not fill.")
    order = sorted(range(len(leads)), key=lambda at: place(_standing(leads[at])))
    signal = np.full((len(leads), span), np.nan, dtype=np.float32)
    for row, at in enumerate(order):
        sign = -1 if leads[at].name == INVERTED_AVR else 1
        begin = leads[at].first - first
        signal[row, begin : begin + leads[at].samples] = sign * counts[at] * step
    return Waveform(signal, tuple(_standing(leads[at]) for at in order), fs)


def _standing(lead: Lead) -> str:
    return "aVR" if lead.name == INVERTED_AVR else lead.name


def _leads(section: Section, declared: Declared) -> list[Lead]:
    """Return the leads of section 3, in the order of their data."""
    count = section.u8(0)
    if not 0 < count <= MAX_LEADS:
        raise MalformedPayload(f"{count} leads are announced; 1 to {MAX_LEADS} are read.")
    if declared.leads and len(declared.leads) != count:
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {count}.")
    leads = []
    for at in range(count):
        begin = 2 + 9 * at
        name, said = lead_of(section.u8(begin + 8)), declared.leads[at] if declared.leads else None
        if said is not None and (lead_name(said) is None or name not in (None, lead_name(said))):
            raise MalformedPayload("The declared leads are none of the twelve, or disagree with the record's.")
        name = name or (lead_name(said) if said else None)
        if name is None:
            raise AmbiguousPayload("A lead has the code 0, which names none.", declare=("leads",))
        leads.append(Lead(name, section.u32(begin), section.u32(begin + 4)))
    if any(each.first < 1 or not 0 < each.samples <= MAX_SAMPLES for each in leads):
        raise MalformedPayload(f"A lead's first and last sample are no 1 to {MAX_SAMPLES} samples.")
    if not any(_standing(each) in LEADS for each in leads):
        raise MalformedPayload(f"None of the {count} leads is one of the twelve.")
    return leads


def _scale(section: Section, declared: Declared) -> tuple[float, float]:
    """Return mV for one step (its amplitude value multiplier is in nV) and the sampling frequency in Hz."""
    step, interval = section.u16(0) * MILLIVOLT_PER_NANOVOLT, section.u16(2)
    if not step or not interval:
        raise MalformedPayload("The rhythm has no amplitude multiplier or no time between samples.")
    fs = frequency(str(interval), 1_000_000)
    if declared.fs is not None and not math.isclose(declared.fs, fs, rel_tol=1e-6):
        raise MalformedPayload("The declared sampling frequency and the record's disagree.")
    if declared.unit not in (None, "nV"):
        raise MalformedPayload("The declared unit and the record's, nV, disagree.")
    return step, fs


def _counts(held: dict[int, Section], leads: list[Lead]) -> list[NDArray[np.int64]]:
    """Return the samples of each lead, int64 (samples,), of 16 bits each."""
    section, codes = held[6], tables(held[2]) if 2 in held else None
    difference = section.u8(4)
    if difference not in (0, 1, 2):
        raise MalformedPayload(f"The rhythm is kept as differences of an unknown kind ({difference}).")
    sizes = [section.u16(6 + 2 * at) for at in range(len(leads))]
    at = 6 + 2 * len(leads)
    found = []
    for lead, size in zip(leads, sizes, strict=True):
        data = section.part(at, size)
        if codes is not None:
            values = decoded(data, lead.samples, codes)
        elif size == 2 * lead.samples:
            values = np.frombuffer(data, "<i2").astype(np.int64)
        else:
            raise MalformedPayload(f"{size} bytes are not {lead.samples} samples of 16 bits.")
        found.append(_integrated(values, difference))
        at += size
    return found


def _integrated(values: NDArray[np.int64], difference: int) -> NDArray[np.int64]:
    """Return the samples of first or second differences (5.8.2), whose first one or two values are samples themselves.

    They are of 16 bits, and so are the differences: what overflows there comes back here.
    """
    if difference == 1:
        values = np.cumsum(values)
    elif difference == 2 and len(values) > 1:
        slopes = np.cumsum(np.concatenate((values[1:2] - values[0], values[2:])))
        values = np.concatenate((values[:1], values[0] + np.cumsum(slopes)))
    return values.astype(np.int16).astype(np.int64)
