"""How a heatmap enters the generator: the spatial encoding layers (SEL) and their heatmap projector.

An encoding is a module `(channels, heatmap_channels)(x, heatmap) -> x` that is put before a layer's
modulated convolution. To add one: write a module with the same constructor, and a key in ENCODINGS.
`latent_size` and `latent_code` say what an encoding adds to the latent instead (only `flatten` does),
`num_objects`, `styles` and `affine` how it spreads styles over the image (only `style` does).

The projector turns a level's k sub-heatmaps into PROJECTED feature maps. `coarse` processing renders
the level at the layer's resolution first and convolves there (the journal's default); `fine` convolves
at image resolution and reduces the features (the conference version).

Shapes: n batch, c channels, k sub-heatmaps, p projected heatmap channels, h w pixels.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.heatmaps.layout import GRIDS, Layout
from spatialgan.networks import ops
from spatialgan.networks.layers import Conv, ConvAct, Linear
from spatialgan.networks.modulation import (
    DEMODULATIONS,
    ObjectLinear,
    ObjectMaps,
    ObjectStyles,
    Styles,
    UniformStyles,
)
from spatialgan.variants import check_choice

PROJECTED = 32  # heatmap feature maps per level
HIDDEN = 64  # feature maps between projected heatmap and normalization statistics
RESIDUAL_GAIN = 0.1  # of the encoding's residual branch (released predecessor; not in the paper)


@dataclass(frozen=True)
class EncodingConfig:
    """Which encoding, where, and how its heatmaps are processed."""

    name: str = "none"  # a key of ENCODINGS
    places: tuple[str, ...] = ("conv",)  # before "conv", "rgb" or both
    max_resolution: int = 16  # highest generator block that is encoded
    processing: str = "coarse"  # "coarse" or "fine": reduce heatmaps first, or features
    kernel_size: int = 3  # of the projector's convolutions
    dilation: int = 1  # of the projector's convolutions
    grid: str = "half_pixel"  # where pixels sit; "corners" is the released predecessor's
    demodulation: str = "local"  # a key of DEMODULATIONS; of `style` alone
    # standard deviation, at first, of what objects' styles have in common; of `style` alone
    object_bias: float = 1.0

    def __post_init__(self):
        check_choice(ENCODINGS, "encoding", self.name)
        check_choice(("coarse", "fine"), "heatmap processing", self.processing)
        check_choice(GRIDS, "grid", self.grid)
        check_choice(DEMODULATIONS, "demodulation", self.demodulation)
        for place in self.places:
            check_choice(("conv", "rgb"), "encoding place", place)


class Passthrough(nn.Module):
    """No encoding: x is returned as it came."""

    spatial: ClassVar[bool] = False  # whether layers get encoding modules

    @staticmethod
    def latent_size(heatmap_channels: tuple[int, ...]) -> int:
        """Return how many numbers the layout adds to the latent."""
        return 0

    @staticmethod
    def latent_code(layout: Layout, grid: str) -> Float[Tensor, "n d"]:
        """Return what the layout adds to the latent."""
        return torch.zeros(len(layout), 0)

    @staticmethod
    def num_objects(heatmap_channels: tuple[int, ...]) -> int:
        """Return how many objects have a style code of their own, beside the image's."""
        return 0

    @staticmethod
    def styles(
        ws: Float[Tensor, "n l *m w"], layout: Layout, config: EncodingConfig
    ) -> list[Styles]:
        """Return the styles of every layer."""
        return [UniformStyles(w) for w in ws.unbind(dim=1)]

    @staticmethod
    def affine(w_dim: int, channels: int, config: EncodingConfig) -> Linear:
        """Return a new affine map for the styles of a layer, 1 at w = 0."""
        return Linear(w_dim, channels, bias_init=1.0)


class Flatten(Passthrough):
    """Heatmaps as a vector beside z (paper, section 4.3): no spatial path into the generator."""

    @staticmethod
    def latent_size(heatmap_channels: tuple[int, ...]) -> int:
        """Return sum_l k_l r_l^2 with r_l = 4 * 2^l."""
        return sum(k * (4 * 2**level) ** 2 for level, k in enumerate(heatmap_channels))

    @staticmethod
    def latent_code(layout: Layout, grid: str) -> Float[Tensor, "n d"]:
        """Return all levels, each rendered at its own resolution, as one vector in [0, 1]."""
        maps = [
            layout.render(level, 4 * 2**level, grid).flatten(1)
            for level in range(len(layout.levels))
        ]
        return torch.cat(maps, dim=1)


