"""Color profiles: the pixel values of an image with a profile are not sRGB values.

A profile that equals sRGB up to rounding changes no pixel; any other is applied.

Shapes: h w pixels.
"""

import functools
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms

MAX_PROFILE = 4_000_000  # bytes
ROUNDING = 2  # levels of 255
LATTICE = 9  # levels per channel at which a profile is compared with sRGB
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC


class BadPicture(ValueError):
    """What is wrong with a picture, in words."""


def to_srgb(pixels: UInt8[np.ndarray, "h w 3"], profile: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Return pixels, whose colors an ICC profile defines, as sRGB.

    Raises BadPicture for a profile of another kind of image, ImageCms.PyCMSError or OSError for a damaged one.
    """
    if len(profile) > MAX_PROFILE:
        raise BadPicture(f"a color profile of {len(profile):,} bytes")
    space, transform = _transform(profile)
    if transform is None:
        return pixels
    if space == "GRAY":
        if (pixels != pixels[:, :, :1]).any():
            raise BadPicture("a color profile for gray images on a colored one")
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    return np.asarray(transform.apply(Image.fromarray(pixels)))


@functools.lru_cache(maxsize=32)  # the images of a data set share theirs
def _transform(profile: bytes) -> tuple[str, "ImageCms.ImageCmsTransform | None"]:
    """Return a profile's color space and the transform from it to sRGB, None if it is sRGB."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = opened.profile.xcolor_space.strip()  # pyright: ignore[reportAttributeAccessIssue]
    if space not in ("RGB", "GRAY"):
        raise BadPicture(f"a color profile of {space} (convert it to RGB first)")
    mode = "RGB" if space == "RGB" else "L"
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(opened, srgb, mode, "RGB", INTENT)
    probe = _lattice() if space == "RGB" else np.arange(256, dtype=np.uint8)[None]
    found = np.asarray(transform.apply(Image.fromarray(probe))).astype(int)
    wanted = probe if space == "RGB" else probe[:, :, None]
    is_srgb = np.abs(found - wanted).max() <= ROUNDING
    return space, None if is_srgb else transform


def _lattice() -> UInt8[np.ndarray, "h w 3"]:
    levels = np.linspace(0, 255, LATTICE).round().astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
