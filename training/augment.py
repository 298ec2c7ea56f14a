"""Changes to a batch that leave it physically possible: every lead is treated alike, so Einthoven's law survives."""

import numpy as np
import torch
from torch import Tensor


def shift_in_time(signal: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Move each recording of (batch, leads, time) by up to `most` samples either way, all leads as one; 0 fills in."""
    if most == 0:
        return signal
    moved = torch.zeros_like(signal)
    for row, by in enumerate(rng.integers(-most, most + 1, len(signal))):
        if by >= 0:
            moved[row, :, by:] = signal[row, :, : signal.shape[-1] - by]
        else:
            moved[row, :, :by] = signal[row, :, -by:]
    return moved


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
