"""One bedroom, seen from above: pieces of furniture at independent places on the floor, others on the walls.

What varies: the room's proportions, the side one looks from, what is there and where, how things hide
one another, the style (colors that go together) and the light. Every piece of furniture is an instance.
Pieces are of different kinds and colors, and stand anywhere on the floor, which fills the picture up to the
wall: none is always there, none says where another one is or how it looks, and no part of the floor stays
empty.

Space: meters, (0, 0, 0) is the middle of the lower edge of the back wall, z is negative in the room.
The pieces themselves are in furniture.py.

Shapes: _ any number of points.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spatialgan.drawn import furniture
from spatialgan.drawn.canvas import SCENERY, Canvas, Light, VectorDrawing
from spatialgan.drawn.furniture import Room, Style
from spatialgan.drawn.palette import WHITE, against, mix, pick, shade, vary
from spatialgan.drawn.shapes import box
from spatialgan.drawn.solids import Block, View

WALLS = ((236, 226, 208), (190, 208, 214), (168, 190, 168), (214, 180, 168), (112, 132, 150),
         (222, 204, 150), (186, 178, 204), (232, 232, 230), (92, 116, 112), (150, 112, 108))  # fmt: skip
FLOORS = ((176, 128, 84), (128, 88, 60), (214, 188, 150), (160, 158, 158), (92, 68, 56),
          (196, 176, 160))  # fmt: skip
WOODS = ((150, 100, 62), (96, 64, 46), (206, 168, 120), (240, 236, 228), (70, 62, 62),
         (122, 126, 130))  # fmt: skip
FABRICS = ((70, 104, 150), (166, 72, 70), (98, 140, 110), (226, 186, 96), (124, 96, 150),
           (238, 232, 222), (64, 76, 100), (214, 140, 120), (84, 150, 160))  # fmt: skip
# Sheets are white, so blankets are not.
BLANKETS = (*(color for color in FABRICS if min(color) < 200), (236, 158, 96), (240, 176, 176),
            (164, 206, 190))  # fmt: skip
PAINTS = ((220, 90, 70), (60, 110, 160), (240, 190, 80), (90, 150, 110), (150, 80, 130))
SKIES = ((140, 196, 238), (196, 224, 244), (250, 206, 160), (70, 84, 140))
NEAR = -9.0  # z where floor and side walls end, out of sight
NEAREST = 1.8  # times as large as at the wall is a piece that starts at the picture's lower edge


@dataclass(frozen=True)
class Piece:
    """A kind of furniture that stands on the floor."""

    put: Callable[[Canvas, np.random.Generator, Room, Style, float, float], None]
    width: float  # usual, in meters
    length: float  # of the floor that it takes, in meters
    chance: float  # of being the next piece to be set


PIECES = (
    Piece(furniture.bed, 1.15, 1.7, 0.32),
    Piece(furniture.wardrobe, 0.9, 0.6, 0.2),
    Piece(furniture.chair, 0.6, 0.6, 0.18),
    Piece(furniture.plant, 0.6, 0.5, 0.12),
    Piece(furniture.rug, 1.3, 1.2, 0.08),
    Piece(furniture.nightstand, 0.5, 0.45, 0.07),
    Piece(furniture.floor_lamp, 0.45, 0.4, 0.03),
)


def compose(rng: np.random.Generator) -> VectorDrawing:
    """Return a drawing of one bedroom."""
    style, room = _style(rng), _room(rng)
    canvas = Canvas(style.wall, style.wall)
    _shell(canvas, room, style)
    _on_walls(canvas, rng, room, style)
    _on_floor(canvas, rng, room, style)
    light = Light((0.0, float(rng.uniform(-0.14, 0.14))), float(rng.uniform(0.04, 0.12)))
    return canvas.finish(light)


def _style(rng: np.random.Generator) -> Style:
    wall = pick(rng, WALLS)
    wood = against(rng, wall, WOODS)
    cloth = against(rng, wall, BLANKETS)
    return Style(
        wall=wall,
        floor=against(rng, wood, FLOORS),
        wood=wood,
        cloth=cloth,
        sheet=vary(rng, (244, 240, 234), 5),
        curtain=against(rng, wall, FABRICS),
        rug=against(rng, cloth, FABRICS),
        sky=pick(rng, SKIES),
        paint=(pick(rng, PAINTS), pick(rng, FABRICS)),
        lamp=vary(rng, (252, 226, 150), 5),
    )


def _room(rng: np.random.Generator) -> Room:
    view = View(
        origin=(float(rng.uniform(-0.8, -0.35)), float(rng.uniform(-0.3, 0.3))),
        scale=float(rng.uniform(0.4, 0.5)),
        yaw=float(rng.normal(0, 0.13)),
        eye=float(rng.uniform(3.8, 4.8)),
        fade=0.08,
    )
    half = float(rng.uniform(1.9, 2.5))
    return Room(view, -half, half, float(rng.uniform(2.05, 2.5)))


def _shell(canvas: Canvas, room: Room, style: Style) -> None:
    """Paint ceiling, floor, side walls and their edges."""
    view = room.view
    left, right, top = room.left, room.right, room.height
    canvas.paint(SCENERY, box(-2, -2, 2, 2), shade(style.wall, 0.9))
    ceiling = [(left, top, NEAR), (left, top, 0), (right, top, 0), (right, top, NEAR)]
    canvas.paint(SCENERY, view(ceiling), mix(style.wall, WHITE, 0.75))
    floor = view([(left, 0, NEAR), (left, 0, 0), (right, 0, 0), (right, 0, NEAR)])
    canvas.paint(SCENERY, floor, style.floor)
    for x, bright in ((left, 0.86), (right, 0.93)):
        wall = [(x, 0, NEAR), (x, 0, 0), (x, top, 0), (x, top, NEAR)]
        canvas.paint(SCENERY, view(wall), shade(style.wall, bright))
    for z in (-0.6, -1.3, -2.1, -3.0):
        board = [(left, 0, z), (right, 0, z), (right, 0, z - 0.03), (left, 0, z - 0.03)]
        canvas.tint(view(board), shade(style.floor, 0.5), 0.35)
    back = Block((left, 0, 0), (right, top, 0)).front()
    canvas.paint(SCENERY, back.outline(view), style.wall)
    foot = Block((left, 0, 0), (right, 0.12, 0)).front()
    canvas.paint(SCENERY, foot.outline(view), mix(style.wall, WHITE, 0.7))
    canvas.tint(back.at(view, box(0, 0, 0.3, 1)), WHITE, 0.10)


def _on_walls(canvas: Canvas, rng: np.random.Generator, room: Room, style: Style) -> None:
    """Hang window, door and paintings on the back wall where there is place."""
    taken: list[tuple[float, float]] = []
    wishes = ((furniture.window, 1.25, 0.88), (furniture.door, 0.8, 0.35),
              (furniture.painting, 0.8, 0.7), (furniture.painting, 0.65, 0.3))  # fmt: skip
    for hang, usual, chance in wishes:
        width = usual * rng.uniform(0.8, 1.25)
        if rng.random() < chance:
            x = _place(rng, room, width, taken)
            if np.isfinite(x):
                taken.append((x - width / 2 - 0.08, x + width / 2 + 0.08))
                hang(canvas, rng, room, style, x, width)


def _on_floor(canvas: Canvas, rng: np.random.Generator, room: Room, style: Style) -> None:
    """Set three to five pieces of furniture wherever there is place, the farther ones first."""
    chances = [piece.chance for piece in PIECES]
    spots: list[Spot] = []
    pieces = []
    for index in rng.choice(len(PIECES), rng.integers(3, 6), replace=False, p=chances):
        piece = PIECES[index]
        spot = find_spot(rng, room, piece.width * rng.uniform(0.85, 1.2), piece.length, spots)
        if spot is not None:
            spots.append(spot)
            pieces.append(piece)
    for spot, piece in sorted(zip(spots, pieces, strict=True), key=lambda placed: -placed[0].far):
        middle, width = (spot.left + spot.right) / 2, spot.right - spot.left
        piece.put(canvas, rng, room.at(spot.far), _own_style(rng, style), middle, width)


def _own_style(rng: np.random.Generator, style: Style) -> Style:
    """Return the style with one piece's own colors of cloth, wood and seat or rug."""
    return replace(
        style,
        cloth=against(rng, style.wall, BLANKETS),
        wood=against(rng, style.floor, WOODS),
        rug=against(rng, style.floor, FABRICS),
    )


