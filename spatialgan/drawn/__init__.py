"""Procedural drawings with ground truth: functions of a seed, at any resolution.

`cat`, `face` and `church` show one dominant object with named parts, `bedroom` many objects that hide
one another. They stand in for LSUN Cat, FFHQ, LSUN Church and LSUN Bedroom. To add a kind, write a
module with `compose(rng) -> VectorDrawing` and give it a key in DRAWINGS.

Shapes: r pixels per side.
"""

import zlib
from collections.abc import Callable

import numpy as np

from spatialgan.drawn import bedroom, cat, church, face
from spatialgan.drawn.canvas import Drawing, VectorDrawing
from spatialgan.variants import choose


def compose(kind: str, seed: int, index: int) -> VectorDrawing:
    """Return drawing `index` of the endless series (kind, seed), to be rendered at any resolution.

    Raises ValueError for an unknown kind, and for a negative seed or index.
    """
    composer = choose(DRAWINGS, "kind of drawing", kind)
    if seed < 0 or index < 0:
        raise ValueError(f"a drawing's seed and index must be 0 or more, not {seed} and {index}")
    return composer(np.random.default_rng([zlib.crc32(kind.encode()), seed, index]))


def draw(kind: str, seed: int, index: int, resolution: int) -> Drawing:
    """Return drawing `index` of the series (kind, seed): its image [r r 3] and its instances.

    Raises ValueError like `compose`.
    """
    vectors = compose(kind, seed, index)
    return Drawing(vectors.image(resolution), vectors.instances(resolution))


FIRST_INDEX = 10_000_000  # of scenes that no data set holds

DRAWINGS: dict[str, Callable[[np.random.Generator], VectorDrawing]] = {
    "cat": cat.compose,
    "face": face.compose,
    "church": church.compose,
    "bedroom": bedroom.compose,
}
