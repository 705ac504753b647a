"""Colors for the drawings: mixing, shading, small variations, and choices that keep a contrast."""

import colorsys
from collections.abc import Sequence

import numpy as np

from spatialgan.drawn.canvas import Color

WHITE: Color = (250, 248, 244)
BLACK: Color = (22, 20, 24)


def hsv(hue: float, saturation: float, value: float) -> Color:
    """Return the color with hue, saturation and value in [0, 1]; the hue wraps around."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(a: Color, b: Color, t: float) -> Color:
    """Return the color a fraction `t` of the way from `a` to `b`."""
    return tuple(round(p + t * (q - p)) for p, q in zip(a, b, strict=True))  # pyright: ignore[reportReturnType]


def shade(color: Color, gain: float) -> Color:
    """Return the color darkened (gain < 1) or drawn toward white (gain > 1)."""
    return mix(BLACK, color, gain) if gain <= 1 else mix(color, WHITE, min(gain - 1, 1.0))


def vary(rng: np.random.Generator, color: Color, amount: float = 10) -> Color:
    """Return a close relative of the color: brightness and tint moved by about `amount` of 255."""
    moved = np.array(color) + rng.normal(0, amount) + rng.normal(0, amount / 3, 3)
    return tuple(int(value) for value in np.clip(moved, 8, 250))  # pyright: ignore[reportReturnType]


def pick(rng: np.random.Generator, colors: Sequence[Color]) -> Color:
    """Return a varied one of the colors."""
    return vary(rng, colors[rng.integers(len(colors))], 7)  # pyright: ignore[reportArgumentType, reportCallIssue]


def distance(a: Color, b: Color) -> float:
    """Return how different two colors look, in [0, 255] (brightness counts most)."""
    return float(np.sqrt(np.square(np.subtract(a, b)) @ (0.35, 0.45, 0.2)))


def against(rng: np.random.Generator, color: Color, colors: Sequence[Color]) -> Color:
    """Return a varied one of the colors that stands out from `color`."""
    apart = [distance(color, other) for other in colors]
    good = [other for other, gap in zip(colors, apart, strict=True) if gap >= 75]
    return pick(rng, good or [colors[int(np.argmax(apart))]])
