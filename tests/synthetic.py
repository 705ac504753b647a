"""Synthetic renderers with a known answer: where objects are drawn is a function of where they were and are to be.

An image keeps a bit per object, so objects that overlap are both seen whole, and the oracle reads them off.
A sample's latent holds where its objects were drawn first, so that a renderer can ignore its layout.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from spatialgan.evaluation.trials import Renderer
from spatialgan.heatmaps.layout import Gaussians, Layout, pixel_positions
from spatialgan.heatmaps.moves import objects
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.segmenters.instances import MIN_SCORE, Instances
from spatialgan.segmenters.oracle import Oracle, identity_features

NAMES = ("bed", "lamp", "chair")
RADIUS = 0.15  # of the discs that are drawn
ANCHORS = ((-0.1, -0.1), (0.1, -0.05), (0.0, 0.12))  # around which objects are: no two in one place

# (first centers, centers) [n k 2] -> where to draw [n k 2]
Place = Callable[[Tensor, Tensor], Tensor]

PLACES: dict[str, Place] = {
    "obedient": lambda first, now: now,
    "ignoring": lambda first, now: first,
    "mirrored": lambda first, now: 2 * first - now,
    "swapped": lambda first, now: first + (now - first).flip(-1),
    "half": lambda first, now: first + 0.5 * (now - first),
}


def layouts(spread: float, num_objects: int, start: int, stop: int) -> Layout:
    """Return layouts with centers at most `spread` from their anchors, per axis."""
    draws = [
        torch.rand(1, num_objects, 2, generator=generator_for(7, "c", i))
        for i in range(start, stop)
    ]
    centers = torch.tensor(ANCHORS[:num_objects]) + spread * (2 * torch.cat(draws) - 1)
    ones = torch.ones(centers.shape[:2])
    return Layout((Gaussians(centers, RADIUS * ones, ones),), stop - start)


def renderer(
    place: Place, draw_layouts: Callable[[int, int], Layout], resolution: int = 64
) -> Renderer:
    """Return samples of the given layouts whose objects are drawn as discs at `place`."""

    def draw(start: int, stop: int) -> GeneratorInputs:
        layout = draw_layouts(start, stop)
        return GeneratorInputs(objects(layout).centers.flatten(1), layout, [])

    def render(samples: GeneratorInputs) -> Tensor:
        now = objects(samples.layout).centers
        return draw_discs(place(samples.z.view(now.shape), now), resolution)

    return Renderer(draw, render)


def three_objects(place: str, spread: float = 0.04, resolution: int = 64) -> Renderer:
    """Return samples of three objects each, drawn by one of PLACES."""
    return renderer(PLACES[place], partial(layouts, spread, len(NAMES)), resolution)


def draw_discs(centers: Tensor, resolution: int) -> Tensor:
    """Return images [n 3 r r] in which bit i of the first channel is object i's disc."""
    axis = pixel_positions(resolution, "half_pixel", centers)
    squares = (axis - centers[..., None]).square()  # [n k 2 r]
    discs = squares[:, :, 0, :, None] + squares[:, :, 1, None, :] <= RADIUS**2
    bits = 2 ** torch.arange(centers.shape[1])
    first = (discs * bits[:, None, None]).sum(dim=1)
    blank = torch.zeros_like(first)
    return torch.stack([first, blank, blank], dim=1).to(torch.uint8)


def read_discs(image: Tensor) -> Instances:
    """Return the objects of an image that `draw_discs` drew; those outside the frame are not there."""
    masks = torch.stack([(image[0] >> i) & 1 for i in range(len(NAMES))]).bool()
    seen = masks.flatten(1).any(dim=1).nonzero()[:, 0]
    features = identity_features(len(NAMES))
    return Instances(masks, torch.ones(len(NAMES)), NAMES, features)[seen]


def oracle() -> Oracle:
    """Return the segmenter that knows what `draw_discs` drew."""
    return Oracle(read_discs, MIN_SCORE)
