"""Entries: what a source gives, images that are read later, cropped and resized.

Shapes: h w pixels of an original, r pixels per side of a prepared image.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from spatialgan.data.members import BadMember

FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
}


@dataclass(frozen=True)
class Entry:
    """One image to be read; reading raises BadMember if it is unusable, and OSError if the system fails."""

    name: str
    read: Callable[[], UInt8[np.ndarray, "r r 3"]]


def crop_and_resize(
    name: str, image: UInt8[np.ndarray, "h w 3"], resolution: int, filter_name: str
) -> UInt8[np.ndarray, "r r 3"]:
    """Return the largest centered square of the image, reduced with the named filter."""
    height, width = image.shape[:2]
    side = min(height, width)
    if side < resolution:
        raise BadMember(name, f"{width}x{height} is smaller than {resolution} pixels")
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    if side == resolution:
        return square
    return np.asarray(
        Image.fromarray(square).resize((resolution, resolution), FILTERS[filter_name])
    )
