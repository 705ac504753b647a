"""Discriminators for the models: a snapshot has none, so one is given as a file, or is found in the last
checkpoint of the snapshot's run. The studio shows where they look.
"""

import logging
from dataclasses import replace
from pathlib import Path

from spatialgan.checkpoints import KIND as CHECKPOINT
from spatialgan.checkpoints import checkpoint_of, load_checkpoint
from spatialgan.imports.discriminators import KIND, load_discriminator
from spatialgan.models import model_path
from spatialgan.models.opened import OpenedModel
from spatialgan.networks.discriminator import Discriminator
from spatialgan.results import run_of
from spatialgan.tensor_file import load_tensors

log = logging.getLogger(__name__)


def looked_at(model: OpenedModel) -> list[int]:
    """Return the resolutions of the features that attention is read from; none without a discriminator."""
    if model.discriminator is None:
        return []
    largest = model.discriminator.config.resolution
    return [r for r in model.snapshot.config.attention.resolutions if r <= largest]


def with_discriminator(model: OpenedModel, path: Path) -> OpenedModel:
    """Return a model with the discriminator of a file: a run's checkpoint, or what `spatialgan import` wrote.

    Raises ValueError, naming the file, if it is damaged, contains no discriminator, or one for images of another size.
    """
    return _beside(model, read_discriminator(path), path)


def _beside(model: OpenedModel, discriminator: Discriminator, path: Path) -> OpenedModel:
    """Return a model with a discriminator that was in a file; raises ValueError unless it judges images of that size."""
    judged, made = discriminator.config.resolution, model.snapshot.config.generator.resolution
    if judged != made:
        raise ValueError(
            f"{path} takes images of {judged} px, but {model.name} makes images of {made} px"
        )
    return replace(model, discriminator=discriminator)


def with_own_discriminator(model: OpenedModel) -> OpenedModel:
    """Return a model with the discriminator it was trained against, if its run's last checkpoint is still there.

    A damaged checkpoint is named in the log and left alone.
    """
    found = run_of(model_path(model.name))
    if found is None:
        return model
    results, run = found
    last = f"checkpoint-{round(model.snapshot.kimg * 1000):012d}"
    for path in results.checkpoints(run):
        try:
            if path.stem != last:
                continue
            checkpoint = load_checkpoint(path)
            if checkpoint.config.identity() == model.snapshot.config.identity():
                return _beside(model, checkpoint.discriminator(), path)
        except ValueError as error:
            log.warning("%s; its attention can't be shown", error)
    return model


def read_discriminator(path: Path) -> Discriminator:
    """Return the discriminator in a file, on the CPU; raises ValueError if it is damaged or contains none."""
    tensors, header = load_tensors(path)
    kind = header.get("kind", "file of another program")
    if kind == KIND:
        return load_discriminator(path)
    if kind != CHECKPOINT:
        raise ValueError(f"{path} has no discriminator: it is a {kind}, not a run's checkpoint")
    return checkpoint_of(tensors, header, path).discriminator()
