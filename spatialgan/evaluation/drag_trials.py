"""Drag trials: which point of which scene goes where, as a function of (scene seed, length).

Trial i is of the scene that the model draws from seed i, so `spatialgan scene` and `spatialgan drag` make
any of them again. The handle is near the center of a random object that is in the frame, or where a
model has no objects anywhere in the middle half of the image. Scenes without any object are passed over.

Shapes: p points (here one).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.dragging.starts import Jump
from spatialgan.evaluation.trials import MAX_WITHOUT, can_be_tried
from spatialgan.heatmaps import moves
from spatialgan.models.opened import OpenedModel
from spatialgan.rng import generator_for
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.scene import SceneData
from spatialgan.snapshot import Snapshot

LENGTHS_PX = (30, 60)  # of a drag, in pixels of a 256-pixel image [paper, Tab. II]
IMAGE_PX = 256
NEAR = Jump().radius / 2  # of handles from the centers of objects, at most
MARGIN = 0.05  # between targets and the frame
SIGMA = 0.3  # of a point's surroundings where no object says how large it is


@dataclass(frozen=True)
class DragTrial:
    """One point of one scene, to be dragged by several lengths."""

    scene: SceneData
    handle: Float[Tensor, "1 2"]
    targets: tuple[Float[Tensor, "1 2"], ...]  # one per length, all in one direction
    sigma: float  # of the object at the handle

    @property
    def seed(self) -> int:
        """Return the seed of its scene."""
        return self.scene.seed


def drag_trials(snapshot: Snapshot, model: str, num_trials: int, start: int) -> Iterator[DragTrial]:
    """Yield trials of the scenes of seeds `start` and on; raises ValueError if none has an object."""
    opened, made, without = OpenedModel(model, "", snapshot), 0, 0
    seed = start
    while made < num_trials:
        scene = scene_from_seed(opened, seed)
        draws = generator_for(seed, "drag", 0)
        seed += 1
        if not scene.layout.levels:
            yield _trial(scene, torch.rand(2, generator=draws) - 0.5, SIGMA, draws)
        else:
            objects = moves.objects(scene.layout)
            candidates = can_be_tried(objects)[0].nonzero()[:, 0]
            if len(candidates) == 0:
                without += 1
                if made == 0 and without >= MAX_WITHOUT:
                    raise ValueError(f"{without} scenes have no object inside the frame to drag")
                continue
            chosen = int(candidates[torch.randint(len(candidates), (), generator=draws)])
            sigma = float(objects.sigmas[0, chosen])
            handle = _near(objects.centers[0, chosen], draws)
            yield _trial(scene, handle, sigma, draws)
        made += 1


def _near(center: Float[Tensor, " 2"], draws: torch.Generator) -> Float[Tensor, " 2"]:
    """Return a point less than NEAR from the center, inside the frame."""
    radius = NEAR * math.sqrt(torch.rand((), generator=draws).item())
    return (center + radius * _direction(draws)).clamp(MARGIN - 1, 1 - MARGIN)


def _direction(draws: torch.Generator) -> Float[Tensor, " 2"]:
    angle = 2 * math.pi * torch.rand((), generator=draws).item()
    return torch.tensor([math.sin(angle), math.cos(angle)])


def _trial(
    scene: SceneData, handle: Float[Tensor, " 2"], sigma: float, draws: torch.Generator
) -> DragTrial:
    """Return a trial in a direction, uniform among those whose targets are all inside the frame."""
    while True:  # at least a quarter of all directions leads to where there is room
        way = _direction(draws)
        targets = [handle + 2 * px / IMAGE_PX * way for px in LENGTHS_PX]
        if all(target.abs().max() <= 1 - MARGIN for target in targets):
            return DragTrial(scene, handle[None], tuple(t[None] for t in targets), sigma)
