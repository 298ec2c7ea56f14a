"""Changes to a batch of prepared ECGs that leave it physically possible: Einthoven's and Goldberger's laws hold.

Leads are moved, stretched, mixed and scaled as one; wander and noise arise at the electrodes, as they do in life, and
reach each lead as its definition says.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ecg.leads import LEADS, LIMB_FROM_I_II
from models.prepare import moved

# Each lead by the potentials of RA, LA, LL, V1 to V6: I = LA - RA, II = LL - RA and what follows from them; V is its
# electrode - (RA + LA + LL)/3. Kligfield et al., Circulation 2007;115:1306, table 2.
_LIMB = LIMB_FROM_I_II @ np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
FROM_ELECTRODES: Final = np.block([[_LIMB, np.zeros((6, 6))], [np.full((6, 3), -1 / 3), np.eye(6)]])
WANDER_HZ: Final = (0.05, 0.5)  # respiration and slow electrode potentials lie here
WAVES: Final = 3


def shift_in_time(signal: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Move each recording of (batch, leads, time) by up to `most` samples either way, all leads as one; 0 fills in."""
    if most == 0:
        return signal
    by = rng.integers(-most, most + 1, len(signal))
    return torch.stack([moved(row, int(each)) for row, each in zip(signal, by, strict=True)])


def mix(signal: Tensor, target: Tensor, alpha: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mix each recording with another one of the batch, signal and target alike (Zhang et al., ICLR 2018)."""
    if alpha <= 0:
        return signal, target
    share = torch.tensor(rng.beta(alpha, alpha, len(signal)), dtype=signal.dtype)
    share = torch.maximum(share, 1 - share)
    other = torch.tensor(rng.permutation(len(signal)))
    wide = share[:, None, None]
    mixed = wide * signal + (1 - wide) * signal[other]
    return mixed, share[:, None] * target + (1 - share[:, None]) * target[other]


def stretch(signal: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Play each recording of (batch, leads, time) up to `most` (a share) faster or slower about its middle; 0 fills in.

    Between samples the signal is read off by a cubic (Catmull and Rom, 1974), all leads alike.
    """
    if most == 0:
        return signal
    time = signal.shape[-1]
    speed = torch.tensor(np.exp(rng.uniform(-1, 1, len(signal)) * math.log1p(most)), dtype=torch.float64)
    middle = (time - 1) / 2
    at = middle + (torch.arange(time, dtype=torch.float64) - middle) * speed[:, None]
    before = at.floor()
    x = (at - before).to(signal.dtype)
    weights = (
        ((2 - x) * x - 1) * x / 2,
        ((3 * x - 5) * x * x + 2) / 2,
        ((4 - 3 * x) * x + 1) * x / 2,
        (x - 1) * x * x / 2,
    )
    made = torch.zeros_like(signal)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        index = (before.long() + offset).clamp(0, time - 1)
        made += signal.gather(-1, index[:, None].expand_as(signal)) * weight[:, None]
    inside = (at >= 0) & (at <= time - 1)
    return made * inside[:, None]


def amplify(signal: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Scale each recording of (batch, leads, time) by one gain for all its leads, of 1 / (1 + most) to 1 + most."""
    if most == 0:
        return signal
    gain = np.exp(rng.uniform(-1, 1, len(signal)) * math.log1p(most))
    return signal * torch.tensor(gain, dtype=signal.dtype)[:, None, None]


def wander(signal: Tensor, most: float, fs: float, leads: Sequence[str], rng: np.random.Generator) -> Tensor:
    """Let the baseline wander: each electrode's potential by slow waves of up to `most` mV, drawn for each recording.

    Args:
        signal: (batch, leads, time) in mV.
        most: the largest amplitude of the waves of an electrode together.
        fs: samples per second.
        leads: the names of the signal's rows.
        rng: where it is drawn from.
    """
    if most == 0:
        return signal
    drawn = (len(signal), FROM_ELECTRODES.shape[1], WAVES, 1)
    height = rng.uniform(0, most / WAVES, drawn).astype(np.float32)
    turns, phase = rng.uniform(*WANDER_HZ, drawn) * 2 * np.pi / fs, rng.uniform(0, 2 * np.pi, drawn)
    angle = turns.astype(np.float32) * np.arange(signal.shape[-1], dtype=np.float32) + phase.astype(np.float32)
    potential = torch.from_numpy((height * np.sin(angle)).sum(axis=2)).to(signal.dtype)
    return signal + _at_leads(leads, signal) @ potential


def noise(signal: Tensor, most: float, leads: Sequence[str], rng: np.random.Generator) -> Tensor:
    """Add white noise at each electrode, of a standard deviation of up to `most` mV, drawn for each recording.

    Args:
        signal: (batch, leads, time) in mV.
        most: the largest standard deviation.
        leads: the names of the signal's rows.
        rng: where it is drawn from.
    """
    if most == 0:
        return signal
    level = rng.uniform(0, most, (len(signal), 1, 1)).astype(np.float32)
    drawn = rng.standard_normal((len(signal), FROM_ELECTRODES.shape[1], signal.shape[-1]), dtype=np.float32)
    return signal + _at_leads(leads, signal) @ torch.from_numpy(level * drawn).to(signal.dtype)


def _at_leads(leads: Sequence[str], like: Tensor) -> Tensor:
    return torch.tensor(FROM_ELECTRODES[[LEADS.index(lead) for lead in leads]], dtype=like.dtype)
