"""Layouts: where things are, as data, and how they are drawn as heatmaps.

A layout has one level per encoded generator resolution: level l belongs to resolution 4 * 2**l. A
level is one of `Gaussians`, `PixelMaps`, `Impulse` or `Retouched`; all can `render`, `index` (a slice of
the batch) and move `to` a device. A new kind of level is a class with these three methods and
`is_bounded`, added to `Level`.

Coordinates are (y, x) in [-1, 1]. Grid "half_pixel": pixel j of an axis of r pixels sits at (2j +
1) / r - 1. Grid "corners" is the predecessor's placement at -1 + 2j / (r - 1), kept for comparison:
it draws a heatmap squeezed toward the image center by (r - 1) / r.

Shapes: n samples, k sub-heatmaps, r pixels along an axis, s pixels along an axis of stored maps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.variants import unknown_name

Grid = Literal["half_pixel", "corners"]
GRIDS = ("half_pixel", "corners")
HALF_MAXIMUM = math.sqrt(2 * math.log(2))  # radius, in sigmas, where a Gaussian is half its peak


def pixel_positions(resolution: int, grid: Grid, like: Tensor) -> Float[Tensor, " r"]:
    """Return the coordinates of the pixels of an axis, with the dtype and device of `like`."""
    index = torch.arange(resolution, dtype=like.dtype, device=like.device)
    if grid == "half_pixel":
        return (2 * index + 1) / resolution - 1
    if grid == "corners":
        return 2 * index / max(resolution - 1, 1) - 1
    raise ValueError(unknown_name(GRIDS, "grid", grid))


def resize_maps(
    maps: Float[Tensor, "n k s s"], resolution: int, grid: Grid
) -> Float[Tensor, "n k r r"]:
    """Return resized maps: bilinear, but "half_pixel" reduces by area so as to skip no pixel."""
    if maps.shape[-1] == resolution:
        return maps
    size = (resolution, resolution)
    if grid == "corners":
        return F.interpolate(maps, size, mode="bilinear", align_corners=True)
    if maps.shape[-1] > resolution:
        return F.adaptive_avg_pool2d(maps, size)
    return F.interpolate(maps, size, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Gaussians:
    """A level of isotropic Gaussian sub-heatmaps, each with peak value `presence`."""

    centers: Float[Tensor, "n k 2"]  # (y, x) in [-1, 1]; may lie outside the image
    sigmas: Float[Tensor, "n k"]  # standard deviation, in the units of the centers; positive
    presence: Float[Tensor, "n k"]  # in [0, 1]; 0 removes the sub-heatmap exactly

    is_bounded = True  # values are in [0, 1]

    def __len__(self) -> int:
        return len(self.centers)

    def render(self, resolution: int, grid: Grid = "half_pixel") -> Float[Tensor, "n k r r"]:
        """Return presence * exp(-|u - c|^2 / (2 sigma^2)) at the pixel centers u [Eq. 1]."""
        offsets = pixel_positions(resolution, grid, self.centers) - self.centers[..., None]
        # The exponential of a sum factorizes: 2r exponentials for each sub-heatmap in place of r^2.
        along_axis = torch.exp(-0.5 * (offsets / self.sigmas[..., None, None]).square())
        along_y = self.presence[..., None] * along_axis[:, :, 0]
        return along_y[..., :, None] * along_axis[:, :, 1, None, :]

    def index(self, samples: slice) -> "Gaussians":
        """Return the level of these samples."""
        return Gaussians(self.centers[samples], self.sigmas[samples], self.presence[samples])

    def to(self, device: str | torch.device) -> "Gaussians":
        """Return the level on `device`."""
        return Gaussians(*(x.to(device) for x in (self.centers, self.sigmas, self.presence)))


@dataclass(frozen=True)
class PixelMaps:
    """A level of freely given maps, such as noise."""

    values: Float[Tensor, "n k s s"]

    is_bounded = False  # any values: whoever needs [0, 1] has to scale them

    def __len__(self) -> int:
        return len(self.values)

    def render(self, resolution: int, grid: Grid = "half_pixel") -> Float[Tensor, "n k r r"]:
        """Return the maps resized to `resolution`."""
        return resize_maps(self.values, resolution, grid)

    def index(self, samples: slice) -> "PixelMaps":
        """Return the level of these samples."""
        return PixelMaps(self.values[samples])

    def to(self, device: str | torch.device) -> "PixelMaps":
        """Return the level on `device`."""
        return PixelMaps(self.values.to(device))


@dataclass(frozen=True)
class Impulse:
    """A level of Gaussians with some pixels of its own s x s grid replaced by 0 or 1."""

    base: Gaussians
    mask: Bool[Tensor, "n k s s"]  # true where a pixel is replaced
    extremes: Float[Tensor, "n k s s"]  # what it is replaced by: 0 or 1

    is_bounded = True  # values are in [0, 1]

    def __len__(self) -> int:
        return len(self.base)

    def render(self, resolution: int, grid: Grid = "half_pixel") -> Float[Tensor, "n k r r"]:
        """Return the Gaussians with replaced pixels, each of which fills its cell when enlarged."""
        size = self.mask.shape[-1]
        if resolution < size:
            replaced = torch.where(self.mask, self.extremes, self.base.render(size, grid))
            return resize_maps(replaced, resolution, grid)
        positions = pixel_positions(resolution, grid, self.extremes)
        if grid == "half_pixel":
            cell = ((positions + 1) * size / 2).floor().long().clamp(max=size - 1)
        else:
            cell = ((positions + 1) * (size - 1) / 2).round().long()
        mask = self.mask[:, :, cell][:, :, :, cell]
        extremes = self.extremes[:, :, cell][:, :, :, cell]
        return torch.where(mask, extremes, self.base.render(resolution, grid))

    def index(self, samples: slice) -> "Impulse":
        """Return the level of these samples."""
        return Impulse(self.base.index(samples), self.mask[samples], self.extremes[samples])

    def to(self, device: str | torch.device) -> "Impulse":
        """Return the level on `device`."""
        return Impulse(self.base.to(device), self.mask.to(device), self.extremes.to(device))


@dataclass(frozen=True)
class Retouched:
    """A level of Gaussians with a map added to each."""

    base: Gaussians
    change: Float[Tensor, "n k s s"]

    is_bounded = False  # a change may lead anywhere

    def __len__(self) -> int:
        return len(self.base)

    def render(self, resolution: int, grid: Grid = "half_pixel") -> Float[Tensor, "n k r r"]:
        """Return the Gaussians plus the changes resized to `resolution`."""
        return self.base.render(resolution, grid) + resize_maps(self.change, resolution, grid)

    def index(self, samples: slice) -> "Retouched":
        """Return the level of these samples."""
        return Retouched(self.base.index(samples), self.change[samples])

    def to(self, device: str | torch.device) -> "Retouched":
        """Return the level on `device`."""
        return Retouched(self.base.to(device), self.change.to(device))


Level = Gaussians | PixelMaps | Impulse | Retouched


@dataclass(frozen=True)
class Layout:
    """What is where in n images, level by level; without levels, for an unsteered generator."""

    levels: tuple[Level, ...]  # level l belongs to generator resolution 4 * 2**l
    num_samples: int  # n, also where there is no level to tell it

    def __post_init__(self) -> None:
        assert all(len(level) == self.num_samples for level in self.levels), "levels disagree on n"

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, samples: slice) -> "Layout":
        num_samples = len(range(self.num_samples)[samples])
        return Layout(tuple(level.index(samples) for level in self.levels), num_samples)

    def to(self, device: str | torch.device) -> "Layout":
        """Return the layout on `device`."""
        return Layout(tuple(level.to(device) for level in self.levels), self.num_samples)

    def render(
        self, level: int, resolution: int, grid: Grid = "half_pixel"
    ) -> Float[Tensor, "n k r r"]:
        """Return the sub-heatmaps of one level at `resolution`."""
        return self.levels[level].render(resolution, grid)

    @staticmethod
    def cat(layouts: Sequence["Layout"]) -> "Layout":
        """Return one layout of all samples of `layouts`, whose levels must be of the same kinds."""
        columns = zip(*(layout.levels for layout in layouts), strict=True)
        levels = tuple(_cat_levels(column) for column in columns)
        return Layout(levels, sum(len(layout) for layout in layouts))


def _cat_levels(levels: Sequence[Level]) -> Level:
    """Return one level of all samples of `levels`, which must be of one kind."""
    kind = type(levels[0])
    assert all(type(level) is kind for level in levels), "levels of different kinds"
    columns = zip(*(vars(level).values() for level in levels), strict=True)
    return kind(*(torch.cat(c) if isinstance(c[0], Tensor) else _cat_levels(c) for c in columns))  # pyright: ignore[reportArgumentType]
