"""Linear and convolution layers with an equalized learning rate.

Weights are stored as N(0, 1) / lr_multiplier and scaled by 1/sqrt(fan_in) at run time, so that Adam
moves every layer at the same relative speed (Karras et al., 2018, section 4.1).

Shapes: n batch, i input features, o output features, h w pixels, k kernel size.
"""

from math import sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.networks import ops


class Linear(nn.Module):
    """x [*n i] -> [*n o]; `bias_init` is the bias seen by the output, whatever the learning-rate multiplier."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Float[Tensor, "*n i"]) -> Float[Tensor, "*n o"]:
        """Return the affine map of x."""
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class LinearAct(Linear):
    """A Linear followed by leaky ReLU with unit-variance gain."""

    def forward(self, x: Float[Tensor, "*n i"]) -> Float[Tensor, "*n o"]:
        """Return sqrt(2) lrelu(Wx + b); the gain goes through the ReLU, so it is folded into W and b."""
        gain = ops.LRELU_GAIN
        return ops.lrelu(
            F.linear(
                x, self.weight * (self.weight_gain * gain), self.bias * (self.bias_gain * gain)
            )
        )


class Conv(nn.Module):
    """x [n i h w] -> [n o h w], 'same' padding, optionally dilated; the result has x's dtype."""

    gain = 1.0

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, dilation: int = 1
    ):
        super().__init__()
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.randn(shape).contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1.0 / sqrt(in_channels * kernel_size**2)
        self.dilation = dilation
        self.padding = dilation * (kernel_size // 2)

    def scaled(self, dtype: torch.dtype) -> tuple[Float[Tensor, "o i k k"], Float[Tensor, " o"]]:
        """Return weight and bias as they are applied, in the given dtype."""
        return (self.weight * (self.weight_gain * self.gain)).to(dtype), (self.bias * self.gain).to(
            dtype
        )

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h w"]:
        """Return the convolution of x."""
        weight, bias = self.scaled(x.dtype)
        return F.conv2d(x, weight, bias, padding=self.padding, dilation=self.dilation)


class ConvAct(Conv):
    """A Conv followed by leaky ReLU with unit-variance gain."""

    gain = ops.LRELU_GAIN

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h w"]:
        """Return sqrt(2) lrelu(conv(x) + b)."""
        return ops.lrelu(super().forward(x))


class ConvDownAct(ConvAct):
    """A blurred, strided ConvAct: [n i h w] -> [n o h/2 w/2]."""

    def forward(self, x: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Return sqrt(2) lrelu(conv_down(x) + b)."""
        return ops.lrelu(ops.conv_down(x, *self.scaled(x.dtype)))
