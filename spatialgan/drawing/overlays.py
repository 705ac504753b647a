"""Pictures to look at: images enlarged, layouts over them, differences, captions.

A sub-heatmap is drawn as the circle where it falls to half its maximum, with the name that edits know it
by. Colors follow Okabe and Ito's, which color-blind people tell apart: one per object, or per level of a
hierarchy. Pictures are enlarged by whole factors without interpolation, so that pixels stay what they are.

Shapes: r image pixels, s picture pixels.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatialgan.heatmaps.layout import HALF_MAXIMUM, Layout
from spatialgan.heatmaps.moves import gaussians

COLORS = ((230, 159, 0), (86, 180, 233), (0, 200, 140), (240, 228, 66), (204, 121, 167))
MIN_SIDE = 192  # pixels of an enlarged image
FINE = 4  # circles are drawn this many times as large, then reduced
GAP = 6
CAPTION_HEIGHT = 26
FONT_SIZE = 15
SMALLEST_FONT = 7
STRONGEST_CHANGE = 128  # of 255: from here on a difference is drawn white
HEAT = ((0, 0, 0), (90, 15, 110), (220, 70, 45), (250, 200, 60), (255, 255, 255))


def enlarged(image: UInt8[Tensor, "3 r r"]) -> Image.Image:
    """Return an image as a picture of at least MIN_SIDE pixels per side."""
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    factor = max(1, -(-MIN_SIDE // picture.width))
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST)


def outlined(image: UInt8[Tensor, "3 r r"], layout: Layout) -> Image.Image:
    """Return an enlarged image under its layout's circles and their names."""
    return named(circled(enlarged(image), layout), layout)


def circled(picture: Image.Image, layout: Layout) -> Image.Image:
    """Return a square picture of an image under the circles of all that is present, fainter below 1."""
    circles = Image.new("RGBA", (picture.width * FINE, picture.height * FINE), (0, 0, 0, 0))
    for mark in reversed(_marks(layout, picture.width)):  # the coarsest level on top
        _draw_circle(circles, mark)
    flat, page = circles.reduce(FINE), picture.copy()
    page.paste(flat, mask=flat)
    return page


def named(picture: Image.Image, layout: Layout) -> Image.Image:
    """Return a square picture of an image under the names of all that is present."""
    page = picture.copy()
    draw = ImageDraw.Draw(page)
    for mark in reversed(_marks(layout, picture.width)):
        _draw_name(draw, mark)
    return page


@dataclass(frozen=True)
class Mark:
    """The circle of a sub-heatmap on a picture, in its pixels, and where its name goes."""

    name: str  # what edits call it
    y: float
    x: float
    radius: float
    name_at: tuple[float, float]  # y, x
    color: tuple[int, int, int]
    level: int
    presence: float


def _marks(layout: Layout, side: int) -> list[Mark]:
    """Return the marks of all that is present, level by level.

    The image spans [-1, 1]: pixel j of r covers [j, j + 1] of r in the picture, around (2 j + 1) / r - 1.
    Names are at centers; in the finer levels of a hierarchy they are spread around the circles.
    """
    marks = []
    for number, level in enumerate(map(gaussians, layout.levels)):
        centers = ((level.centers[0] + 1) * side / 2).tolist()
        radii = (level.sigmas[0] * HALF_MAXIMUM * side / 2).tolist()
        for index, ((y, x), radius) in enumerate(zip(centers, radii, strict=True)):
            angle = 2 * math.pi * (index / len(centers) + number / 7)
            out = radius if number > 0 else 0.0
            at = (y - out * math.cos(angle), x + out * math.sin(angle))
            name = f"{number}/{index}" if number > 0 else str(index)
            color = COLORS[(number if len(layout.levels) > 1 else index) % len(COLORS)]
            presence = float(level.presence[0, index])
            if presence > 0:
                marks.append(Mark(name, y, x, radius, at, color, number, presence))
    return marks


def _draw_circle(picture: Image.Image, mark: Mark) -> None:
    """Draw a circle with a dark rim, to be seen on any image."""
    if mark.radius > picture.width:  # it encloses the picture, or all but
        return
    draw = ImageDraw.Draw(picture)
    width = FINE * (3 if mark.level == 0 else 2)
    opacity = round(255 * mark.presence)
    for color, extra in (((0, 0, 0, opacity // 2), 2 * FINE), ((*mark.color, opacity), 0)):
        reach = mark.radius * FINE + (width + extra) / 2
        x, y = mark.x * FINE, mark.y * FINE
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), None, color, width + extra)


def _draw_name(draw: ImageDraw.ImageDraw, mark: Mark) -> None:
    """Write a mark's name, wholly inside the picture, where the circle's center or rim is in it."""
    side, (y, x) = draw.im.size[0], mark.name_at
    if 0 <= y < side and 0 <= x < side:
        size = FONT_SIZE if mark.level == 0 else FONT_SIZE * 0.75
        margin = size * 0.7
        at = (min(max(x, margin), side - margin), min(max(y, margin), side - margin))
        font = ImageFont.load_default(size)
        rim = 2 if mark.level == 0 else 1
        draw.text(at, mark.name, mark.color, font, "mm", stroke_width=rim, stroke_fill=(0, 0, 0))


def difference(
    before: UInt8[Tensor, "3 r r"], after: UInt8[Tensor, "3 r r"]
) -> UInt8[Tensor, "3 r r"]:
    """Return how much each pixel changed, the mean of |after - before| over RGB, from black to white."""
    return heat((after.int() - before.int()).abs().float().mean(dim=0) / STRONGEST_CHANGE)


def heat(values: Float[Tensor, "r r"]) -> UInt8[Tensor, "3 r r"]:
    """Return values from 0, black, to 1 and more, white, by way of red and yellow."""
    stops = np.linspace(0, 1, len(HEAT))
    channels = [np.interp(values.numpy(), stops, [c[i] for c in HEAT]) for i in range(3)]
    return torch.from_numpy(np.stack(channels).round().astype(np.uint8))


def captioned(picture: Image.Image, caption: str) -> Image.Image:
    """Return a picture under one line of text, made to fit its width."""
    page = Image.new("RGB", (picture.width, picture.height + CAPTION_HEIGHT), "white")
    page.paste(picture, (0, CAPTION_HEIGHT))
    draw = ImageDraw.Draw(page)
    at = (picture.width / 2, CAPTION_HEIGHT / 2)
    draw.text(at, caption, "black", _fitting_font(draw, caption, picture.width), anchor="mm")
    return page


def _fitting_font(
    draw: ImageDraw.ImageDraw, text: str, width: int
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for size in range(FONT_SIZE, SMALLEST_FONT, -1):
        font = ImageFont.load_default(size)
        if draw.textlength(text, font=font) + GAP <= width:
            return font
    return ImageFont.load_default(SMALLEST_FONT)


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Return pictures of one height in a line, on white."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    page = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        page.paste(picture, (left, 0))
        left += picture.width + GAP
    return page


def stacked(pictures: list[Image.Image]) -> Image.Image:
    """Return pictures below each other, on white."""
    height = sum(picture.height for picture in pictures) + GAP * (len(pictures) - 1)
    page = Image.new("RGB", (max(picture.width for picture in pictures), height), "white")
    top = 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height + GAP
    return page
