"""How styles scale a layer's feature maps: the same everywhere, or per object and pixel (SEL_indoor).

A layer lets its `Styles` go `through` its affine map; what comes back scales the input of a
convolution (`modulate`) and brings its output back to unit variance (`demodulate`). Both kinds of
styles can do the same.

SEL_indoor [paper, Eq. 4] scales by s(p) = S_bg + sum_i S_i H_i(p), with one style code per object
and one for the background. The paper leaves open how S_i come about and how to demodulate: here all
codes go through the same affine map, with one bias for the background (1 at first) and one that
objects have in common (`ObjectLinear`); H_i = 0 leaves no trace of object i. DEMODULATIONS are four
answers to the second question.

Shapes: n batch, w style space, m codes (background first), k = m - 1 objects, i input channels, o
output channels, r pixels of a feature map, p = r^2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.heatmaps.layout import Grid, Layout
from spatialgan.networks import ops
from spatialgan.networks.layers import Linear

EPSILON = 1e-8  # under the roots


class ObjectLinear(Linear):
    """The affine map of several codes: one weight for all, a bias for the background, one for objects.

    Codes are random and have no common direction at first. What objects have in common, that there is one,
    comes from their bias, N(0, object_std^2) at first. The larger it is, the less tells one object from
    another (docs/comove.md).
    """

    def __init__(self, in_features: int, out_features: int, bias_init: float, object_std: float):
        super().__init__(in_features, out_features, bias_init)
        self.object_bias = nn.Parameter(object_std * torch.randn(out_features))

    def codes(self, w: Float[Tensor, "n m w"]) -> Float[Tensor, "n m o"]:
        """Return S_bg, S_1, ..., S_k."""
        scaled = F.linear(w, self.weight * self.weight_gain)
        background, rest = scaled.split([1, w.shape[1] - 1], dim=1)
        return torch.cat([background + self.bias, rest + self.object_bias], dim=1)


@dataclass(frozen=True)
class UniformStyles:
    """One style code per sample: StyleGAN2."""

    w: Float[Tensor, "n w"]

    def through(self, affine: Linear) -> "UniformModulation":
        """Return one scale per sample and channel."""
        return UniformModulation(affine(self.w))


@dataclass(frozen=True)
class UniformModulation:
    """Scales per sample and channel [StyleGAN2, Eq. 1, 3]."""

    style: Float[Tensor, "n i"]

    def modulate(self, x: Float[Tensor, "n i r r"]) -> Float[Tensor, "n i r r"]:
        """Return x with each channel scaled."""
        return ops.modulate(x, self.style)

    def demodulate(
        self, x: Float[Tensor, "n o r r"], weight: Float[Tensor, "o i _ _"], gain: float
    ) -> Float[Tensor, "n o r r"]:
        """Return gain * x / sqrt(sum_i,k (w s)^2)."""
        return ops.modulate(x, ops.demodulation(weight, self.style) * gain)


class ObjectMaps:
    """The maps that place objects, h = (1, H_1, ..., H_k), and their products; each drawn once."""

    def __init__(self, layout: Layout, grid: Grid) -> None:
        self._layout, self._grid = layout, grid
        self._maps: dict[int, Tensor] = {}
        self._products: dict[int, Tensor] = {}

    def maps(self, resolution: int) -> Float[Tensor, "n p m"]:
        """Return h at every pixel."""
        if resolution not in self._maps:
            heatmaps = self._layout.render(0, resolution, self._grid).flatten(2)  # pyright: ignore[reportArgumentType]
            padded = F.pad(heatmaps, (0, 0, 1, 0), value=1.0)
            self._maps[resolution] = padded.transpose(1, 2).contiguous()
        return self._maps[resolution]

    def products(self, resolution: int) -> Float[Tensor, "n p b"]:
        """Return the b = m (m + 1) / 2 products h_a h_b with a <= b at every pixel."""
        if resolution not in self._products:
            maps = self.maps(resolution)
            a, b = torch.triu_indices(maps.shape[2], maps.shape[2], device=maps.device)
            self._products[resolution] = maps.index_select(2, a) * maps.index_select(2, b)
        return self._products[resolution]


@dataclass(frozen=True)
class ObjectStyles:
    """One style code for the background and one for each object."""

    w: Float[Tensor, "n m w"]
    places: ObjectMaps
    demodulation: str  # a key of DEMODULATIONS

    def through(self, affine: ObjectLinear) -> "ObjectModulation":
        """Return a scale per sample, channel and pixel."""
        return ObjectModulation(affine.codes(self.w), self.places, self.demodulation)


@dataclass(frozen=True)
class ObjectModulation:
    """Scales s(p) = S_bg + sum_i S_i H_i(p) [paper, Eq. 4], for any size of feature map."""

    codes: Float[Tensor, "n m i"]  # S_bg, S_1, ..., S_k
    places: ObjectMaps
    demodulation: str  # a key of DEMODULATIONS

    def scales(self, resolution: int) -> Float[Tensor, "n i r r"]:
        """Return s(p), channels last in memory."""
        pixels = self.places.maps(resolution) @ self.codes
        return pixels.unflatten(1, (resolution, resolution)).permute(0, 3, 1, 2)

    def modulate(self, x: Float[Tensor, "n i r r"]) -> Float[Tensor, "n i r r"]:
        """Return x scaled per pixel."""
        scales = self.scales(x.shape[-1])
        if self.demodulation == "rms":
            scales = scales * torch.rsqrt(scales.square().mean(dim=1, keepdim=True) + EPSILON)
        return x * scales.to(x.dtype)

    def demodulate(
        self, x: Float[Tensor, "n o r r"], weight: Float[Tensor, "o i _ _"], gain: float
    ) -> Float[Tensor, "n o r r"]:
        """Return x at about unit variance, times gain; see DEMODULATIONS."""
        factors = DEMODULATIONS[self.demodulation](self, weight / gain, x.shape[-1])
        return x * factors.to(x.dtype)


Styles = UniformStyles | ObjectStyles


def _exact(
    modulation: ObjectModulation, weight: Float[Tensor, "o i _ _"], resolution: int
) -> Float[Tensor, "n o r r"]:
    """Return rsqrt(conv(s^2, w^2)): unit variance for independent inputs of unit variance.

    The borders of s are replicated, so that a constant style is StyleGAN2's everywhere.
    """
    pad = weight.shape[-1] // 2
    squares = F.pad(modulation.scales(resolution).square(), (pad,) * 4, mode="replicate")
    return torch.rsqrt(F.conv2d(squares, weight.square()).clamp_min(EPSILON))


def _local(
    modulation: ObjectModulation, weight: Float[Tensor, "o i _ _"], resolution: int
) -> Float[Tensor, "n o r r"]:
    """Return rsqrt(sum_i q_oi s_i(p)^2) with q_oi = sum_k w_oik^2: exact where s is locally constant.

    In the basis h = (1, H_1, ..., H_k) the sum is a quadratic form h' M_o h with M_o[a, b] = sum_i
    q_oi S_a,i S_b,i, which is cheaper than the sum where it has fewer terms than channels.
    """
    m, channels = modulation.codes.shape[1:]
    if m * (m + 1) // 2 < channels:
        variance = quadratic_form(modulation, weight, resolution)
    else:
        energy = weight.square().sum(dim=(2, 3))[:, :, None, None]
        variance = F.conv2d(modulation.scales(resolution).square(), energy)
    return torch.rsqrt(variance.clamp_min(EPSILON))  # rounding may fall below 0


def quadratic_form(
    modulation: ObjectModulation, weight: Float[Tensor, "o i _ _"], resolution: int
) -> Float[Tensor, "n o r r"]:
    """Return sum_i q_oi s_i(p)^2 with q_oi = sum_k w_oik^2, by products of maps rather than of channels."""
    codes = modulation.codes
    a, b = torch.triu_indices(codes.shape[1], codes.shape[1], device=codes.device)
    energy = weight.square().sum(dim=(2, 3)).T
    multiplicity = torch.where(a == b, 1.0, 2.0)[:, None]
    forms = (codes.index_select(1, a) * codes.index_select(1, b) * multiplicity) @ energy
    pixels = modulation.places.products(resolution) @ forms
    return pixels.unflatten(1, (resolution, resolution)).permute(0, 3, 1, 2)


def _mean(
    modulation: ObjectModulation, weight: Float[Tensor, "o i _ _"], resolution: int
) -> Float[Tensor, "n o 1 1"]:
    """Return StyleGAN2's factors of the spatial mean of s (unused code in the predecessor's release)."""
    mean = modulation.scales(resolution).mean(dim=(2, 3))
    return ops.demodulation(weight, mean)[:, :, None, None]


def _rms(
    modulation: ObjectModulation, weight: Float[Tensor, "o i _ _"], resolution: int
) -> Float[Tensor, "1 o 1 1"]:
    """Return each filter's inverse norm; s itself has unit mean square over channels by then."""
    return torch.rsqrt(weight.square().sum(dim=(1, 2, 3)) + EPSILON)[None, :, None, None]


# How a convolution of per-pixel scaled maps is brought back to unit variance: (modulation, weight,
# resolution) -> factors.
DEMODULATIONS: dict[str, Callable[[ObjectModulation, Tensor, int], Tensor]] = {
    "local": _local,
    "exact": _exact,
    "mean": _mean,
    "rms": _rms,
}
