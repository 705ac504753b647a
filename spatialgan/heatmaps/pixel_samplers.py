"""Samplers whose heatmaps are pixels without objects: noise, or one value. Controls of the others (samplers.py)."""

from dataclasses import dataclass

import torch
from torch import Generator

from spatialgan.heatmaps.layout import Layout, PixelMaps

NUM_CENTERS = (1, 2, 4)  # sub-heatmaps at 4x4, 8x8 and 16x16


@dataclass(frozen=True)
class GaussianNoise:
    """Every pixel of every level's own grid from N(0, 1) ("Gau. noise" in the paper's Table IV)."""

    num_centers: tuple[int, ...] = NUM_CENTERS  # maps per level, as many as the hierarchy has

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return the number of maps per level."""
        return self.num_centers

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n layouts of noise at 4 * 2**l pixels."""
        shapes = [(n, num, 4 << level, 4 << level) for level, num in enumerate(self.num_centers)]
        return Layout(tuple(PixelMaps(torch.randn(s, generator=generator)) for s in shapes), n)


@dataclass(frozen=True)
class Constant:
    """One value everywhere: a control with the capacity of the encoding and nothing to encode."""

    value: float = 0.5  # of every pixel
    num_centers: tuple[int, ...] = NUM_CENTERS  # maps per level, as many as the hierarchy has

    @property
    def heatmap_channels(self) -> tuple[int, ...]:
        """Return the number of maps per level."""
        return self.num_centers

    def __call__(self, n: int, generator: Generator) -> Layout:
        """Return n equal layouts; draws nothing."""
        shapes = [(n, num, 4 << level, 4 << level) for level, num in enumerate(self.num_centers)]
        return Layout(tuple(PixelMaps(torch.full(s, self.value)) for s in shapes), n)
