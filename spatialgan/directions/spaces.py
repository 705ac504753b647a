"""SPACES: which numbers of an image's styles make up a direction.

A space is a frozen dataclass with the fields `layers` and `codes` it may change, `size(config)` (d, how
many numbers a direction has) and `change(config, t) -> Change`, linear in the numbers t. To add one: write
such a class and give it a key at the foot of this file.

A code is the background's (0) or that of object i - 1 (i), in models of SEL_indoor; others have code 0 only.

Shapes: d numbers of a direction, l layers (ws), j convolutions, m codes, w style space, c channels of the
widest convolution. *m stands for no axis where a model has one code.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.networks.generator import GeneratorConfig, Synthesis, SynthesisInputs
from spatialgan.networks.style_space import style_channels, synthesize
from spatialgan.variants import choose


@dataclass(frozen=True)
class Change:
    """What a direction adds to the styles of an image; one of the two is 0."""

    latent: Float[Tensor, "l *m w"]  # to w of every layer (W+)
    channels: Float[Tensor, "j *m c"]  # to the scales of every convolution's input channels


@dataclass(frozen=True)
class Broadcast:
    """W: one vector per code, the same in all chosen layers."""

    layers: tuple[int, ...]  # of ws
    codes: tuple[int, ...]

    def size(self, config: GeneratorConfig) -> int:
        """Return the number of codes times that of a style's numbers."""
        return len(self.codes) * config.w_dim

    def change(self, config: GeneratorConfig, t: Float[Tensor, " d"]) -> Change:
        """Return what t adds to the styles."""
        vectors = _put(t, _rows(self.codes, config.w_dim), (_codes(config), config.w_dim))
        chosen = t.new_zeros(config.num_ws)
        chosen[list(self.layers)] = 1
        return _of_latent(config, chosen[:, None, None] * vectors)


@dataclass(frozen=True)
class PerLayer:
    """W+: one vector per chosen layer and code."""

    layers: tuple[int, ...]  # of ws
    codes: tuple[int, ...]

    def size(self, config: GeneratorConfig) -> int:
        """Return the number of layers times codes times that of a style's numbers."""
        return len(self.layers) * len(self.codes) * config.w_dim

    def change(self, config: GeneratorConfig, t: Float[Tensor, " d"]) -> Change:
        """Return what t adds to the styles."""
        m = _codes(config)
        rows = [layer * m + code for layer in self.layers for code in self.codes]
        shape = (config.num_ws, m, config.w_dim)
        return _of_latent(config, _put(t, _rows(tuple(rows), config.w_dim), shape))


@dataclass(frozen=True)
class Channels:
    """Style space: one number per channel that a chosen convolution scales, and code [StyleSpace]."""

    layers: tuple[int, ...]  # of ws, those of convolutions
    codes: tuple[int, ...]

    def size(self, config: GeneratorConfig) -> int:
        """Return the number of chosen channels times that of codes."""
        return len(self.places(config))

    def places(self, config: GeneratorConfig) -> list[tuple[int, int, int]]:
        """Return the layer, code and channel of each number."""
        channels = style_channels(config)
        return [
            (layer, code, channel)
            for layer in self.layers
            if layer < len(channels)  # the last is that of RGB alone
            for code in self.codes
            for channel in range(channels[layer])
        ]

    def change(self, config: GeneratorConfig, t: Float[Tensor, " d"]) -> Change:
        """Return what t adds to the styles."""
        channels, m = style_channels(config), _codes(config)
        shape = (len(channels), m, max(channels))
        flat = [(layer * m + code) * shape[2] + c for layer, code, c in self.places(config)]
        change = _put(t, torch.tensor(flat), shape)
        latent = t.new_zeros(config.num_ws, m, config.w_dim)
        return Change(*(x if config.num_objects else x[:, 0] for x in (latent, change)))


Space = Broadcast | PerLayer | Channels


def _codes(config: GeneratorConfig) -> int:
    return 1 + config.num_objects


def _rows(rows: tuple[int, ...], width: int) -> Tensor:
    """Return where the numbers of these rows lie in a flattened matrix."""
    return (torch.tensor(rows)[:, None] * width + torch.arange(width)).flatten()


def _put(t: Float[Tensor, " d"], places: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return zeros of a shape with the numbers of t at these places."""
    zeros = t.new_zeros(shape).flatten()
    return zeros.index_copy(0, places.to(t.device), t).view(shape)


def _of_latent(config: GeneratorConfig, latent: Float[Tensor, "l m w"]) -> Change:
    channels = style_channels(config)
    change = latent.new_zeros(len(channels), latent.shape[1], max(channels))
    return Change(*(x if config.num_objects else x[:, 0] for x in (latent, change)))


def open_space(
    name: str, config: GeneratorConfig, layers: tuple[int, ...], codes: tuple[int, ...]
) -> Space:
    """Return a space by name, with these layers and codes, or all where none are given.

    Raises ValueError that names what there is, if the model has no such space, layer or code.
    """
    kind = choose(SPACES, "space", name)
    _check("layer", layers, config.num_ws)
    _check("code", codes, _codes(config))
    space = kind(layers or tuple(range(config.num_ws)), codes or tuple(range(_codes(config))))
    if not space.size(config):
        raise ValueError(
            f"layer {layers[0]} has no channels in style space: choose from 0 to {config.num_ws - 2}"
        )
    return space


def _check(what: str, chosen: tuple[int, ...], number: int) -> None:
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"a {what} is named twice: {', '.join(map(str, chosen))}")
    for index in chosen:
        if not 0 <= index < number:
            raise ValueError(f"this model has no {what} {index}: choose from 0 to {number - 1}")


def changed_image(
    synthesis: Synthesis, inputs: SynthesisInputs, space: Space, t: Float[Tensor, " d"]
) -> Float[Tensor, "3 r r"]:
    """Return the image, in about [-1, 1], whose styles have moved by the numbers t of a space."""
    change = space.change(synthesis.config, t)
    if isinstance(space, Channels):
        before = (
            inputs.channels if inputs.channels.numel() else torch.zeros_like(change.channels[None])
        )
        changed = replace(inputs, channels=before + change.channels)
    else:
        changed = replace(inputs, ws=inputs.ws + change.latent)
    return synthesize(synthesis, changed)[0]


SPACES: dict[str, type[Space]] = {"w": Broadcast, "w+": PerLayer, "style": Channels}
