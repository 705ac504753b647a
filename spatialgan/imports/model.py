"""From a checkpoint of another program to our snapshot, which scenes, renders and drags accept like any other."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar

from spatialgan.attention import GradCam
from spatialgan.files import file_sha256
from spatialgan.heatmaps.samplers import HierarchicalCode, Unsteered
from spatialgan.imports.checkpoint import read_checkpoint
from spatialgan.imports.discriminators import save_discriminator, translate_discriminator
from spatialgan.imports.generators import translate_generator
from spatialgan.imports.parts import Part
from spatialgan.losses.alignment import ALIGNMENTS
from spatialgan.networks.discriminator import DiscriminatorConfig
from spatialgan.networks.generator import GeneratorConfig
from spatialgan.settings.config import RunConfig, TrainingConfig
from spatialgan.tensor_file import save_tensors

GENERATOR, DISCRIMINATOR = "G_ema", "D"  # the networks' names in a checkpoint
DATASET = "imported"  # instead of a data set's name


Config = TypeVar("Config")


@dataclass(frozen=True)
class Found(Generic[Config]):
    """A network of a checkpoint, translated."""

    config: Config  # its sizes
    save: Callable[[Path], None]


def import_generator(path: Path, output: Path) -> GeneratorConfig:
    """Write the generator of a checkpoint as a snapshot; return its sizes. Raises as `read_generator`."""
    found = read_generator(path)
    found.save(output)
    return found.config


def import_discriminator(path: Path, output: Path) -> DiscriminatorConfig:
    """Write the discriminator of a checkpoint to a file; return its sizes. Raises as `read_discriminator`."""
    found = read_discriminator(path)
    found.save(output)
    return found.config


def read_generator(path: Path) -> Found[GeneratorConfig]:
    """Return the generator of a checkpoint (the moving average), to be saved as a snapshot.

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
    everything = {**tensors, "w_avg": w_avg}
    return Found(generator.config, lambda output: save_tensors(output, everything, header))


def read_discriminator(path: Path) -> Found[DiscriminatorConfig]:
    """Return the discriminator of a checkpoint, to be saved as a file of its own.

    Raises ValueError, in one line that names the file and what was refused.
    """
    try:
        network = Part.of(DISCRIMINATOR, read_checkpoint(path).get(DISCRIMINATOR))
        discriminator, conventions = translate_discriminator(network)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    source = source_of(path)
    return Found(
        discriminator.config,
        lambda output: save_discriminator(output, discriminator, conventions, source),
    )


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
