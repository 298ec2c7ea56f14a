"""The processes that fit one network together: one, or several that torchrun started, each with a GPU if it can."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class Crew:
    """One process among those of a run: its number from 0, how many there are, and what it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def learner(self, network: nn.Module) -> nn.Module:
        """Return the network as it learns here: gradients are averaged over the crew."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, device_ids=[self.device] if self.device.type == "cuda" else None)

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch that all of them drew alike, on its device."""
        return batch[self.rank :: self.size].to(self.device)

    def wait(self) -> None:
        """Go on when all have come so far."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def crew() -> Iterator[Crew]:
    """Join the crew that torchrun started, or be it alone."""
    cuda = torch.cuda.is_available()
    if not distributed.is_torchelastic_launched():
        yield Crew(device=torch.device("cuda" if cuda else "cpu"))
        return
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        device = torch.device("cuda", distributed.get_node_local_rank()) if cuda else CPU
        yield Crew(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
