"""Damaged and hostile pictures: each is refused in one line, or is a picture; what a checksum covers is never another.

They are images of data sets (`decode_image`), masks of drags (`read_gray`) and photos to invert (`read_photo`).
"""

import functools
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from spatialgan.data.archive import encode_png
from spatialgan.data.members import MAX_PIXELS, MAX_SIDE, decode_image
from spatialgan.inversion.photo import FRAMES, read_photo, square_image
from spatialgan.pictures import read_gray
from tests.campaign.conftest import Campaign
from tests.campaign.damage import Taken, damaged_bytes, take

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

PNG = b"\x89PNG\r\n\x1a\n"
SIDE = 12
SIZES = (0, 1, 13, 4096, 32_768, 32_769, 64_000_000, 2**31 - 1, 2**31, 2**32 - 1)
CHUNKS = (b"tRNS", b"PLTE", b"acTL", b"fdAT", b"iCCP", b"eXIf", b"zTXt", b"gAMA", b"IEND", b"IDAT")


@functools.cache
def pictures() -> dict[str, bytes]:
    """Return whole pictures of all kinds, also of those that are not to be read."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    rgb = Image.fromarray(pixels)
    exif, srgb = Image.Exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif[274], exif[271] = 6, "maker"
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b" * 50, zip=True)
    opaque = rgb.convert("RGBA")
    opaque.putalpha(255)
    saved = {
        "plain.png": (rgb, {}),
        "gray.png": (rgb.convert("L"), {}),
        "bits.png": (rgb.convert("1"), {}),
        "deep.png": (rgb.convert("I;16"), {}),
        "palette.png": (rgb.convert("P"), {"transparency": 3}),
        "alpha.png": (opaque, {}),
        "profile.png": (rgb, {"icc_profile": srgb, "exif": exif, "pnginfo": text}),
        "moving.png": (rgb, {"save_all": True, "append_images": [rgb.convert("L").convert("RGB")]}),
        "plain.jpg": (rgb, {"quality": 90}),
        "gray.jpg": (rgb.convert("L"), {}),
        "cmyk.jpg": (rgb.convert("CMYK"), {}),
        "progressive.jpg": (rgb, {"progressive": True, "exif": exif, "icc_profile": srgb}),
        "plain.webp": (rgb, {"lossless": True}),
        "lossy.webp": (opaque, {"exif": exif, "icc_profile": srgb}),
        "moving.webp": (rgb, {"save_all": True, "append_images": [rgb.convert("L")]}),
        "plain.bmp": (rgb, {}),
        "palette.bmp": (rgb.convert("P"), {}),
        "plain.tif": (rgb, {"exif": exif}),
        "lzw.tif": (rgb, {"compression": "tiff_lzw"}),
        "deflate.tif": (rgb, {"compression": "tiff_adobe_deflate"}),
        "jpeg.tif": (rgb, {"compression": "jpeg"}),
        "deep.tif": (rgb.convert("I;16"), {}),
        "float.tif": (rgb.convert("F"), {}),
        "pages.tif": (rgb, {"save_all": True, "append_images": [rgb]}),
        "foreign.gif": (rgb, {}),
        "foreign.ppm": (rgb, {}),
        "foreign.ico": (rgb, {}),
        "foreign.dds": (rgb, {}),
        "foreign.tga": (rgb, {}),
        "foreign.eps": (rgb, {}),
    }
    return {name: _saved(name, *how) for name, how in saved.items()} | {
        "ours.png": encode_png(pixels)
    }


def _saved(name: str, picture: Image.Image, options: dict) -> bytes:
    file = io.BytesIO()
    kinds = {"jpg": "JPEG", "tif": "TIFF", "webp": "WEBP"}
    kind = name.partition(".")[2]
    picture.save(file, format=kinds.get(kind, kind.upper()), **options)
    return file.getvalue()


def chunks(data: bytes) -> list[list[bytes]]:
    """Return kind and content of the chunks of a PNG."""
    found, place = [], len(PNG)
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        found.append([data[place + 4 : place + 8], data[place + 8 : place + 8 + length]])
        place += 12 + length
    return found


def joined(parts: list[list[bytes]]) -> bytes:
    """Return a PNG of chunks, each with its right checksum."""
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def crafted_png(data: bytes, dice: random.Random) -> bytes:
    """Return a PNG with chunks changed, whose checksums are right."""
    parts = chunks(data)
    here, there = dice.randrange(len(parts)), dice.randrange(len(parts))
    match dice.randrange(6):
        case 0:
            parts[here], parts[there] = parts[there], parts[here]
        case 1:
            del parts[here]
        case 2:
            parts.insert(there, parts[here])
        case 3:
            parts[0][1] = (
                struct.pack(">II", dice.choice(SIZES), dice.choice(SIZES)) + parts[0][1][8:]
            )
        case 4:
            parts.insert(here, [dice.choice(CHUNKS), dice.randbytes(dice.randrange(40))])
        case _:
            parts[here][1] = damaged_bytes(parts[here][1], dice)
    return joined(parts)


def picture(dice: random.Random) -> tuple[str, bytes, bytes]:
    """Return the name of a picture, sometimes a wrong one, its whole bytes, and its damaged ones."""
    whole = pictures()
    name, other = dice.choice(list(whole)), dice.choice(list(whole))
    data = whole[name]
    match dice.randrange(8):
        case 0 if data.startswith(PNG):
            return f"crafted-{name}", data, crafted_png(data, dice)
        case 1:  # the beginning of one and the end of another
            return f"crafted-{other}", data, data[: dice.randrange(1, len(data))] + whole[other]
        case 2:
            return f"crafted-{other}", data, data
        case 3 if not data.startswith(PNG):  # a size in the header
            place, form = dice.randrange(min(len(data) - 4, 200)), dice.choice(("<I", ">I"))
            changed = bytearray(data)
            struct.pack_into(form, changed, place, dice.choice(SIZES))
            return f"crafted-{name}", data, bytes(changed)
    return name, data, damaged_bytes(data, dice)


def test_damaged_images_are_refused_or_images(campaign: Campaign) -> None:
    for seed in campaign.cases("image", 400):
        dice = random.Random(f"image {seed}")
        name, whole, data = picture(dice)
        taken = take(lambda name=name, data=data: decode_image(name, data))
        fault = taken.fault or _wrong(name, whole, data, taken)
        if fault:
            campaign.failed(f"{seed} ({name})", fault)


def _wrong(name: str, whole: bytes, data: bytes, taken: Taken) -> str:
    """Return what is wrong with a picture that was read, "" where nothing is."""
    if taken.refusal:
        return "" if taken.refusal.startswith(name) else f"doesn't name it: {taken.refusal}"
    found = taken.value
    height, width, *rest = found.shape
    if found.dtype != np.uint8 or rest != [3] or not 0 < height * width <= MAX_PIXELS:
        return f"is {found.dtype} {found.shape}"
    if max(height, width) > MAX_SIDE:
        return f"is {found.shape}"
    if name.endswith(".png") and not name.startswith("crafted") and data != whole:
        right = decode_image(name, whole)
        if found.shape != right.shape or (found != right).any():
            return "is another picture than its checksums are of"
    return ""


def test_damaged_masks_are_refused_or_masks(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    for seed in campaign.cases("mask of a drag", 150):
        name, _, data = picture(random.Random(f"mask {seed}"))
        path.write_bytes(data)
        taken = take(lambda: read_gray(path, 16), path)
        found = taken.value
        if taken.fault:
            campaign.failed(f"{seed} ({name})", taken.fault)
        elif found is not None and not (
            found.shape == (16, 16) and 0 <= found.min() <= found.max() <= 1
        ):
            campaign.failed(f"{seed} ({name})", "is no mask")


def test_damaged_photos_are_refused_or_photos(campaign: Campaign, tmp_path: Path) -> None:
    for seed in campaign.cases("photo to invert", 150):
        dice = random.Random(f"photo {seed}")
        name, _, data = picture(dice)
        path, frame = tmp_path / name, dice.choice(list(FRAMES))
        path.write_bytes(data)
        taken = take(lambda path=path, frame=frame: square_image(read_photo(path), 16, frame), path)
        path.unlink()
        if taken.fault:
            campaign.failed(f"{seed} ({name})", taken.fault)
        elif taken.value is not None and taken.value.shape != (3, 16, 16):
            campaign.failed(f"{seed} ({name})", f"is {taken.value.shape}")
