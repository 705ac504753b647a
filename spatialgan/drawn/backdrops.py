"""What is behind a cat: a room, a sofa, a garden or a window, in colors that let the cat stand out.

A backdrop is `(rng, fur, ground) -> Canvas`: `fur` is the color to stand out from and `ground` the y
at which the cat touches what it is on. To add one, write the function and list it in BACKDROPS.
"""

from collections.abc import Callable

import numpy as np

from spatialgan.drawn.canvas import SCENERY, Canvas, Color
from spatialgan.drawn.palette import WHITE, against, mix, pick, shade
from spatialgan.drawn.shapes import box, ellipse, spline

Backdrop = Callable[[np.random.Generator, Color, float], Canvas]

WALLS = ((152, 190, 210), (236, 222, 196), (126, 164, 138), (206, 150, 140), (88, 104, 138),
         (232, 206, 128), (178, 168, 206), (70, 110, 112), (224, 232, 230))  # fmt: skip
FLOORS = ((176, 126, 80), (120, 82, 56), (214, 186, 146), (150, 150, 158), (104, 62, 66),
          (92, 116, 128), (226, 214, 200))  # fmt: skip
FABRICS = ((70, 112, 160), (164, 64, 66), (86, 136, 104), (222, 190, 96), (126, 92, 150),
           (226, 214, 198), (64, 72, 92), (206, 126, 110))  # fmt: skip
MEADOWS = ((112, 168, 70), (76, 132, 66), (158, 186, 84), (60, 110, 80))
SKIES = ((126, 186, 232), (172, 212, 240), (246, 196, 150), (92, 148, 206))


def room(rng: np.random.Generator, fur: Color, ground: float) -> Canvas:
    """Return a wall with a skirting board above a floor."""
    wall, floor = against(rng, fur, WALLS), against(rng, fur, FLOORS)
    canvas = Canvas(shade(wall, 1.08), shade(wall, 0.9))
    edge = _edge(rng, ground)
    canvas.paint(SCENERY, box(edge, -2, 2, 2), floor)
    canvas.tint(box(edge, -2, edge + 0.12, 2), shade(floor, 0.5), 0.25)
    canvas.paint(SCENERY, box(edge - 0.09, -2, edge, 2), mix(wall, WHITE, 0.6))
    if rng.random() < 0.5:
        x, y = rng.uniform(-0.8, 0.8), edge - rng.uniform(0.75, 1.1)
        canvas.paint(SCENERY, box(y - 0.2, x - 0.26, y + 0.2, x + 0.26), shade(wall, 0.55))
        canvas.paint(SCENERY, box(y - 0.15, x - 0.21, y + 0.15, x + 0.21), pick(rng, FABRICS))
    return canvas


def sofa(rng: np.random.Generator, fur: Color, ground: float) -> Canvas:
    """Return a sofa with a back, a seat and a cushion in front of a wall."""
    wall, fabric = pick(rng, WALLS), against(rng, fur, FABRICS)
    canvas = Canvas(shade(wall, 1.05), wall)
    seat = _edge(rng, ground)
    back = seat - rng.uniform(0.75, 1.0)
    canvas.paint(SCENERY, spline([(back, -1.3), (back, 0), (back, 1.3), (2, 2), (2, -2)]), fabric)
    canvas.paint(SCENERY, box(seat, -2, 2, 2), shade(fabric, 1.18))
    canvas.tint(box(seat, -2, seat + 0.1, 2), shade(fabric, 0.4), 0.35)
    x = rng.uniform(-0.4, 0.4)
    canvas.tint(box(back + 0.05, x - 0.02, seat, x + 0.02), shade(fabric, 0.4), 0.5)
    if rng.random() < 0.6:
        y, x = seat - 0.22, rng.choice([-1, 1]) * rng.uniform(0.55, 0.85)
        tilt = rng.uniform(-0.3, 0.3)
        corners = [(y - 0.3, x - 0.3 + tilt * 0.3), (y - 0.3 + tilt * 0.3, x + 0.3),
                   (y + 0.28, x + 0.28), (y + 0.28, x - 0.28)]  # fmt: skip
        canvas.paint(SCENERY, spline(corners), against(rng, fabric, FABRICS))
    return canvas


def garden(rng: np.random.Generator, fur: Color, ground: float) -> Canvas:
    """Return grass under a sky, with bushes or trees between them."""
    grass, sky = against(rng, fur, MEADOWS), pick(rng, SKIES)
    canvas = Canvas(sky, mix(sky, WHITE, 0.5))
    edge = _edge(rng, ground) - 0.15
    for _ in range(rng.integers(2, 5)):
        x, size = rng.uniform(-1.1, 1.1), rng.uniform(0.25, 0.55)
        bush = shade(grass, rng.uniform(0.6, 0.85))
        canvas.paint(SCENERY, ellipse((edge, x), (size, size * rng.uniform(0.8, 1.5))), bush)
    canvas.paint(SCENERY, box(edge, -2, 2, 2), grass)
    canvas.tint(box((edge + 2) / 3, -2, 2, 2), shade(grass, 1.3), 0.4)
    if rng.random() < 0.5:
        color = pick(rng, ((240, 90, 90), (250, 220, 90), (250, 245, 240), (200, 120, 220)))
        for _ in range(8):
            at = (rng.uniform(edge + 0.15, 1.0), rng.uniform(-1, 1))
            canvas.paint(SCENERY, ellipse(at, (0.05, 0.05)), color)
    return canvas


def window(rng: np.random.Generator, fur: Color, ground: float) -> Canvas:
    """Return a window with a cross of bars above a sill, in a wall."""
    wall, sky = against(rng, fur, WALLS), against(rng, fur, SKIES)
    sill = _edge(rng, ground) + 0.1
    canvas = Canvas(wall, shade(wall, 0.9))
    x, half = rng.uniform(-0.25, 0.25), rng.uniform(0.6, 0.95)
    frame = mix(wall, WHITE, 0.8)
    canvas.paint(SCENERY, box(-0.92, x - half - 0.09, sill, x + half + 0.09), frame)
    for left, right in ((x - half, x - 0.05), (x + 0.05, x + half)):
        canvas.paint(SCENERY, box(-0.83, left, sill, right), sky)
        canvas.paint(SCENERY, box(sill - 0.3, left, sill, right), against(rng, fur, MEADOWS))
    canvas.paint(SCENERY, box(sill, -2, sill + 0.5, 2), frame)
    canvas.paint(SCENERY, box(sill + 0.5, -2, 2, 2), shade(wall, 0.8))
    if rng.random() < 0.5:
        cloth = against(rng, fur, FABRICS)
        for side in (-1, 1):
            outer = x + side * (half + 0.3)
            fold = [(-1.1, outer), (-1.1, x + side * half * 0.55), (0, x + side * half * 0.8),
                    (sill, x + side * half * 0.75), (sill, outer)]  # fmt: skip
            canvas.paint(SCENERY, np.array(fold), cloth)
    return canvas


def _edge(rng: np.random.Generator, ground: float) -> float:
    """Return the y at which the ground begins: behind the cat, inside the picture."""
    return float(np.clip(ground - rng.uniform(0.3, 0.7), -0.2, 0.75))


BACKDROPS: tuple[Backdrop, ...] = (room, sofa, garden, window)
