"""ALIGNMENTS: how the heatmaps and the discriminator's attention are matched [Eq. 3].

To add one: write a frozen dataclass whose fields are its numbers, with `uses_attention` and
`__call__(attention, layout, resolution) -> scalar`; give it a key at the foot of this file.
It can build on `target`, `normalize_attention` and READINGS. Attention is one raw map for
each of some resolutions, coarsest first, and is compared with the level of that number, or with the
last where the layout has fewer (a scene of several objects has one).

All values are means over a sample first and over the batch last, so that they do not depend on how
a batch is sharded (the predecessor's released code pools the pixels of the batch).

Shapes: n samples, k sub-heatmaps, t targets, h x w pixels of a feature map, r pixels along an axis of
the image, p pixels of a map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.heatmaps.layout import GRIDS, Grid, Layout, Level
from spatialgan.variants import check_choice

Attention = Sequence[Float[Tensor, "n _ _"]]


def _select_mean(errors: Float[Tensor, "n p"], threshold: float) -> Float[Tensor, " n"]:
    """Return the mean of the errors above the threshold, of all where none is (released code)."""
    above = errors > threshold
    count = above.sum(dim=1)
    selected = (errors * above).sum(dim=1) / count.clamp(min=1)
    return torch.where(count > 0, selected, errors.mean(dim=1))


def _hinge(errors: Float[Tensor, "n p"], threshold: float) -> Float[Tensor, " n"]:
    """Return the mean of max(e - threshold, 0), the continuous reading."""
    return (errors - threshold).relu().mean(dim=1)


def _zero_below(errors: Float[Tensor, "n p"], threshold: float) -> Float[Tensor, " n"]:
    """Return the mean of the errors, those below the threshold set to zero (paper, literally)."""
    return (errors * (errors > threshold)).mean(dim=1)


# What "truncate values smaller than tau" may mean.
READINGS = {"select_mean": _select_mean, "hinge": _hinge, "zero_below": _zero_below}


def _unit_range(maps: Float[Tensor, "n r r"]) -> Float[Tensor, "n r r"]:
    """Return (maps - minimum) / maximum of what remains, per sample; constant maps become zero.

    Minimum and maximum are constants to the gradient, which stays finite even for a map of zeros.
    """
    low = maps.detach().amin(dim=(1, 2), keepdim=True)
    high = maps.detach().amax(dim=(1, 2), keepdim=True) - low
    return (maps - low) / torch.where(high > 0, high, 1)


def nearest_level(layout: Layout, level: int) -> Level:
    """Return a level of the layout, the last where it has fewer."""
    return layout.levels[min(level, len(layout.levels) - 1)]


def target(
    layout: Layout, level: int, resolution: int, grid: Grid = "half_pixel"
) -> Float[Tensor, "n r r"]:
    """Return the one heatmap in [0, 1] per sample that attention is compared with at this level, a
    constant.

    The mean of the sub-heatmaps, stretched to [0, 1]; a lone sub-heatmap already in [0, 1] is taken
    as it is.
    """
    own = nearest_level(layout, level)
    heatmaps = own.render(resolution, grid).detach()
    mean = heatmaps.mean(dim=1)
    as_it_is = heatmaps.shape[1] == 1 and own.is_bounded
    return mean if as_it_is else _unit_range(mean)


def normalize_attention(
    attention: Float[Tensor, "n h w"], resolution: int, grid: Grid = "half_pixel"
) -> Float[Tensor, "n r r"]:
    """Return raw attention enlarged bilinearly to `resolution`, stretched to [0, 1] per sample."""
    size = (resolution, resolution)
    corners = grid == "corners"
    enlarged = F.interpolate(attention[:, None], size, mode="bilinear", align_corners=corners)
    return _unit_range(enlarged[:, 0])


@dataclass(frozen=True)
class Unaligned:
    """No alignment, for which no attention is computed."""

    @property
    def uses_attention(self) -> bool:
        """Return false, so that attention maps need not be computed."""
        return False

    def __call__(self, attention: Attention, layout: Layout, resolution: int) -> Float[Tensor, ""]:
        """Return zero: nothing aligns G with D's attention."""
        return torch.zeros(())


@dataclass(frozen=True)
class L1Alignment:
    """Thresholded L1 distance between heatmap and attention, summed over the attention maps."""

    threshold: float = 0.25  # tau, in units of the heatmap
    reading: Literal["select_mean", "hinge", "zero_below"] = "select_mean"  # see READINGS
    weight: float = 1.0  # of the whole term in the generator's loss
    compare_at: Literal["image", "level"] = "image"  # resolution of the comparison
    grid: Grid = "half_pixel"  # "corners" as in the predecessor

    def __post_init__(self) -> None:
        for name, options in (
            ("reading", READINGS),
            ("compare_at", ("image", "level")),
            ("grid", GRIDS),
        ):
            check_choice(options, f"alignment {name}", getattr(self, name))

    @property
    def uses_attention(self) -> bool:
        """Return true: heatmaps are compared with D's attention."""
        return True

    def size(self, raw: Float[Tensor, "n h w"], resolution: int) -> int:
        """Return the resolution at which this raw map is compared."""
        return resolution if self.compare_at == "image" else raw.shape[-1]

    def distances(
        self, raw: Float[Tensor, "n h w"], targets: Float[Tensor, "n t r r"]
    ) -> Float[Tensor, "n t"]:
        """Return the thresholded distance of one raw attention map to each of t targets."""
        seen = normalize_attention(raw, targets.shape[-1], self.grid)
        errors = (seen[:, None] - targets).abs()
        return READINGS[self.reading](errors.flatten(2).flatten(0, 1), self.threshold).unflatten(
            0, targets.shape[:2]
        )

    def __call__(self, attention: Attention, layout: Layout, resolution: int) -> Float[Tensor, ""]:
        """Return weight * the sum over levels of the thresholded |attention - heatmap| [Eq. 3]."""
        _check_levels(layout)
        total = torch.zeros((), device=attention[0].device)
        for level, raw in enumerate(attention):
            whole = target(layout, level, self.size(raw, resolution), self.grid)
            total = total + self.distances(raw, whole[:, None]).mean()
        return self.weight * total


