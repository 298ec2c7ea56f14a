"""Where a network looked: Grad-CAM over time; saliency and what input gradients attribute to leads and time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ecg.canonical import FS, SAMPLES
from models.explain.scorer import BATCH, Scorer

GRAD_CAM: Final = "Grad-CAM (last convolution)"
SALIENCY: Final = "Input-gradient saliency"
GRADIENT_TIMES_INPUT: Final = "Gradient times input, positive part"
INTEGRATED_GRADIENTS: Final = "Integrated gradients, positive part"
UNITS: Final = {
    GRAD_CAM: "log-odds",
    SALIENCY: "log-odds/mV",
    GRADIENT_TIMES_INPUT: "log-odds/s",
    INTEGRATED_GRADIENTS: "log-odds/s",
}
# Gradients flicker from sample to sample; a QRS is about 80 ms wide. Captions and reports say so.
SMOOTHING: Final = round(0.04 * FS)
STEPS: Final = 16  # of integrated gradients

LogOdds = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Gradients:
    """Of several outputs of one network, from one pass: features (outputs, channels, time) and both gradients."""

    features: Tensor
    of_features: Tensor
    of_signal: Tensor


def gradients(scorer: Scorer, signal: Tensor, mask: Tensor, outputs: Sequence[int]) -> Gradients:
    """Return what the log-odds of `outputs` change by, by the last convolution's activations and by the signal.

    Args:
        scorer: the network.
        signal: (12, 5000), mV.
        mask: bool (12, 5000).
        outputs: which findings; they are done as one batch.
    """
    leaf = signal.detach().expand(len(outputs), -1, -1).clone().requires_grad_(True)
    features = scorer.network.features(scorer.prepare(leaf, mask.expand(len(outputs), -1, -1)))
    chosen = scorer.from_features(features)[torch.arange(len(outputs)), torch.tensor(outputs)]
    of_features, of_signal = torch.autograd.grad(chosen.sum(), (features, leaf))
    return Gradients(features.detach(), of_features, of_signal)


def grad_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """Return the Grad-CAM of each output, (outputs, time), not negative and not scaled.

    The map is relu(sum over channels of mean gradient times activation): Selvaraju et al., ICCV 2017, equations 1
    and 2, with time for space. It knows no leads: the network mixed them in its first layer.

    Args:
        features: (outputs, channels, time), the activations of the last convolution.
        gradient: of each output by its features, the same shape.
    """
    weight = gradient.mean(dim=-1, keepdim=True)
    return functional.relu((weight * features).sum(dim=1))


def saliency(gradient: Tensor) -> Tensor:
    """Return |d log-odds / d input|: Simonyan et al., ICLR workshop 2014."""
    return gradient.abs()


def times_input(gradient: Tensor, signal: Tensor, mask: Tensor) -> Tensor:
    """Return gradient times input, (outputs, 12, samples) in log-odds/s; positive is what speaks for the finding.

    Shrikumar et al., arXiv:1605.01713. The input is counted from the mean of what is known of each lead, which is where
    a model's preparation sets its zero.

    Args:
        gradient: (outputs, 12, samples).
        signal: (12, samples), mV.
        mask: bool (12, samples).
    """
    return gradient * centred(signal, mask) * FS


def integrated_gradients(
    at: LogOdds, signal: Tensor, mask: Tensor, outputs: Sequence[int], steps: int = STEPS
) -> Tensor:
    """Return integrated gradients in log-odds/s, (outputs, 12, samples): Sundararajan et al., ICML 2017, equation 3.

    The path leads from the mean of what is known of each lead to the signal, by midpoints of `steps` steps. Summed over
    leads and time (and divided by the samples a second) it is the log-odds of the signal less those of flat leads.

    Args:
        at: (batch, 12, samples) and mask to log-odds (batch, findings).
        signal: (12, samples), mV.
        mask: bool (12, samples).
        outputs: which findings.
        steps: how fine the path is cut.
    """
    whole = centred(signal, mask)
    made = []
    for output in outputs:
        total = torch.zeros_like(whole)
        for start in range(0, steps, BATCH):
            along = (torch.arange(start, min(start + BATCH, steps)) + 0.5) / steps
            leaf = (along[:, None, None] * whole).requires_grad_(True)
            (gradient,) = torch.autograd.grad(at(leaf, mask.expand(len(along), -1, -1))[:, output].sum(), leaf)
            total += gradient.sum(dim=0)
        made.append(total / steps * whole * FS)
    return torch.stack(made)


def centred(signal: Tensor, mask: Tensor) -> Tensor:
    """Return (leads, samples) about the mean of what is known of each lead; 0 where it is unknown."""
    mean = (signal * mask).sum(dim=-1, keepdim=True) / mask.sum(dim=-1, keepdim=True).clamp(min=1)
    return (signal - mean) * mask


def on_canonical_grid(relevance: Tensor) -> NDArray[np.float32]:
    """Stretch (time,) to (1, 5000): each value stands for its stretch of the recording, straight lines in between."""
    stretched = functional.interpolate(relevance[None, None], size=SAMPLES, mode="linear", align_corners=False)
    return np.asarray(stretched[0].detach().numpy(), dtype=np.float32)


def smoothed(relevance: Tensor) -> NDArray[np.float32]:
    """Average (leads, samples) over SMOOTHING samples, so that single-sample flicker does not hide the beats."""
    kernel = torch.full((1, 1, 2 * (SMOOTHING // 2) + 1), 1.0 / (2 * (SMOOTHING // 2) + 1))
    rows = functional.conv1d(relevance[:, None], kernel, padding=SMOOTHING // 2)
    return np.asarray(rows[:, 0].detach().numpy(), dtype=np.float32)


def drawable(signed: Tensor) -> NDArray[np.float32]:
    """Return what is shown of a signed map: averaged over SMOOTHING, and of that what speaks for the finding."""
    return np.maximum(smoothed(signed), 0)
