"""Released StyleGAN2 generators, and EqGAN-SA's, as generators of ours: sizes and weights, name by name.

Weights are copied unchanged, since both sides scale them by the same gains when they are applied; where
gains differ (another learning-rate multiplier), the stored weights are scaled. The predecessor's SEL has two
different gains, sqrt(1/2) and none instead of sqrt(2), which move through a leaky ReLU into neighboring weights.

Shapes: i input channels, o output channels, w style space, z latent, r resolution.
"""

from math import sqrt

import torch
from torch import Tensor

from spatialgan.imports.parts import Part
from spatialgan.networks.encoding import HIDDEN, NoEncoding, NormEncoding
from spatialgan.networks.generator import MAPPING_LR_MULTIPLIER, Generator, GeneratorConfig
from spatialgan.networks.projector import PROJECTED
from spatialgan.networks.released import Conventions, released_generator

MAX_RESOLUTION = 1024  # pixels
MAX_WIDTH = 4096  # of a latent or a feature space
SEL_LEVELS = {"b8": 1, "b16": 2, "b32": 4}  # the predecessor's names of levels: sub-heatmaps
SEL_FLOOR = 0.01  # what the predecessor adds to its heatmaps


def translate_generator(network: Part) -> tuple[Generator, Tensor, Conventions]:
    """Return a generator of ours, its mean style [w] and its conventions, from a released generator.

    Raises ValueError, with the part's path, if our network cannot compute it.
    """
    require_plain(network)
    synthesis, mapping = network.part("synthesis"), network.part("mapping")
    if not synthesis.has("b4"):
        raise ValueError(f"{synthesis.path} has no block of 4 pixels: not a StyleGAN2 generator")
    network.check_filters()
    config = _config(network, synthesis, mapping)
    spatial = config.parts.is_spatial
    conventions = Conventions(clamp_of(synthesis, "conv1"), SEL_FLOOR if spatial else 0.0)
    weights = {**_mapping(mapping, config), **_synthesis(synthesis, config)}
    generator = released_generator(config, conventions)
    for name, like in generator.state_dict().items():  # before anything is copied
        assert weights[name].shape == like.shape, name
    generator.load_state_dict(weights)
    generator.requires_grad_(False)
    w_avg = mapping.tensor("w_avg", config.w_dim)
    network.check_all_used()
    return generator, w_avg, conventions


def require_plain(network: Part) -> None:
    """Raise ValueError for a network of class labels or of other than RGB images."""
    if network.attribute("c_dim") != 0:
        raise ValueError(f"{network.path} is conditioned on class labels, which ours are not")
    network.require("img_channels", 3)


def clamp_of(network: Part, layer: str) -> float:
    """Return the bound on the outputs of all layers, 0 if there is none; raises ValueError if it is not a number."""
    first = network.part("b4").part(layer).attribute("conv_clamp")
    for part in network.walk():
        if part.module.kind in ("SynthesisLayer", "ToRGBLayer"):
            part.require("conv_clamp", first)
    return 0.0 if first is None else network.part("b4").part(layer).number("conv_clamp")


