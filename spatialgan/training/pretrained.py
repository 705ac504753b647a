"""A training that continues a finished run: G begins with its weights. D starts over, since a snapshot has no D."""

from pathlib import Path

import torch

from spatialgan.config import RunConfig
from spatialgan.results import Results
from spatialgan.snapshot import load_snapshot
from spatialgan.training.state import TrainState


def pretrained_snapshot(config: RunConfig, results: Results) -> Path:
    """Return the snapshot that a run begins from; raises ValueError if it isn't there."""
    run = f"{config.dataset}/{config.pretrained}/{config.seed}"
    path = results.run(run).snapshot
    if not path.is_file():
        raise ValueError(f"{path} does not exist: train {run}, from which {config.name} goes on")
    return path


@torch.no_grad()
def begin_from(path: Path, state: TrainState) -> None:
    """Give G and its average the weights of a snapshot; raises ValueError if they are another generator's."""
    snapshot = load_snapshot(path)
    if snapshot.generator.config != state.g.config:
        raise ValueError(f"{path} is of another generator: a run goes on from one of the same size")
    for generator in (state.g, state.g_ema):
        generator.load_state_dict(snapshot.generator.state_dict())
