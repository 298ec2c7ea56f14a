"""A residual network over time with squeeze-and-excitation, for prepared ECGs.

He et al., CVPR 2016 (residual blocks); Hu et al., CVPR 2018 (squeeze-and-excitation); Strodthoff et al., IEEE JBHI 2021
(their use on PTB-XL, and the concatenated average and maximum pooling of the head).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class ResNet1dShape:
    """The shape of the network: all that is needed to build it anew."""

    leads: int
    outputs: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    kernel: int
    stem_kernel: int
    dropout: float = 0.0


class SqueezeExcite(nn.Module):
    """Weigh each channel by what the whole recording shows of it."""

    def __init__(self, width: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, width // reduction)
        self.excite = nn.Linear(width // reduction, width)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.excite(functional.relu(self.squeeze(x.mean(dim=-1))))
        return x * torch.sigmoid(weight)[..., None]


class Block(nn.Module):
    """Two convolutions with a shortcut; the shortcut of a strided block averages before it projects."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inside, outside, kernel, stride, kernel // 2, bias=False)
        self.first_norm = nn.BatchNorm1d(outside)
        self.second = nn.Conv1d(outside, outside, kernel, 1, kernel // 2, bias=False)
        self.second_norm = nn.BatchNorm1d(outside)
        self.attend = SqueezeExcite(outside)
        self.pool = nn.AvgPool1d(stride, stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.project = nn.Conv1d(inside, outside, 1, bias=False) if inside != outside else nn.Identity()
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        inner = self.attend(self.second_norm(self.second(inner)))
        return functional.relu(inner + self.project(self.pool(x)))


class ResNet1d(nn.Module):
    """Prepared ECG (batch, leads, time) to logits (batch, outputs).

    `features` ends with the last convolution, (batch, channels, time / stride); `head` turns features into logits. They
    are separate so that Grad-CAM can differentiate the one by the other without hooks.
    """

    def __init__(self, shape: ResNet1dShape) -> None:
        super().__init__()
        self.shape = shape
        first = shape.widths[0]
        self.stem = nn.Conv1d(shape.leads, first, shape.stem_kernel, 2, shape.stem_kernel // 2, bias=False)
        self.stem_norm = nn.BatchNorm1d(first)
        self.stages = nn.Sequential(*self._stages(shape.widths, shape.blocks, shape.kernel))
        self.dropout = nn.Dropout(shape.dropout)
        self.classify = nn.Linear(2 * shape.widths[-1], shape.outputs)

    @staticmethod
    def _stages(widths: Sequence[int], blocks: Sequence[int], kernel: int) -> list[Block]:
        made: list[Block] = []
        inside = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(count):
                made.append(Block(inside, width, kernel, stride=2 if block == 0 and stage > 0 else 1))
                inside = width
        return made

    def features(self, x: Tensor) -> Tensor:
        """Return the activations of the last convolutional block."""
        return cast(Tensor, self.stages(functional.relu(self.stem_norm(self.stem(x)))))

    def head(self, features: Tensor) -> Tensor:
        """Return the logits for features."""
        pooled = torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1)
        return cast(Tensor, self.classify(self.dropout(pooled)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
