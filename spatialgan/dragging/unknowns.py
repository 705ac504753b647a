"""What a drag optimizes: parts of a scene's synthesis inputs, each as a change that is 0 at first.

An unknown has a `rate`, `zeros(inputs)` (the change that nothing has made yet), `apply(inputs, change) ->
inputs` (pure; a change of 0 leaves every bit) and `energy(gradient)`, which Adam keeps the mean of: each
element's own square, or one for all, so that what the drag hardly needs hardly moves. To add one: write a
frozen dataclass with these, add it to `Unknown`, and use it in DRAGS of drag.py.

A rate is Adam's learning rate divided by the length of a px, so that a step moves the same number of px on
models of every size. Where DragGAN's numbers come from, a px is 1/128.

Shapes: l layers, *m codes if there are several, w style space, k sub-heatmaps of all levels
together, s pixels of a change of heatmaps.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.networks.generator import SynthesisInputs
from spatialgan.scenes.changes import (
    HEATMAP_PIXELS,
    add_to_first_layers,
    gaussians_of,
    retouched,
    with_gaussians,
)

BETAS = (0.9, 0.999)  # Adam
EPSILON = 1e-8  # Adam


@dataclass(frozen=True)
class Moments:
    """Adam's running averages for one unknown."""

    mean: Tensor  # of gradients
    energy: Tensor  # mean of their squares
    updates: int

    @staticmethod
    def zeros(like: Tensor) -> "Moments":
        """Return the averages before the first update."""
        return Moments(torch.zeros_like(like), torch.zeros_like(like), 0)


def adam_step(moments: Moments, gradient: Tensor, energy: Tensor) -> tuple[Tensor, Moments]:
    """Return the step to take, of length about 1 per element, and the moments after it [Adam, Alg. 1]."""
    updates = moments.updates + 1
    mean = torch.lerp(gradient, moments.mean, BETAS[0])
    energy = torch.lerp(energy, moments.energy, BETAS[1])
    scale = (energy / (1 - BETAS[1] ** updates)).sqrt() + EPSILON
    return -mean / (1 - BETAS[0] ** updates) / scale, Moments(mean, energy, updates)


@dataclass(frozen=True)
class Latent:
    """The styles of the first layers, each layer's separately (W+) [DragGAN, section 3.2]."""

    rate: float = 0.256  # DragGAN: 0.002 a step
    layers: int = 6  # of the first: up to 16 or 32 px; later ones hold appearance

    def zeros(self, inputs: SynthesisInputs) -> Float[Tensor, "1 l *m w"]:
        """Return no change."""
        return torch.zeros_like(inputs.ws[:, : self.layers])

    def apply(self, inputs: SynthesisInputs, change: Float[Tensor, "1 l *m w"]) -> SynthesisInputs:
        """Return the inputs with the change added to the styles."""
        return replace(inputs, ws=add_to_first_layers(inputs.ws, change))

    def energy(self, gradient: Tensor) -> Tensor:
        """Return the square of each element's gradient."""
        return gradient.square()


@dataclass(frozen=True)
class Centers:
    """The centers of all sub-heatmaps; in a hierarchy, finer levels follow the center of level 0."""

    rate: float = 1.0  # a px a step, for the center that the drag moves most

    def zeros(self, inputs: SynthesisInputs) -> Float[Tensor, "1 k 2"]:
        """Return no change; raises ValueError if the model has no heatmaps."""
        return torch.cat([torch.zeros_like(g.centers) for g in gaussians_of(inputs.layout)], dim=1)

    def apply(self, inputs: SynthesisInputs, change: Float[Tensor, "1 k 2"]) -> SynthesisInputs:
        """Return the inputs with the change added to the centers."""
        levels = gaussians_of(inputs.layout)
        moves = list(change.split([g.centers.shape[1] for g in levels], dim=1))
        root = moves[0][:, :1]
        moved = [moves[0], *(root + move for move in moves[1:])]
        shifted = [
            replace(g, centers=g.centers + move) for g, move in zip(levels, moved, strict=True)
        ]
        return replace(inputs, layout=with_gaussians(inputs.layout, shifted))

    def energy(self, gradient: Tensor) -> Tensor:
        """Return the same for all: the square of the strongest pull on a center."""
        return gradient.square().sum(dim=-1).amax().expand_as(gradient)


@dataclass(frozen=True)
class HeatmapPixels:
    """Maps added to the heatmaps, HEATMAP_PIXELS a side (the paper's first attempt, section 3.4)."""

    rate: float = 0.8  # for the pixel that the drag changes most; heatmaps are in [0, 1]

    def zeros(self, inputs: SynthesisInputs) -> Float[Tensor, "1 k s s"]:
        """Return no change; raises ValueError if the model has no heatmaps."""
        levels = gaussians_of(inputs.layout)
        return levels[0].centers.new_zeros(
            1, sum(g.centers.shape[1] for g in levels), HEATMAP_PIXELS, HEATMAP_PIXELS
        )

    def apply(self, inputs: SynthesisInputs, change: Float[Tensor, "1 k s s"]) -> SynthesisInputs:
        """Return the inputs with the change added to the heatmaps."""
        return replace(inputs, layout=retouched(inputs.layout, change))

    def energy(self, gradient: Tensor) -> Tensor:
        """Return the same for all: the square of the strongest pull on a pixel."""
        return gradient.square().amax().expand_as(gradient)


Unknown = Latent | Centers | HeatmapPixels
