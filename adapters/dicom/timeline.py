"""Puts channels that began at different times on one axis of whole samples.

A channel is moved by whole samples, to the nearest: what was measured stays what it was, to the last bit. What is left,
at most half a sample, is not corrected: interpolation would smear pacing spikes and the steep parts of the QRS, and
change every amplitude; it is told instead. Where a channel had not begun or had ended, its lead is missing (NaN).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.dicom.channels import Channel
from adapters.dicom.samples import Samples
from ecg.errors import MalformedPayload
from ecg.leads import LEADS

# The leads on an axis may hold a value for each byte of samples that is there, and so many more: beyond it the times
# must be wrong.
SPARE: Final = 8_000_000
_TOLD: Final = 0.5  # samples


@dataclass(frozen=True)
class Strip:
    """One channel of one group: its samples, and when the first was taken, in samples from any common moment."""

    channel: Channel
    samples: Samples = field(repr=False)
    start: float

    def __len__(self) -> int:
        return len(self.samples.raw)


@dataclass(frozen=True, eq=False)
class Aligned:
    """The leads on one axis: signal float32 (leads, samples) in mV, NaN where missing; and notes for the report."""

    signal: NDArray[np.float32] = field(repr=False)
    leads: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...]


def aligned(strips: Sequence[Strip]) -> Aligned:
    """Place the strips, the twelve leads first and in their order; of a lead that stands twice, the longer strip first.

    Where two strips of a lead hold the same time they must agree within a step; else the shorter is left out.

    Raises:
        MalformedPayload: the strips lie too far apart, or their samples are malformed.
    """
    origin = min(each.start for each in strips)
    late = [each.start - origin for each in strips]
    names = dict.fromkeys(each.channel.lead for each in strips)
    leads = sorted(names, key=lambda lead: LEADS.index(lead) if lead in LEADS else len(LEADS))
    most = (sum(len(each) * each.samples.raw.itemsize for each in strips) + SPARE) / len(leads)
    if not max(after + len(each) for after, each in zip(late, strips, strict=True)) <= most:  # NaN is no time either
        raise MalformedPayload("The channels began too far apart from each other.")
    firsts = [math.floor(each + 0.5) for each in late]
    length = max(first + len(each) for first, each in zip(firsts, strips, strict=True))
    signal = np.full((len(leads), length), np.nan, dtype=np.float32)
    placed: dict[str, float] = {}  # the coarsest step of what stands in a lead, in mV
    differing: set[str] = set()
    for first, strip in sorted(zip(firsts, strips, strict=True), key=lambda each: -len(each[1])):
        lead, step = strip.channel.lead, abs(strip.channel.step)
        there = signal[leads.index(lead), first : first + len(strip)]
        if _placed(strip, there, max(step, placed.get(lead, 0.0))):
            placed[lead] = max(step, placed.get(lead, 0.0))
        else:
            differing.add(lead)
    rest = [each - first for each, first in zip(late, firsts, strict=True)]
    return Aligned(signal, tuple(leads), (*_moved(strips, rest), *_told_apart(differing)))


def _placed(strip: Strip, there: NDArray[np.float32], step: float) -> bool:
    """Fill what is missing there; say False, and fill nothing, where what stands there differs by more than a step."""
    values = strip.samples.millivolt(strip.channel).astype(np.float32)
    missing = np.isnan(there)
    if not missing.all() and (np.abs(there - values) > 1.01 * step).any():  # NaN is greater than nothing
        return False
    there[missing] = values[missing]
    return True


def _moved(strips: Sequence[Strip], rest: list[float]) -> Iterator[str]:
    skews = [each.channel.skew for each in strips]
    if (most := max(skews) - min(skews)) >= _TOLD:
        yield f"Leads that began up to {most:.1f} samples apart were moved by whole samples."
    if (left := max(rest) - min(rest)) >= _TOLD:
        yield f"Leads are up to {left:.1f} samples apart, which was not corrected."


def _told_apart(differing: set[str]) -> Iterator[str]:
    if differing:
        known = [each for each in LEADS if each in differing]
        what = ", ".join(known) or "A lead"
        yield f"{what} stood twice for the same time, and differently: the longer was read."
