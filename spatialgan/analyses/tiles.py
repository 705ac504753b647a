"""Pages of small pictures: images and maps in a grid, under captions.

Shapes: r pixels along an axis of an image or map.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatialgan.drawing.overlays import captioned, heat, side_by_side, stacked
from spatialgan.snapshot import to_uint8

SIDE = 96  # pixels of a tile


def image_tile(image: Float[Tensor, "3 r r"]) -> Image.Image:
    """Return an image in [-1, 1] as a tile."""
    return _tile(to_uint8(image[None])[0])


def map_tile(values: Float[Tensor, "r r"]) -> Image.Image:
    """Return a map from its minimum, black, to its maximum, white; "empty" if it is the same everywhere."""
    low, high = values.aminmax()
    if low == high:
        return word_tile("empty")
    return _tile(heat(((values - low) / (high - low)).detach()))


def word_tile(word: str) -> Image.Image:
    """Return a hatched tile that says why nothing is shown; without a word it is white."""
    tile = Image.new("RGB", (SIDE, SIDE), "white")
    if not word:
        return tile
    draw = ImageDraw.Draw(tile)
    for start in range(-SIDE, SIDE, SIDE // 8):
        draw.line([(start, SIDE), (start + SIDE, 0)], fill=(215, 215, 215))
    draw.text((SIDE / 2, SIDE / 2), word, "black", ImageFont.load_default(14), anchor="mm")
    return tile


def change_tile(values: Float[Tensor, "r r"], strongest: float) -> Image.Image:
    """Return a map from 0, black, to `strongest`, white."""
    return _tile(heat((values / strongest).detach()))


def grid(lines: Sequence[Mapping[str, Image.Image]]) -> Image.Image:
    """Return lines of tiles, the first under the captions of all columns."""
    first = [captioned(tile, caption) for caption, tile in lines[0].items()]
    others = [side_by_side(list(line.values())) for line in lines[1:]]
    return stacked([side_by_side(first), *others])


def _tile(image: Tensor) -> Image.Image:
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    return picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def page(blocks: Mapping[str, Image.Image]) -> Image.Image:
    """Return blocks below each other, each under its heading."""
    return stacked([captioned(block, heading) for heading, block in blocks.items()])


def enlarged_map(values: Float[Tensor, "n h w"], resolution: int) -> Float[Tensor, "n r r"]:
    """Return maps at another resolution, bilinear."""
    size = (resolution, resolution)
    return torch.nn.functional.interpolate(values[:, None], size, mode="bilinear")[:, 0]
