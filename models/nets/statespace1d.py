"""A network of diagonal state spaces over time, for prepared ECGs: each layer sees the whole recording, both ways.

Gu et al., NeurIPS 2022 (S4D, with the S4D-Lin start); Mehari and Strodthoff, arXiv 2211.07579 (their use on PTB-XL).
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.nets.resnet1d import Block


@dataclass(frozen=True)
class StateSpace1dShape:
    """The shape of the network: `widths` of stem and layers, how many `layers`, with how many `states` a channel."""

    leads: int
    outputs: int
    widths: tuple[int, int]
    layers: int
    stem_kernel: int
    kernel: int = 7
    states: int = 16
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if len(self.widths) != 2 or min(self.layers, self.states) < 1:
            raise ValueError(f"widths {self.widths}, {self.layers} layers, {self.states} states")


class Diagonal(nn.Module):
    """The impulse responses of linear state spaces with a diagonal matrix, one of each direction a channel.

    h(t) = 2 Re(sum over states of c exp(a t dt) (exp(a dt) - 1) / a), a = -exp(decay) + i frequency: Gu et al.,
    equation 6.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        rows = 2 * width
        slowest, fastest = math.log(1e-3), math.log(1e-1)
        self.log_step = nn.Parameter(torch.rand(rows) * (fastest - slowest) + slowest)
        self.log_decay = nn.Parameter(torch.full((rows, states), math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(states).repeat(rows, 1))
        self.weight = nn.Parameter(torch.randn(rows, states, 2) / math.sqrt(2 * states))
        self.kept: dict[int, Tensor] = {}  # spectra of a network that does not change any more

    def forward(self, length: int) -> Tensor:
        """Return (2, channels, length): forward in time, then backward."""
        step = self.log_step.exp()[:, None]
        pole = torch.complex(-self.log_decay.exp(), self.frequency)
        gain = torch.view_as_complex(self.weight) * (torch.exp(pole * step) - 1) / pole
        powers = torch.exp(pole * step)[
            ..., None
        ]  # z to the 1, doubled until there are enough: cheaper than so many exp
        while powers.shape[-1] < length - 1:
            powers = torch.cat([powers, powers * powers[..., -1:]], dim=-1)
        powers = torch.cat([torch.ones_like(powers[..., :1]), powers[..., : length - 1]], dim=-1)
        response = 2 * torch.einsum("rs,rst->rt", gain, powers).real
        return response.reshape(2, -1, length)

    def spectrum(self, length: int) -> Tensor:
        """Return both directions as one spectrum of 2 `length` samples, complex (channels, length + 1)."""
        if self.weight.requires_grad:
            return self._spectrum(length)
        if length not in self.kept:
            # Not as an inference tensor: an explanation may differentiate through it later.
            with torch.inference_mode(mode=False), torch.no_grad():
                self.kept[length] = self._spectrum(length)
        return self.kept[length]

    def _spectrum(self, length: int) -> Tensor:
        later, sooner = self(length)
        apart = torch.zeros_like(later[:, :1])
        return cast(Tensor, torch.fft.rfft(torch.cat([later, apart, sooner[:, 1:].flip(-1)], dim=-1)))


class Layer(nn.Module):
    """Norm, state space, gated mixing of channels, and a shortcut around them, on (channels, batch, time).

    Channels stand first, so that the state spaces and the mixing are matrix products on memory as it lies.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.response = Diagonal(width, states)
        self.direct = nn.Parameter(torch.ones(width, 1, 1))
        self.mix = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        channels = len(x)
        inner = self.norm(x.reshape(1, channels, -1)).reshape(x.shape)
        inner = functional.gelu(self._through_time(inner) + self.direct * inner)
        mixed = (self.mix.weight @ inner.reshape(channels, -1)) + self.mix.bias[:, None]
        return x + functional.glu(mixed, dim=0).reshape(x.shape)

    def _through_time(self, x: Tensor) -> Tensor:
        """Convolve with the responses: Fourier's way, or in training as one matrix a channel.

        The matrix costs as much for one recording as for a batch of many, for which it is the faster way.
        """
        length = x.shape[-1]
        if not self.training:
            spectrum = self.response.spectrum(length)[:, None]
            passed = torch.fft.rfft(x.float(), n=2 * length) * spectrum
            return cast(Tensor, torch.fft.irfft(passed, n=2 * length)[..., :length])
        with torch.autocast(x.device.type, enabled=False):
            later, sooner = self.response(length)
        lags = torch.cat([later.flip(-1), sooner[:, 1:]], dim=-1)  # from length - 1 later to length - 1 sooner
        matrix = lags.unfold(-1, length, 1)  # row s holds the response at t - s for t = length - 1 down to 0
        return (x @ matrix.to(x.dtype)).flip(-1)


class StateSpace1d(nn.Module):
    """Prepared ECG (batch, leads, time) to logits (batch, outputs); `features` and `head` as those of ResNet1d."""

    def __init__(self, shape: StateSpace1dShape) -> None:
        super().__init__()
        self.shape = shape
        first, width = shape.widths
        self.stem = nn.Conv1d(shape.leads, first, shape.stem_kernel, 2, shape.stem_kernel // 2, bias=False)
        self.stem_norm = nn.BatchNorm1d(first)
        self.shorten = Block(first, width, shape.kernel, stride=2)
        self.layers = nn.Sequential(*(Layer(width, shape.states) for _ in range(shape.layers)))
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(shape.dropout)
        self.classify = nn.Linear(2 * width, shape.outputs)

    def features(self, x: Tensor) -> Tensor:
        """Return the activations of the last layer, (batch, channels, time / 4), not negative."""
        inner = self.shorten(functional.relu(self.stem_norm(self.stem(x))))
        inner = self.layers(inner.transpose(0, 1).contiguous()).transpose(0, 1).contiguous()
        return functional.relu(self.norm(inner))

    def head(self, features: Tensor) -> Tensor:
        """Return the logits for features."""
        pooled = torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1)
        return cast(Tensor, self.classify(self.dropout(pooled)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
