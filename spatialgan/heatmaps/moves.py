"""Edits of where things are: pure functions from a layout to a layout.

Coordinates are (y, x) in [-1, 1]; an offset of (0, 1) is half an image to the right.

An object is what can be edited on its own. A layout of one level has an object per sub-heatmap; in a
layout of several levels, a hierarchy, the only object (0) is all of it, placed where level 0 is.
`Where` says which sub-heatmaps an edit applies to: those of an object (`where_object`) or a single one of
any level (`where_part`).

Shapes: n samples, k sub-heatmaps (of a level) or objects (of a layout).
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spatialgan.heatmaps.layout import Gaussians, Impulse, Layout, Level

Where = tuple[Bool[Tensor, " _"], ...]  # per level: the sub-heatmaps an edit applies to


def objects(layout: Layout) -> Gaussians:
    """Return the objects of a layout as Gaussians [n k]: where each is, how large and how present.

    Raises ValueError for layouts that have none: those without levels and those of free pixels.
    """
    if not layout.levels:
        raise ValueError("a generator without heatmaps has no objects to edit")
    level = gaussians(layout.levels[0])
    return level if len(layout.levels) == 1 else _first(level)


def move(layout: Layout, offset: tuple[float, float]) -> Layout:
    """Return the layout with all centers of all levels shifted, so that a hierarchy moves as one.

    Raises ValueError for levels that have no centers, such as noise.
    """
    levels = []
    for level in layout.levels:
        centers = gaussians(level).centers
        shift = torch.tensor(offset, dtype=centers.dtype, device=centers.device)
        levels.append(_shifted(level, shift.expand_as(centers)))
    return Layout(tuple(levels), len(layout))


def move_object(layout: Layout, index: int, offset: tuple[float, float]) -> Layout:
    """Return the layout with object `index` of every sample shifted by `offset`, in [-1, 1] units.

    Raises ValueError if there is no such object.
    """
    n = len(layout)
    return move_objects(layout, torch.full((n,), index), torch.tensor(offset).expand(n, 2))


def move_objects(
    layout: Layout, indices: Int[Tensor, " n"], offsets: Float[Tensor, "n 2"]
) -> Layout:
    """Return the layout with one object of each sample shifted by the sample's own offset.

    Raises ValueError if a sample has no such object.
    """
    num_objects = objects(layout).centers.shape[1]
    if not ((indices >= 0) & (indices < num_objects)).all():
        raise ValueError(
            f"objects of this layout are 0 to {num_objects - 1}, not {sorted(set(indices.tolist()))}"
        )
    levels = []
    for level in layout.levels:
        centers = gaussians(level).centers
        shifts = offsets.to(centers)[:, None].expand_as(centers)
        if len(layout.levels) == 1:
            chosen = (
                torch.arange(num_objects, device=centers.device)
                == indices.to(centers.device)[:, None]
            )
            shifts = shifts * chosen[..., None]
        levels.append(_shifted(level, shifts))
    return Layout(tuple(levels), len(layout))


def where_object(layout: Layout, index: int) -> Where:
    """Return the sub-heatmaps of object `index`; raises ValueError if there is no such object."""
    num_objects = objects(layout).centers.shape[1]
    if not 0 <= index < num_objects:
        raise ValueError(f"objects of this layout are {_range(num_objects)}, not {index}")
    if len(layout.levels) == 1:
        return where_part(layout, 0, index)
    return tuple(torch.ones(_count(level), dtype=torch.bool) for level in layout.levels)


def where_part(layout: Layout, level: int, index: int) -> Where:
    """Return sub-heatmap `index` of one level alone; raises ValueError if there is none."""
    counts = [_count(each) for each in layout.levels]
    if not 0 <= level < len(counts):
        raise ValueError(f"levels of this layout are {_range(len(counts))}, not {level}")
    if not 0 <= index < counts[level]:
        raise ValueError(f"sub-heatmaps of level {level} are {_range(counts[level])}, not {index}")
    return tuple(
        (torch.arange(count) == index) & (each == level) for each, count in enumerate(counts)
    )


def shift(layout: Layout, where: Where, offset: tuple[float, float]) -> Layout:
    """Return the layout with the centers of some sub-heatmaps shifted by `offset`."""

    def edit(level: Gaussians, chosen: Bool[Tensor, " k"]) -> Gaussians:
        step = torch.tensor(offset).to(level.centers)
        centers = torch.where(chosen[:, None], level.centers + step, level.centers)
        return Gaussians(centers, level.sigmas, level.presence)

    return _edit(layout, where, edit)


def resize(layout: Layout, where: Where, factor: float) -> Layout:
    """Return the layout with some sub-heatmaps `factor` times as large.

    Several of them grow as one, about the center of the first: their distances to it grow too.
    """
    first = int(torch.stack([chosen.any() for chosen in where]).int().argmax())
    root = gaussians(layout.levels[first]).centers[:, where[first]][:, :1]

    def edit(level: Gaussians, chosen: Bool[Tensor, " k"]) -> Gaussians:
        grown = root + factor * (level.centers - root)
        centers = torch.where(chosen[:, None], grown, level.centers)
        sigmas = torch.where(chosen, factor * level.sigmas, level.sigmas)
        return Gaussians(centers, sigmas, level.presence)

    return _edit(layout, where, edit)


def remove(layout: Layout, where: Where) -> Layout:
    """Return the layout without some sub-heatmaps: they are 0 everywhere, exactly."""

    def edit(level: Gaussians, chosen: Bool[Tensor, " k"]) -> Gaussians:
        return Gaussians(level.centers, level.sigmas, level.presence * ~chosen)

    return _edit(layout, where, edit)


def copy(layout: Layout, source: Where, target: Where, offset: tuple[float, float]) -> Layout:
    """Return the layout with one sub-heatmap replaced by another of its level, shifted by `offset`."""
    assert all(int(chosen.sum()) <= 1 for chosen in (*source, *target)), "one sub-heatmap each"
    levels = []
    for level, origin, chosen in zip(layout.levels, source, target, strict=True):
        if chosen.any():
            assert origin.any(), "a copy stays on its level"
            order = torch.arange(len(chosen))
            order[chosen] = origin.nonzero()[0]
            level = _map(
                level,
                lambda g, order=order: Gaussians(
                    g.centers[:, order], g.sigmas[:, order], g.presence[:, order]
                ),
            )
        levels.append(level)
    return shift(Layout(tuple(levels), len(layout)), target, offset)


def interpolate(before: Layout, after: Layout, fraction: float) -> Layout:
    """Return the layout on the straight line from `before` (fraction 0) to `after` (1).

    What is absent at one end fades in or out in place instead of flying there.
    """

    def edit(a: Gaussians, b: Gaussians) -> Gaussians:
        appears, vanishes = a.presence == 0, b.presence == 0
        start = torch.where(appears[..., None], b.centers, a.centers)
        end = torch.where(vanishes[..., None], a.centers, b.centers)
        small = torch.where(appears, b.sigmas, a.sigmas)
        large = torch.where(vanishes, a.sigmas, b.sigmas)
        return Gaussians(
            torch.lerp(start, end, fraction),
            torch.lerp(small, large, fraction),
            torch.lerp(a.presence, b.presence, fraction),
        )

    pairs = zip(before.levels, after.levels, strict=True)
    return Layout(tuple(edit(gaussians(a), gaussians(b)) for a, b in pairs), len(before))


def _edit(
    layout: Layout, where: Where, edit: Callable[[Gaussians, Bool[Tensor, " k"]], Gaussians]
) -> Layout:
    """Return the layout with every level's Gaussians edited where they are chosen."""
    levels = [
        _map(level, lambda g, chosen=chosen: edit(g, chosen.to(g.centers.device)))
        for level, chosen in zip(layout.levels, where, strict=True)
    ]
    return Layout(tuple(levels), len(layout))


def _map(level: Level, edit: Callable[[Gaussians], Gaussians]) -> Level:
    """Return a level with its Gaussians edited; replaced pixels of an `Impulse` stay where they are."""
    if isinstance(level, Impulse):
        return Impulse(edit(level.base), level.mask, level.extremes)
    return edit(gaussians(level))


def _count(level: Level) -> int:
    return gaussians(level).centers.shape[1]


def _range(count: int) -> str:
    return "none" if count == 0 else "only 0" if count == 1 else f"0 to {count - 1}"


def gaussians(level: Level) -> Gaussians:
    """Return the Gaussians of a level; raises ValueError for one of free pixels."""
    if isinstance(level, Gaussians):
        return level
    if isinstance(level, Impulse):
        return level.base
    raise ValueError("only Gaussians can be moved: this layout is made of free pixels")


def _first(level: Gaussians) -> Gaussians:
    return Gaussians(level.centers[:, :1], level.sigmas[:, :1], level.presence[:, :1])


def _shifted(level: Level, shifts: Float[Tensor, "n k 2"]) -> Level:
    """Return a level with its centers shifted."""
    return _map(level, lambda g: Gaussians(g.centers + shifts, g.sigmas, g.presence))
