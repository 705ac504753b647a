"""REGIONS: where in an image a direction is to act, as text ("box:0,0.2,0.5,0.5") and as a mask.

A region is a frozen dataclass with a SYNTAX that shows its text, `parse(text)`, which gets what follows the
colon, and `__call__(view) -> mask`. To add one: write such a class and give it a key at the foot of this file.

Coordinates are (y, x) in [-1, 1], so an image is 2 high and 2 wide. Shapes: r image pixels along an axis.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from spatialgan.directions.jacobian import check_masks
from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import pixel_positions
from spatialgan.pictures import read_gray
from spatialgan.scenes.scene import SceneData
from spatialgan.segmenters.instances import Instances


@dataclass(frozen=True)
class View:
    """What regions are found in."""

    scene: SceneData
    image: UInt8[Tensor, "3 r r"]
    instances: Callable[
        [UInt8[Tensor, "3 r r"]], Instances
    ]  # a segmenter's, asked only where needed


@runtime_checkable
class Region(Protocol):
    """Where a direction is to act."""

    SYNTAX: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Return the region that a text describes; raises ValueError, showing SYNTAX, for any other text."""
        ...

    def __call__(self, view: View) -> Bool[Tensor, "r r"]:
        """Return the pixels of the region; raises ValueError if the image has no such region."""
        ...


@dataclass(frozen=True)
class Box:
    """The pixels whose centers are in a box."""

    SYNTAX: ClassVar[str] = "box:Y,X,HEIGHT,WIDTH"
    center: tuple[float, float]
    size: tuple[float, float]  # height and width

    @classmethod
    def parse(cls, text: str) -> "Box":
        """Return the box that a text describes."""
        try:
            y, x, height, width = (float(number) for number in text.split(","))
        except ValueError:
            raise ValueError(f"'box:{text[:40]}' is not of the form {cls.SYNTAX}") from None
        return cls((y, x), (height, width))

    def __call__(self, view: View) -> Bool[Tensor, "r r"]:
        """Return the pixels in the box."""
        return self.pixels(view.image.shape[-1])

    def pixels(self, resolution: int) -> Bool[Tensor, "r r"]:
        """Return the pixels in the box of any image of r pixels."""
        axis = pixel_positions(resolution, "half_pixel", torch.zeros(()))
        rows, columns = (
            (axis - middle).abs() <= extent / 2
            for middle, extent in zip(self.center, self.size, strict=True)
        )
        return rows[:, None] & columns


@dataclass(frozen=True)
class Disc:
    """The pixels where an object's heatmap is at least half its peak."""

    SYNTAX: ClassVar[str] = "object:INDEX"
    index: int

    @classmethod
    def parse(cls, text: str) -> "Disc":
        """Return the region of the object that a text names."""
        if not text.isdecimal() or len(text) > 6:
            raise ValueError(f"'object:{text[:40]}' is not of the form {cls.SYNTAX}")
        return cls(int(text))

    def __call__(self, view: View) -> Bool[Tensor, "r r"]:
        """Return the object's disc."""
        moves.where_object(view.scene.layout, self.index)
        level = moves.objects(view.scene.layout)
        heatmap = level.render(view.image.shape[-1])[0, self.index]
        peak = float(level.presence[0, self.index])
        return (heatmap >= peak / 2) & (heatmap > 0)


@dataclass(frozen=True)
class OfClass:
    """The objects of a class that a segmenter finds."""

    SYNTAX: ClassVar[str] = "class:NAME"
    name: str

    @classmethod
    def parse(cls, text: str) -> "OfClass":
        """Return the region of a class of objects."""
        return cls(text)

    def __call__(self, view: View) -> Bool[Tensor, "r r"]:
        """Return the masks of all instances of the class in one."""
        found = view.instances(view.image)
        if self.name not in found.classes:
            seen = ", ".join(sorted(set(found.classes))) or "nothing"
            raise ValueError(f"the segmenter finds no '{self.name[:40]}' in this image, but {seen}")
        return self.pixels(found)

    def pixels(self, found: Instances) -> Bool[Tensor, "r r"]:
        """Return the pixels of the class among instances, possibly none."""
        chosen = [i for i, name in enumerate(found.classes) if name == self.name]
        return found.masks[chosen].any(dim=0).cpu()


@dataclass(frozen=True)
class Painted:
    """The white part of a square picture."""

    SYNTAX: ClassVar[str] = "mask:PICTURE"
    path: Path

    @classmethod
    def parse(cls, text: str) -> "Painted":
        """Return the region of a picture."""
        return cls(Path(text))

    def __call__(self, view: View) -> Bool[Tensor, "r r"]:
        """Return the pixels that are at least half white; raises ValueError if the file is not a square picture."""
        return read_gray(self.path, view.image.shape[-1]) >= 0.5


def parse_region(text: str) -> Region:
    """Return the region that a text describes; raises ValueError that shows the valid forms."""
    kind, colon, rest = text.partition(":")
    if kind not in REGIONS or not colon:
        forms = ", ".join(region.SYNTAX for region in REGIONS.values())
        raise ValueError(f"'{text[:40]}' is not a region: write {forms}")
    return REGIONS[kind].parse(rest)


def region_mask(region: Region, view: View) -> Bool[Tensor, "r r"]:
    """Return a region's pixels; raises ValueError if it has none, or is the whole image."""
    mask = region(view)
    check_masks(mask[None])
    return mask


REGIONS: dict[str, type[Region]] = {
    "box": Box,
    "object": Disc,
    "class": OfClass,
    "mask": Painted,
}
