"""A tiny run for tests: 16-pixel images, 8 channels, a handful of steps."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from spatialgan.data.archive import write_archive
from spatialgan.records import write_record
from spatialgan.results import DatasetFiles, Results
from spatialgan.settings.config import RunConfig, load_params, resolve
from spatialgan.settings.params import Params
from spatialgan.snapshot import save_snapshot
from spatialgan.training.state import new_state

ROOT = Path(__file__).parents[1]


@cache
def shipped_params() -> Params:
    """Return the parameters of params/, read once for hundreds of tests."""
    return load_params(ROOT / "params")


def tiny_config(row: str = "spatialgan", seed: int = 0, **training) -> RunConfig:
    """Return a row of params/ in the smoke profile, at fp32, with some training fields replaced."""
    config = resolve(shipped_params(), f"cat/{row}/{seed}", "smoke")
    return replace(config, training=replace(config.training, **{"precision": "fp32", **training}))


def tiny_archive(root: Path, num: int = 24, resolution: int = 16) -> DatasetFiles:
    """Write `num` random images as the data set "cat" among the results in `root`; return its files."""
    files = Results(root).dataset("cat")
    files.manifest.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0)
    images = (
        pixels.integers(0, 256, (resolution, resolution, 3), dtype=np.uint8) for _ in range(num)
    )
    facts = write_archive(files.archive, images)
    write_record(files.manifest, {"sha256": facts.sha256})
    return files


def tiny_snapshot(path: Path, row: str = "spatialgan", seed: int = 0) -> Path:
    """Write the snapshot of an untrained generator that shows its noise; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(snapshot_bytes(row, seed))
    return path


@cache
def snapshot_bytes(row: str, seed: int) -> bytes:
    """Return the file that `tiny_snapshot` writes: it is made once, for dozens of tests."""
    config = tiny_config(row, seed)
    generator = new_state(config, torch.device("cpu")).g_ema
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):  # 0 before training
            parameter.data.fill_(0.3)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot.safetensors"
        save_snapshot(path, generator, config, 8000)
        return path.read_bytes()
