"""Short trainings: four steps, with a checkpoint after each."""

from dataclasses import replace
from pathlib import Path

from spatialgan.files import file_sha256
from spatialgan.results import Results
from spatialgan.settings.config import RunConfig
from spatialgan.training.loop import TrainingJob
from spatialgan.training.processes import Processes
from tests.tiny import tiny_archive, tiny_config

STAMP = {"settings": {}, "code": "0", "inputs": {}}


def short_config(row: str = "spatialgan", seed: int = 0, **training) -> RunConfig:
    """Return the configuration of a short training, with some training fields replaced."""
    config = tiny_config(row, seed, **{"kimg": 0.032, **training})
    return replace(config, execution=replace(config.execution, num_checkpoints=4, num_grids=1))


def job(folder: Path, config: RunConfig) -> TrainingJob:
    """Return a training, with its data set prepared."""
    tiny_archive(folder)
    return TrainingJob(config, Results(folder), Processes(), STAMP)


def snapshot_of(folder: Path, config: RunConfig) -> str:
    """Return the sha256 of a run's snapshot."""
    return file_sha256(Results(folder).run(config.name).snapshot)