@dataclass(frozen=True)
class MinL1Alignment:
    """The distance to whichever is nearest: one object's heatmap, or that of all [paper, Eq. 5].

    The discriminator may look at one object at a time. Which target is nearest is decided per
    sample, for all attention maps together ("shared") or for each separately ("per_map"); the paper
    doesn't say which.
    """

    l1: L1Alignment = L1Alignment()  # the distance
    choice: Literal["shared", "per_map"] = "shared"
    least_peak: float = (
        0.0  # what an object's heatmap must reach inside the image for it to be a target
    )

    def __post_init__(self) -> None:
        check_choice(("shared", "per_map"), "alignment choice", self.choice)

    @property
    def uses_attention(self) -> bool:
        """Return true: heatmaps are compared with D's attention."""
        return True

    def __call__(self, attention: Attention, layout: Layout, resolution: int) -> Float[Tensor, ""]:
        """Return weight * the mean over samples of the least of the k + 1 distances [Eq. 5].

        An object below `least_peak` is left out, also from the heatmap of all; a sample without any
        other has the distance 0. Raises ValueError unless the layout has one level, whose sub-heatmaps are the objects.
        """
        if len(layout.levels) != 1:
            raise ValueError(
                f"alignment min_l1 needs heatmaps of one level, not {len(layout.levels)}: "
                f"choose the sampling multi_object"
            )
        rows = []
        for raw in attention:
            size = self.l1.size(raw, resolution)
            each = layout.render(0, size, self.l1.grid).detach()
            is_target = each.amax(dim=(2, 3)) >= self.least_peak
            whole = self._whole(layout, each, is_target, size)
            found = self.l1.distances(raw, torch.cat([each, whole[:, None]], dim=1))
            rows.append(found + _never(is_target))
        table = torch.stack(rows)  # attention maps, samples, targets
        nearest = (
            table.amin(dim=2) if self.choice == "per_map" else table.sum(dim=0).amin(dim=1)[None]
        )
        return self.l1.weight * torch.where(nearest.isfinite(), nearest, 0).sum(dim=0).mean()

    def _whole(
        self,
        layout: Layout,
        each: Float[Tensor, "n k r r"],
        is_target: Bool[Tensor, "n k"],
        resolution: int,
    ) -> Float[Tensor, "n r r"]:
        """Return the heatmap of all objects that are targets."""
        if not self.least_peak:
            return target(layout, 0, resolution, self.l1.grid)
        return _unit_range((each * is_target[:, :, None, None]).mean(dim=1))


def _never(is_target: Bool[Tensor, "n k"]) -> Float[Tensor, "n t"]:
    """Return a term that makes distances to objects that aren't targets infinite; without targets, to all as well."""
    any_ = is_target.any(dim=1, keepdim=True)
    return torch.where(torch.cat([is_target, any_], dim=1), 0.0, torch.inf)


def _check_levels(layout: Layout) -> None:
    """Raise ValueError for a layout without levels."""
    if not layout.levels:
        raise ValueError("alignment needs heatmaps: choose a sampler other than none")


@torch.no_grad()
def statistics(
    attention: Attention,
    layout: Layout,
    resolution: int,
    threshold: float = 0.25,
    grid: Grid = "half_pixel",
) -> dict[str, Float[Tensor, ""]]:
    """Return how heatmap and attention agree at image resolution, as means over samples and levels.

    `l1`: plain mean distance, and `l1_4`, `l1_8`, ... by level; `above_threshold`: fraction of the
    pixels that are further apart than the threshold; `iou`: intersection over union of heatmap >
    0.5 and attention > 0.5, 0 where both are empty.
    """
    _check_levels(layout)
    rows = []
    for level, raw in enumerate(attention):
        heatmap = target(layout, level, resolution, grid)
        seen = normalize_attention(raw, resolution, grid)
        errors = (seen - heatmap).abs()
        both = ((seen > 0.5) & (heatmap > 0.5)).sum(dim=(1, 2))
        either = ((seen > 0.5) | (heatmap > 0.5)).sum(dim=(1, 2))
        iou = (both / either.clamp(min=1)).mean()
        rows.append(torch.stack([errors.mean(), (errors > threshold).float().mean(), iou]))
    table = torch.stack(rows)
    means = dict(zip(("l1", "above_threshold", "iou"), table.mean(dim=0), strict=True))
    return means | {f"l1_{4 << level}": row[0] for level, row in enumerate(table)}


ALIGNMENTS = {
    "none": Unaligned,
    "l1": L1Alignment,
    "min_l1": MinL1Alignment,
}
