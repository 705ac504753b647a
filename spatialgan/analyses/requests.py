"""What an analysis is given: an entry of params/analyses.yaml, and the trained runs that it is to look at.

Networks are opened when they are asked for. A training's discriminator is not a result: it is in the last
checkpoint of the run's folder, which stays there until it is removed by hand, or trained over.

Shapes: n samples, r resolution.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan import drawn
from spatialgan.analyses.registry import SEGMENTER
from spatialgan.checkpoints import Checkpoint, load_checkpoint
from spatialgan.drawn import FIRST_INDEX
from spatialgan.evaluation.harness import check_described
from spatialgan.networks.discriminator import Discriminator
from spatialgan.results import Results
from spatialgan.segmenters.registry import Segmenter, open_segmenter
from spatialgan.settings.config import RunConfig
from spatialgan.snapshot import Snapshot, draw_samples, load_hashed, render
from spatialgan.training.state import new_state

SEED = 0  # of generated samples
NUM_UNTRAINED = 5  # draws of random weights that a trained discriminator is compared with
NO_DISCRIMINATOR = (
    "{run}: the discriminator that it was trained against is not here: {folder} holds no checkpoint of the end of this"
    " training. Put its last checkpoint back, or train {run} again"
)


@dataclass(frozen=True)
class Subject:
    """A trained run."""

    run: str  # "<dataset>/<row>/<seed>"
    title: str  # of its row
    results: Results

    @property
    def dataset(self) -> str:
        """Return the data set that it learned from."""
        return self.run.split("/")[0]

    @cached_property
    def _loaded(self) -> tuple[Snapshot, str]:
        return load_hashed(self.results.run(self.run).snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """Return its generator, also of a training that goes on; raises ValueError if the file is missing or damaged."""
        return self._loaded[0]

    @property
    def sha256(self) -> str:
        """Return the hash of its snapshot's file."""
        return self._loaded[1]

    @property
    def config(self) -> RunConfig:
        """Return its configuration."""
        return self.snapshot.config

    @cached_property
    def discriminator(self) -> Discriminator:
        """Return the discriminator at the end of this very training.

        Raises ValueError, in one line, if no checkpoint in the run's folder is from its end.
        """
        for path in self.results.checkpoints(self.run):
            found = load_checkpoint(path)
            if self._is_end(found):
                return found.discriminator()
        raise ValueError(
            NO_DISCRIMINATOR.format(run=self.run, folder=self.results.resume(self.run))
        )

    def segmenter(self) -> Segmenter:
        """Return the segmenter trained on the scenes of its data set.

        Raises ValueError, in one line, if its weights are missing or not those of its record.
        """
        files = self.results.segmenter(self.dataset, SEGMENTER)
        segmenter = open_segmenter(SEGMENTER, files.weights, "cpu")
        check_described(files.weights, segmenter.sha256, files.record, "sha256")
        return segmenter

    def untrained(self) -> list[Discriminator]:
        """Return NUM_UNTRAINED discriminators of random weights: first this training's own, before its first step."""
        seeds = range(self.config.seed, self.config.seed + NUM_UNTRAINED)
        device = torch.device("cpu")
        return [new_state(replace(self.config, seed=seed), device).d for seed in seeds]

    def images(self, num: int) -> Float[Tensor, "n 3 r r"]:
        """Return the first samples of the generator, in about [-1, 1]."""
        return render(self.snapshot, draw_samples(self.config, SEED, 0, num))

    def _is_end(self, found: Checkpoint) -> bool:
        """Return whether a checkpoint's averaged generator is the snapshot's, weight by weight."""
        if found.config.generator != self.config.generator:
            return False
        mine, theirs = self.snapshot.generator.state_dict(), found.generator().state_dict()
        return all(mine[name].equal(theirs[name]) for name in mine)


@dataclass(frozen=True)
class Request:
    """What is to be looked at."""

    subjects: tuple[Subject, ...]
    item: Mapping[str, Any]  # the entry of params/analyses.yaml

    @property
    def num(self) -> int:
        """Return on how many samples numbers are measured."""
        return self.item["num"]

    def is_control(self, subject: Subject) -> bool:
        """Return whether the claims are not about a subject's row."""
        return subject.run.split("/")[1] in self.item.get("controls", [])


@dataclass(frozen=True)
class Scenes:
    """Drawn scenes that no network was trained on."""

    images: Float[Tensor, "n 3 r r"]  # in [-1, 1]
    masks: Float[Tensor, "n r r"]  # 1 where a whole object is seen


def draw_scenes(kind: str, num: int, resolution: int) -> Scenes:
    """Return new drawn scenes of a kind, with the masks of everything that is a whole object."""
    drawings = [drawn.draw(kind, 0, FIRST_INDEX + i, resolution) for i in range(num)]
    images = torch.from_numpy(np.stack([d.image for d in drawings])).permute(0, 3, 1, 2)
    masks = [np.any([i.mask for i in d.instances if not i.owner], axis=0) for d in drawings]
    return Scenes(images.float() / 127.5 - 1, torch.from_numpy(np.stack(masks)).float())
