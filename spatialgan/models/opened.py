"""A model opened by its name: its snapshot in memory, and the hash that scenes record."""

from dataclasses import dataclass

from spatialgan.models import model_path
from spatialgan.networks.discriminator import Discriminator
from spatialgan.snapshot import Snapshot, load_hashed


@dataclass(frozen=True)
class OpenedModel:
    """A model and what scenes call it."""

    name: str  # of a shipped model, or the path of a snapshot
    sha256: str  # of the snapshot's file
    snapshot: Snapshot
    discriminator: Discriminator | None = None  # where one is at hand whose attention can be shown


def open_model(name: str) -> OpenedModel:
    """Return a shipped model by its name, or any model by the path of its snapshot, on the CPU.

    The CPU, so that a scene's bits don't depend on the machine's GPU. Raises ValueError, naming the shipped
    models, if there is no such model, and naming the file if it is damaged.
    """
    snapshot, sha256 = load_hashed(model_path(name))
    return OpenedModel(name, sha256, snapshot)
