"""Vector drawings with ground truth: shapes are recorded once, then rendered at any resolution.

Points are (y, x) in [-1, 1], y downwards, half-pixel convention (pixel j of r sits at (2j+1)/r - 1).
A drawing is rendered supersampled and reduced with a box filter, so a small picture is the reduced
large one. Opaque shapes hide what is behind them, in the image and in the masks; translucent ones
(shadows, light, glass) only tint the image.

Shapes: _ any number of points of an outline, r pixels per side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

Color = tuple[int, int, int]  # red, green, blue in [0, 255]
Point = tuple[float, float]  # (y, x) in [-1, 1]

SCENERY = 0  # the label of everything that is not an instance
FINEST_SIDE = 512  # supersampled side up to which four samples per pixel side are afforded
ALONE_SPAN = 2.5  # half side of the frame in which an object is drawn alone to find its center
ALONE_SIDE = 160  # pixels per side of that frame


@dataclass(frozen=True)
class Shape:
    """One filled outline."""

    points: Float[np.ndarray, "_ 2"]  # (y, x)
    color: tuple[int, int, int, int]  # red, green, blue, opacity in [0, 255]
    label: int  # SCENERY, or 1 + the index of an instance


@dataclass(frozen=True)
class Label:
    """The class of an instance and the instance it is a part of."""

    name: str  # class
    parent: int  # label of the instance it belongs to, SCENERY for a whole object


@dataclass(frozen=True)
class Instance:
    """One object, or one named part of an object, as it is seen in a drawing."""

    name: str  # class
    owner: str  # class of the whole it is a part of, "" for a whole object
    mask: Bool[np.ndarray, "r r"]  # pixels of which it covers more than half, parts included
    center: Point  # mean (y, x) of the object drawn alone: neither hidden nor cut by the frame


@dataclass(frozen=True)
class Drawing:
    """A drawing at one resolution: its image and its ground truth."""

    image: UInt8[np.ndarray, "r r 3"]
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Light:
    """A smooth change of brightness over the finished picture."""

    slope: Point = (0.0, 0.0)  # relative brightness gained per unit of (y, x)
    vignette: float = 0.0  # relative brightness lost at a distance of 1 from the middle


@dataclass(frozen=True)
class VectorDrawing:
    """A drawing as vectors, for any resolution: background, shapes from back to front, labels."""

    background: tuple[Color, Color]  # colors at the top and at the bottom edge
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]  # instance i has label i + 1
    light: Light

    def image(self, resolution: int) -> UInt8[np.ndarray, "r r 3"]:
        """Return the picture at `resolution` pixels per side."""
        samples = samples_per_pixel(resolution)
        side = resolution * samples
        position = ((np.arange(side) + 0.5) / side)[:, None]
        top, bottom = np.array(self.background, dtype=np.float64)
        column = np.rint(top + position * (bottom - top)).astype(np.uint8)
        picture = Image.fromarray(np.repeat(column[:, None], side, axis=1))
        opaque, glass = ImageDraw.Draw(picture), ImageDraw.Draw(picture, "RGBA")
        for shape in self.shapes:
            pixels = _pixels(shape.points, side, 1.0)
            if shape.color[3] == 255:
                opaque.polygon(pixels, fill=shape.color[:3])
            else:
                glass.polygon(pixels, fill=shape.color)
        return _lit(np.asarray(picture.reduce(samples)), self.light)

    def instances(self, resolution: int) -> tuple[Instance, ...]:
        """Return the ground truth at `resolution` pixels per side, in the order of `labels`."""
        samples = samples_per_pixel(resolution)
        side = resolution * samples
        ids = self._paint_labels([shape for shape in self.shapes if shape.color[3] == 255], side)
        covered = np.stack(
            [_cover(ids == label + 1, resolution, samples) for label in range(len(self.labels))]
        )
        found = []
        for index, label in enumerate(self.labels):
            family = [i for i in range(len(self.labels)) if index in self._line(i)]
            root = self.labels[self._line(index)[-1]]
            mask = covered[family].sum(axis=0) > 0.5
            owner = "" if root is label else root.name
            found.append(Instance(label.name, owner, mask, self._center(family)))
        return tuple(found)

    def _line(self, index: int) -> list[int]:
        """Return the instance and all it is a part of, innermost first."""
        line = [index]
        while self.labels[line[-1]].parent != SCENERY:
            line.append(self.labels[line[-1]].parent - 1)
        return line

    def _paint_labels(self, shapes: Sequence[Shape], side: int) -> np.ndarray:
        picture = Image.new("L", (side, side), SCENERY)
        draw = ImageDraw.Draw(picture)
        for shape in shapes:
            draw.polygon(_pixels(shape.points, side, 1.0), fill=shape.label)
        return np.asarray(picture)

    def _center(self, family: list[int]) -> Point:
        """Return the mean (y, x) of the area covered by the labels of `family` drawn alone."""
        picture = Image.new("1", (ALONE_SIDE, ALONE_SIDE), 0)
        draw = ImageDraw.Draw(picture)
        for shape in self.shapes:
            if shape.color[3] == 255 and shape.label - 1 in family:
                draw.polygon(_pixels(shape.points, ALONE_SIDE, ALONE_SPAN), fill=1)
        area = np.asarray(picture, dtype=np.float64)
        assert area.any(), "an instance without a shape"
        axis = ((2 * np.arange(ALONE_SIDE) + 1) / ALONE_SIDE - 1) * ALONE_SPAN
        total = area.sum()
        return float(area.sum(axis=1) @ axis / total), float(area.sum(axis=0) @ axis / total)


class Canvas:
    """A drawing being made."""

    def __init__(self, top: Color, bottom: Color) -> None:
        self._background = (top, bottom)
        self._shapes: list[Shape] = []
        self._labels: list[Label] = []

    def add(self, name: str, part_of: int = SCENERY) -> int:
        """Return the label of a new instance of class `name`."""
        self._labels.append(Label(name, part_of))
        return len(self._labels)

    def paint(self, label: int, points: Float[np.ndarray, "_ 2"], color: Color) -> None:
        """Fill an outline that belongs to `label` and hides what is behind it."""
        self._shapes.append(Shape(points, (*color, 255), label))

    def tint(self, points: Float[np.ndarray, "_ 2"], color: Color, opacity: float) -> None:
        """Blend `color` over an outline with `opacity` in [0, 1), leaving all masks as they are."""
        assert 0 <= opacity < 1
        self._shapes.append(Shape(points, (*color, int(opacity * 255)), SCENERY))

    def glow(self, points: Float[np.ndarray, "_ 2"], color: Color, opacity: float) -> None:
        """Blend `color` over an outline with soft edges, strongest in its middle."""
        middle = points.mean(axis=0)
        for size in (1.0, 0.8, 0.6, 0.4):
            self.tint(middle + size * (points - middle), color, opacity / 3)

    def finish(self, light: Light) -> VectorDrawing:
        """Return the drawing made so far."""
        return VectorDrawing(self._background, tuple(self._shapes), tuple(self._labels), light)


def samples_per_pixel(resolution: int) -> int:
    """Return how many samples are drawn per pixel side: 4, or 2 for large pictures."""
    return 4 if resolution * 4 <= FINEST_SIDE else 2


def _pixels(points: Float[np.ndarray, "_ 2"], side: int, span: float) -> list[float]:
    """Return x, y, x, y, ... in pixels, where whole numbers are the edges of pixels (Pillow)."""
    return ((points[:, ::-1] / span + 1) * (side / 2)).ravel().tolist()


def _cover(hit: Bool[np.ndarray, "s s"], resolution: int, samples: int) -> np.ndarray:
    """Return the fraction of each pixel that is hit, [r r] in [0, 1]."""
    return hit.reshape(resolution, samples, resolution, samples).mean(axis=(1, 3))


def _lit(image: UInt8[np.ndarray, "r r 3"], light: Light) -> UInt8[np.ndarray, "r r 3"]:
    """Return the image under `light`."""
    resolution = image.shape[0]
    axis = (2 * np.arange(resolution) + 1) / resolution - 1
    y, x = axis[:, None], axis[None, :]
    gain = 1 + light.slope[0] * y + light.slope[1] * x - light.vignette * (y * y + x * x)
    return np.clip(image * gain[:, :, None] + 0.5, 0, 255).astype(np.uint8)
