"""What is read from a training's checkpoint by others than the training itself: its generator, its discriminator.

A checkpoint is a training's whole state; a snapshot, its result, has the averaged generator alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from spatialgan.config import RunConfig, run_from_identity
from spatialgan.headers import describing, whole
from spatialgan.networks.discriminator import Discriminator
from spatialgan.networks.generator import Generator
from spatialgan.results import Results
from spatialgan.snapshot import save_snapshot
from spatialgan.tensor_file import load_tensors

KIND = "checkpoint"  # in its header


@dataclass(frozen=True)
class Checkpoint:
    """A training's state, as far as others read it."""

    config: RunConfig
    nimg: int  # images that D has seen
    tensors: Mapping[str, Tensor]

    def generator(self) -> Generator:
        """Return the moving average of G."""
        generator = Generator(self.config.generator)
        generator.load_state_dict(self._part("g_ema."))
        return generator.requires_grad_(False)

    def discriminator(self) -> Discriminator:
        """Return D."""
        discriminator = Discriminator(self.config.discriminator)
        discriminator.load_state_dict(self._part("d."))
        return discriminator.requires_grad_(False)

    def _part(self, prefix: str) -> dict[str, Tensor]:
        """Return the weights of one network."""
        return {k.removeprefix(prefix): t for k, t in self.tensors.items() if k.startswith(prefix)}


def load_checkpoint(path: Path) -> Checkpoint:
    """Return what is in a checkpoint; raises ValueError, naming the file, if it is damaged or none."""
    tensors, header = load_tensors(path)
    if header.get("kind") != KIND:
        raise ValueError(f"{path} is no checkpoint of a training")
    return checkpoint_of(tensors, header, path)


def checkpoint_of(
    tensors: Mapping[str, Tensor], header: Mapping[str, Any], path: Path
) -> Checkpoint:
    """Return what is in a checkpoint's tensors and header; raises ValueError, naming the file, if it isn't one's."""
    with describing(path, "state of a training"):
        config = run_from_identity(header["fixed"]["identity"])
        return Checkpoint(config, whole(header["counters"], "cur_nimg"), tensors)


def write_snapshot(results: Results, config: RunConfig, output: Path | None = None) -> Checkpoint:
    """Write the snapshot of a training that goes on, from its newest checkpoint; return what was read.

    It becomes the run's snapshot, unless an output is given. Raises ValueError if the run is trained to its end, or
    no checkpoint is of this configuration.
    """
    files = results.run(config.name)
    if output is None and files.record.is_file():
        raise ValueError(f"{config.name} is trained to its end: its snapshot is {files.snapshot}")
    wanted = _comparable(config)
    newest_first = sorted(results.checkpoints(config.name), key=lambda path: path.name)[::-1]
    for path in newest_first:
        found = load_checkpoint(path)
        if _comparable(found.config) == wanted:
            save_snapshot(output or files.snapshot, found.generator(), found.config, found.nimg)
            return found
    raise ValueError(
        f"{results.resume(config.name)} contains no checkpoint of {config.name} as params/ describes it: train it first"
    )


def _comparable(config: RunConfig) -> dict:
    """Return a run's identity without what a machine decides."""
    identity = config.identity()
    return {**identity, "training": {**identity["training"], "precision": None}}
