"""Edits of where things are: pure functions from a layout to a layout.

Coordinates are (y, x) in [-1, 1]; an offset of (0, 1) is half an image to the right.

What can be edited by itself is an object. A layout of one level has an object per sub-heatmap; in a
layout of several levels, a hierarchy, the only object (0) is all of it, placed where level 0 is.

Shapes: n samples, k sub-heatmaps (of a level) or objects (of a layout).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spatialgan.heatmaps.layout import Gaussians, Impulse, Layout, Level


def objects(layout: Layout) -> Gaussians:
    """Return the objects of a layout as Gaussians [n k]: where each is, how large and how present.

    Raises ValueError for layouts that have none: those without levels and those of free pixels.
    """
    if not layout.levels:
        raise ValueError("a generator without heatmaps has no objects to edit")
    level = _gaussians(layout.levels[0])
    return level if len(layout.levels) == 1 else _first(level)


def move(layout: Layout, offset: tuple[float, float]) -> Layout:
    """Return the layout with all centers of all levels shifted, so that a hierarchy moves as one.

    Raises ValueError for levels that have no centers, such as noise.
    """
    levels = []
    for level in layout.levels:
        centers = _gaussians(level).centers
        shift = torch.tensor(offset, dtype=centers.dtype, device=centers.device)
        levels.append(_shifted(level, shift.expand_as(centers)))
    return Layout(tuple(levels), len(layout))


def move_object(layout: Layout, index: int, offset: tuple[float, float]) -> Layout:
    """Return the layout with object `index` of every sample shifted by `offset`, in [-1, 1] units.

    Raises ValueError where there is no such object.
    """
    n = len(layout)
    return move_objects(layout, torch.full((n,), index), torch.tensor(offset).expand(n, 2))


def move_objects(
    layout: Layout, indices: Int[Tensor, " n"], offsets: Float[Tensor, "n 2"]
) -> Layout:
    """Return the layout with one object of each sample shifted by the sample's own offset.

    Raises ValueError where a sample has no such object.
    """
    num_objects = objects(layout).centers.shape[1]
    if not ((indices >= 0) & (indices < num_objects)).all():
        raise ValueError(
            f"objects of this layout are 0 to {num_objects - 1}, not {sorted(set(indices.tolist()))}"
        )
    levels = []
    for level in layout.levels:
        centers = _gaussians(level).centers
        shifts = offsets.to(centers)[:, None].expand_as(centers)
        if len(layout.levels) == 1:
            chosen = (
                torch.arange(num_objects, device=centers.device)
                == indices.to(centers.device)[:, None]
            )
            shifts = shifts * chosen[..., None]
        levels.append(_shifted(level, shifts))
    return Layout(tuple(levels), len(layout))


def _gaussians(level: Level) -> Gaussians:
    """Return the Gaussians of a level; raises ValueError for one of free pixels."""
    if isinstance(level, Gaussians):
        return level
    if isinstance(level, Impulse):
        return level.base
    raise ValueError("only Gaussians can be moved: this layout is made of free pixels")


def _first(level: Gaussians) -> Gaussians:
    return Gaussians(level.centers[:, :1], level.sigmas[:, :1], level.presence[:, :1])


def _shifted(level: Level, shifts: Float[Tensor, "n k 2"]) -> Level:
    """Return a level with its centers shifted; replaced pixels of an `Impulse` stay where they are."""
    if isinstance(level, Impulse):
        return Impulse(_shifted(level.base, shifts), level.mask, level.extremes)
    return Gaussians(level.centers + shifts, level.sigmas, level.presence)
