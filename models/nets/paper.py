"""The CNNs of the published system that this one follows, as they are described, for comparison with ours.

Blocks of convolution, batch norm, ReLU, max pool by 2 and dropout; then flat: a dense layer, ReLU, dropout, logits.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class PaperShape:
    """The shape of the network: all that is needed to build it anew. `samples` is the length of its input."""

    leads: int
    outputs: int
    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    samples: int = 5000
    dense: int = 256
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.kernels) or not self.widths:
            raise ValueError(f"{len(self.widths)} widths do not fit {len(self.kernels)} kernels")


class PaperCnn(nn.Module):
    """Prepared ECG (batch, leads, samples) to logits (batch, outputs); `features` and `head` as those of ResNet1d."""

    def __init__(self, shape: PaperShape) -> None:
        super().__init__()
        self.shape = shape
        blocks: list[nn.Module] = []
        inside = shape.leads
        for width, kernel in zip(shape.widths, shape.kernels, strict=True):
            blocks += [nn.Conv1d(inside, width, kernel, padding=kernel // 2), nn.BatchNorm1d(width), nn.ReLU()]
            blocks += [nn.MaxPool1d(2), nn.Dropout(shape.dropout)]
            inside = width
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(inside * (shape.samples // 2 ** len(shape.widths)), shape.dense)
        self.dropout = nn.Dropout(shape.dropout)
        self.classify = nn.Linear(shape.dense, shape.outputs)

    def features(self, x: Tensor) -> Tensor:
        """Return the activations of the last block."""
        return cast(Tensor, self.blocks(x))

    def head(self, features: Tensor) -> Tensor:
        """Return the logits for features."""
        dense = functional.relu(self.dense(torch.flatten(features, 1)))
        return cast(Tensor, self.classify(self.dropout(dense)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
