"""What a page and its digitisation leave of an ECG, simulated: for the network that reads pages.

A page shows most leads for a part of the time. What is read off it is a little off in gain and time, smeared by the
width of the line, in steps of pixels, on a baseline that is not quite level, and not everything is found.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg.leads import LEADS
from training.masking import RHYTHM_STRIPS, masked, printed, with_derived

# Layouts and how often: columns of leads one after the other. Three rows of four are what most recorders print.
COLUMNS: Final = {4: 0.7, 2: 0.15, 1: 0.15}
LATE: Final = 0.25  # seconds at most that a piece begins late: its label, or the separator before it, stand there
EARLY: Final = 0.1  # seconds at most that it ends early
GAPS: Final = 0.15  # of the leads have a gap, where another trace or a letter crosses
GAP: Final = (0.05, 0.4)  # seconds
LOST: Final = 0.03  # of the leads are not found at all
PAGE_GAIN: Final = 0.015  # standard deviation, natural logarithm: the millimetres of the page
LEAD_GAIN: Final = 0.01  # and of each lead beside it
SMEAR: Final = 0.15  # of a sample's weight at most goes to each neighbour: a line of 0.4 mm is 16 ms wide at 25 mm/s
STEP: Final = (0.004, 0.02)  # mV: a pixel at 600 to 125 dpi, 10 mm/mV
NOISE: Final = 0.012  # mV at most, standard deviation
TILT: Final = 0.03  # mV, standard deviation of how far the baseline's ends lie apart
JITTER: Final = 0.003  # seconds, standard deviation, by which a lead lies early or late


def as_digitised(signal: Tensor, share: float, fs: float, leads: Sequence[str], rng: np.random.Generator) -> Tensor:
    """Make of a `share` of the recordings what digitising a page of each would give.

    Of each lead the mean of what is kept is taken off and the rest is 0, as `Prepare` does with what is unknown.

    Args:
        signal: (batch, leads, time) in mV, prepared.
        share: how many, 0 to 1.
        fs: samples per second.
        leads: the names of the signal's rows.
        rng: where it is drawn from.
    """
    if share == 0:
        return signal
    rows = [LEADS.index(lead) for lead in leads]
    made = signal.clone()
    for row in np.flatnonzero(rng.random(len(signal)) < share):
        known = torch.from_numpy(draw_found(signal.shape[-1], fs, rng)[rows])
        made[row] = masked(torch.from_numpy(_read_off(signal[row].numpy(), fs, rng)), known)
    return made


def draw_found(time: int, fs: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw what is known after a page was read, bool (12, time)."""
    columns = int(rng.choice(list(COLUMNS), p=list(COLUMNS.values())))
    strips = () if columns == 1 else RHYTHM_STRIPS[rng.integers(len(RHYTHM_STRIPS))]
    found = printed(time, columns, strips)
    for row in found:
        inside = np.flatnonzero(row)
        row[inside[0] : inside[0] + round(rng.uniform(0, LATE) * fs)] = False
        row[inside[-1] + 1 - round(rng.uniform(0, EARLY) * fs) : inside[-1] + 1] = False
        if rng.random() < GAPS:
            start = rng.integers(inside[0], inside[-1] + 1)
            row[start : start + round(rng.uniform(*GAP) * fs)] = False
        if rng.random() < LOST:
            row[:] = False
    return with_derived(found)


def _read_off(signal: NDArray[np.float32], fs: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (leads, time) as it is read off a page on which all of it is printed."""
    leads, time = signal.shape
    gain = np.exp(rng.normal(0, PAGE_GAIN) + rng.normal(0, LEAD_GAIN, (leads, 1)))
    smear, step = rng.uniform(0, SMEAR), rng.uniform(*STEP)
    late = np.clip(rng.normal(0, JITTER, (leads, 1)) * fs, -1, 1)
    # A parabola through three samples, read off `late` samples before the middle one, and spread to both sides.
    before, after = late * (late + 1) / 2 + smear, late * (late - 1) / 2 + smear
    edged = np.pad(signal, ((0, 0), (1, 1)), "edge")
    made = gain * (before * edged[:, :-2] + (1 - before - after) * signal + after * edged[:, 2:])
    made += rng.normal(0, TILT, (leads, 1)) * np.linspace(-0.5, 0.5, time)
    made += rng.uniform(0, NOISE) * rng.standard_normal(made.shape)
    return (np.round(made / step) * step).astype(np.float32)
