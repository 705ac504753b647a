"""Released StyleGAN2 discriminators as our discriminators, and the file that contains one.

The logits of at most one group of images (the minibatch standard deviation's) are the released network's; see
`spatialgan.networks.released` for more than one.
"""

from dataclasses import asdict
from functools import partial
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor

from spatialgan.headers import check_fields, describing, filled
from spatialgan.imports.generators import (
    MAX_RESOLUTION,
    convolution,
    find_channels,
    linear,
    named,
    require_plain,
)
from spatialgan.imports.parts import Part
from spatialgan.networks.discriminator import Discriminator, DiscriminatorConfig
from spatialgan.networks.released import Conventions, released_discriminator
from spatialgan.snapshot import check_resolution
from spatialgan.tensor_file import load_tensors, save_tensors

KIND = "discriminator"
MAX_GROUP = 1024  # images


def translate_discriminator(network: Part) -> tuple[Discriminator, Conventions]:
    """Return a discriminator of ours and its conventions, from a released one.

    Raises ValueError, with the part's path, if our network cannot compute it.
    """
    require_plain(network)
    last = network.part("b4")
    network.check_filters()
    config = _config(network)
    conventions = Conventions(clamp=_clamp(network))
    width = config.channels(4)
    weights = {
        **named("conv.layer", _activated(last.part("conv"), width + 1, width)),
        **named("fc", _fully_connected(last.part("fc"), width * 16, width, "lrelu")),
        **named("out", _fully_connected(last.part("out"), width, 1, "linear")),
    }
    top = network.part(f"b{config.resolution}").part("fromrgb")
    first = _activated(top, 3, config.channels(config.resolution), size=1)
    weights |= named("from_rgb.layer", first)
    discriminator = released_discriminator(config, conventions)
    for index, r in enumerate(discriminator.resolutions):
        block, sizes = network.part(f"b{r}"), (config.channels(r), config.channels(r // 2))
        weights |= named(f"blocks.{index}", _block(block, *sizes))
    discriminator.load_state_dict(weights)
    discriminator.requires_grad_(False)
    network.check_all_used()
    return discriminator, conventions


def _config(network: Part) -> DiscriminatorConfig:
    resolution = network.integer("img_resolution", 8, MAX_RESOLUTION)
    resolutions = [2**k for k in range(3, resolution.bit_length())]
    if resolution != resolutions[-1]:
        raise ValueError(
            f"{network.path}: img_resolution is {resolution}, but must be a power of 2"
        )
    widths = {}
    for r in resolutions:
        block = network.part(f"b{r}")
        block.require("architecture", "resnet")
        skip = block.part("skip").tensors().get("weight")
        if skip is None or len(skip.shape) != 4:
            raise ValueError(f"{block.path}.skip has no tensor weight of 4 dimensions")
        widths[r // 2], widths[r] = skip.shape[:2]
    base, largest = find_channels(dict(sorted(widths.items())), network.path)
    mbstd = network.part("b4").part("mbstd")
    mbstd.require("num_channels", 1)
    group = mbstd.integer("group_size", 1, MAX_GROUP)
    return DiscriminatorConfig(resolution, base, largest, group)


def _clamp(network: Part) -> float:
    """Return the bound on the outputs of all activated convolutions, 0 if there is none."""
    last = network.part("b4").part("conv")
    for part in network.walk():
        name = part.path.rsplit(".", 1)[-1]
        if part.module.kind == "Conv2dLayer" and name != "skip":
            part.require("conv_clamp", last.attribute("conv_clamp"))
    return 0.0 if last.attribute("conv_clamp") is None else last.number("conv_clamp")


def _activated(layer: Part, inputs: int, outputs: int, size: int = 3) -> dict[str, Tensor]:
    layer.require("activation", "lrelu")
    return convolution(layer, inputs, outputs, size)


def _fully_connected(layer: Part, inputs: int, outputs: int, activation: str) -> dict[str, Tensor]:
    layer.require("activation", activation)
    return linear(layer, inputs, outputs, 1.0)


def _block(block: Part, inputs: int, outputs: int) -> dict[str, Tensor]:
    """Return a residual block's weights; its skip has no bias there."""
    skip = block.part("skip")
    skip.require("activation", "linear")
    gain = 1 / sqrt(inputs)
    return {
        **named("conv0.layer", _activated(block.part("conv0"), inputs, inputs)),
        **named("conv1.layer", _activated(block.part("conv1"), inputs, outputs)),
        "skip.weight": skip.scaled("weight", "weight_gain", gain, outputs, inputs, 1, 1),
        "skip.bias": torch.zeros(outputs),
    }


def save_discriminator(
    path: Path, discriminator: Discriminator, conventions: Conventions, source: dict
) -> None:
    """Write a discriminator's weights, sizes and origin as one safetensors file."""
    header = {
        "kind": KIND,
        "discriminator": asdict(discriminator.config),
        "conventions": asdict(conventions),
        "source": source,
    }
    save_tensors(path, discriminator.state_dict(), header)


def load_discriminator(path: Path) -> Discriminator:
    """Return the discriminator in a file; raises ValueError if the file is damaged or holds none."""
    tensors, header = load_tensors(path)
    if header.get("kind") != KIND:
        raise ValueError(
            f"{path} is not a discriminator but a {header.get('kind', 'file of another program')}"
        )
    with describing(path, "discriminator"):
        config = DiscriminatorConfig(**header["discriminator"])
        conventions = Conventions(**header["conventions"])
        check_fields(config)
        check_fields(conventions)
        check_resolution(config.resolution)
        build = partial(released_discriminator, config, conventions)
        discriminator = filled(build, tensors)
    return discriminator.requires_grad_(False)
