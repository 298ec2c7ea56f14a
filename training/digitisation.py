"""What a page and its digitisation leave of an ECG, simulated: for the network that reads pages.

A page shows most leads for a part of the time. What is read off it is a little off in gain and time, smeared by the
width of the line, on a baseline that is not quite level, and not everything is found. How much, is drawn from what
truly digitised pages had: digitised.csv holds quantiles of each figure, printed by `python -m benchmarks.pages errors`.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import shift
from torch import Tensor

from ecg.leads import LEADS
from training.masking import RHYTHM_STRIPS, masked, printed, with_derived

# Layouts and how often: columns of leads one after the other. Three rows of four are what most recorders print.
COLUMNS: Final = {4: 0.7, 2: 0.15, 1: 0.15}
LOST: Final = 0.008  # of the leads are not found at all
# Of each lead, unless it is of the page or the column; benchmarks/pages/errors.py says what they are.
FIGURES: Final = ("late", "early", "gap", "page_gain", "lead_gain", "column", "lag", "smear", "noise", "steep", "tilt")
LEVELS: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
STEEP: Final = 0.9  # quantile of the slope above which a lead is steep: most of a QRS complex
MEASURED: Final = Path(__file__).with_name("digitised.csv")
Size = int | tuple[int, ...]


@cache
def measured() -> Mapping[str, NDArray[np.float64]]:
    """Return the quantiles of each figure at LEVELS, as digitised pages had them."""
    with MEASURED.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(line for line in file if not line.startswith("#"))
    return {name: np.array(values, dtype=np.float64) for name, *values in rows}


def draw(figure: str, rng: np.random.Generator, size: Size = ()) -> NDArray[np.float64]:
    """Draw a figure as it is distributed among digitised pages; beyond the outermost levels it is as there."""
    return np.asarray(np.interp(rng.random(size), LEVELS, measured()[figure]))


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
        columns = int(rng.choice(list(COLUMNS), p=list(COLUMNS.values())))
        known = torch.from_numpy(draw_found(signal.shape[-1], columns, fs, rng)[rows])
        late = draw("column", rng, columns)[np.arange(len(LEADS)) * columns // len(LEADS)][rows]
        made[row] = masked(torch.from_numpy(_read_off(signal[row].numpy(), late, fs, rng)), known)
    return made


def draw_found(time: int, columns: int, fs: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw what is known after a page of so many columns was read, bool (12, time)."""
    strips = () if columns == 1 else RHYTHM_STRIPS[rng.integers(len(RHYTHM_STRIPS))]
    found = printed(time, columns, strips)
    for row in found:
        inside = np.flatnonzero(row)
        row[inside[0] : inside[0] + round(float(draw("late", rng)) * fs)] = False
        row[inside[-1] + 1 - round(float(draw("early", rng)) * fs) : inside[-1] + 1] = False
        start = rng.integers(inside[0], inside[-1] + 1)
        row[start : start + round(float(draw("gap", rng)) * len(inside))] = False
        if rng.random() < LOST:
            row[:] = False
    return with_derived(found)


def _read_off(
    signal: NDArray[np.float32], late: NDArray[np.float64], fs: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return (leads, time) as it is read off a page on which all of it is printed, each lead `late` by seconds."""
    leads, time = signal.shape
    gain = np.exp(draw("page_gain", rng) + draw("lead_gain", rng, (leads, 1)))
    lag = (late + draw("lag", rng, (leads,))) * fs
    moved = np.stack([shift(lead, by, order=3, mode="nearest") for lead, by in zip(signal, lag, strict=True)])
    slope = np.gradient(moved, axis=1)
    steep = np.abs(slope) > np.quantile(np.abs(slope), STEEP, axis=1, keepdims=True)
    noise = np.where(steep, draw("steep", rng, (leads, 1)), draw("noise", rng, (leads, 1)))
    made = gain * (moved + draw("smear", rng, (leads, 1)) * np.gradient(slope, axis=1))
    made += draw("tilt", rng, (leads, 1)) * np.linspace(-0.5, 0.5, time)
    return np.asarray(made + noise * rng.standard_normal(made.shape), dtype=np.float32)
