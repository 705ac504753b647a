"""CORRUPTIONS: ways in which a generated image can be wrong, with a strength.

The extractor learns to notice those in TRAINED; the others measure whether it notices what it was
never shown. To add one, write a function `(images, strength, generator) -> images` and give it a
key; strength 0 returns the images unchanged.

Shapes: n images, h w pixels, m cells of an image cut into a grid.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "n 3 h w"]  # in [-1, 1]
Strength = Float[Tensor, " n"]  # in [0, 1]

GRID = 8  # cells per side that `patches` shuffles


def blur(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images blurred with a Gaussian of sigma = strength * 3 / 32 of the width."""
    width = images.shape[3]
    at = torch.arange(width, dtype=images.dtype)
    sigma = (strength * 3 / 32 * width).clamp(min=0.05)[:, None, None]
    kernel = torch.exp(-((at[:, None] - at[None, :]) ** 2) / (2 * sigma**2))
    kernel = kernel / kernel.sum(dim=2, keepdim=True)  # a row is what one pixel sees
    return torch.einsum("nyv,ncvu,nxu->ncyx", kernel, images, kernel)


def noise(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images plus Gaussian noise of standard deviation strength * 0.6."""
    drawn = torch.randn(images.shape, generator=generator)
    return images + 0.6 * _each(strength) * drawn


def patches(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images with a fraction `strength` of their 8 x 8 cells shuffled."""
    n, _, h, w = images.shape
    cells = images.reshape(n, 3, GRID, h // GRID, GRID, w // GRID).permute(0, 2, 4, 1, 3, 5)
    cells = cells.reshape(n, GRID * GRID, -1)
    draw = torch.rand(2, n, GRID * GRID, generator=generator)
    chosen = draw[0] < strength[:, None]
    rest = 2 + torch.arange(GRID * GRID) / GRID**2
    places = torch.where(chosen, rest - 2, rest).argsort(dim=1)  # chosen cells first, in order
    sources = torch.where(chosen, draw[1], rest).argsort(dim=1)  # the same cells, shuffled
    order = torch.empty_like(places).scatter_(1, places, sources)
    cells = cells.gather(1, order[:, :, None].expand_as(cells))
    cells = cells.reshape(n, GRID, GRID, 3, h // GRID, w // GRID).permute(0, 3, 1, 4, 2, 5)
    return cells.reshape(images.shape)


def blend(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return each image mixed with up to half of another."""
    return torch.lerp(images, images.roll(1, dims=0), 0.5 * _each(strength))


def halves(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images with the right `strength / 2` of their width taken from another."""
    width = images.shape[3]
    edge = torch.arange(width)[None, :] >= (width * (1 - strength / 2)).round()[:, None]
    return torch.where(edge[:, None, None, :], images.roll(1, dims=0), images)


def warp(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images smoothly displaced, by up to about strength * 0.25 half widths."""
    n, _, h, w = images.shape
    coarse = torch.randn(n, 2, 5, 5, generator=generator) * 0.12 * _each(strength)
    shift = F.interpolate(coarse, (h, w), mode="bicubic", align_corners=True)
    still = torch.eye(2, 3).expand(n, 2, 3)
    grid = F.affine_grid(still, (n, 3, h, w), align_corners=False) + shift.permute(0, 2, 3, 1)  # pyright: ignore[reportArgumentType]
    # bicubic, for bilinear resampling would be noticed by its blur instead
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)


def erase(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images with a disc of strength * 0.6 half widths in their mean color."""
    n, _, h, w = images.shape
    y, x = (torch.rand(2, n, 1, 1, generator=generator) * 1.4 - 0.7).unbind(0)
    ys = (torch.arange(h) * 2 + 1) / h - 1
    xs = (torch.arange(w) * 2 + 1) / w - 1
    distance = torch.sqrt((ys[:, None] - y) ** 2 + (xs[None, :] - x) ** 2)
    radius = 0.6 * strength[:, None, None]
    inside = ((radius - distance) * 8 + 0.5).clamp(0, 1) * (radius > 0)
    return torch.lerp(images, images.mean(dim=(2, 3), keepdim=True), inside[:, None])


def mosaic(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images mixed with themselves in blocks of an eighth of the width."""
    h, w = images.shape[2:]
    blocks = F.interpolate(F.interpolate(images, (8, 8), mode="area"), (h, w), mode="nearest")
    return torch.lerp(images, blocks, _each(strength))


def fade(images: Images, strength: Strength, generator: torch.Generator) -> Images:
    """Return the images mixed with their gray versions."""
    return torch.lerp(images, images.mean(dim=1, keepdim=True), _each(strength))


def _each(strength: Strength) -> Float[Tensor, "n 1 1 1"]:
    return strength[:, None, None, None]


CORRUPTIONS: dict[str, Callable[[Images, Strength, torch.Generator], Images]] = {
    "blur": blur,
    "noise": noise,
    "patches": patches,
    "blend": blend,
    "halves": halves,
    "warp": warp,
    "erase": erase,
    "mosaic": mosaic,
    "fade": fade,
}
TRAINED: tuple[str, ...] = ("blur", "noise", "patches", "blend", "halves", "warp", "erase")
