"""ENCODINGS: how heatmaps enter the generator (SEL, the spatial encoding layers).

To add one: write a frozen dataclass whose fields are its numbers, with `__call__(heatmap_channels) -> Parts`,
which says what the encoding adds to a generator and leaves everything else as in StyleGAN2; give it a
key at the foot of this file. A layer that sees heatmaps is a module `(channels, projected)(x, heatmap) -> x`,
put before a modulated convolution by `layers_before`.

Shapes: n batch, c channels, k sub-heatmaps, p projected heatmap channels, d numbers of a layout's code, h w
pixels, l layers (ws), w style space. *m stands for no axis, or for one of 1 + num_objects codes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.heatmaps.layout import GRIDS, Grid, Layout
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
from spatialgan.networks.projector import HeatmapProjector, Projection, projected_channels
from spatialgan.variants import check_choice

HIDDEN = 64  # feature maps between projected heatmap and normalization statistics
RESIDUAL_GAIN = 0.1  # of the encoding's residual branch (released predecessor; not in the paper)


def no_projector(image_resolution: int) -> nn.Module:
    """Return a module without weights: no layer asks for projected heatmaps."""
    return nn.Identity()


def no_layers(place: str, resolution: int, channels: int) -> list[nn.Module]:
    """Return no module."""
    return []


def no_code(layout: Layout) -> Float[Tensor, "n 0"]:
    """Return a code of no numbers."""
    return torch.zeros(len(layout), 0)


def uniform_styles(ws: Float[Tensor, "n l w"], layout: Layout) -> list[Styles]:
    """Return the styles of every layer, the same at all pixels."""
    return [UniformStyles(w) for w in ws.unbind(dim=1)]


def uniform_affine(w_dim: int, channels: int) -> Linear:
    """Return a new affine map for the styles of a layer, 1 at w = 0."""
    return Linear(w_dim, channels, bias_init=1.0)


@dataclass(frozen=True)
class Parts:
    """What an encoding adds to a generator; by default nothing, which is StyleGAN2."""

    is_spatial: bool = False  # whether heatmaps reach the synthesis network
    # image resolution -> the module that projects heatmaps for the layers below
    projector: Callable[[int], nn.Module] = no_projector
    # ("conv" or "rgb", block resolution, channels) -> the modules before such a layer
    layers: Callable[[str, int, int], list[nn.Module]] = no_layers
    code_size: int = 0  # d, numbers that a layout adds to the latent
    code: Callable[[Layout], Tensor] = no_code  # these numbers, [n d]
    num_objects: int = 0  # objects with a style code of their own, beside the image's
    styles: Callable[[Tensor, Layout], list[Styles]] = uniform_styles  # of all layers, from ws
    affine: Callable[[int, int], Linear] = uniform_affine  # (w_dim, channels) -> a layer's map


Encoding = Callable[[tuple[int, ...]], Parts]  # from sub-heatmaps per level


def layers_before(
    module: Callable[[int, int], nn.Module], projection: Projection, num_levels: int
) -> Callable[[str, int, int], list[nn.Module]]:
    """Return `Parts.layers` that puts a new `module(channels, projected)` wherever the projection says."""

    def layers(place: str, resolution: int, channels: int) -> list[nn.Module]:
        if place not in projection.places or resolution > projection.max_resolution:
            return []
        return [module(channels, projected_channels(num_levels, resolution))]

    return layers


class SelNorm(nn.Module):
    """SEL_norm: x + 0.1 conv(lrelu((1 + sigma) IN(x) + mu)), with sigma and mu from the heatmap (paper, Eq. 2).

    The paper's Eq. 2 scales by sigma; 1 + sigma, the 0.1 and the outer convolution follow the released predecessor.
    """

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


class SelConcat(nn.Module):
    """SEL_concat: x + 0.1 conv(lrelu([x ; heatmap])); residual like SEL_norm, so that the two compare."""

    def __init__(self, channels: int, heatmap_channels: int):
        super().__init__()
        self.residual = Conv(channels + heatmap_channels, channels)

    def forward(
        self, x: Float[Tensor, "n c h w"], heatmap: Float[Tensor, "n p h w"]
    ) -> Float[Tensor, "n c h w"]:
        """Return x with a convolution of x and heatmap added as a residual."""
        joined = torch.cat([x, heatmap], dim=1) * ops.LRELU_GAIN
        return torch.add(x, self.residual(ops.lrelu(joined)), alpha=RESIDUAL_GAIN)


@dataclass(frozen=True)
class NoEncoding:
    """Heatmaps, if there are any, don't reach the generator."""

    def __call__(self, heatmap_channels: tuple[int, ...]) -> Parts:
        """Return nothing to add."""
        return Parts()