@dataclass(frozen=True)
class Spot:
    """A part of the floor, in meters."""

    left: float
    right: float
    near: float
    far: float

    def overlaps(self, other: "Spot") -> bool:
        """Return whether two parts share a place."""
        across = self.left < other.right and other.left < self.right
        return across and self.near < other.far and other.near < self.far


def find_spot(
    rng: np.random.Generator, room: Room, width: float, length: float, taken: list[Spot]
) -> Spot | None:
    """Return a free place on the floor for something this wide and long, None where there is none."""
    view = room.view
    for across, near in rng.uniform((-1, 0.95), (1, NEAREST), (12, 2)).tolist():
        # uniform in the picture; some stand at the wall
        z = min((1 / near - 1) / view.fade, 0.0)
        x = (across - view.origin[1]) / (view.scale * near) - z * math.sin(view.yaw)
        x = float(np.clip(x, room.left + width / 2, room.right - width / 2))
        spot = Spot(x - width / 2, x + width / 2, z - length, z)
        if not any(spot.overlaps(other) for other in taken):
            return spot
    return None


def _place(
    rng: np.random.Generator, room: Room, width: float, taken: list[tuple[float, float]]
) -> float:
    """Return a free x along the back wall for something this wide, NaN where there is none."""
    low, high = max(room.left, -1.75) + width / 2, min(room.right, 1.75) - width / 2
    if low >= high:
        return float("nan")
    for x in rng.uniform(low, high, 12):
        if all(x + width / 2 <= a or x - width / 2 >= b for a, b in taken):
            return float(x)
    return float("nan")
