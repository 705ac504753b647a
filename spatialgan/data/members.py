"""Decode one image from untrusted bytes: everything that can be wrong with it becomes a BadMember.

What Pillow can bring to 8-bit RGB without losing anything is converted: gray, palettes, an alpha channel
that is opaque everywhere, EXIF rotation. What cannot (transparency, 16 bits, CMYK, animations) is
reported, since any silent choice there would change the images that people believe they train on.

Shapes: h w pixels.
"""

import io
import re
import stat
import warnings
import zipfile
import zlib
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
MAX_PIXELS = 64_000_000  # pixels of one image; more is taken for a decompression bomb
MAX_BYTES = 4 * MAX_PIXELS  # unpacked bytes of one member


class BadMember(ValueError):
    """One image that cannot be used, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def is_image_name(name: str) -> bool:
    """Return whether the name ends like an image we read."""
    return name.lower().endswith(SUFFIXES)


def decode_image(name: str, data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Return the upright RGB image in `data`; raise BadMember where that is impossible."""
    if not data:
        raise BadMember(name, "0 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > MAX_PIXELS:
            raise BadMember(name, _bomb(f"{picture.width}x{picture.height}"))
        # Phones write MPO, a JPEG with a second view behind it; the first one is the photo.
        if picture.format != "MPO" and getattr(picture, "n_frames", 1) != 1:
            raise BadMember(name, f"has {picture.n_frames} frames, one is expected")  # pyright: ignore[reportAttributeAccessIssue]
        picture.load()
        return _as_rgb(name, ImageOps.exif_transpose(picture), data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadMember(name, _bomb(str(error))) from error
    except UnidentifiedImageError as error:
        raise BadMember(name, "not an image, or its header is damaged") from error
    except BadMember:
        raise
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        zlib.error,
    ) as error:
        raise BadMember(name, f"damaged or truncated ({error})") from error


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a ZIP member with a verified CRC; raise BadMember for tricks and damage."""
    reason = name_problem(info)
    if reason:
        raise BadMember(info.filename, reason)
    if info.file_size > MAX_BYTES:
        raise BadMember(info.filename, _bomb(f"{info.file_size} bytes"))
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise BadMember(info.filename, f"damaged in the ZIP ({error})") from error
    except (NotImplementedError, RuntimeError) as error:
        raise BadMember(info.filename, f"cannot be unpacked ({error})") from error


def name_problem(info: zipfile.ZipInfo) -> str:
    """Return why the name or the kind of a ZIP member is not acceptable, or ""."""
    name = info.orig_filename
    if name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name):
        return "an absolute path"
    if ".." in PurePosixPath(name.replace("\\", "/")).parts:
        return "a path that leaves the archive"
    if "\0" in name or "\ufffd" in name:
        return "a damaged name"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link"
    return "encrypted" if info.flag_bits & 1 else ""


def _as_rgb(name: str, picture: Image.Image, data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Return the pixels as RGB where nothing is lost by it."""
    # Pillow drops the lower half of 16-bit colors without a word; byte 24 of a PNG is its depth.
    deep = data.startswith(b"\x89PNG") and data[24] == 16
    if deep or picture.mode.startswith(("I", "F")):
        raise BadMember(name, f"more than 8 bits per channel (mode {picture.mode})")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema()[0] < 255:  # pyright: ignore[reportOperatorIssue]
            raise BadMember(name, "transparent pixels (flatten them onto a color first)")
    elif picture.mode not in ("RGB", "L", "P", "1"):
        raise BadMember(name, f"mode {picture.mode} (convert it to RGB first)")
    return np.asarray(picture.convert("RGB"))


def _bomb(size: str) -> str:
    return f"too large ({size}; at most {MAX_PIXELS:,} pixels), taken for a decompression bomb"
