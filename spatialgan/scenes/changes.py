"""Changes: the part of a scene that no seed draws, because a drag optimized it or a direction leads there.

In a scene's file they are little-endian float32 numbers in base64, so that they read back bit for bit.

Shapes: j first layers, l layers, *m codes if there are several, w style space, c channels of the widest
convolution, k sub-heatmaps of all
levels together, s = HEATMAP_PIXELS.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Gaussians, Layout, Retouched

HEATMAP_PIXELS = 16  # of a change of heatmaps: the resolution of the finest level
LIMIT = 1000.0  # of a changed number: far beyond what any model can take
CHANGE_FIELDS = ("latent", "heatmaps", "channels")


def _nothing() -> Tensor:
    return torch.zeros(1, 0, 0, 0)


@dataclass(frozen=True)
class Changes:
    """What is added to a scene's styles and heatmaps; empty tensors where nothing is."""

    latent: Float[Tensor, "1 j *m w"] = field(default_factory=_nothing)  # truncated styles
    heatmaps: Float[Tensor, "1 k s s"] = field(default_factory=_nothing)
    channels: Float[Tensor, "1 _ ... _"] = field(
        default_factory=_nothing
    )  # [1 j *m c], style space

    def styles(self, ws: Float[Tensor, "1 l *m w"]) -> Float[Tensor, "1 l *m w"]:
        """Return the styles with the change of the latent added in the layers that have one."""
        return add_to_first_layers(ws, self.latent.to(ws)) if self.latent.numel() else ws

    def layout(self, layout: Layout) -> Layout:
        """Return the changed layout; its levels are `Retouched` where heatmaps change."""
        if not self.heatmaps.numel():
            return layout
        return retouched(layout, self.heatmaps.to(gaussians_of(layout)[0].centers.device))

    def plus(self, other: "Changes") -> "Changes":
        """Return the sum of both changes, field by field; a field without numbers adds nothing."""
        return Changes(
            _sum(self.latent, other.latent),
            _sum(self.heatmaps, other.heatmaps),
            _sum(self.channels, other.channels),
        )


def _sum(a: Tensor, b: Tensor) -> Tensor:
    """Return a + b; an empty tensor counts as 0, and so do the layers that only the other one has."""
    if not (a.numel() and b.numel()):
        return a if a.numel() else b
    longer, shorter = (a, b) if a.shape[1] >= b.shape[1] else (b, a)
    return add_to_first_layers(longer, shorter)


def add_to_first_layers(
    ws: Float[Tensor, "1 l *m w"], change: Float[Tensor, "1 j *m w"]
) -> Float[Tensor, "1 l *m w"]:
    """Return styles with a change added to the first j layers, j being the layers that the change has."""
    layers = change.shape[1]
    return torch.cat([ws[:, :layers] + change, ws[:, layers:]], dim=1)


def gaussians_of(layout: Layout) -> list[Gaussians]:
    """Return the Gaussians of all levels, without changes; raises ValueError if a level has none."""
    levels = [level for level in without_changes(layout).levels if isinstance(level, Gaussians)]
    if not levels or len(levels) < len(layout.levels):
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
    """Return a layout with a map added to each sub-heatmap: level by level, in their order."""
    bases = gaussians_of(layout)
    parts = change.split([base.centers.shape[1] for base in bases], dim=1)
    levels = [
        Retouched(base, level.change + part if isinstance(level, Retouched) else part)
        for level, base, part in zip(layout.levels, bases, parts, strict=True)
    ]
    return Layout(tuple(levels), len(layout))


def without_changes(layout: Layout) -> Layout:
    """Return the layout under its changes."""
    levels = [level.base if isinstance(level, Retouched) else level for level in layout.levels]
    return Layout(tuple(levels), len(layout))


def interpolate(before: Layout, after: Layout, fraction: float) -> Layout:
    """Return the layout, changes included, on the straight line from `before` (fraction 0) to `after` (1)."""
    layout = moves.interpolate(without_changes(before), without_changes(after), fraction)
    if not any(isinstance(level, Retouched) for level in (*before.levels, *after.levels)):
        return layout
    return retouched(layout, torch.lerp(heatmap_change(before), heatmap_change(after), fraction))


def heatmap_change(layout: Layout) -> Float[Tensor, "1 k s s"]:
    """Return the maps that are added to the sub-heatmaps of all levels, 0 where nothing is added."""
    size = (HEATMAP_PIXELS, HEATMAP_PIXELS)
    parts = [
        level.change
        if isinstance(level, Retouched)
        else base.sigmas.new_zeros(*base.sigmas.shape, *size)
        for level, base in zip(layout.levels, gaussians_of(layout), strict=True)
    ]
    return torch.cat(parts, dim=1)


def encode_changes(changes: Changes) -> dict[str, str]:
    """Return the changes as JSON data, without those that are empty."""
    tensors = {name: getattr(changes, name) for name in CHANGE_FIELDS}
    return {name: _encoded(tensor) for name, tensor in tensors.items() if tensor.numel()}


def _encoded(tensor: Tensor) -> str:
    numbers = tensor.detach().cpu().numpy().astype("<f4")
    return base64.b64encode(numbers.tobytes()).decode()


def decode_numbers(name: str, text: Any) -> Float32[np.ndarray, " _"]:
    """Return the numbers of one field that `encode_changes` wrote, in one line.

    Raises ValueError, naming the field, for what is not base64 of float32 numbers that are at most LIMIT.
    """
    place = f"changes, {name}"
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError(f"{place}: is not text in base64") from None
    if not data or len(data) % 4:
        raise ValueError(f"{place}: has {len(data):,} bytes, which are no numbers of 4 bytes each")
    numbers = np.frombuffer(data, "<f4").astype(np.float32)
    if not (np.abs(numbers) <= LIMIT).all():
        raise ValueError(f"{place}: has values that are beyond {LIMIT:g} or not numbers")
    return numbers