class SelNorm(Passthrough):
    """SEL_norm: x + 0.1 conv(lrelu((1 + sigma) IN(x) + mu)), with sigma and mu from the heatmap (paper, Eq. 2).

    The paper's Eq. 2 scales by sigma; 1 + sigma, the 0.1 and the outer convolution follow the released predecessor.
    """

    spatial = True

    def __init__(self, channels: int, heatmap_channels: int):
        super().__init__()
        self.hidden = ConvAct(heatmap_channels, HIDDEN)
        self.statistics = Conv(HIDDEN, 2)
        self.residual = Conv(channels, channels)

    def forward(
        self, x: Float[Tensor, "n c h w"], heatmap: Float[Tensor, "n p h w"]
    ) -> Float[Tensor, "n c h w"]:
        """Return x with the heatmap's normalization added as a residual."""
        sigma, mu = self.statistics(self.hidden(heatmap)).chunk(2, dim=1)
        # not var_mean: on a CPU it is 10x slower than two means for channels-last tensors
        wide = x.float()
        centered = wide - wide.mean(dim=(2, 3), keepdim=True)
        variance = centered.square().mean(dim=(2, 3), keepdim=True)
        normalized = (centered * torch.rsqrt(variance + 1e-5)).to(x.dtype)
        denormalized = torch.addcmul(mu, 1 + sigma, normalized) * ops.LRELU_GAIN
        return torch.add(x, self.residual(ops.lrelu(denormalized)), alpha=RESIDUAL_GAIN)


class SelConcat(Passthrough):
    """SEL_concat: x + 0.1 conv(lrelu([x ; heatmap])); residual like SEL_norm, so that the two compare."""

    spatial = True

    def __init__(self, channels: int, heatmap_channels: int):
        super().__init__()
        self.residual = Conv(channels + heatmap_channels, channels)

    def forward(
        self, x: Float[Tensor, "n c h w"], heatmap: Float[Tensor, "n p h w"]
    ) -> Float[Tensor, "n c h w"]:
        """Return x with a convolution of x and heatmap added as a residual."""
        joined = torch.cat([x, heatmap], dim=1) * ops.LRELU_GAIN
        return torch.add(x, self.residual(ops.lrelu(joined)), alpha=RESIDUAL_GAIN)


class SelStyle(Passthrough):
    """SEL_indoor: every layer is modulated per pixel by S_bg + sum_i S_i H_i (paper, Eq. 4)."""

    @staticmethod
    def num_objects(heatmap_channels: tuple[int, ...]) -> int:
        """Return one object per sub-heatmap; raises ValueError unless there is exactly one level."""
        if len(heatmap_channels) != 1:
            raise ValueError(
                f"encoding style needs heatmaps of one level, not {len(heatmap_channels)}: "
                f"choose the sampling multi_object"
            )
        return heatmap_channels[0]

    @staticmethod
    def styles(
        ws: Float[Tensor, "n l *m w"], layout: Layout, config: EncodingConfig
    ) -> list[Styles]:
        """Return the styles of every layer, all of them placed by the same heatmaps."""
        places = ObjectMaps(layout, config.grid)
        return [ObjectStyles(w, places, config.demodulation) for w in ws.unbind(dim=1)]

    @staticmethod
    def affine(w_dim: int, channels: int, config: EncodingConfig) -> ObjectLinear:
        """Return a new affine map for the styles of a layer, 1 for the background at w = 0."""
        return ObjectLinear(w_dim, channels, bias_init=1.0, object_std=config.object_bias)


ENCODINGS: dict[str, type[Passthrough]] = {
    "none": Passthrough,
    "norm": SelNorm,
    "concat": SelConcat,
    "flatten": Flatten,
    "style": SelStyle,
}


class HeatmapProjector(nn.Module):
    """Layout -> projected heatmaps for a layer: two convolutions per level, shared by all layers."""

    def __init__(self, config: EncodingConfig, heatmap_channels: tuple[int, ...], resolution: int):
        super().__init__()
        self.config = config
        self.resolution = resolution
        shape = {"kernel_size": config.kernel_size, "dilation": config.dilation}
        self.levels = nn.ModuleList(
            nn.Sequential(ConvAct(k, 16, **shape), ConvAct(16, PROJECTED, **shape))
            for k in heatmap_channels
        )

    def levels_of(self, block_resolution: int) -> range:
        """Return the levels a generator block sees: its own, or all of them where it has none or they are few."""
        own = block_resolution.bit_length() - 3
        return range(own, own + 1) if own < len(self.levels) else range(len(self.levels))

    def channels(self, block_resolution: int) -> int:
        """Return the number of projected heatmap channels that a block's layers get."""
        return PROJECTED * len(self.levels_of(block_resolution))

    def forward(
        self, layout: Layout, block_resolution: int, size: int, dtype: torch.dtype
    ) -> Float[Tensor, "n p size size"]:
        """Return the block's projected heatmaps at `size` pixels."""
        project = {"coarse": self._coarse, "fine": self._fine}[self.config.processing]
        maps = [project(layout, level, size, dtype) for level in self.levels_of(block_resolution)]
        return torch.cat(maps, dim=1)

    def _coarse(self, layout: Layout, level: int, size: int, dtype: torch.dtype) -> Tensor:
        return self.levels[level](layout.render(level, size, self.config.grid).to(dtype))

    def _fine(self, layout: Layout, level: int, size: int, dtype: torch.dtype) -> Tensor:
        features = self.levels[level](
            layout.render(level, self.resolution, self.config.grid).to(dtype)
        )
        if self.config.grid == "corners":  # the predecessor samples points between the corners
            return F.interpolate(features, size=size, mode="bilinear", align_corners=True)
        return F.adaptive_avg_pool2d(features, size)