def find_channels(widths: dict[int, int], path: str) -> tuple[int, int]:
    """Return (channel_base, channel_max) with min(base // r, max) channels at each resolution r.

    Raises ValueError if there are none.
    """
    largest = max(widths.values())
    base = max(r * width for r, width in widths.items())
    if any(min(base // r, largest) != width for r, width in widths.items()):
        listed = ", ".join(f"{width} at {r}" for r, width in widths.items())
        raise ValueError(f"{path} has channels that don't follow one rule: {listed}")
    return base, largest


def _config(network: Part, synthesis: Part, mapping: Part) -> GeneratorConfig:
    resolution = network.integer("img_resolution", 8, MAX_RESOLUTION)
    if resolution & (resolution - 1):
        raise ValueError(
            f"{network.path}: img_resolution is {resolution}, but must be a power of 2"
        )
    resolutions = [2**k for k in range(2, resolution.bit_length())]
    widths = {}
    for r in resolutions:
        block = synthesis.part(f"b{r}")
        block.require("architecture", "skip")
        shape = _shape(block.part("conv1"), "weight", 4)
        widths[r] = shape[0]
    base, largest = find_channels(widths, synthesis.path)
    spatial = synthesis.part("b4").part("conv1").has("sel")
    encoding = NormEncoding(
        places=("conv", "rgb"),
        max_resolution=resolution,
        processing="fine",
        grid="corners",
    )
    return GeneratorConfig(
        resolution=resolution,
        channel_base=base,
        channel_max=largest,
        z_dim=network.integer("z_dim", 1, MAX_WIDTH),
        w_dim=network.integer("w_dim", 1, MAX_WIDTH),
        mapping_layers=mapping.integer("num_layers", 1, 64),
        heatmap_channels=tuple(SEL_LEVELS.values()) if spatial else (),
        encoding=encoding if spatial else NoEncoding(),
    )


def _shape(part: Part, name: str, num_dimensions: int) -> tuple[int, ...]:
    shape = part.tensors()[name].shape if name in part.tensors() else ()
    if len(shape) != num_dimensions or not all(0 < n <= MAX_WIDTH for n in shape):
        raise ValueError(f"{part.path} has no tensor {name} of {num_dimensions} dimensions")
    return shape


def _mapping(mapping: Part, config: GeneratorConfig) -> dict[str, Tensor]:
    """Return the mapping network's weights under our names."""
    sizes = [config.z_dim] + [config.w_dim] * config.mapping_layers
    weights = {}
    for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layer = mapping.part(f"fc{index}")
        layer.require("activation", "lrelu")
        found = linear(layer, inputs, outputs, MAPPING_LR_MULTIPLIER)
        weights |= named(f"mapping.layers.{index}", found)
    return weights


def _synthesis(synthesis: Part, config: GeneratorConfig) -> dict[str, Tensor]:
    """Return the synthesis network's weights and noise maps under our names."""
    first = config.channels(4)
    weights = {"synthesis.const": synthesis.part("b4").tensor("const", first, 4, 4)}
    noise = []
    for index, r in enumerate(config.resolutions):
        block, ours = synthesis.part(f"b{r}"), f"synthesis.blocks.{index}"
        out = config.channels(r)
        inputs = [out] if r == 4 else [config.channels(r // 2), out]
        for place, channels in enumerate(inputs):
            layer = block.part(f"conv{place + 2 - len(inputs)}")
            found = _styled(layer, channels, out, config.w_dim)
            noise.append(_noise(layer, r, found))
            weights |= named(f"{ours}.convs.{place}.layer", found)
            weights |= _sel(layer, f"{ours}.encode_conv.{place}", channels, r, config)
        rgb = block.part("torgb")
        found = {
            "weight": rgb.scaled("weight", "weight_gain", out**-0.5, 3, out, 1, 1),
            "bias": rgb.tensor("bias", 3),
        }
        found |= named("affine", linear(rgb.part("affine"), config.w_dim, out, 1.0))
        weights |= named(f"{ours}.to_rgb.layer", found)
        weights |= _sel(rgb, f"{ours}.encode_rgb.0", out, r, config)
    weights |= {f"synthesis.const_noise{i}": maps for i, maps in enumerate(noise)}
    return {**weights, **_projector(synthesis, config)}


def _styled(layer: Part, inputs: int, outputs: int, w_dim: int) -> dict[str, Tensor]:
    """Return a modulated convolution's weights; its demodulation makes any gain of them vanish."""
    layer.require("activation", "lrelu")
    affine = layer.part("affine")
    affine.require("activation", "linear")
    return {
        "weight": layer.tensor("weight", outputs, inputs, 3, 3),
        "bias": layer.tensor("bias", outputs),
        **named("affine", linear(affine, w_dim, inputs, 1.0)),
    }


def _noise(layer: Part, resolution: int, found: dict[str, Tensor]) -> Tensor:
    """Add a layer's strength of noise to its weights; return its noise map, zeros where it has no noise."""
    layer.require("use_noise", True, False)
    if not layer.attribute("use_noise"):
        found["noise_strength"] = torch.zeros(())
        return torch.zeros(1, 1, resolution, resolution)
    found["noise_strength"] = layer.tensor("noise_strength")
    return layer.tensor("noise_const", resolution, resolution)[None, None]


def _sel(
    layer: Part, ours: str, channels: int, resolution: int, config: GeneratorConfig
) -> dict[str, Tensor]:
    """Return a spatial encoding layer's weights, if the model has them."""
    if not config.parts.is_spatial:
        return {}
    sel = layer.part("sel")
    seen = PROJECTED * (len(SEL_LEVELS) if resolution > 16 else 1)
    hidden = convolution(sel.part("shared").part("0"), seen, HIDDEN)
    statistics = [convolution(sel.part(name), HIDDEN, 1) for name in ("sigma", "mu")]
    residual = convolution(sel.part("output").part("1"), channels, channels)
    residual["weight"] /= sqrt(2)  # ours follows a leaky ReLU of gain sqrt(2), theirs one without
    both = {key: torch.cat([s[key] for s in statistics]) for key in ("weight", "bias")}
    return {
        **named(f"{ours}.hidden", hidden),
        **named(f"{ours}.statistics", both),
        **named(f"{ours}.residual", residual),
    }


def _projector(synthesis: Part, config: GeneratorConfig) -> dict[str, Tensor]:
    """Return the heatmap projector's weights; the predecessor has one, unused, without SEL too."""
    weights = {}
    for level, (name, num) in enumerate(SEL_LEVELS.items()):
        if not synthesis.has(f"hm_conv0_{name}"):
            continue
        first = convolution(synthesis.part(f"hm_conv0_{name}"), num, PROJECTED // 2)
        second = convolution(synthesis.part(f"hm_conv1_{name}"), PROJECTED // 2, PROJECTED)
        second = {key: value * sqrt(0.5) for key, value in second.items()}
        weights |= named(f"synthesis.projector.levels.{level}.0", first)
        weights |= named(f"synthesis.projector.levels.{level}.1", second)
    return weights if config.parts.is_spatial else {}


def linear(layer: Part, inputs: int, outputs: int, lr_multiplier: float) -> dict[str, Tensor]:
    """Return a fully connected layer's weights for one of ours with this learning-rate multiplier."""
    gain = lr_multiplier / sqrt(inputs)
    return {
        "weight": layer.scaled("weight", "weight_gain", gain, outputs, inputs),
        "bias": layer.scaled("bias", "bias_gain", lr_multiplier, outputs),
    }


def convolution(layer: Part, inputs: int, outputs: int, size: int = 3) -> dict[str, Tensor]:
    """Return a plain convolution's weights for one of ours."""
    gain = 1 / sqrt(inputs * size**2)
    weight = layer.scaled("weight", "weight_gain", gain, outputs, inputs, size, size)
    return {"weight": weight, "bias": layer.tensor("bias", outputs)}


def named(stem: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with a stem before their names."""
    return {f"{stem}.{name}": tensor for name, tensor in weights.items()}
