"""Changes: the part of a scene that no seed draws, because a drag optimised it.

In a scene's file they are little-endian float32 numbers in base64, so that they come back to the bit.

Shapes: j first layers, l layers, *m codes where there are several, w style space, k sub-heatmaps of all
levels together, s = HEATMAP_PIXELS.
"""

import base64
import binascii
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Gaussians, Layout, Retouched
from spatialgan.networks.generator import GeneratorConfig

HEATMAP_PIXELS = 16  # of a change of heatmaps: the resolution of the finest level
LIMIT = 1000.0  # of a changed number: far beyond what any model can take
CHANGE_FIELDS = ("latent", "heatmaps")


def _nothing() -> Tensor:
    return torch.zeros(1, 0, 0, 0)


@dataclass(frozen=True)
class Changes:
    """What is added to styles and heatmaps; empty where nothing is."""

    latent: Float[Tensor, "1 j *m w"] = field(default_factory=_nothing)  # truncated styles
    heatmaps: Float[Tensor, "1 k s s"] = field(default_factory=_nothing)

    def styles(self, ws: Float[Tensor, "1 l *m w"]) -> Float[Tensor, "1 l *m w"]:
        """Return the changed styles."""
        return add_to_first_layers(ws, self.latent.to(ws)) if self.latent.numel() else ws

    def layout(self, layout: Layout) -> Layout:
        """Return the changed layout; its levels are `Retouched` where heatmaps change."""
        if not self.heatmaps.numel():
            return layout
        return retouched(layout, self.heatmaps.to(layout.levels[0].centers.device))

    def plus(self, other: "Changes") -> "Changes":
        """Return both changes together."""
        return Changes(_sum(self.latent, other.latent), _sum(self.heatmaps, other.heatmaps))


def _sum(a: Tensor, b: Tensor) -> Tensor:
    """Return a + b, where an empty one adds nothing, nor do the layers that only one has."""
    if not (a.numel() and b.numel()):
        return a if a.numel() else b
    longer, shorter = (a, b) if a.shape[1] >= b.shape[1] else (b, a)
    return add_to_first_layers(longer, shorter)


def add_to_first_layers(
    ws: Float[Tensor, "1 l *m w"], change: Float[Tensor, "1 j *m w"]
) -> Float[Tensor, "1 l *m w"]:
    """Return styles with a change added to the first layers, as many as it has."""
    layers = change.shape[1]
    return torch.cat([ws[:, :layers] + change, ws[:, layers:]], dim=1)


def gaussians_of(layout: Layout) -> list[Gaussians]:
    """Return the Gaussians of all levels, without changes; raises ValueError where there are none."""
    levels = [level.base if isinstance(level, Retouched) else level for level in layout.levels]
    if not levels or not all(isinstance(level, Gaussians) for level in levels):
        raise ValueError(
            "a generator without heatmaps of Gaussians has none to drag: choose the method latent"
        )
    return levels


def with_gaussians(layout: Layout, gaussians: list[Gaussians]) -> Layout:
    """Return a layout with other Gaussians under its changes."""
    levels = [
        Retouched(g, level.change) if isinstance(level, Retouched) else g
        for level, g in zip(layout.levels, gaussians, strict=True)
    ]
    return Layout(tuple(levels), len(layout))


def retouched(layout: Layout, change: Float[Tensor, "1 k s s"]) -> Layout:
    """Return a layout with maps added to the sub-heatmaps of all its levels, in their order."""
    parts = change.split([g.centers.shape[1] for g in gaussians_of(layout)], dim=1)
    levels = [
        Retouched(level.base, level.change + part)
        if isinstance(level, Retouched)
        else Retouched(level, part)
        for level, part in zip(layout.levels, parts, strict=True)
    ]
    return Layout(tuple(levels), len(layout))


def without_changes(layout: Layout) -> Layout:
    """Return the layout under its changes."""
    levels = [level.base if isinstance(level, Retouched) else level for level in layout.levels]
    return Layout(tuple(levels), len(layout))


def interpolate(before: Layout, after: Layout, fraction: float) -> Layout:
    """Return the layout, changes included, on the straight way from `before` (fraction 0) to `after` (1)."""
    layout = moves.interpolate(without_changes(before), without_changes(after), fraction)
    if not any(isinstance(level, Retouched) for level in (*before.levels, *after.levels)):
        return layout
    return retouched(layout, torch.lerp(heatmap_change(before), heatmap_change(after), fraction))


def heatmap_change(layout: Layout) -> Float[Tensor, "1 k s s"]:
    """Return the maps that are added to the sub-heatmaps of all levels, 0 where nothing is."""
    size = (HEATMAP_PIXELS, HEATMAP_PIXELS)
    parts = [
        level.change
        if isinstance(level, Retouched)
        else level.sigmas.new_zeros(*level.sigmas.shape, *size)
        for level in layout.levels
    ]
    return torch.cat(parts, dim=1)


def changes_to_document(changes: Changes) -> dict[str, str]:
    """Return the changes as JSON data, without those that are empty."""
    tensors = {"latent": changes.latent, "heatmaps": changes.heatmaps}
    return {name: _encoded(tensor) for name, tensor in tensors.items() if tensor.numel()}


def changes_from_document(document: dict[str, Any], config: GeneratorConfig) -> Changes:
    """Return the changes that `changes_to_document` wrote, for a model of this size.

    Raises ValueError, naming the field, for what isn't base64, doesn't fit the model or isn't finite.
    """
    codes = (1 + config.num_objects,) if config.num_objects else ()
    heatmaps = (sum(config.heatmap_channels), HEATMAP_PIXELS, HEATMAP_PIXELS)
    found = {}
    if "latent" in document:
        found["latent"] = _decoded("latent", document["latent"], (*codes, config.w_dim))
        if found["latent"].shape[1] > config.num_ws:
            raise ValueError(f"changes, latent: this model has {config.num_ws} layers only")
    if "heatmaps" in document:
        maps = _decoded("heatmaps", document["heatmaps"], heatmaps[1:])
        if maps.shape[1] != heatmaps[0]:
            raise ValueError(f"changes, heatmaps: this model has {heatmaps[0]} sub-heatmaps")
        found["heatmaps"] = maps
    return Changes(**found)


def _encoded(tensor: Tensor) -> str:
    numbers = tensor.detach().cpu().numpy().astype("<f4")
    return base64.b64encode(numbers.tobytes()).decode()


def _decoded(name: str, text: Any, shape: tuple[int, ...]) -> Float[Tensor, "1 _ *shape"]:
    """Return [1 j *shape] numbers, as many j as there are; raises ValueError that names the field."""
    place = f"changes, {name}"
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError(f"{place}: is no text in base64") from None
    if not data or len(data) % (4 * prod(shape)):
        raise ValueError(
            f"{place}: has {len(data):,} bytes, but this model needs a multiple of {4 * prod(shape):,}"
        )
    numbers = torch.from_numpy(np.frombuffer(data, "<f4").astype(np.float32))
    if not (numbers.abs() <= LIMIT).all():
        raise ValueError(f"{place}: has numbers beyond {LIMIT:g}, or no numbers")
    return numbers.view(1, -1, *shape)
