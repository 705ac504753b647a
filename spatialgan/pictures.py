"""Images as pictures: many in one, to disk and from it.

Shapes: n images, r resolution, h w pixels of a picture.
"""

from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from spatialgan.data.members import MAX_BYTES, BadPicture, opened_picture
from spatialgan.documents import read_bytes
from spatialgan.files import atomic_file
from spatialgan.heatmaps.layout import resize_maps

MAX_MASK_WIDTH = 4096  # pixels


def montage(images: UInt8[Tensor, "n 3 r r"], columns: int) -> UInt8[Tensor, "3 h w"]:
    """Return images side by side, row by row, in one."""
    n, _, r, _ = images.shape
    assert n % columns == 0
    return (
        images.unflatten(0, (n // columns, columns))
        .permute(2, 0, 3, 1, 4)
        .reshape(3, -1, columns * r)
    )


def save_png(path: Path, image: UInt8[Tensor, "3 h w"]) -> None:
    """Write one RGB image atomically."""
    with atomic_file(path) as file:
        Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(file, format="PNG")


def gray(picture: Image.Image, resolution: int) -> Float[Tensor, "r r"]:
    """Return the brightness of a square picture, 0 (black) to 1 (white), at another resolution.

    Raises ValueError unless it is square and at most MAX_MASK_WIDTH pixels wide.
    """
    width, height = picture.size
    if width != height or width > MAX_MASK_WIDTH:
        raise BadPicture(
            f"a mask is square and at most {MAX_MASK_WIDTH} pixels wide, not {width} x {height}"
        )
    data = bytearray(picture.convert("L").tobytes())
    light = torch.frombuffer(data, dtype=torch.uint8).float() / 255
    return resize_maps(light.view(1, 1, height, width), resolution, "half_pixel")[0, 0]


def read_gray(path: Path, resolution: int) -> Float[Tensor, "r r"]:
    """Return the brightness of the square picture in a file, as `gray`; raises ValueError that names the file."""
    try:
        with opened_picture(read_bytes(path, MAX_BYTES)) as picture:
            return gray(picture, resolution)
    except ValueError as error:
        words = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: is not a picture that can be read ({words})") from None
