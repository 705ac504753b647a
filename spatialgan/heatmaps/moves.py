"""Edits of where things are: pure functions from a layout to a layout.

Coordinates are (y, x) in [-1, 1]; an offset of (0, 1) is half an image to the right.

Shapes: n samples, k sub-heatmaps.
"""

import torch

from spatialgan.heatmaps.layout import Gaussians, Impulse, Layout, Level


def move(layout: Layout, offset: tuple[float, float]) -> Layout:
    """Return the layout with all centers of all levels shifted, so that a hierarchy moves as one.

    Raises ValueError for levels that have no centers, such as noise.
    """
    return Layout(tuple(_move_level(level, offset) for level in layout.levels), len(layout))


def _move_level(level: Level, offset: tuple[float, float]) -> Level:
    if isinstance(level, Gaussians):
        shift = torch.tensor(offset, dtype=level.centers.dtype, device=level.centers.device)
        return Gaussians(level.centers + shift, level.sigmas, level.presence)
    if isinstance(level, Impulse):
        return Impulse(_move_level(level.base, offset), level.mask, level.extremes)
    raise ValueError("only Gaussians can be moved: this layout is made of free pixels")
