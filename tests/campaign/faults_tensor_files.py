"""Damaged and crafted safetensors files: what isn't what was written is one clear line, never another result."""

import copy
import functools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spatialgan.extractors.network import load_extractor, shipped_weights
from spatialgan.imports.discriminators import load_discriminator, save_discriminator
from spatialgan.inversion.encoder import Encoder, load_encoder, save_encoder
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.networks.discriminator import Discriminator, DiscriminatorConfig
from spatialgan.networks.released import Conventions, released_discriminator
from spatialgan.results import Results
from spatialgan.scenes.along import Directions, load_directions, save_directions
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.mask_rcnn import MaskRcnnLearner, MaskRcnnShape, open_trained
from spatialgan.segmenters.oracle import open_oracle, save_table
from spatialgan.snapshot import draw_samples, load_snapshot, render
from spatialgan.tensor_file import read_tensors, save_tensors
from spatialgan.training.run_folder import open_run_folder, restore_newest, save_checkpoint
from spatialgan.training.state import new_state
from tests.campaign.conftest import Campaign
from tests.tiny import tiny_config, tiny_snapshot

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

CPU = torch.device("cpu")
CONFIG = tiny_config()
# in place of a value of the header, whatever its type
VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", "none", [], [1], [[]], {}, {"name": "none"}, {"a": 1}),
    *(
        0,
        1,
        -1,
        3,
        16,
        17,
        1.5,
        1e308,
        float("inf"),
        float("nan"),
        2**20,
        2**31,
        2**62,
        2**70,
        10**400,
    ),
)


def checkpoint(folder: Path) -> Path:
    """Write a checkpoint of a training."""
    found = open_run_folder(Results(folder), CONFIG.name, {"identity": CONFIG.identity()})
    save_checkpoint(found, new_state(CONFIG, CPU))
    return found.checkpoints()[0]


def restore(path: Path) -> None:
    """Resume from a checkpoint as training does; a damaged one raises here, in place of the one before."""
    read_tensors(path)
    folder = open_run_folder(Results(path.parents[5]), CONFIG.name, {"identity": CONFIG.identity()})
    restore_newest(folder, new_state(CONFIG, CPU))


def snapshot(folder: Path) -> Path:
    """Write a snapshot."""
    return tiny_snapshot(folder / "snapshot.safetensors")


def use_snapshot(path: Path) -> None:
    """Draw an image with a snapshot."""
    loaded = load_snapshot(path)
    render(loaded, draw_samples(loaded.config, 0, 0, 1))


def extractor(folder: Path) -> Path:
    """Write the shipped extractor anew."""
    found = read_tensors(shipped_weights())
    save_tensors(folder / "extractor.safetensors", found.tensors, found.header)
    return folder / "extractor.safetensors"


def discriminator(folder: Path) -> Path:
    """Write an imported discriminator."""
    config = DiscriminatorConfig(8, 32, 4, 2)
    made: Discriminator = released_discriminator(config, Conventions())
    save_discriminator(folder / "d.safetensors", made, Conventions(), {"file": "x", "sha256": "0"})
    return folder / "d.safetensors"


def oracle(folder: Path) -> Path:
    """Write an oracle's table."""
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    found = Instances(
        torch.ones(2, 8, 8, dtype=torch.bool), torch.ones(2), ("a", "b"), torch.zeros(2, 64)
    )
    save_table(folder / "oracle.safetensors", images, [found], {"segmenter": "oracle"})
    return folder / "oracle.safetensors"


def segmenter(folder: Path) -> Path:
    """Write a segmenter that has learned nothing."""
    shape = MaskRcnnShape(16, (4, 4, 4), 8, box_features=8, roi_side=2)
    MaskRcnnLearner(shape, ("a", "b"), "cpu").save(folder / "segmenter.safetensors", {})
    return folder / "segmenter.safetensors"


def directions(folder: Path) -> Path:
    """Write directions of a model's styles."""
    parts = {"scores": torch.ones(2), "mask": torch.zeros(16, 16, dtype=torch.bool)}
    texts = dict.fromkeys(("model_sha256", "space", "method", "region"), "x")
    made = Directions(torch.ones(2, 4, 16), field="latent", **parts, **texts)
    save_directions(folder / "directions.safetensors", made)
    return folder / "directions.safetensors"