@dataclass(frozen=True)
class NormEncoding(Projection):
    """`SelNorm` before layers (paper, Eq. 2)."""

    def __call__(self, heatmap_channels: tuple[int, ...]) -> Parts:
        """Return the projector and the layers."""
        return Parts(
            is_spatial=True,
            projector=partial(HeatmapProjector, self, heatmap_channels),
            layers=layers_before(SelNorm, self, len(heatmap_channels)),
        )


@dataclass(frozen=True)
class ConcatEncoding(Projection):
    """`SelConcat` before layers."""

    def __call__(self, heatmap_channels: tuple[int, ...]) -> Parts:
        """Return the projector and the layers."""
        return Parts(
            is_spatial=True,
            projector=partial(HeatmapProjector, self, heatmap_channels),
            layers=layers_before(SelConcat, self, len(heatmap_channels)),
        )


@dataclass(frozen=True)
class FlattenEncoding:
    """Heatmaps as a vector next to z (paper, section 4.3): no spatial path into the generator."""

    grid: Grid = "half_pixel"  # where pixels sit; "corners" is the released predecessor's

    def __post_init__(self) -> None:
        check_choice(GRIDS, "grid", self.grid)

    def __call__(self, heatmap_channels: tuple[int, ...]) -> Parts:
        """Return a code of sum_l k_l r_l^2 numbers with r_l = 4 * 2^l."""
        size = sum(k * (4 * 2**level) ** 2 for level, k in enumerate(heatmap_channels))
        return Parts(code_size=size, code=self.code)

    def code(self, layout: Layout) -> Float[Tensor, "n d"]:
        """Return all levels, each rendered at its own resolution, as one vector in [0, 1]."""
        maps = [
            layout.render(level, 4 * 2**level, self.grid).flatten(1)
            for level in range(len(layout.levels))
        ]
        return torch.cat(maps, dim=1)


@dataclass(frozen=True)
class StyleEncoding:
    """SEL_indoor: every layer is modulated per pixel by S_bg + sum_i S_i H_i (paper, Eq. 4)."""

    grid: Grid = "half_pixel"  # where pixels sit; "corners" is the released predecessor's
    demodulation: str = "local"  # a key of DEMODULATIONS
    object_bias: float = 1.0  # standard deviation, at first, of what objects' styles have in common

    def __post_init__(self) -> None:
        check_choice(GRIDS, "grid", self.grid)
        check_choice(DEMODULATIONS, "demodulation", self.demodulation)

    def __call__(self, heatmap_channels: tuple[int, ...]) -> Parts:
        """Return styles for one object per sub-heatmap; raises ValueError unless there is exactly one level."""
        if len(heatmap_channels) != 1:
            raise ValueError(
                f"encoding style needs heatmaps of one level, not {len(heatmap_channels)}: "
                f"choose the sampling multi_object"
            )
        return Parts(
            is_spatial=True,
            num_objects=heatmap_channels[0],
            styles=self.styles,
            affine=self.affine,
        )

    def styles(self, ws: Float[Tensor, "n l m w"], layout: Layout) -> list[Styles]:
        """Return the styles of every layer, all of them placed by the same heatmaps."""
        places = ObjectMaps(layout, self.grid)
        return [ObjectStyles(w, places, self.demodulation) for w in ws.unbind(dim=1)]

    def affine(self, w_dim: int, channels: int) -> ObjectLinear:
        """Return a new affine map for the styles of a layer, 1 for the background at w = 0."""
        return ObjectLinear(w_dim, channels, bias_init=1.0, object_std=self.object_bias)


ENCODINGS: dict[str, Callable[..., Encoding]] = {
    "none": NoEncoding,
    "norm": NormEncoding,
    "concat": ConcatEncoding,
    "flatten": FlattenEncoding,
    "style": StyleEncoding,
}
