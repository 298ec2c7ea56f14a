"""From the canonical tensor to what a network eats, as a part of it: differentiable, and the same in training."""

from dataclasses import dataclass
from typing import Final

import torch
from scipy.signal import firwin
from torch import Tensor, nn
from torch.nn import functional

from ecg.canonical import FS
from ecg.leads import LEADS

FLAT: Final = 1e-3  # mV; a lead that varies less is not blown up


@dataclass(frozen=True)
class Preparation:
    """How a model wants its input: low-passed at `cutoff` Hz by a symmetric FIR of `taps`, then thinned to `fs` Hz.

    `leads` are taken alone, in their order. The mean of what is known of each lead is taken off; what is unknown is 0
    then. Amplitudes stay in millivolt, unless `z_score` divides each lead by its standard deviation, as some published
    networks want it.
    """

    fs: int = 100
    cutoff: float = 45.0
    taps: int = 101
    leads: tuple[str, ...] = LEADS
    z_score: bool = False

    def __post_init__(self) -> None:
        if FS % self.fs or not self.taps % 2 or not 0 < self.cutoff < self.fs / 2:
            raise ValueError(f"cannot thin {FS} Hz to {self.fs} Hz with {self.taps} taps and {self.cutoff} Hz")

        if not self.leads or any(lead not in LEADS for lead in self.leads):
            raise ValueError(f"{len(self.leads)} leads, not all of the twelve")

    @property
    def step(self) -> int:
        """Canonical samples per prepared sample."""
        return FS // self.fs


class Prepare(nn.Module):
    """(batch, 12, 5000) mV at 500 Hz and its mask, to (batch, leads, 5000 / step)."""

    kernel: Tensor

    def __init__(self, preparation: Preparation) -> None:
        super().__init__()
        self.preparation = preparation
        taps = firwin(preparation.taps, preparation.cutoff, fs=FS)
        leads = preparation.leads
        self.rows = None if leads == LEADS else [LEADS.index(lead) for lead in leads]
        self.register_buffer("kernel", torch.tensor(taps, dtype=torch.float32), persistent=False)

    def forward(self, signal: Tensor, mask: Tensor) -> Tensor:
        """Prepare `signal` float32 with `mask` bool, both (batch, 12, samples)."""
        if self.rows is not None:
            signal, mask = signal[:, self.rows], mask[:, self.rows]
        batch, leads, samples = signal.shape
        signal = (signal - _mean(signal, mask)) * mask  # an offset would ring into what is known beside a gap
        rows = functional.pad(signal.reshape(batch * leads, 1, samples), [len(self.kernel) // 2] * 2, "replicate")
        # The filter is evaluated only where a sample is kept: faster than a one-channel convolution.
        thin = (rows.unfold(-1, len(self.kernel), self.preparation.step) @ self.kernel).reshape(batch, leads, -1)
        known = mask[..., :: self.preparation.step].to(thin.dtype)
        centred = (thin - _mean(thin, known)) * known
        if not self.preparation.z_score:
            return centred
        return centred / _mean(centred**2, known).sqrt().clamp(min=FLAT)


def moved(signal: Tensor, by: int) -> Tensor:
    """Return (..., time) moved by so many samples to the right; 0 fills in."""
    if by == 0:
        return signal
    made = torch.zeros_like(signal)
    if by > 0:
        made[..., by:] = signal[..., : signal.shape[-1] - by]
    else:
        made[..., :by] = signal[..., -by:]
    return made


def _mean(signal: Tensor, known: Tensor) -> Tensor:
    return (signal * known).sum(dim=-1, keepdim=True) / known.sum(dim=-1, keepdim=True).clamp(min=1.0)
