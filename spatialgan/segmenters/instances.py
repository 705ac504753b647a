"""Instances: the objects a segmenter found in one image, and which of them are trusted.

Conventions: masks are at the image's own resolution; positions are (y, x) in [-1, 1], half-pixel
convention. An instance counts where its score is at least MIN_SCORE and its visible area at least
MIN_AREA of the image; ground truth counts by the same area.

Shapes: k instances, r pixels per side, d features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spatialgan.heatmaps.layout import pixel_positions

MIN_SCORE = 0.5  # of a detection that counts, in [0, 1]
MIN_AREA = 0.005  # of an instance that counts, as a fraction of the image


@dataclass(frozen=True)
class Instances:
    """What was found in one image, highest score first."""

    masks: Bool[Tensor, "k r r"]
    scores: Float[Tensor, " k"]  # in [0, 1]
    classes: tuple[str, ...]  # k names
    features: Float[Tensor, "k d"]  # box-head vectors of length 1, to compare by cosine

    def __post_init__(self) -> None:
        assert len(self.masks) == len(self.scores) == len(self.classes) == len(self.features)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, chosen: Int[Tensor, " m"]) -> "Instances":
        """Return the chosen instances, in that order."""
        return Instances(
            masks=self.masks[chosen],
            scores=self.scores[chosen],
            classes=tuple(self.classes[i] for i in chosen.tolist()),
            features=self.features[chosen],
        )

    def to(self, device: str) -> "Instances":
        """Return the instances on a device."""
        parts = (x.to(device) for x in (self.masks, self.scores, self.features))
        masks, scores, features = parts
        return Instances(masks, scores, self.classes, features)


def areas(masks: Bool[Tensor, "k r r"]) -> Float[Tensor, " k"]:
    """Return the fraction of the image that each mask covers."""
    return masks.float().mean(dim=(1, 2))


def centroids(masks: Bool[Tensor, "k r r"]) -> Float[Tensor, "k 2"]:
    """Return the mean (y, x) of each mask's pixels in [-1, 1]; NaN where a mask is empty."""
    weights = masks.float()
    axis = pixel_positions(masks.shape[-1], "half_pixel", weights)
    total = weights.sum(dim=(1, 2))
    return torch.stack([weights.sum(2) @ axis / total, weights.sum(1) @ axis / total], dim=1)


def mask_boxes(masks: Bool[Tensor, "k r r"]) -> Float[Tensor, "k 4"]:
    """Return (left, top, right, bottom) of each mask in pixels, at the outer edges of its pixels."""
    edges = []
    for seen in (masks.any(dim=1), masks.any(dim=2)):  # columns, rows
        first = seen.float().argmax(dim=1)
        last = seen.shape[1] - seen.flip(1).float().argmax(dim=1)
        edges.append((first, last))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=1).float()


def trusted(found: Instances, min_score: float) -> Instances:
    """Return the instances of at least `min_score` and MIN_AREA, highest score first."""
    order = found.scores.argsort(descending=True, stable=True)
    keep = (found.scores >= min_score) & (areas(found.masks) >= MIN_AREA)
    return found[order[keep[order]]]
