"""Drawings with the instances that a segmenter should find in them.

Whole objects are instances; their named parts (a bed's pillow) belong to them. Every object of which
a pixel is seen is listed, also those below MIN_AREA, which neither training nor score counts.

Shapes: n drawings, r pixels per side.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from spatialgan import drawn
from spatialgan.drawn.canvas import Drawing
from spatialgan.segmenters.instances import Instances

MAX_OBJECTS = 64  # in a drawing; the length of the features that tell its objects apart


@dataclass(frozen=True)
class DrawingSeries:
    """An endless series of drawings."""

    scene: str  # what is drawn: a key of drawn.DRAWINGS
    seed: int
    resolution: int  # pixels per side


@dataclass(frozen=True)
class LabeledImages:
    """Images and the whole objects in each, farthest first."""

    images: UInt8[Tensor, "n 3 r r"]
    truth: tuple[Instances, ...]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of all classes seen, sorted."""
        return tuple(sorted({name for found in self.truth for name in found.classes}))


def draw_labeled(series: DrawingSeries, count: int, title: str) -> LabeledImages:
    """Return the first `count` drawings of a series, with a progress bar called `title`."""
    bar = tqdm(range(count), desc=title, unit="img", disable=None)
    drawings = [drawn.draw(series.scene, series.seed, i, series.resolution) for i in bar]
    images = torch.from_numpy(np.stack([drawing.image for drawing in drawings]))
    return LabeledImages(
        images.permute(0, 3, 1, 2).contiguous(), tuple(map(whole_objects, drawings))
    )


def whole_objects(drawing: Drawing) -> Instances:
    """Return the visible whole objects of a drawing, each with score 1 and a distinct feature."""
    seen = [one for one in drawing.instances if not one.owner and one.mask.any()]
    side = drawing.image.shape[0]
    masks = np.stack([one.mask for one in seen]) if seen else np.zeros((0, side, side), dtype=bool)
    return Instances(
        masks=torch.from_numpy(masks),
        scores=torch.ones(len(seen)),
        classes=tuple(one.name for one in seen),
        features=torch.eye(MAX_OBJECTS)[: len(seen)],
    )


def mirrored(
    image: UInt8[Tensor, "3 r r"], truth: Instances
) -> tuple[UInt8[Tensor, "3 r r"], Instances]:
    """Return an image and its instances mirrored left to right."""
    masks = truth.masks.flip(2)
    return image.flip(2), Instances(masks, truth.scores, truth.classes, truth.features)
