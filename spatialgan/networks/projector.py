"""Heatmaps as feature maps: the projector that layers with a spatial encoding share.

The projector turns a level's k sub-heatmaps into PROJECTED feature maps. `coarse` processing renders
the level at the layer's resolution first and convolves there (the journal's default); `fine` convolves
at image resolution and reduces the features (the conference version).

Shapes: n batch, k sub-heatmaps, p projected heatmap channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.heatmaps.layout import GRIDS, Grid, Layout
from spatialgan.networks.layers import ConvAct
from spatialgan.variants import check_choice

PROJECTED = 32  # heatmap feature maps per level


@dataclass(frozen=True)
class Projection:
    """Which layers get projected heatmaps, and how these are made."""

    places: tuple[str, ...] = ("conv",)  # before "conv", "rgb" or both
    max_resolution: int = 16  # highest generator block that is encoded
    processing: str = "coarse"  # "coarse" or "fine": reduce heatmaps first, or features
    kernel_size: int = 3  # of the projector's convolutions
    dilation: int = 1  # of the projector's convolutions
    grid: Grid = "half_pixel"  # where pixels sit; "corners" is the released predecessor's

    def __post_init__(self) -> None:
        check_choice(("coarse", "fine"), "heatmap processing", self.processing)
        check_choice(GRIDS, "grid", self.grid)
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(f"the projector's kernel_size must be odd, not {self.kernel_size}")
        if self.dilation < 1:
            raise ValueError(f"the projector's dilation must be 1 or more, not {self.dilation}")
        for place in self.places:
            check_choice(("conv", "rgb"), "encoding place", place)


def levels_seen(num_levels: int, block_resolution: int) -> range:
    """Return the levels a generator block sees: its own, or all where it has none or there are few."""
    own = block_resolution.bit_length() - 3
    return range(own, own + 1) if own < num_levels else range(num_levels)


def projected_channels(num_levels: int, block_resolution: int) -> int:
    """Return the number of projected heatmap channels p that a block's layers get."""
    return PROJECTED * len(levels_seen(num_levels, block_resolution))


class HeatmapProjector(nn.Module):
    """Layout -> projected heatmaps for a layer: two convolutions per level, shared by all layers."""

    def __init__(
        self, projection: Projection, heatmap_channels: tuple[int, ...], image_resolution: int
    ):
        super().__init__()
        self.projection = projection
        self.image_resolution = image_resolution
        shape = {"kernel_size": projection.kernel_size, "dilation": projection.dilation}
        self.levels = nn.ModuleList(
            nn.Sequential(ConvAct(k, 16, **shape), ConvAct(16, PROJECTED, **shape))
            for k in heatmap_channels
        )

    def forward(
        self, layout: Layout, block_resolution: int, size: int, dtype: torch.dtype
    ) -> Float[Tensor, "n p size size"]:
        """Return the block's projected heatmaps at `size` pixels."""
        project = {"coarse": self._coarse, "fine": self._fine}[self.projection.processing]
        levels = levels_seen(len(self.levels), block_resolution)
        return torch.cat([project(layout, level, size, dtype) for level in levels], dim=1)

    def _coarse(self, layout: Layout, level: int, size: int, dtype: torch.dtype) -> Tensor:
        return self.levels[level](layout.render(level, size, self.projection.grid).to(dtype))

    def _fine(self, layout: Layout, level: int, size: int, dtype: torch.dtype) -> Tensor:
        grid = self.projection.grid
        rendered = layout.render(level, self.image_resolution, grid).to(dtype)
        features = self.levels[level](rendered)
        if grid == "corners":  # the predecessor samples points between the corners
            return F.interpolate(features, size=size, mode="bilinear", align_corners=True)
        return F.adaptive_avg_pool2d(features, size)
