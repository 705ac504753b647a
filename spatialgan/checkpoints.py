"""What is read from a training's checkpoint by others than the training itself: its generator, its discriminator.

A checkpoint is a training's whole state; a snapshot, its result, has the averaged generator alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from spatialgan.headers import Network, check_fields, describing, filled, whole
from spatialgan.networks.discriminator import Discriminator
from spatialgan.networks.generator import Generator
from spatialgan.records import read_record
from spatialgan.results import Results
from spatialgan.settings.config import RunConfig, run_from_identity
from spatialgan.snapshot import check_resolution, save_snapshot
from spatialgan.tensor_file import load_tensors

KIND = "checkpoint"  # in its header
MAX_COUNT = 1 << 53  # of images


@dataclass(frozen=True)
class Checkpoint:
    """A training's state, as far as others read it."""

    config: RunConfig
    path: Path
    nimg: int  # images that D has seen
    tensors: Mapping[str, Tensor]

    def generator(self) -> Generator:
        """Return the moving average of G."""
        return self._network(lambda: Generator(self.config.generator), "g_ema.")

    def discriminator(self) -> Discriminator:
        """Return the discriminator as it was when the checkpoint was written."""
        config = self.config.discriminator
        with describing(self.path, "discriminator"):
            check_fields(config)
            check_resolution(config.resolution)
        return self._network(lambda: Discriminator(config), "d.")

    def _network(self, build: Callable[[], Network], prefix: str) -> Network:
        """Return a network with its part of the weights."""
        weights = {
            k.removeprefix(prefix): t for k, t in self.tensors.items() if k.startswith(prefix)
        }
        with describing(self.path, "state of a training"):
            return filled(build, weights).requires_grad_(False)


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
        return Checkpoint(config, path, whole(header["counters"], "cur_nimg", MAX_COUNT), tensors)


def write_snapshot(results: Results, config: RunConfig, output: Path | None = None) -> Checkpoint:
    """Write the snapshot of a training that goes on, from its newest checkpoint; return what was read.

    It becomes the run's snapshot, unless an output is given. Raises ValueError if the run is trained to its end, or
    no checkpoint is of this configuration.
    """
    files = results.run(config.name)
    if output is None and files.record.is_file():
        raise ValueError(f"{config.name} is trained to its end: its snapshot is {files.snapshot}")
    found = _newest(results, config)
    while True:
        save_snapshot(output or files.snapshot, found.generator(), found.config, found.nimg)
        newest = _newest(results, config)
        # a training that has ended meanwhile wrote its own snapshot: that of its last checkpoint
        if newest.nimg == found.nimg:
            return found
        found = newest


def kept_snapshots(results: Results, config: RunConfig) -> list[Path]:
    """Return the snapshots that the training of a run's present snapshot kept on its way, oldest first.

    Raises ValueError if it kept none, or it isn't known which training that was.
    """
    record = results.run(config.name).record
    if record.is_file():  # else the training goes on, and a checkpoint was made the snapshot
        training = str(read_record(record).get("training"))
    else:
        training = _newest(results, config).path.parent.name
    kept = results.kept_snapshots(config.name, training)
    if not kept:
        raise ValueError(
            f"the training of {config.name} kept no snapshots: set num_snapshots in its profile's line of"
            " params/profiles.yaml, then train it again"
        )
    return kept


def _newest(results: Results, config: RunConfig) -> Checkpoint:
    """Return a run's newest checkpoint; raises ValueError if none is of this configuration."""
    wanted = _comparable(config)
    for path in sorted(results.checkpoints(config.name), key=lambda path: path.name, reverse=True):
        found = load_checkpoint(path)
        if _comparable(found.config) == wanted:
            return found
    raise ValueError(
        f"{results.resume(config.name)} contains no checkpoint of {config.name} as params/ describes it: train it first"
    )


def _comparable(config: RunConfig) -> dict:
    """Return a run's identity without what a machine decides."""
    identity = config.identity()
    return {**identity, "training": {**identity["training"], "precision": None}}
