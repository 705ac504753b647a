"""Procedural scenes with ground truth, drawn from a seed at any resolution.

`cat`, `face` and `church` show one dominant object with named parts, `bedroom` many objects that hide
one another. They stand in for LSUN Cat, FFHQ, LSUN Church and LSUN Bedroom. To add a scene, write a
module with `compose(rng) -> Drawing` and give it a key in SCENES.

Shapes: r pixels per side.
"""

import zlib
from collections.abc import Callable

import numpy as np

from spatialgan.drawn import bedroom, cat, church, face
from spatialgan.drawn.canvas import Drawing, Instance, Scene
from spatialgan.variants import choose

__all__ = ["SCENES", "Drawing", "Instance", "Scene", "compose_scene", "draw_scene"]


def compose_scene(name: str, seed: int, index: int) -> Drawing:
    """Return scene `index` of the endless series (name, seed) as a vector drawing."""
    compose = choose(SCENES, "scene", name)
    if seed < 0 or index < 0:
        raise ValueError(f"a scene's seed and index are 0 or more, got {seed} and {index}")
    stream = np.random.default_rng([zlib.crc32(name.encode()), seed, index])
    return compose(stream)


def draw_scene(name: str, seed: int, index: int, resolution: int) -> Scene:
    """Return scene `index` of the series (name, seed): image [r r 3] and instances."""
    drawing = compose_scene(name, seed, index)
    return Scene(drawing.image(resolution), drawing.instances(resolution))


SCENES: dict[str, Callable[[np.random.Generator], Drawing]] = {
    "cat": cat.compose,
    "face": face.compose,
    "church": church.compose,
    "bedroom": bedroom.compose,
}
