"""One training across several processes: ranks, shares of a batch, sums over all processes.

Conventions: every process draws the whole global batch from the same seeds and keeps its own shard, so
the number of processes changes neither images nor latents of a step. A single process needs no group.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """This process and how many there are."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    def shard(self, batch: int) -> slice:
        """Return which samples of a global batch are this process's; raises ValueError if they don't divide."""
        if batch % self.size:
            raise ValueError(
                f"a batch of {batch} cannot be shared by {self.size} processes: choose a multiple"
            )
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def sum_(self, tensor: Tensor) -> Tensor:
        """Return the tensor summed over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def join_processes() -> Iterator:
    """Join the processes that torchrun started (NCCL on GPUs, gloo on CPUs); without torchrun, run alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    if size == 1:
        yield Processes(device=device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(rank=dist.get_rank(), size=size, device=device)
    finally:
        dist.destroy_process_group()


def average_gradients(parameters: list[Tensor], processes: Processes) -> bool:
    """Average all gradients over the processes in one flat all-reduce; return whether all are finite."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if processes.size > 1:
        flat = torch.cat([g.flatten() for g in gradients])
        processes.sum_(flat).div_(processes.size)
        pieces = flat.split([g.numel() for g in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))
    norms = torch.stack(torch._foreach_norm(gradients))  # pyright: ignore[reportPrivateImportUsage]
    return bool(norms.sum().isfinite())
