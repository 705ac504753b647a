"""StyleGAN2's residual discriminator, which also returns the features that attention is read from.

Conventions: a feature's key is its resolution, so `features[4]` is what level 0 is compared with.
Minibatch standard deviation is taken over runs of consecutive samples, so that a batch sharded over
processes has the same groups as the whole batch.

Shapes: n batch, c channels, r resolution.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.networks import ops
from spatialgan.networks.layers import Conv, ConvAct, ConvDownAct, Linear, LinearAct


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Size of a discriminator."""

    resolution: int = 256  # pixels, a power of two, at least 8
    channel_base: int = 16384  # channels at resolution r are min(channel_base / r, channel_max)
    channel_max: int = 512
    mbstd_group_size: int = 8  # consecutive samples that share a standard deviation

    def channels(self, resolution: int) -> int:
        """Return the number of feature maps at a resolution."""
        return min(self.channel_base // resolution, self.channel_max)


class ResidualBlock(nn.Module):
    """x [n c r r] -> [n c' r/2 r/2]: two 3x3 convolutions plus a 1x1 skip, scaled to keep the variance."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv0 = ConvAct(in_channels, in_channels)
        self.conv1 = ConvDownAct(in_channels, out_channels)
        self.skip = Conv(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Float[Tensor, "n c r r"]) -> Float[Tensor, "n c2 r2 r2"]:
        """Return the block's output at half the resolution."""
        return (self.conv1(self.conv0(x)) + self.skip(ops.downsample(x))) * 0.5**0.5


def minibatch_std(x: Float[Tensor, "n c r r"], group_size: int) -> Float[Tensor, "n 1 r r"]:
    """Return one map per sample with the mean standard deviation of its group (Karras et al., 2018, section 3).

    Raises ValueError if the batch is not a whole number of groups.
    """
    n, _, r, _ = x.shape
    group = min(group_size, n)
    if n % group:
        raise ValueError(f"a batch of {n} cannot be split into minibatch-std groups of {group}")
    grouped = x.float().unflatten(0, (n // group, group))
    variance = (grouped - grouped.mean(dim=1, keepdim=True)).square().mean(dim=1)
    std = (variance + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return std.repeat_interleave(group)[:, None, None, None].expand(n, 1, r, r).to(x.dtype)


class Discriminator(nn.Module):
    """images [n 3 r r] in [-1, 1] -> logits [n], features {resolution: [n c r' r']}."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        self.config = config
        self.from_rgb = ConvAct(3, config.channels(config.resolution), kernel_size=1)
        self.resolutions = [2**k for k in range(config.resolution.bit_length() - 1, 2, -1)]
        blocks = [
            ResidualBlock(config.channels(r), config.channels(r // 2)) for r in self.resolutions
        ]
        self.blocks = nn.ModuleList(blocks)
        last = config.channels(4)
        self.conv = ConvAct(last + 1, last)
        self.fc = LinearAct(last * 16, last)
        self.out = Linear(last, 1)

    def forward(
        self, images: Float[Tensor, "n 3 r r"], dtype: torch.dtype = torch.float32
    ) -> tuple[Float[Tensor, " n"], dict[int, Float[Tensor, "n _ _ _"]]]:
        """Return logits (fp32) and the features after each block; convolutions run in `dtype`."""
        x = self.from_rgb(images.to(dtype, memory_format=torch.channels_last))
        features = {self.config.resolution: x}
        for resolution, block in zip(self.resolutions, self.blocks, strict=True):
            x = block(x)
            features[resolution // 2] = x
        x = torch.cat([x, minibatch_std(x, self.config.mbstd_group_size)], dim=1)
        x = self.conv(x.contiguous(memory_format=torch.channels_last))
        return self.out(self.fc(x.float().flatten(1))).squeeze(1), features
