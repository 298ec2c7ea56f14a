"""Where a network looked: Grad-CAM over time and input-gradient saliency over leads and time."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ecg.canonical import FS, SAMPLES

GRAD_CAM: Final = "Grad-CAM (last convolution)"
SALIENCY: Final = "Input-gradient saliency"
# Gradients flicker from sample to sample; a QRS is about 80 ms wide. The method's name in reports says so.
SMOOTHING: Final = round(0.04 * FS)

Logits = Callable[[Tensor], Tensor]


def grad_cam(head: Logits, features: Tensor, output: int) -> Tensor:
    """Return the Grad-CAM of one output, (time,), not negative and not scaled.

    The map is relu(sum over channels of mean gradient times activation): Selvaraju et al., ICCV 2017, equations 1
    and 2, with time for space. It knows no leads: the network mixed them in its first layer.

    Args:
        head: (batch, channels, time) features to (batch, outputs) logits.
        features: (1, channels, time), the activations of the last convolution.
        output: which logit.
    """
    leaf = features.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(head(leaf)[0, output], leaf)
    weight = gradient.mean(dim=-1, keepdim=True)
    return functional.relu((weight * leaf.detach()).sum(dim=1))[0]


def saliency(logits: Logits, signal: Tensor, outputs: list[int]) -> Tensor:
    """Return |d logit / d input| for each of `outputs`, (outputs, leads, samples): Simonyan et al., ICLR workshop 2014.

    Args:
        logits: (batch, leads, samples) to (batch, outputs).
        signal: (1, leads, samples).
        outputs: which logits; they are done as one batch.
    """
    leaf = signal.detach().expand(len(outputs), -1, -1).clone().requires_grad_(True)
    chosen = logits(leaf)[torch.arange(len(outputs)), torch.tensor(outputs)]
    (gradient,) = torch.autograd.grad(chosen.sum(), leaf)
    return gradient.abs()


def on_canonical_grid(relevance: Tensor) -> NDArray[np.float32]:
    """Stretch (time,) to (1, 5000): each value stands for its stretch of the recording, straight lines in between."""
    stretched = functional.interpolate(relevance[None, None], size=SAMPLES, mode="linear", align_corners=False)
    return np.asarray(stretched[0].detach().numpy(), dtype=np.float32)


def smoothed(relevance: Tensor) -> NDArray[np.float32]:
    """Average (leads, samples) over SMOOTHING samples, so that single-sample flicker does not hide the beats."""
    kernel = torch.full((1, 1, 2 * (SMOOTHING // 2) + 1), 1.0 / (2 * (SMOOTHING // 2) + 1))
    rows = functional.conv1d(relevance[:, None], kernel, padding=SMOOTHING // 2)
    return np.asarray(rows[:, 0].detach().numpy(), dtype=np.float32)
