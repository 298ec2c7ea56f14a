"""Several networks as one: each with its own preparation, their outputs averaged over networks and shifts in time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from ecg.errors import ModelRefused
from models.architectures import Net, build
from models.card import Card, DeclaredMember
from models.prepare import Preparation, Prepare, moved

Average = Literal["logits", "probabilities"]
LEAST: Final = 1e-7  # a probability nearer to 0 or 1 has no finite logit in float32


@dataclass(frozen=True, eq=False)
class Member:
    """One network, how it wants its input, and its share (0 to 1) in the average."""

    prepare: Prepare
    network: Net
    weight: float

    def logits(self, signal: Tensor, mask: Tensor, shifts: Sequence[float]) -> Tensor:
        """Return logits, (batch, findings), the mean over these shifts in seconds.

        Args:
            signal: (batch, 12, 5000) in mV.
            mask: bool, of the same shape.
            shifts: by how much the prepared recording is moved, all at once; 0 fills in, as in training.
        """
        prepared, fs = self.prepare(signal, mask), self.prepare.preparation.fs
        parts = torch.cat([moved(prepared, round(seconds * fs)) for seconds in shifts])
        return cast(Tensor, self.network(parts)).reshape(len(shifts), len(signal), -1).mean(dim=0)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """All networks of a model, at least one."""

    members: tuple[Member, ...]
    shifts: tuple[float, ...] = (0.0,)
    average: Average = "logits"

    def logits(self, signal: Tensor, mask: Tensor) -> Tensor:
        """Return logits, (batch, findings), of (batch, 12, 5000) in mV and its mask: not calibrated yet."""
        parts = [member.logits(signal, mask, self.shifts) for member in self.members]
        return averaged(parts, [member.weight for member in self.members], self.average)


def averaged(logits: Sequence[Tensor], weights: Sequence[float], average: Average) -> Tensor:
    """Return the weighted mean of networks' logits; of 'probabilities' the mean is taken of those, as a logit again."""
    if average == "logits":
        return torch.stack([weight * each for weight, each in zip(weights, logits, strict=True)]).sum(dim=0)
    parts = [weight * torch.sigmoid(each) for weight, each in zip(weights, logits, strict=True)]
    return torch.logit(torch.stack(parts).sum(dim=0), eps=LEAST)


def load_ensemble(card: Card, card_path: Path) -> Ensemble:
    """Load the networks of a card: check each digest, read safetensors (never a pickle), build the network.

    Raises:
        ModelRefused: weights are missing, changed, or do not fit the card.
    """
    members = tuple(_load(each, card, card_path) for each in card.members)
    return Ensemble(members, card.shifts, card.average)


def _load(declared: DeclaredMember, card: Card, card_path: Path) -> Member:
    weights = declared.weights
    try:
        data = (card_path.parent / weights.file).read_bytes()
    except OSError as error:
        raise ModelRefused(f"The weights {weights.file} cannot be read.") from error
    if (digest := hashlib.sha256(data).hexdigest()) != weights.sha256:
        raise ModelRefused(f"The weights {weights.file} have SHA-256 {digest[:12]}..., not {weights.sha256[:12]}... .")
    network = build(declared.network.kind, declared.network.shape, card_path.name)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_safetensors(data).items()}, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise ModelRefused(f"The weights {weights.file} do not fit the network of their card.") from error
    if network.shape.outputs != (count := len(card.findings)):
        raise ModelRefused(f"The card {card_path.name} lists {count} findings for {network.shape.outputs} outputs.")
    try:
        prepare = Prepare(Preparation(**declared.preparation.model_dump()))
    except ValueError as error:
        raise ModelRefused(f"The card {card_path.name} declares a preparation that cannot be: {error}.") from error
    return Member(prepare, network.eval().requires_grad_(False), declared.weight)
