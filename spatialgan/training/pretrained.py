"""A training that continues a finished run: G begins with its weights. D starts over, since a snapshot has no D."""

from dataclasses import dataclass
from pathlib import Path

import torch

from spatialgan.results import Results
from spatialgan.settings.config import RunConfig
from spatialgan.snapshot import Snapshot, load_hashed
from spatialgan.training.state import TrainState


@dataclass(frozen=True)
class Pretrained:
    """The snapshot that a run begins from, and the hash of the very bytes that it was made of."""

    path: Path
    snapshot: Snapshot
    sha256: str


def pretrained_snapshot(config: RunConfig, results: Results) -> Path:
    """Return the path of the snapshot that a run begins from; raises ValueError if it isn't there."""
    run = f"{config.dataset}/{config.pretrained}/{config.seed}"
    path = results.run(run).snapshot
    if not path.is_file():
        raise ValueError(f"{path} does not exist: train {run}, from which {config.name} goes on")
    return path


def read_pretrained(config: RunConfig, results: Results) -> Pretrained:
    """Return the snapshot that a run begins from; raises ValueError if it is missing, damaged or none."""
    path = pretrained_snapshot(config, results)
    return Pretrained(path, *load_hashed(path))


@torch.no_grad()
def begin_from(pretrained: Pretrained, state: TrainState) -> None:
    """Give G and its average the weights of a snapshot; raises ValueError if they are another generator's."""
    first = pretrained.snapshot.generator
    if first.config != state.g.config:
        raise ValueError(
            f"{pretrained.path} is of another generator: a run goes on from one of the same size"
        )
    for generator in (state.g, state.g_ema):
        generator.load_state_dict(first.state_dict())
