"""StyleGAN2 exactly as in its released networks, for models that were trained elsewhere.

Released networks differ from ours in four ways. The RGB sum is enlarged with zeros beyond its
border, ours with the border's own color. Each layer's output is bounded (StyleGAN2-ADA's guard against the
overflow of fp16, which acts in fp32 too). A network has its own noise maps. The predecessor's heatmaps have a
floor, which differs from a larger bias, since there are zeros beyond the border.

Shapes: n batch, l layers, w style space, p projected heatmap channels, r resolution, s noise map.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.heatmaps.layout import Layout
from spatialgan.networks import ops
from spatialgan.networks.discriminator import Discriminator, DiscriminatorConfig
from spatialgan.networks.generator import Generator, GeneratorConfig, Synthesis
from spatialgan.networks.projector import HeatmapProjector


@dataclass(frozen=True)
class Conventions:
    """The numbers in which released networks differ from ours, and from each other."""

    clamp: float = 0.0  # largest magnitude of a layer's output; 0: any
    heatmap_floor: float = 0.0  # added to every pixel of a heatmap


class Clamped(nn.Module):
    """A layer whose output is bounded; a bound of 0 changes nothing."""

    def __init__(self, layer: nn.Module, limit: float):
        super().__init__()
        self.layer = layer
        self.limit = limit

    def forward(self, *inputs) -> Float[Tensor, "..."]:
        """Return the layer's output within [-limit, limit]."""
        output = self.layer(*inputs)
        return output.clamp(-self.limit, self.limit) if self.limit else output


class FlooredProjector(HeatmapProjector):
    """A projector of heatmaps with a floor, at image resolution and on the predecessor's grid."""

    floor = 0.0

    def _fine(self, layout: Layout, level: int, size: int, dtype: torch.dtype) -> Tensor:
        maps = layout.render(level, self.image_resolution, self.projection.grid) + self.floor
        features = self.levels[level](maps.to(dtype))
        return F.interpolate(features, size=size, mode="bilinear", align_corners=True)


class ReleasedSynthesis(Synthesis):
    """A synthesis network as released ones compute it; its parameters' names have `layer` in them."""

    def __init__(self, config: GeneratorConfig, conventions: Conventions):
        super().__init__(config)
        for block in self.blocks:
            block.convs = nn.ModuleList(Clamped(conv, conventions.clamp) for conv in block.convs)  # pyright: ignore[reportGeneralTypeIssues]
            block.to_rgb = Clamped(block.to_rgb, conventions.clamp)  # pyright: ignore[reportArgumentType]
        if isinstance(self.projector, HeatmapProjector):
            self.projector = FlooredProjector(
                self.projector.projection, config.heatmap_channels, config.resolution
            )
            self.projector.floor = conventions.heatmap_floor
        for index, size in enumerate(config.noise_sizes):
            self.register_buffer(f"const_noise{index}", torch.zeros(1, 1, size, size))

    def enlarge(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h2 w2"]:
        """Return the RGB sum at twice its resolution by the [1, 3, 3, 1] filter, with zeros beyond the border."""
        return ops.upsample(F.pad(images, (1, 1, 1, 1)))[:, :, 2:-2, 2:-2]


def released_generator(config: GeneratorConfig, conventions: Conventions) -> Generator:
    """Return a new generator that computes as released ones do."""
    generator = Generator(config)
    generator.synthesis = ReleasedSynthesis(config, conventions)
    return generator


def released_discriminator(config: DiscriminatorConfig, conventions: Conventions) -> Discriminator:
    """Return a new discriminator that computes as released ones do.

    Groups of the minibatch standard deviation are runs of consecutive images; released networks take every
    (n / group)-th image, so that a batch of more than one group must be reordered to get the same logits.
    """
    discriminator = Discriminator(config)
    limit = conventions.clamp
    discriminator.from_rgb = Clamped(discriminator.from_rgb, limit)  # pyright: ignore[reportAttributeAccessIssue]
    for block in discriminator.blocks:
        block.conv0, block.conv1 = Clamped(block.conv0, limit), Clamped(block.conv1, limit)  # pyright: ignore[reportArgumentType]
    discriminator.conv = Clamped(discriminator.conv, limit)  # pyright: ignore[reportAttributeAccessIssue]
    return discriminator


def const_noise(generator: Generator) -> list[Float[Tensor, "1 1 s s"]]:
    """Return a generator's own noise maps, one per convolution; none where it was trained here."""
    if not isinstance(generator.synthesis, ReleasedSynthesis):
        return []
    own = dict(generator.synthesis.named_buffers(recurse=False))
    return [own[f"const_noise{index}"] for index in range(len(own))]
