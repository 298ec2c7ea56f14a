"""Amplitudes of a median beat in each lead, in mV against the level of QRS onset, and the axes that follow."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.canonical import FS
from ecg.leads import LEADS
from ecg.measure.delineate import Shape
from ecg.measure.overall import Boundaries

# The level of QRS onset, against which J point and ST are measured (Kligfield et al., Circulation 2007;115:1306): the
# mean of 12 ms that end 8 ms before it, where no slope of the QRS has begun.
LEVEL: Final = (10, 4)  # samples before QRS onset
AFTER_J: Final = 30  # samples: 60 ms
AROUND: Final = 2  # samples either side, over which a level is averaged
# The smallest deflection that counts as a wave: 20 uV for at least 6 ms. CSE Working Party, Eur Heart J 1985;6:815.
LEAST_WAVE: Final = 0.020  # mV
LEAST_SAMPLES: Final = 3
AXIS_LEADS: Final = ("I", "aVF")
LEAST_VECTOR: Final = 0.02  # mV, mean over the wave: below, its direction is noise


@dataclass(frozen=True)
class Point:
    """A level in each lead: the sample it is taken at, and the mean around it, float64 (12,), in mV."""

    at: NDArray[np.intp]
    value: NDArray[np.float64]


@dataclass(frozen=True)
class QrsWaves:
    """Q, R and S of one lead: amplitudes in mV (Q and S are negative), None where there is no such wave.

    A QRS without an R wave is all Q (QS). `q_ms` is how long the Q wave lasts.
    """

    q: float | None
    r: float | None
    s: float | None
    q_ms: float | None


def onset_level(beat: NDArray[np.float64], bounds: Boundaries) -> NDArray[np.float64]:
    """Return the level of QRS onset in each lead of (12, samples) mV, (12,)."""
    onset = round(bounds.qrs_on)
    return np.asarray(beat[:, onset - LEVEL[0] : onset - LEVEL[1]].mean(axis=1), dtype=np.float64)


def level_at(beat: NDArray[np.float64], at: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the mean around a sample in each lead, (12,); NaN where the sample is."""
    places = np.broadcast_to(np.asarray(at, dtype=np.float64), (len(beat),))
    around = np.arange(-AROUND, AROUND + 1)
    index = np.clip(np.nan_to_num(places).round().astype(np.intp)[:, None] + around, 0, beat.shape[1] - 1)
    means = np.take_along_axis(beat, index, axis=1).mean(axis=1)
    return np.asarray(np.where(np.isnan(places), np.nan, means), dtype=np.float64)


def qrs_waves(beat: NDArray[np.float64], bounds: Boundaries, lead: int) -> QrsWaves:
    """Return Q, R and S of a lead: its runs above and below the level of QRS onset."""
    first, last = round(bounds.qrs_on), round(bounds.qrs_off) + 1
    part = beat[lead, first:last] - onset_level(beat, bounds)[lead]
    sign = np.sign(part)
    edges = np.flatnonzero(np.diff(sign) != 0) + 1
    runs = [run for run in np.split(part, edges) if len(run) >= LEAST_SAMPLES and np.abs(run).max() >= LEAST_WAVE]
    up = [number for number, run in enumerate(runs) if run[len(run) // 2] > 0]
    if not up:
        deepest = min((float(run.min()) for run in runs), default=None)
        return QrsWaves(deepest, None, None, (last - first - 1) / FS * 1000 if runs else None)
    before, after = runs[: up[0]], [run for run in runs[up[0] :] if run[len(run) // 2] < 0]
    return QrsWaves(
        q=min((float(run.min()) for run in before), default=None),
        r=max(float(runs[number].max()) for number in up),
        s=min((float(run.min()) for run in after), default=None),
        q_ms=sum(len(run) for run in before) / FS * 1000 if before else None,
    )


def axis(beat: NDArray[np.float64], first: float, last: float, level: NDArray[np.float64]) -> float | None:
    """Return the direction of a wave in the frontal plane by its mean in I and aVF, -180 to 180 degrees.

    aVF measures its electrode against half the sum of two others, I one against another: aVF counts 2 / sqrt(3) times.
    None where the mean vector is too small to have a direction, or the wave ends before it begins.
    """
    if round(last) < round(first):
        return None
    rows = [LEADS.index(lead) for lead in AXIS_LEADS]
    across, down = (beat[rows, round(first) : round(last) + 1] - level[rows, None]).mean(axis=1)
    down *= 2 / np.sqrt(3)
    if float(np.hypot(across, down)) < LEAST_VECTOR:
        return None
    return float(np.degrees(np.arctan2(down, across)))


def chord_level(shape: Shape, first: float, last: float) -> NDArray[np.float64]:
    """Return the mean level in each lead of where a wave begins and ends, (12,): a P wave rides on its own baseline."""
    beat = shape.median.signal
    return np.asarray((level_at(beat, first) + level_at(beat, last)) / 2, dtype=np.float64)
