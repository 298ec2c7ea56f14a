"""What an explanation needs of a trained network: its log-odds as a function of the canonical tensor and its mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

import torch
from torch import Tensor

BATCH: Final = 12  # windows at once: the fastest on one core


class Network(Protocol):
    """A network in two parts, so that Grad-CAM can differentiate the one by the other without hooks."""

    def features(self, x: Tensor) -> Tensor:
        """Return the activations of the last convolution, (batch, channels, time), for what was prepared."""

    def head(self, features: Tensor) -> Tensor:
        """Return logits (batch, findings) for them."""


@dataclass(frozen=True)
class Scorer:
    """One network. An ensemble is several: its log-odds, and its maps, are the weighted mean of theirs.

    Attributes:
        prepare: (batch, 12, 5000) mV and the mask of what is known, to what the network eats. What is unknown is
            removed on the model's own terms, as if it had never been recorded.
        network: it itself.
        slope: (findings,), the calibration of the card: log-odds = slope * logit + intercept.
        intercept: (findings,).
        weight: the share of this network in its ensemble.
    """

    prepare: Callable[[Tensor, Tensor], Tensor]
    network: Network
    slope: Tensor
    intercept: Tensor
    weight: float = 1.0

    def log_odds(self, signal: Tensor, mask: Tensor) -> Tensor:
        """Return calibrated log-odds, (batch, findings); differentiable in `signal`."""
        return self.from_features(self.network.features(self.prepare(signal, mask)))

    def from_features(self, features: Tensor) -> Tensor:
        """Return calibrated log-odds for activations of the last convolution."""
        return self.slope * self.network.head(features) + self.intercept


def log_odds(scorers: Sequence[Scorer], signal: Tensor, masks: Tensor) -> Tensor:
    """Return the log-odds of one window as each of several masks leaves it, (masks, findings).

    Args:
        scorers: the networks of the model.
        signal: (12, 5000), mV.
        masks: bool (masks, 12, 5000), true where a sample is left.
    """
    with torch.no_grad():
        parts = [
            cast(Tensor, sum(each.weight * each.log_odds(signal * part, part) for each in scorers))
            for part in (masks[start : start + BATCH] for start in range(0, len(masks), BATCH))
        ]
    return torch.cat(parts)
