"""Where the regions are that a linkage ties axes to: boxes, the same in all images, or what a segmenter finds.

Shapes: n images, r resolution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from spatialgan.directions.regions import Box, OfClass, parse_region
from spatialgan.results import Results
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.registry import open_segmenter, weights_path
from spatialgan.settings.config import RunConfig
from spatialgan.snapshot import to_uint8

Segment = Callable[[UInt8[Tensor, "n 3 r r"]], Sequence[Instances]]


def no_segmenter(images: UInt8[Tensor, "n 3 r r"]) -> Sequence[Instances]:
    """Raise ValueError: boxes don't need a segmenter, so none was opened."""
    raise ValueError("a region class:NAME needs a segmenter: none was opened")


@dataclass(frozen=True)
class RegionFinder:
    """Finds the regions of images."""

    segment: Segment = no_segmenter

    def __call__(self, text: str, images: Float[Tensor, "n 3 r r"]) -> Bool[Tensor, "n r r"]:
        """Return each image's pixels in a region, which may be none where an image lacks the class."""
        region = linked_region(text)
        if isinstance(region, Box):
            mask = region.pixels(images.shape[-1]).to(images.device)
            return mask.expand(len(images), *mask.shape)
        found = self.segment(to_uint8(images))
        return torch.stack([region.pixels(one) for one in found]).to(images.device)


def linked_region(text: str) -> Box | OfClass:
    """Return the region that a text describes; raises ValueError for those that only one scene has."""
    region = parse_region(text)
    if not isinstance(region, Box | OfClass):
        raise ValueError(f"'{text[:40]}' can't be linked: choose {Box.SYNTAX} or {OfClass.SYNTAX}")
    return region


def open_finder(config: RunConfig, results: Results, device: str) -> RegionFinder:
    """Return what finds a run's linked regions; a segmenter is opened only where one is a class.

    Raises ValueError if a region's text is wrong, or the segmenter's weights are missing.
    """
    regions = [linked_region(text) for text in config.linkage.regions]
    if not any(isinstance(region, OfClass) for region in regions):
        return RegionFinder()
    name = config.linkage.segmenter
    return RegionFinder(open_segmenter(name, weights_path(name, results, config.dataset), device))
