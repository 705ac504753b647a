"""From a checkpoint of another program to our snapshot, which scenes, renders and drags accept like any other."""

from dataclasses import asdict
from pathlib import Path

from spatialgan.attention import GradCam
from spatialgan.config import RunConfig, TrainingConfig
from spatialgan.files import file_sha256
from spatialgan.heatmaps.samplers import HierarchicalCode, Unsteered
from spatialgan.imports.checkpoint import read_checkpoint
from spatialgan.imports.discriminators import save_discriminator, translate_discriminator
from spatialgan.imports.generators import translate_generator
from spatialgan.imports.parts import Part
from spatialgan.losses.alignment import ALIGNMENTS
from spatialgan.networks.discriminator import DiscriminatorConfig
from spatialgan.networks.generator import GeneratorConfig
from spatialgan.tensor_file import save_tensors

GENERATOR, DISCRIMINATOR = "G_ema", "D"  # the networks' names in a checkpoint
DATASET = "imported"  # instead of a data set's name


def import_generator(path: Path, output: Path) -> GeneratorConfig:
    """Write the generator of a checkpoint (the moving average) as a snapshot; return its sizes.

    Raises ValueError, in one line that names the file and what was refused.
    """
    try:
        network = Part.of(GENERATOR, read_checkpoint(path).get(GENERATOR))
        generator, w_avg, conventions = translate_generator(network)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    header = {
        "kind": "snapshot",
        "nimg": 0,  # unknown
        "identity": imported_run(generator.config).identity(),
        "conventions": asdict(conventions),
        "source": source_of(path),
    }
    save_tensors(output, {**tensors, "w_avg": w_avg}, header)
    return generator.config


def import_discriminator(path: Path, output: Path) -> DiscriminatorConfig:
    """Write the discriminator of a checkpoint to a separate file; return its sizes.

    Raises ValueError, in one line that names the file and what was refused.
    """
    try:
        network = Part.of(DISCRIMINATOR, read_checkpoint(path).get(DISCRIMINATOR))
        discriminator, conventions = translate_discriminator(network)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    save_discriminator(output, discriminator, conventions, source_of(path))
    return discriminator.config


def source_of(path: Path) -> dict:
    """Return which file a model was imported from, as JSON data."""
    return {"file": path.name, "sha256": file_sha256(path)}


def imported_run(config: GeneratorConfig) -> RunConfig:
    """Return the run that stands for a training elsewhere: only its generator and its layouts are known."""
    steered = bool(config.heatmap_channels)
    sizes = (config.resolution, config.channel_base, config.channel_max)
    return RunConfig(
        dataset=DATASET,
        row="eqgan_sa" if steered else "stylegan2",
        seed=0,
        title="Imported",
        sampling=HierarchicalCode() if steered else Unsteered(),
        alignment=ALIGNMENTS["none"](),
        attention=GradCam(),
        generator=config,
        discriminator=DiscriminatorConfig(*sizes),
        training=TrainingConfig(kimg=0),
    )
