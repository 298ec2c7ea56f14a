"""Makes up ECGs of which everything is known: rate, intervals, ST, wander, noise."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LEADS, LIMB_FROM_I_II
from ecg.recording import Filters, Provenance, Recording, Waveform

FS: Final = 500
ST_KEPT: Final = Filters(high_pass=0.05)
# How large P, R, S and T are in I, II and V1 to V6, in mV.
SIZES: Final = np.array(
    [
        [0.08, 0.12, 0.05, 0.06, 0.07, 0.07, 0.07, 0.07],
        [0.60, 1.00, 0.20, 0.40, 0.80, 1.20, 1.10, 0.90],
        [-0.10, -0.15, -0.90, -1.20, -0.80, -0.40, -0.20, -0.10],
        [0.20, 0.30, 0.10, 0.40, 0.45, 0.40, 0.30, 0.25],
    ]
)


@dataclass(frozen=True)
class Heart:
    """What the made-up heart does. Times in seconds, amplitudes in mV.

    `st` is a plateau from the J point to the T wave, in the leads of `raised`.
    """

    rate: float = 70.0
    pr: float = 0.16
    qrs: float = 0.09
    st: float = 0.0
    raised: tuple[str, ...] = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    wander: float = 0.0
    noise: float = 0.0
    p: bool = True
    jitter: float = 0.0
    seconds: float = 10.0
    seed: int = 1


def _hump(time: NDArray[np.float64], begin: float, length: float) -> NDArray[np.float64]:
    """Return a raised cosine of height 1 from `begin` on, with a true beginning and a true end."""
    phase = np.clip((time - begin) / length, 0.0, 1.0)
    return (1 - np.cos(2 * np.pi * phase)) / 2


def _step(time: NDArray[np.float64], begin: float, length: float) -> NDArray[np.float64]:
    return (1 - np.cos(np.pi * np.clip((time - begin) / length, 0.0, 1.0))) / 2


def signal(heart: Heart) -> NDArray[np.float64]:
    """Return float64 (12, samples) in mV at 500 Hz."""
    chance = np.random.default_rng(heart.seed)
    time = np.arange(int(heart.seconds * FS)) / FS
    rr, qt = 60.0 / heart.rate, 0.38 * np.sqrt(60.0 / heart.rate)
    raised = np.array([lead in heart.raised for lead in ("I", "II", *LEADS[6:])], dtype=np.float64)
    rows = np.zeros((8, len(time)))
    beat = 0.3
    while beat < heart.seconds + 1:
        shapes = np.stack(
            [
                _hump(time, beat - heart.pr, min(0.1, heart.pr - 0.03)) * heart.p,
                _hump(time, beat, heart.qrs * 0.6),
                _hump(time, beat + heart.qrs * 0.5, heart.qrs * 0.5),
                _hump(time, beat + 0.65 * qt, 0.35 * qt),
            ]
        )
        rows += SIZES.T @ shapes
        plateau = _step(time, beat + heart.qrs - 0.012, 0.012) - _step(time, beat + 0.75 * qt, 0.25 * qt)
        rows += heart.st * np.outer(raised, plateau)
        beat += rr * (1 + heart.jitter * chance.uniform(-1, 1))
    for row in rows:
        for frequency, share in ((0.12, 0.5), (0.21, 0.3), (0.33, 0.2)):
            row += heart.wander * share * np.sin(2 * np.pi * (frequency * time + chance.random()))
    rows += heart.noise * chance.standard_normal(rows.shape)
    return np.vstack([LIMB_FROM_I_II @ rows[:2], rows[2:]])


def recording(heart: Heart, filters: Filters = ST_KEPT) -> Recording:
    """Return the ECG of a made-up heart as a recording."""
    waveform = Waveform(signal(heart).astype(np.float32), LEADS, FS)
    return Recording(waveform, Provenance("made up"), filters=filters)
