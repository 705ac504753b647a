"""Matching: which instance is the object of a sub-heatmap, and where it went in a second image.

The paper says: the instance that contains the center, and in the new image the one with the smallest
feature distance to it, both at the mean position of their pixels [paper, Co-move Ratio]. It leaves open
what follows where several instances contain the center (the one that agrees best with the
half-maximum disc) and where nothing similar is left (no match).

Positions, shifts and offsets are (y, x) in [-1, 1] units, half-pixel convention: an image is 2 wide.

Shapes: k instances, r pixels per side.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.heatmaps.layout import HALF_MAXIMUM, pixel_positions
from spatialgan.segmenters.instances import Instances, centroids

MIN_COSINE = 0.5  # similarity of two instances' features below which they are not the same object


@dataclass(frozen=True)
class Track:
    """Where one instance of a first image is in a second one."""

    before: str = ""  # its class; "" where no instance was there to follow
    after: str = ""  # the class of what it was matched with; "" where it was not found again
    # of both features; of the best candidate where that was not similar enough
    cosine: float = -1.0
    shift: tuple[float, float] = (0.0, 0.0)  # of the mean position, (y, x); 0 where not found again
    is_cut: bool = False  # its mask touches the frame in either image, so its shift is not all seen

    @property
    def is_there(self) -> bool:
        """Return whether there was an instance to follow."""
        return self.before != ""

    @property
    def is_matched(self) -> bool:
        """Return whether it was found again."""
        return self.after != ""


NOTHING = Track()


def half_maximum_disc(
    center: Float[Tensor, " 2"], sigma: float, resolution: int
) -> Bool[Tensor, "r r"]:
    """Return the pixels where a Gaussian is at least half its peak: |u - c| <= sigma sqrt(2 ln 2)."""
    offsets = pixel_positions(resolution, "half_pixel", center) - center[:, None]
    squares = offsets.square()
    return squares[0][:, None] + squares[1] <= (HALF_MAXIMUM * sigma) ** 2


def instance_under(center: Float[Tensor, " 2"], sigma: float, found: Instances) -> int | None:
    """Return the index of the instance that contains `center` (inside the frame), None without any.

    Of several it is the one whose mask has the highest IoU with the half-maximum disc; ties go to the
    higher score, which comes first.
    """
    resolution = found.masks.shape[-1]
    y, x = ((center + 1) * resolution / 2).long().clamp(0, resolution - 1).tolist()
    holding = found.masks[:, y, x].nonzero()[:, 0]
    if len(holding) == 0:
        return None
    disc, masks = half_maximum_disc(center, sigma, resolution), found.masks[holding]
    overlap = (masks & disc).sum(dim=(1, 2)) / (masks | disc).sum(dim=(1, 2))
    return int(holding[overlap.argmax()])


def follow(index: int, before: Instances, after: Instances) -> Track:
    """Return where instance `index` of `before` is among `after`, by the smallest feature distance.

    Features have length 1, so that is the largest cosine. Below MIN_COSINE it is not found again.
    """
    name = before.classes[index]
    if len(after) == 0:
        return Track(before=name)
    cosines = after.features @ before.features[index]
    match = int(cosines.argmax())
    cosine = float(cosines[match])
    if cosine < MIN_COSINE:
        return Track(before=name, cosine=cosine)
    masks = torch.stack([before.masks[index], after.masks[match]])
    start, end = centroids(masks)
    y, x = (end - start).tolist()
    return Track(name, after.classes[match], cosine, (y, x), bool(touches_frame(masks).any()))


def touches_frame(masks: Bool[Tensor, "k r r"]) -> Bool[Tensor, " k"]:
    """Return which masks have a pixel at the border of the image, where an object may continue."""
    edges = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    return torch.stack([edge.any(dim=1) for edge in edges]).any(dim=0)
