"""Images as pictures: many in one, and to disk.

Shapes: n images, r resolution, h w pixels of a picture.
"""

from pathlib import Path

from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from spatialgan.files import atomic_file


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
