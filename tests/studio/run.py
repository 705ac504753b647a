"""A run as a training leaves it, with the checkpoint beside the snapshot, but untrained."""

from dataclasses import dataclass
from pathlib import Path

import torch

from spatialgan.results import Results
from spatialgan.training.run_folder import open_run_folder, save_checkpoint
from spatialgan.training.state import new_state
from tests.tiny import tiny_config, tiny_snapshot

NIMG = 8000  # images that the tiny snapshot has seen


@dataclass(frozen=True)
class Run:
    """What lies in the results."""

    root: Path
    snapshot: Path
    checkpoint: Path
    weights: dict[str, torch.Tensor]  # of the discriminator


def trained_run(root: Path, seed: int = 0, nimg: int = NIMG) -> Run:
    """Write the run cat/spatialgan/<seed> with a checkpoint after `nimg` images."""
    config, results = tiny_config(seed=seed), Results(root)
    snapshot = tiny_snapshot(results.run(config.name).snapshot, seed=seed)
    state = new_state(config, torch.device("cpu"))
    state.cur_nimg = nimg
    folder = open_run_folder(results, config.name, {"identity": config.identity()})
    save_checkpoint(folder, state)
    return Run(root, snapshot, folder.checkpoints()[0], state.d.state_dict())
