"""Finding directions for a region of a scene: from what is asked to the contents of a file.

Shapes: r image pixels along an axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import torch
from jaxtyping import Bool
from torch import Tensor

from spatialgan.directions.methods import METHODS
from spatialgan.directions.problem import Problem
from spatialgan.directions.spaces import Channels, open_space
from spatialgan.scenes.along import Directions
from spatialgan.scenes.render import scene_inputs
from spatialgan.scenes.scene import SceneData
from spatialgan.snapshot import Snapshot
from spatialgan.variants import choose


@dataclass(frozen=True)
class Question:
    """Which directions are wanted."""

    region: str  # in words, for the record
    mask: Bool[Tensor, "r r"]
    method: str = "resefa"  # a key of METHODS
    space: str = ""  # a key of SPACES; "" for the method's own
    layers: tuple[int, ...] = ()  # of ws; all where none are given
    codes: tuple[int, ...] = ()  # all where none are given
    numbers: Mapping[str, int] = field(default_factory=dict)  # of the method: fields of its class


def find_directions(
    scene: SceneData, snapshot: Snapshot, question: Question, count: int
) -> Directions:
    """Return the `count` best directions, or all if there are fewer.

    Raises ValueError if the method, space, layers, codes or numbers are unknown or don't go together, and if
    the region leaves the method no direction.
    """
    kind = choose(METHODS, "method", question.method)
    unknown = [name for name in question.numbers if name not in {f.name for f in fields(kind)}]
    if unknown:
        raise ValueError(f"method {question.method} has no --{unknown[0]}: leave it out")
    method = kind(**question.numbers)
    name = question.space or ("style" if question.method == "stylespace" else "w")
    config = snapshot.config.generator
    space = open_space(name, config, question.layers, question.codes)
    inputs = scene_inputs(scene, snapshot)
    found = method(Problem(snapshot, inputs, space, question.mask.to(inputs.ws.device)))
    changes = [space.change(config, t) for t in found.directions[:count].float()]
    channels = isinstance(space, Channels)
    return Directions(
        changes=torch.stack([c.channels if channels else c.latent for c in changes]).cpu(),
        field="channels" if channels else "latent",
        scores=found.scores[:count].double().cpu(),
        mask=question.mask,
        model_sha256=scene.model_sha256,
        space=name,
        method=question.method,
        region=question.region,
    )
