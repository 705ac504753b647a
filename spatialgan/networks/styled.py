"""The synthesis network's layers: convolutions whose input is scaled by styles.

Shapes: n batch, i input channels, o output channels, c channels, r resolution, s resolution of the output.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.networks import ops
from spatialgan.networks.layers import Linear
from spatialgan.networks.modulation import Styles


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU: x [n i r r] -> [n o r r]."""

    def __init__(self, in_channels: int, out_channels: int, affine: Linear):
        super().__init__()
        self.affine = affine  # of the styles of its input
        shape = (out_channels, in_channels, 3, 3)
        self.weight = nn.Parameter(torch.randn(shape).contiguous(memory_format=torch.channels_last))
        self.weight_gain = (in_channels * 9) ** -0.5
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros(()))

    def convolve(
        self, x: Float[Tensor, "n i r r"], weight: Float[Tensor, "o i 3 3"]
    ) -> Float[Tensor, "n o r r"]:
        """Return the plain convolution."""
        return F.conv2d(x, weight, padding=1)

    def forward(
        self, x: Float[Tensor, "n i r r"], styles: Styles, noise: Float[Tensor, "n 1 s s"]
    ) -> Float[Tensor, "n o s s"]:
        """Return the layer's output; activations, not weights, are modulated, and the gain goes through the ReLU."""
        modulation = styles.through(self.affine)  # pyright: ignore[reportArgumentType]
        weight = self.weight * self.weight_gain
        x = self.convolve(modulation.modulate(x), weight.to(x.dtype))
        x = modulation.demodulate(x, weight, ops.LRELU_GAIN)
        x = x.add_((noise * (self.noise_strength * ops.LRELU_GAIN)).to(x.dtype))
        return ops.lrelu(x.add_((self.bias * ops.LRELU_GAIN).to(x.dtype)[:, None, None]))


class StyledConvUp(StyledConv):
    """A StyledConv that doubles the resolution: x [n i r r] -> [n o 2r 2r]."""

    def convolve(
        self, x: Float[Tensor, "n i r r"], weight: Float[Tensor, "o i 3 3"]
    ) -> Float[Tensor, "n o s s"]:
        """Return the upsampling convolution."""
        return ops.conv_up(x, weight)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution without demodulation: x [n c r r] -> RGB [n 3 r r] in fp32."""

    def __init__(self, channels: int, affine: Linear):
        super().__init__()
        self.affine = affine  # of the styles of its input
        self.weight = nn.Parameter(torch.randn(3, channels, 1, 1))
        self.weight_gain = channels**-0.5
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Float[Tensor, "n c r r"], styles: Styles) -> Float[Tensor, "n 3 r r"]:
        """Return this resolution's contribution to the image."""
        weight = (self.weight * self.weight_gain).to(x.dtype)
        modulated = styles.through(self.affine).modulate(x)  # pyright: ignore[reportArgumentType]
        return F.conv2d(modulated, weight).float() + self.bias[:, None, None]
