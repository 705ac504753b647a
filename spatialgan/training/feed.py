"""The real images of a step, as a function of (seed, images shown).

Every epoch has its own order; sample i of the stream is image order[i mod N] of epoch i div N. Small
archives are decoded once into memory, large ones by worker processes ahead of time.

Shapes: n this process's share of the batch, r resolution.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader

from spatialgan.data.archive import ImageArchive
from spatialgan.rng import generator_for
from spatialgan.settings.config import RunConfig
from spatialgan.training.processes import Processes
from spatialgan.training.stopping import ignore_interrupts

MAX_BYTES_IN_MEMORY = 2 << 30


@dataclass(frozen=True)
class Order:
    """Batches of archive indices: an endless, resumable sampler for this process."""

    num_images: int
    seed: int
    batch: int
    start: int  # images shown before the first batch
    mine: slice

    def __iter__(self) -> Iterator:
        nimg, epoch, order = self.start, -1, torch.empty(0)
        while True:
            batch = []
            for i in range(nimg, nimg + self.batch):
                if i // self.num_images != epoch:
                    epoch = i // self.num_images
                    order = torch.randperm(
                        self.num_images, generator=generator_for(self.seed, "order", epoch)
                    )
                batch.append(int(order[i % self.num_images]))
            yield batch[self.mine]
            nimg += self.batch


def real_batches(
    archive: ImageArchive, config: RunConfig, start: int, processes: Processes
) -> Iterator:
    """Yield this process's real images, batch after batch, from `start` images on."""
    training = config.training
    mine = processes.shard(training.batch)
    order = Order(len(archive), config.seed, training.batch, start, mine)
    nimg = start
    for images in _decoded(archive, order, config.execution.num_workers):
        mirror = torch.rand(training.batch, generator=generator_for(config.seed, "mirror", nimg))[
            mine
        ]
        mirrored = (mirror < training.mirror_probability)[:, None, None, None]
        yield torch.where(mirrored, images.flip(3), images).to(processes.device)
        nimg += training.batch


def _decoded(archive: ImageArchive, order: Order, num_workers: int) -> Iterator:
    if len(archive) * 3 * archive.resolution**2 <= MAX_BYTES_IN_MEMORY:
        everything = archive.load_all()
        for indices in order:
            yield everything[indices]
    else:
        yield from DataLoader(
            archive,  # pyright: ignore[reportArgumentType]
            batch_sampler=order,  # pyright: ignore[reportArgumentType]
            num_workers=num_workers,
            worker_init_fn=ignore_interrupts,
        )
