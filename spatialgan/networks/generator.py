"""StyleGAN2's generator (mapping, skip synthesis) with heatmaps encoded before its modulated convolutions.

Conventions: pure functions of their inputs; per-pixel noise is an argument, drawn by `draw_noise`, so
that nothing here touches a random state. Convolutions run in the `dtype` that is passed in; styles,
demodulation and the RGB sum stay in fp32.

Shapes: n batch, z latent, l layers (ws), w style space, c channels, r resolution. *m stands for no
axis, or for one of 1 + num_objects codes, the background's first (encoding `style`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spatialgan.heatmaps.layout import Layout
from spatialgan.networks import ops
from spatialgan.networks.encoding import Encoding, NoEncoding, Parts
from spatialgan.networks.layers import LinearAct
from spatialgan.networks.modulation import Styles
from spatialgan.networks.styled import StyledConv, StyledConvUp, ToRGB
from spatialgan.variants import unknown_name

MAPPING_LR_MULTIPLIER = 0.01  # StyleGAN2: the mapping network learns 100x slower


@dataclass(frozen=True)
class GeneratorConfig:
    """Size of a generator and how heatmaps enter it."""

    resolution: int = 256  # pixels, a power of two, at least 8
    channel_base: int = 16384  # channels at resolution r are min(channel_base / r, channel_max)
    channel_max: int = 512
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    heatmap_channels: tuple[int, ...] = ()  # sub-heatmaps per level, from the sampler
    encoding: Encoding = field(default_factory=NoEncoding)  # an instance of an ENCODINGS class

    def __post_init__(self) -> None:
        """Raise ValueError if the encoding can't take these heatmaps."""
        self.encoding(self.heatmap_channels)

    @cached_property
    def parts(self) -> Parts:
        """Return what the encoding adds to the generator."""
        return self.encoding(self.heatmap_channels)

    def channels(self, resolution: int) -> int:
        """Return the number of feature maps at a resolution."""
        return min(self.channel_base // resolution, self.channel_max)

    @property
    def resolutions(self) -> list[int]:
        """Return the resolutions of the blocks, from 4 up."""
        return [2**k for k in range(2, self.resolution.bit_length())]

    @property
    def num_ws(self) -> int:
        """Return the number of style vectors l: one per convolution and one for the last RGB."""
        return 2 * len(self.resolutions)

    @property
    def num_objects(self) -> int:
        """Return the number of objects with their own style codes."""
        return self.parts.num_objects

    @property
    def z_shape(self) -> tuple[int, ...]:
        """Return the shape *m z of one sample's latent."""
        return (1 + self.num_objects, self.z_dim) if self.num_objects else (self.z_dim,)

    @property
    def noise_sizes(self) -> list[int]:
        """Return the resolution of each convolution's noise map, in order."""
        return [4] + [r for r in self.resolutions[1:] for _ in range(2)]


@dataclass(frozen=True)
class GeneratorInputs:
    """What a generator makes n images from."""

    z: Float[Tensor, "n *m z"]
    layout: Layout
    noise: list[Float[Tensor, "n 1 _ _"]]  # a map per convolution, see `draw_noise`

    def __len__(self) -> int:
        return len(self.layout)

    def to(self, device: str | torch.device) -> "GeneratorInputs":
        """Return the inputs on `device`."""
        noise = [maps.to(device) for maps in self.noise]
        return GeneratorInputs(self.z.to(device), self.layout.to(device), noise)

    def take(self, rows: Sequence[int]) -> "GeneratorInputs":
        """Return the inputs of the samples at these rows, in that order; a row may come twice."""
        chosen = torch.tensor(rows, dtype=torch.long)
        layouts = [self.layout[row : row + 1] for row in rows]
        layout = Layout.cat(layouts) if layouts else self.layout[:0]
        return GeneratorInputs(self.z[chosen], layout, [maps[chosen] for maps in self.noise])

    @staticmethod
    def cat(parts: Sequence["GeneratorInputs"]) -> "GeneratorInputs":
        """Return the inputs of all samples of `parts`."""
        noise = zip(*(part.noise for part in parts), strict=True)
        return GeneratorInputs(
            torch.cat([part.z for part in parts]),
            Layout.cat([part.layout for part in parts]),
            [torch.cat(maps) for maps in noise],
        )


@dataclass(frozen=True)
class SynthesisInputs:
    """What the synthesis network makes n images from: inputs whose latents have become styles.

    `channels` [n j *m c] is what is added to the scales of each convolution's input channels, empty where nothing is; only
    `style_space.synthesize` heeds it.
    """

    ws: Float[Tensor, "n l *m w"]
    layout: Layout
    noise: list[Float[Tensor, "n 1 _ _"]]
    channels: Float[Tensor, "_ _ ..."] = field(default_factory=lambda: torch.zeros(1, 0, 0))


class Mapping(nn.Module):
    """z [n *m z] and a layout's code [n d] -> w [n *m w]."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        sizes = [config.z_dim + config.parts.code_size] + [config.w_dim] * config.mapping_layers
        layers = [
            LinearAct(a, b, lr_multiplier=MAPPING_LR_MULTIPLIER)
            for a, b in zip(sizes, sizes[1:], strict=False)
        ]
        self.layers = nn.Sequential(*layers)

    def forward(
        self, z: Float[Tensor, "n *m z"], code: Float[Tensor, "n d"]
    ) -> Float[Tensor, "n *m w"]:
        """Return the style vectors; z is first normalized to unit second moment."""
        z = z * torch.rsqrt(z.square().mean(dim=-1, keepdim=True) + 1e-8)
        if code.shape[1]:
            z = torch.cat([z, code], dim=1)
        return self.layers(z)


class SynthesisBlock(nn.Module):
    """All layers of one resolution: convolutions, their encodings, ToRGB."""

    def __init__(self, config: GeneratorConfig, resolution: int):
        super().__init__()
        affine = partial(config.parts.affine, config.w_dim)
        layers = config.parts.layers
        out = config.channels(resolution)
        self.resolution = resolution
        if resolution == 4:
            self.convs = nn.ModuleList([StyledConv(out, out, affine(out))])
            inputs = [out]
        else:
            below = config.channels(resolution // 2)
            self.convs = nn.ModuleList(
                [StyledConvUp(below, out, affine(below)), StyledConv(out, out, affine(out))]
            )
            inputs = [below, out]
        self.to_rgb = ToRGB(out, affine(out))
        self.encode_conv = nn.ModuleList(
            layer for channels in inputs for layer in layers("conv", resolution, channels)
        )
        self.encode_rgb = nn.ModuleList(layers("rgb", resolution, out))


class Synthesis(nn.Module):
    """ws [n l *m w], a layout and noise maps -> images [n 3 r r] in about [-1, 1]."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        self.const = nn.Parameter(torch.randn(config.channels(4), 4, 4))
        self.projector = config.parts.projector(config.resolution)
        self.blocks = nn.ModuleList(SynthesisBlock(config, r) for r in config.resolutions)

    def forward(
        self,
        ws: Float[Tensor, "n l *m w"],
        layout: Layout,
        noise: Sequence[Float[Tensor, "n 1 _ _"]],
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "n 3 r r"]:
        """Return images; one noise map per convolution, at the sizes of `config.noise_sizes`."""
        images = 0.0
        for block, x, styles in self._blocks(ws, layout, noise, dtype):
            for encode in block.encode_rgb:
                x = encode(x, self.projector(layout, block.resolution, x.shape[-1], dtype))
            rgb = block.to_rgb(x, styles)
            images = rgb if block.resolution == 4 else self.enlarge(images) + rgb  # pyright: ignore[reportArgumentType]
        return images  # pyright: ignore[reportReturnType]

    def enlarge(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h2 w2"]:
        """Return the sum of the RGB layers so far at twice its resolution."""
        return ops.upsample(images)

    def features(
        self,
        ws: Float[Tensor, "n l *m w"],
        layout: Layout,
        noise: Sequence[Float[Tensor, "n 1 _ _"]],
        resolution: int,
    ) -> Float[Tensor, "n c s s"]:
        """Return the feature maps of the block at `resolution`, fp32; nothing above it is run.

        Raises ValueError if there is no such block.
        """
        for block, x, _ in self._blocks(ws, layout, noise, torch.float32):
            if block.resolution == resolution:
                return x
        raise ValueError(unknown_name(self.config.resolutions, "feature resolution", resolution))

    def _blocks(
        self,
        ws: Float[Tensor, "n l *m w"],
        layout: Layout,
        noise: Sequence[Float[Tensor, "n 1 _ _"]],
        dtype: torch.dtype,
    ) -> Iterator[tuple[SynthesisBlock, Float[Tensor, "n c s s"], Styles]]:
        """Yield each block, from 4 pixels up, with the feature maps it hands on and its RGB's styles."""
        styles = self.config.parts.styles(ws, layout)
        x = self.const.to(dtype).expand(ws.shape[0], *self.const.shape)
        x = x.contiguous(memory_format=torch.channels_last)
        layer = 0
        for block in self.blocks:
            for index, conv in enumerate(block.convs):  # pyright: ignore[reportArgumentType]
                for encode in block.encode_conv[index : index + 1]:  # pyright: ignore[reportIndexIssue]
                    x = encode(x, self.projector(layout, block.resolution, x.shape[-1], dtype))  # pyright: ignore[reportCallIssue]
                x = conv(x, styles[layer], noise[layer])
                layer += 1
            yield block, x, styles[layer]  # pyright: ignore[reportReturnType]


class Generator(nn.Module):
    """Mapping and synthesis, with the layout's code where the encoding has one."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.synthesis = Synthesis(config)

    def styles(self, z: Float[Tensor, "n *m z"], layout: Layout) -> Float[Tensor, "n l *m w"]:
        """Return one style vector per layer and code, the same for all layers of a sample."""
        code = self.config.parts.code(layout).to(z)
        w = self.mapping(z, code)
        return w[:, None].expand(-1, self.config.num_ws, *w.shape[1:])

    def forward(
        self,
        z: Float[Tensor, "n *m z"],
        layout: Layout,
        noise: Sequence[Float[Tensor, "n 1 _ _"]],
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "n 3 r r"]:
        """Return the images of latents z and a layout, without truncation or style mixing."""
        return self.synthesis(self.styles(z, layout), layout, noise, dtype)


def draw_noise(
    config: GeneratorConfig, num: int, generator: torch.Generator
) -> list[Float[Tensor, "n 1 _ _"]]:
    """Return i.i.d. N(0, 1) noise maps for all convolutions, on the random generator's device."""
    sizes = [s * s for s in config.noise_sizes]
    flat = torch.randn(num, sum(sizes), generator=generator, device=generator.device)
    maps = flat.split(sizes, dim=1)
    return [m.unflatten(1, (1, s, s)) for m, s in zip(maps, config.noise_sizes, strict=True)]
