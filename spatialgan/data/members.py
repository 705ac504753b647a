"""Decode one image from untrusted bytes: everything that can be wrong with it becomes a BadMember.

Only the formats of FORMATS are opened, whatever a file is called, and sizes are checked before anything is decoded.
What Pillow can bring to 8-bit sRGB without losing anything is converted: gray, palettes, an alpha channel that is opaque
everywhere, EXIF rotation, color profiles (spatialgan/data/profiles.py). What cannot (transparency, 16 bits, CMYK,
animations) is reported, since any silent choice there would change the images that people believe they train on.

Shapes: h w pixels.
"""

import errno
import io
import os
import re
import stat
import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from spatialgan.data.profiles import BadPicture, to_srgb
from spatialgan.documents import open_regular, read_error

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")  # Pillow's names
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
)
# Files that are meant to be images, but that nothing here reads: they are named, not passed over.
FOREIGN_SUFFIXES = (
    *(".gif", ".avif", ".avifs", ".heic", ".heif", ".jp2", ".j2k", ".jpx", ".jxl", ".apng"),
    *(".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".psd", ".dds", ".ico", ".svg", ".eps", ".exr"),
    *(".hdr", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".mng", ".pcx", ".icns", ".qoi"),
)
MAX_PIXELS = 64_000_000  # pixels of one image; more is taken for a decompression bomb
MAX_SIDE = 32_768  # pixels
MAX_BYTES = 4 * MAX_PIXELS  # unpacked bytes of one member
# An image with more pixels than this has at least one byte per this many of them, unless it is a bomb
PLAIN_PIXELS, PIXELS_PER_BYTE = 1_000_000, 256
PIECE = 4096  # packed bytes of a ZIP's member that are unpacked at once, where the unpacker knows no bound
BITS_PER_SAMPLE, ORIENTATION = 258, 274  # tags of TIFF and EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadMember(ValueError):
    """One image that cannot be used, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def is_image_name(name: str) -> bool:
    """Return whether the name ends like an image's, even in a format that we don't read.

    What macOS stores beside a file (`__MACOSX/`, `._name`) doesn't count.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "__MACOSX" in parts or (parts and parts[-1].startswith("._")):
        return False
    return name.lower().endswith((*SUFFIXES, *FOREIGN_SUFFIXES))


def decode_image(name: str, data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Return the upright sRGB image in `data`; raise BadMember if that is impossible."""
    if not data:
        raise BadMember(name, "0 bytes")
    if name.lower().endswith(FOREIGN_SUFFIXES):
        raise BadMember(name, f"a format that isn't read: make it one of {', '.join(FORMATS)}")
    try:
        with opened_picture(data) as picture:
            # Phones write MPO, a JPEG with a second view behind it; the first one is the photo.
            if picture.format != "MPO" and getattr(picture, "n_frames", 1) != 1:
                raise BadPicture(f"has {picture.n_frames} frames, one is expected")  # pyright: ignore[reportAttributeAccessIssue]
            _check_depth(picture)
            picture.load()
            pixels = _as_rgb(picture)
            profile = picture.info.get("icc_profile")
            return to_srgb(pixels, profile) if profile else pixels
    except BadPicture as error:
        raise BadMember(name, str(error)) from error


@contextmanager
def opened_picture(data: bytes) -> Iterator[Image.Image]:
    """Yield the picture in `data` after reading only its header.

    Raises BadPicture, in words that name no file, if it is in no format of FORMATS, is too large, or if anything
    that the block does with it finds damage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF data, in words about Pillow
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(picture, len(data))
            if picture.format == "PNG":
                picture.verify()  # while it decodes, Pillow checks no checksum of the pixels
                picture = Image.open(io.BytesIO(data), formats=("PNG",))
            with _silenced() if picture.format == "TIFF" else nullcontext():
                yield picture
    except BadPicture:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise BadPicture(f"not an image ({known}), or its header is damaged") from error
    except Image.DecompressionBombError as error:
        raise BadPicture(_bomb(str(error))) from error
    except MemoryError as error:
        raise BadPicture("too large for this machine's memory") from error
    except Exception as error:  # decoders raise what they like: struct.error, TypeError, ...
        words = " ".join(str(error).split()) or type(error).__name__
        raise BadPicture(f"damaged or truncated ({words})") from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Drop what C code prints to stderr: libtiff's words about damage, which name no file."""
    numbers: list[int] = []
    try:
        numbers.append(os.dup(2))
        numbers.append(os.open(os.devnull, os.O_WRONLY))
        os.dup2(numbers[1], 2)
    except OSError:  # too many open files, or no stderr: the words are only in the way
        pass
    try:
        yield
    finally:
        if len(numbers) == 2:
            os.dup2(numbers[0], 2)
        for number in numbers:
            os.close(number)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a ZIP member with a verified CRC.

    Raises BadMember for tricks and damage, and OSError, naming the ZIP, if the system fails to read it.
    """
    reason = name_problem(info)
    if reason:
        raise BadMember(info.filename, reason)
    if info.file_size > MAX_BYTES:
        raise BadMember(info.filename, _bomb(f"{info.file_size} bytes"))
    bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    try:
        if info.compress_type == zipfile.ZIP_LZMA and _dictionary_size(archive, info) > MAX_BYTES:
            raise BadMember(
                info.filename, "damaged in the ZIP (packed with too large a dictionary)"
            )
        with archive.open(info) as file:
            piece = info.file_size + 1 if bounded else PIECE
            return b"".join(iter(lambda: file.read(piece), b""))
    except BadMember:
        raise
    except (NotImplementedError, RuntimeError) as error:
        raise BadMember(info.filename, f"cannot be unpacked ({error})") from error
    except OSError as error:
        # without a number it is an unpacker's; EINVAL is a place before the file's beginning
        if error.errno not in (None, errno.EINVAL):
            raise read_error(str(archive.filename), error) from error
        raise BadMember(info.filename, f"damaged in the ZIP ({error})") from error
    except Exception as error:  # zlib.error, LZMAError, BadZipFile, struct.error, ...
        words = " ".join(str(error).split()) or type(error).__name__
        raise BadMember(info.filename, f"damaged in the ZIP ({words})") from error


def _dictionary_size(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Return how many bytes a member that is packed by LZMA makes its unpacker allocate (APPNOTE.TXT, 5.8.8)."""
    with open_regular(Path(str(archive.filename))) as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
        file.seek(name + extra, io.SEEK_CUR)
        # after a version, a length, and the coder's properties
        return struct.unpack("<4xBI", file.read(9))[1]


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


def _check_size(picture: Image.Image, num_bytes: int) -> None:
    """Raise BadPicture for a size that only an attack would have."""
    width, height = picture.size
    pixels = width * height
    is_plain = pixels > PLAIN_PIXELS and pixels > PIXELS_PER_BYTE * num_bytes
    if pixels > MAX_PIXELS or max(width, height) > MAX_SIDE or is_plain:
        raise BadPicture(_bomb(f"{width}x{height} in {num_bytes:,} bytes"))


def _check_depth(picture: Image.Image) -> None:
    """Raise BadPicture for more than 8 bits per channel, since Pillow silently drops the lower half."""
    depths = getattr(picture, "tag_v2", {}).get(BITS_PER_SAMPLE, ())
    deep = picture.format == "PNG" and any(";16" in str(tile) for tile in picture.tile)  # pyright: ignore[reportAttributeAccessIssue]
    if deep or any(depth > 8 for depth in depths) or picture.mode.startswith(("I", "F")):
        raise BadPicture(f"more than 8 bits per channel (mode {picture.mode})")


def _as_rgb(picture: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """Return the upright pixels as RGB, if that loses nothing."""
    turn = TURNS.get(picture.getexif().get(ORIENTATION, 1))
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema()[0] < 255:  # pyright: ignore[reportOperatorIssue]
            raise BadPicture("transparent pixels (flatten them onto a color first)")
    elif picture.mode not in ("RGB", "L", "P", "1"):
        raise BadPicture(f"mode {picture.mode} (convert it to RGB first)")
    return np.asarray(picture.convert("RGB"))


def _bomb(size: str) -> str:
    most = f"at most {MAX_PIXELS:,} pixels, {MAX_SIDE:,} along a side"
    return f"too large ({size}; {most}), taken for a decompression bomb"
