"""Any photo as a square image that a model could show.

Preparing a data set refuses whatever can't be converted without a choice; here the choices are made: what is
transparent becomes white, 16 bits become 8, CMYK becomes sRGB, and a picture that is not square is cropped or framed.

Shapes: h w pixels, r resolution.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageCms
from torch import Tensor

from spatialgan.data.members import (
    FOREIGN_SUFFIXES,
    FORMATS,
    MAX_BYTES,
    ORIENTATION,
    TURNS,
    BadPicture,
    opened_picture,
)
from spatialgan.data.profiles import INTENT, MAX_PROFILE, to_srgb
from spatialgan.documents import read_bytes
from spatialgan.variants import choose

FRAME = "crop"  # the default key of FRAMES
# Pillow's names of gray with more than 8 bits
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")


def read_photo(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Return the upright sRGB image in a file of at most 64 million pixels.

    Raises ValueError, in one line that names it, for any other file.
    """
    if path.suffix.lower() in FOREIGN_SUFFIXES:
        raise ValueError(f"{path}: a format that isn't read: make it one of {', '.join(FORMATS)}")
    data = read_bytes(path, MAX_BYTES)
    if not data:
        raise ValueError(f"{path}: 0 bytes")
    try:
        with opened_picture(data) as picture:
            # Phones write MPO, a JPEG with a second view behind it; the first one is the photo.
            frames = getattr(picture, "n_frames", 1)
            if picture.format != "MPO" and frames != 1:
                raise BadPicture(f"has {frames} frames: save the one you want as a separate file")
            picture.load()
            return _upright_rgb(picture)
    except BadPicture as error:
        raise ValueError(f"{path}: {error}") from None


def _upright_rgb(picture: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    profile = picture.info.get("icc_profile") or b""
    turn = TURNS.get(picture.getexif().get(ORIENTATION, 1))
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode == "CMYK":
        return np.asarray(_from_cmyk(picture, profile))
    pixels = np.asarray(_rgb(picture))
    return to_srgb(pixels, profile) if profile else pixels


def _rgb(picture: Image.Image) -> Image.Image:
    """Return a picture of any mode but CMYK as RGB, with the colors that its numbers have in its profile."""
    if picture.mode in DEEP_MODES:
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise BadPicture("brightness beyond 16 bits")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise BadPicture("brightness as fractions of unknown range: save it with 8 bits")
    if picture.mode in ALPHA_MODES or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def _from_cmyk(picture: Image.Image, profile: bytes) -> Image.Image:
    """Return inks as sRGB: by the picture's profile, or else as Pillow does it, by 1 - ink."""
    if not profile:
        return picture.convert("RGB")
    if len(profile) > MAX_PROFILE:
        raise BadPicture(f"a color profile of {len(profile):,} bytes")
    inks, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    found = ImageCms.profileToProfile(picture, inks, srgb, INTENT, outputMode="RGB")
    assert found is not None  # it is None only for inPlace
    return found


def cropped(pixels: UInt8[np.ndarray, "h w 3"], resolution: int) -> UInt8[np.ndarray, "r r 3"]:
    """Return the largest square in the middle, resized."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return _resized(pixels[top : top + side, left : left + side], (resolution, resolution))


def fitted(pixels: UInt8[np.ndarray, "h w 3"], resolution: int) -> UInt8[np.ndarray, "r r 3"]:
    """Return the whole picture, resized, in the middle of a square, with its borders extended."""
    longest = max(pixels.shape[:2])
    height, width = (max(1, round(side * resolution / longest)) for side in pixels.shape[:2])
    missing = [resolution - side for side in (height, width)]
    borders = [(m // 2, m - m // 2) for m in missing]
    return np.pad(_resized(pixels, (width, height)), [*borders, (0, 0)], mode="edge")


def _resized(
    pixels: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "_ _ 3"]:
    """Return pixels at another size (width, height): averaged over areas down, Lanczos up."""
    is_larger = size[0] > pixels.shape[1]
    resampling = Image.Resampling.LANCZOS if is_larger else Image.Resampling.BOX
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, resampling))


def square_image(
    pixels: UInt8[np.ndarray, "h w 3"], resolution: int, frame: str = FRAME
) -> UInt8[Tensor, "3 r r"]:
    """Return a picture as a square of `resolution` pixels; raises ValueError unless `frame` is a key of FRAMES."""
    square = choose(FRAMES, "frame", frame)(pixels, resolution)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


FRAMES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"crop": cropped, "fit": fitted}