@functools.cache
def model_of(path: Path) -> OpenedModel:
    """Return the model beside an encoder."""
    return open_model(str(path.with_name("snapshot.safetensors")))


def encoder(folder: Path) -> Path:
    """Write an encoder that has learned nothing, and its model beside it."""
    path = snapshot(folder).with_name("encoder.safetensors")
    model = model_of(path)
    save_encoder(path, Encoder(model.snapshot.config.generator), model, {"steps": 0})
    return path


def use_oracle(path: Path) -> None:
    """Ask an oracle."""
    open_oracle(path, "cpu", 0.5)(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


# the file, its reader, bounded cases of damaged bytes and of crafted headers
READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any], int, int]] = {
    "checkpoint": (checkpoint, restore, 60, 12),
    "snapshot": (snapshot, use_snapshot, 60, 40),
    "extractor": (extractor, load_extractor, 20, 10),
    "discriminator": (discriminator, load_discriminator, 40, 40),
    "oracle": (oracle, use_oracle, 40, 40),
    "directions": (directions, load_directions, 40, 40),
    "encoder": (encoder, lambda path: load_encoder(path, model_of(path)), 20, 20),
    "segmenter": (segmenter, lambda path: open_trained(path, "cpu", 0.5), 40, 12),
}


@pytest.mark.parametrize("name", READERS)
def test_damaged_bytes_are_refused(name: str, campaign: Campaign, tmp_path: Path) -> None:
    write, read, bounded, _ = READERS[name]
    path = write(tmp_path)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    for seed in campaign.cases(f"{name}, bytes", bounded):
        draws, changed = random.Random(f"{name} {seed}"), bytearray(data)
        how = draws.choice(("flip", "flip", "flip", "cut", "zero", "insert"))
        place = draws.randrange(end if draws.random() < 0.7 else len(data))
        if how == "flip":
            changed[place] ^= 1 << draws.randrange(8)
        elif how == "cut":
            del changed[place:]
        elif how == "zero":
            changed[place : place + 16] = bytes(len(changed[place : place + 16]))
        else:
            changed[place:place] = draws.randbytes(draws.randrange(1, 9))
        if changed == data:
            continue
        path.write_bytes(changed)
        said = refusal(read, path)
        if said is not None:
            campaign.failed(f"{seed} ({how} at {place})", said)


@pytest.mark.parametrize("name", READERS)
def test_crafted_headers_are_refused_or_used(name: str, campaign: Campaign, tmp_path: Path) -> None:
    write, read, _, bounded = READERS[name]
    path = write(tmp_path)
    found = read_tensors(path)
    tensors = dict(found.tensors)
    for seed in campaign.cases(f"{name}, headers", bounded):
        draws = random.Random(f"{name} {seed}")
        header = copy.deepcopy(found.header)
        for _ in range(draws.choice((1, 1, 2))):
            _edit(header, draws)
        changed = dict(tensors)
        if draws.random() < 0.1:
            changed.pop(draws.choice(sorted(changed)))
        if draws.random() < 0.1:
            key = draws.choice(sorted(changed))
            changed[key] = draws.choice((torch.zeros(1), torch.zeros(0), changed[key].half()))
        save_tensors(path, changed, header)
        said = refusal(read, path, may_pass=True)
        if said is not None:
            campaign.failed(f"{seed} ({json.dumps(header)[:200]})", said)


def _edit(header: Any, draws: random.Random) -> None:
    """Replace, remove or add one value somewhere in JSON data."""
    while True:
        keys = sorted(header) if isinstance(header, dict) else list(range(len(header)))
        if not keys:
            return
        key = draws.choice(keys)
        inner = header[key]
        if isinstance(inner, dict | list) and inner and draws.random() < 0.7:
            header = inner
            continue
        if draws.random() < 0.2:
            del header[key]
        else:
            header[key] = copy.deepcopy(draws.choice(VALUES))
        return


def refusal(read: Callable[[Path], Any], path: Path, may_pass: bool = False) -> str | None:
    """Return what is wrong with how a reader took a file, None where it said in one line that it is none."""
    try:
        read(path)
    except (ValueError, RuntimeError, FloatingPointError) as error:
        if "\n" in str(error).strip() and not isinstance(error, RuntimeError):
            return f"several lines: {error}"
        if isinstance(error, RuntimeError) and "alloc" in str(error):
            return f"asked for memory: {error}"
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if may_pass else "was accepted"
