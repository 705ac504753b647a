"""SAMPLERS: how the layouts of training and evaluation images are drawn.

To add one: write a frozen dataclass whose fields are its numbers, here or in a module of its own, with
`heatmap_channels` (sub-heatmaps per level, empty where the generator is not steered) and `__call__(n,
generator) -> Layout` of CPU tensors, drawing from `generator` alone; give it a key at the foot of this file.

Coordinates are (y, x) in [-1, 1], so a standard deviation of h/3 in the paper is 2/3 here. A spread
s is what the released code of the predecessor divides by, exp(-|u - c|^2 / s), that is twice a
variance: sigma = sqrt(s / 2).

Shapes: n samples, k sub-heatmaps, s pixels along an axis of a level's own grid (4, 8, 16).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from spatialgan.heatmaps.layout import HALF_MAXIMUM, Gaussians, Impulse, Layout
from spatialgan.heatmaps.pixel_samplers import NUM_CENTERS, Constant, GaussianNoise

Ranges = tuple[tuple[float, float], ...]
Sampler = Callable[[int, Generator], Layout]

# range of s per level
CODE_SPREADS = ((0.5, 1.0), (0.1 / 1.4, 1.1 / 1.4), (0.05, 0.55))
MAX_REDRAWS = 10_000  # of a batch of objects that would overlap


def _gaussians(
    centers: Float[Tensor, "n k 2"], spread: tuple[float, float], generator: Generator
) -> Gaussians:
    """Return Gaussians at `centers`, all present, sigma = sqrt(s / 2) for s uniform in `spread`."""
    low, high = spread
    spreads = low + (high - low) * torch.rand(centers.shape[:2], generator=generator)
    return Gaussians(centers, (spreads / 2).sqrt(), torch.ones(centers.shape[:2]))


def _normal_inside(
    shape: tuple[int, ...], std: float, generator: Generator
) -> Float[Tensor, "n k 2"]:
    """Return points from N(0, std^2) per axis given that they fall inside [-1, 1]^2.

    Rejecting and redrawing until a point is inside has exactly this law, as both axes are
    independent; inverting the distribution function needs one draw per number, however large `std`
    is.
    """
    mass = math.erf(1 / (std * math.sqrt(2)))
    uniform = 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1
    return (std * math.sqrt(2) * torch.erfinv(mass * uniform)).float()


@dataclass(frozen=True)
class Unsteered:
    """No heatmaps: the baseline generator."""

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return no level at all."""
        return ()

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts without levels; draws nothing."""
        return Layout((), n)


@dataclass(frozen=True)
class Hierarchical:
    """Levels 1 and 2 scattered around the one center of level 0, which lies inside the image
    [paper, Sec. 3.2, 4.1].

    The paper gives no covariances: the ranges of the predecessor's released code are used.
    """

    center_std: float = 2 / 3  # of the level 0 center before rejection; h/3 in the paper
    offset_std: float = 1 / 3  # of the other levels' centers around it; h/6 in the paper
    num_centers: tuple[int, ...] = NUM_CENTERS  # per level
    spreads: Ranges = CODE_SPREADS  # range of s per level

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return the number of sub-heatmaps per level."""
        return self.num_centers

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts of len(num_centers) levels."""
        root = _normal_inside((n, 1, 2), self.center_std, generator)
        levels = []
        for index, (num, spread) in enumerate(zip(self.num_centers, self.spreads, strict=True)):
            centers = root.repeat(1, num, 1)
            if index > 0:
                centers = centers + self.offset_std * torch.randn(n, num, 2, generator=generator)
            levels.append(_gaussians(centers, spread, generator))
        return Layout(tuple(levels), n)


@dataclass(frozen=True)
class HierarchicalCode:
    """The hierarchy as the predecessor's released code draws it: narrower center, clamped; uniform
    offsets.

    Two departures: the level 0 spread is drawn per sample (there, once per batch, which would tie
    an image to its batch), and 0.01 is not added to every heatmap (a constant that the first
    convolution can add on its own).
    """

    center_std: float = 0.33  # of the level 0 center
    center_limit: float = 0.75  # coordinates beyond are clamped to it
    # per level; offsets are uniform in [-reach, reach]
    reaches: tuple[float, ...] = (0.0, 0.4, 0.8)
    num_centers: tuple[int, ...] = NUM_CENTERS  # per level
    spreads: Ranges = CODE_SPREADS  # range of s per level

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return the number of sub-heatmaps per level."""
        return self.num_centers

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts of len(num_centers) levels."""
        root = self.center_std * torch.randn(n, 1, 2, generator=generator)
        root = root.clamp(-self.center_limit, self.center_limit)
        levels = []
        for num, reach, spread in zip(self.num_centers, self.reaches, self.spreads, strict=True):
            offsets = reach * (2 * torch.rand(n, num, 2, generator=generator) - 1)
            levels.append(_gaussians(root + offsets, spread, generator))
        return Layout(tuple(levels), n)


@dataclass(frozen=True)
class Independent:
    """The hierarchy cut: every level scatters around its own center ("Non-Hie" in the paper's
    Table IV).

    Each level has the same distribution as under `Hierarchical`; only the levels' common
    center is lost.
    """

    hierarchy: Hierarchical = Hierarchical()

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return the number of sub-heatmaps per level."""
        return self.hierarchy.heatmap_channels

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts, level l taken from the l-th of as many independent hierarchies."""
        num_levels = len(self.heatmap_channels)
        draws = [self.hierarchy(n, generator) for _ in range(num_levels)]
        return Layout(tuple(draws[level].levels[level] for level in range(num_levels)), n)


@dataclass(frozen=True)
class ImpulseNoise:
    """The hierarchy with some pixels replaced by 0 or 1 at equal odds [paper, Sec. 4.3]."""

    probability: float = 0.05  # of a pixel of the level's own grid being replaced
    hierarchy: Hierarchical = Hierarchical()

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return the number of sub-heatmaps per level."""
        return self.hierarchy.heatmap_channels

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts whose replaced pixels are drawn at 4 * 2**l pixels."""
        levels = []
        for level, base in enumerate(self.hierarchy(n, generator).levels):
            shape = (n, self.heatmap_channels[level], 4 << level, 4 << level)
            mask = torch.rand(shape, generator=generator) < self.probability
            extremes = (torch.rand(shape, generator=generator) < 0.5).float()
            levels.append(Impulse(base, mask, extremes))  # pyright: ignore[reportArgumentType]
        return Layout(tuple(levels), n)


@dataclass(frozen=True)
class MultiObject:
    """One level with a Gaussian per object, for scenes of several objects [paper, indoor].

    More than half of the paper's centers fall outside the image: a scene has 1.4 of three objects
    in sight (1.1 with the gap below), and from scenes of one object, or none, the generator learns
    what one heatmap does. With all of them in the image, objects take each other's place when they
    move (docs/comove.md). The paper gives no covariance: the range of s ends at the 0.2 of its user
    interface.

    Nor does it say that objects keep apart. Here they do, as things on a floor: a layout in which
    two centers are nearer to each other than 1.5 times the sum of their half-maximum radii is
    redrawn. Where half-maximum discs touch, the sum of both heatmaps is as high between them as at
    their centers, and one object is drawn under both; at 1.5 it is 0.4.
    """

    num_objects: int = 3
    center_std: float = 1.0  # h/2 in the paper
    spread: tuple[float, float] = (0.1, 0.2)  # range of s
    inside: bool = False  # redraw centers outside the image, or keep them as absent objects
    # least distance of two centers, in sums of their half-maximum radii; 0: any
    gap: float = 1.5

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return one level of a sub-heatmap per object."""
        return (self.num_objects,)

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts of one level.

        Raises ValueError if hardly any draw keeps its objects apart.
        """
        level = self._draw(n, generator)
        for _ in range(MAX_REDRAWS):
            crowded = self._is_crowded(level)
            if not crowded.any():
                return Layout((level,), n)
            again = self._draw(int(crowded.sum()), generator)
            level.centers[crowded], level.sigmas[crowded] = again.centers, again.sigmas
        raise ValueError(
            f"{MAX_REDRAWS} draws of {self.num_objects} objects left none with a gap of "
            f"{self.gap:g} between all: choose fewer objects, a lower spread or a lower gap"
        )

    def _draw(self, n: int, generator: Generator) -> Gaussians:
        """Return n draws of objects that may overlap."""
        shape = (n, self.num_objects, 2)
        if self.inside:
            centers = _normal_inside(shape, self.center_std, generator)
        else:
            centers = self.center_std * torch.randn(shape, generator=generator)
        return _gaussians(centers, self.spread, generator)

    def _is_crowded(self, level: Gaussians) -> Bool[Tensor, " n"]:
        """Return which samples have two objects that are nearer to each other than the gap."""
        radii = self.gap * HALF_MAXIMUM * level.sigmas
        distances = (level.centers[:, :, None] - level.centers[:, None]).norm(dim=3)
        near = distances < radii[:, :, None] + radii[:, None]
        return near.triu(diagonal=1).flatten(1).any(dim=1)


def all_inside(sampler: Sampler) -> Sampler:
    """Return a sampler that draws several objects all inside the image; any other sampler is returned unchanged."""
    return replace(sampler, inside=True) if isinstance(sampler, MultiObject) else sampler


SAMPLERS = {
    "none": Unsteered,
    "hierarchical": Hierarchical,
    "hierarchical_code": HierarchicalCode,
    "independent": Independent,
    "gaussian_noise": GaussianNoise,
    "impulse": ImpulseNoise,
    "constant": Constant,
    "multi_object": MultiObject,
}
