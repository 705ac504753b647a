"""The pieces of a bedroom, each drawn at a place x along the back wall with a width in meters.

A piece is `(canvas, rng, room, style, x, width)`; it adds its instance and paints it. What stands on the
floor stands at the wall of the room that it is given; `room.at(z)` is one whose wall is elsewhere. To add
one, write the function and put it among PIECES, or what hangs on the wall, in bedroom.py.

Shapes: _ any number of points.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from spatialgan.drawn.canvas import Canvas, Color
from spatialgan.drawn.palette import BLACK, WHITE, mix, shade
from spatialgan.drawn.shapes import box, ellipse, ribbon, spline
from spatialgan.drawn.solids import Block, Face, Space, View, faces_viewer


@dataclass(frozen=True)
class Style:
    """The colors of a room."""

    wall: Color
    floor: Color
    wood: Color
    cloth: Color  # the blanket
    sheet: Color
    curtain: Color
    rug: Color
    sky: Color  # outside the window
    paint: tuple[Color, Color]  # in the paintings
    lamp: Color


@dataclass(frozen=True)
class Room:
    """The space the furniture stands in, in meters."""

    view: View
    left: float  # x of the left wall
    right: float  # x of the right wall
    height: float

    def at(self, z: float) -> "Room":
        """Return a room whose back wall is at z: what stands at its wall stands out in this room."""
        return dataclasses.replace(self, view=dataclasses.replace(self.view, depth=z))

    def on_wall(self, x: float, width: float, low: float, high: float) -> Face:
        """Return the part of the back wall around x between two heights."""
        return Block((x - width / 2, low, 0), (x + width / 2, high, 0)).front()


def window(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a window with bars and, mostly, curtains."""
    label, view = canvas.add("window"), room.view
    low = rng.uniform(0.6, 1.3)
    frame = room.on_wall(x, width, low, low + rng.uniform(0.85, 1.1))
    canvas.paint(label, frame.outline(view), mix(style.wall, WHITE, 0.85))
    canvas.paint(label, frame.at(view, box(0.07, 0.06, 0.93, 0.94)), style.sky)
    canvas.paint(
        label, frame.at(view, box(0.68, 0.06, 0.93, 0.94)), mix(style.sky, (70, 120, 70), 0.6)
    )
    canvas.tint(frame.at(view, box(0.07, 0.06, 0.35, 0.94)), WHITE, 0.25)
    canvas.paint(label, frame.at(view, box(0.05, 0.47, 0.95, 0.53)), mix(style.wall, WHITE, 0.85))
    if rng.random() < 0.7:
        cloth = canvas.add("curtain", label)
        drop = 1.1 if rng.random() < 0.5 else 1.7
        inner = rng.uniform(0.12, 0.32)
        for side in (0, 1):
            fold = np.array([(-0.1, -0.12), (-0.1, inner), (0.5, inner * 0.8), (drop, inner * 0.75),
                             (drop, -0.12)])  # fmt: skip
            if side:
                fold = fold * (1, -1) + np.array([0, 1])
            canvas.paint(cloth, frame.at(view, fold), style.curtain)
            crease = np.array([(-0.1, 0.0), (-0.1, 0.06), (drop, 0.05), (drop, 0.0)])
            crease = crease * (1, -1) + np.array([0, 1]) if side else crease
            canvas.tint(frame.at(view, crease), shade(style.curtain, 0.5), 0.4)


def painting(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a framed picture of hills, a still life or stripes."""
    label, view = canvas.add("painting"), room.view
    height, middle = width * rng.uniform(0.65, 1.2), rng.uniform(1.35, 1.65)
    frame = room.on_wall(x, width, middle - height / 2, middle + height / 2)
    first, second = style.paint
    canvas.paint(label, frame.outline(view), shade(style.wood, 0.7))
    canvas.paint(label, frame.at(view, box(0.1, 0.1, 0.9, 0.9)), mix(second, WHITE, 0.6))
    kind = rng.integers(3)
    if kind == 0:
        hill = [(0.7, 0.1), (0.35, 0.35), (0.6, 0.6), (0.45, 0.9), (0.9, 0.9), (0.9, 0.1)]
        canvas.paint(label, frame.at(view, np.array(hill)), first)
    elif kind == 1:
        canvas.paint(label, frame.at(view, ellipse((0.52, 0.5), (0.26, 0.24))), first)
    else:
        canvas.paint(label, frame.at(view, box(0.1, 0.1, 0.9, 0.45)), first)


def door(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a door with two panels and a handle."""
    label, view = canvas.add("door"), room.view
    leaf = room.on_wall(x, width, 0, rng.uniform(1.75, 1.95))
    color = style.wood if rng.random() < 0.5 else mix(style.wall, WHITE, 0.7)
    canvas.paint(label, leaf.at(view, box(-0.03, -0.07, 1, 1.07)), shade(color, 0.72))
    canvas.paint(label, leaf.outline(view), color)
    for top, bottom in ((0.08, 0.45), (0.55, 0.92)):
        canvas.tint(leaf.at(view, box(top, 0.18, bottom, 0.82)), shade(color, 0.55), 0.45)
    canvas.paint(label, leaf.at(view, ellipse((0.52, 0.9), (0.025, 0.05))), (226, 190, 90))


def rug(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a rug, round or rectangular, with a border."""
    label = canvas.add("rug")
    length = rng.uniform(0.9, 1.2)
    floor = Block((x - width / 2, 0, -length), (x + width / 2, 0, 0)).top()
    is_round = rng.random() < 0.35
    for size, color in ((1.0, style.rug), (0.8, mix(style.rug, WHITE, 0.45)), (0.62, style.rug)):
        low, high = 0.5 - size / 2, 0.5 + size / 2
        round_edge = ellipse((0.5, 0.5), (size / 2, size / 2))
        edge = round_edge if is_round else box(low, low, high, high)
        canvas.paint(label, floor.at(room.view, edge), color)


def bed(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a bed with its foot toward the viewer: headboard, mattress, pillows, blanket."""
    view, label = room.view, canvas.add("bed")
    length, height = rng.uniform(1.45, 1.7), rng.uniform(0.42, 0.55)
    left, right = x - width / 2, x + width / 2
    ground = view([(left - 0.12, 0, 0), (right + 0.12, 0, 0), (right + 0.12, 0, -length - 0.1),
                   (left - 0.12, 0, -length - 0.1)])  # fmt: skip
    canvas.tint(ground, BLACK, 0.3)
    head = Block((left - 0.05, 0, -0.10), (right + 0.05, height + rng.uniform(0.4, 0.75), 0))
    _block(canvas, canvas.add("headboard", label), view, head, style.wood)
    if rng.random() < 0.5:
        panel = head.front().at(view, box(0.1, 0.06, 0.9, 0.94))
        canvas.tint(panel, shade(style.wood, 1.3), 0.4)
    frame = Block((left, 0.0, -length), (right, 0.22, -0.1))
    _block(canvas, label, view, frame, style.wood)
    mattress = Block((left, 0.2, -length), (right, height, -0.1))
    _block(canvas, label, view, mattress, style.sheet)
    blanket = canvas.add("blanket", label)
    cover = Block((left - 0.03, 0.16, -length - 0.03), (right + 0.03, height + 0.05, -0.62))
    _block(canvas, blanket, view, cover, style.cloth)
    _pattern(canvas, rng, blanket, view, cover, style)
    fold = Block((left - 0.03, height, -0.78), (right + 0.03, height + 0.06, -0.58))
    _block(canvas, blanket, view, fold, mix(style.cloth, WHITE, 0.6))
    num = 1 if width < 1.3 else 2
    for i in range(num):
        at = x + (i - (num - 1) / 2) * width / 2
        half = 0.42 * width / num
        cushion = Face((at - half, height + 0.34, -0.13), (2 * half, 0, 0), (0, -0.32, -0.34))
        soft = spline([(0, 0.04), (0.05, 0.5), (0, 0.96), (0.5, 1.0), (1.0, 0.97), (0.97, 0.5),
                       (1.0, 0.03), (0.5, 0)])  # fmt: skip
        pillow = canvas.add("pillow", label)
        canvas.paint(pillow, cushion.at(view, soft), mix(style.sheet, WHITE, 0.5))
        canvas.tint(cushion.at(view, ellipse((0.75, 0.5), (0.25, 0.45))), style.cloth, 0.2)


def _pattern(
    canvas: Canvas, rng: np.random.Generator, label: int, view: View, cover: Block, style: Style
) -> None:
    """Paint stripes over a blanket, or leave it plain."""
    if rng.random() < 0.5:
        return
    color = mix(style.cloth, style.rug if rng.random() < 0.5 else WHITE, 0.5)
    for face in (cover.top(), cover.front()):
        for u in (0.15, 0.45, 0.75):
            canvas.paint(label, face.at(view, box(0, u, 1, u + 0.12)), color)


def wardrobe(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a wardrobe with two doors."""
    view, label = room.view, canvas.add("wardrobe")
    depth, height = rng.uniform(0.45, 0.6), rng.uniform(1.6, 2.0)
    body = Block((x - width / 2, 0, -depth), (x + width / 2, height, 0))
    _shadow(canvas, view, body)
    _block(canvas, label, view, body, style.wood)
    front = body.front()
    for left, right in ((0.05, 0.48), (0.52, 0.95)):
        canvas.tint(front.at(view, box(0.04, left, 0.94, right)), shade(style.wood, 1.35), 0.5)
    canvas.tint(front.at(view, box(0.03, 0.485, 0.95, 0.515)), shade(style.wood, 0.4), 0.8)
    for u in (0.42, 0.58):
        knob = front.at(view, ellipse((0.5, u), (0.035, 0.03)))
        canvas.paint(label, knob, (232, 200, 110))


def nightstand(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a nightstand with drawers and a lamp on it."""
    view, label = room.view, canvas.add("nightstand")
    height = rng.uniform(0.48, 0.62)
    body = Block((x - width / 2, 0, -0.42), (x + width / 2, height, -0.02))
    _shadow(canvas, view, body)
    _block(canvas, label, view, body, shade(style.wood, 0.95))
    for top in (0.1, 0.55):
        drawer = body.front().at(view, box(top, 0.1, top + 0.35, 0.9))
        canvas.tint(drawer, shade(style.wood, 1.4), 0.45)
    _lamp(canvas, view, style, (x, height, -0.22), rng.uniform(0.42, 0.55))


def floor_lamp(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a standing lamp."""
    del width
    _lamp(canvas, room.view, style, (x, 0, -0.3), rng.uniform(1.3, 1.6))


def _lamp(canvas: Canvas, view: View, style: Style, foot: Space, height: float) -> None:
    """Paint a lamp that glows, with its foot at a place in space."""
    label, (x, y, z) = canvas.add("lamp"), foot
    shade_low = y + height - 0.36
    bulb = view([(x, y + height - 0.14, z)])[0]
    reach = 0.55 * view.scale
    canvas.glow(ellipse((bulb[0], bulb[1]), (reach, reach)), style.lamp, 0.35)
    stick = Face((x - 0.03, shade_low, z), (0.06, 0, 0), (0, y - shade_low, 0))
    canvas.paint(label, stick.outline(view), shade(style.wood, 0.6))
    base = view(
        [(x - 0.12, y, z), (x + 0.12, y, z), (x + 0.08, y + 0.05, z), (x - 0.08, y + 0.05, z)]
    )
    canvas.paint(label, base, shade(style.wood, 0.6))
    cone = view([(x - 0.16, y + height, z), (x + 0.16, y + height, z), (x + 0.26, shade_low, z),
                 (x - 0.26, shade_low, z)])  # fmt: skip
    canvas.paint(label, cone, style.lamp)


def plant(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a potted plant with leaves in all directions."""
    view, label = room.view, canvas.add("plant")
    size, z = 0.9 * width, -0.35
    leaf = ((58, 122, 70), (92, 150, 80), (50, 104, 86))[rng.integers(3)]
    for turn in np.linspace(-1.25, 1.25, 7):
        reach = size * rng.uniform(1.2, 1.6)
        tip = (x + reach * np.sin(turn) * 0.8, 0.38 + reach * np.cos(turn), z)
        mid = ((x + tip[0]) / 2, 0.38 + (tip[1] - 0.38) * 0.65, z)
        path = view([(x, 0.34, z), mid, tip])
        thick = 0.11 * view.scale
        canvas.paint(label, ribbon(path, [0.3 * thick, thick, 0.2 * thick]), shade(leaf, rng.uniform(0.8, 1.2)))  # fmt: skip
    half = 0.36 * size
    pot = view(
        [(x - half, 0.4, z), (x + half, 0.4, z), (x + 0.7 * half, 0, z), (x - 0.7 * half, 0, z)]
    )
    canvas.paint(label, pot, mix(style.paint[0], (190, 110, 80), 0.6))


def chair(
    canvas: Canvas, rng: np.random.Generator, room: Room, style: Style, x: float, width: float
) -> None:
    """Paint a chair that faces the viewer."""
    view, label = room.view, canvas.add("chair")
    seat, left, right = 0.45, x - width / 2, x + width / 2
    _shadow(canvas, view, Block((left, 0, -width), (right, seat, 0)))
    color = shade(style.wood, 0.85)
    for near in (-0.06, -width):
        for at in (left, right - 0.07):
            leg = Block((at, 0, near), (at + 0.07, seat, near + 0.06))
            canvas.paint(label, leg.front().outline(view), shade(color, 0.8))
    _block(canvas, label, view, Block((left, seat, -0.06), (right, 1.02, 0)), color)
    _block(canvas, label, view, Block((left, seat, -width), (right, seat + 0.1, 0)), style.rug)


def _block(canvas: Canvas, label: int, view: View, block: Block, color: Color) -> None:
    """Paint the visible faces of a block: light on top, darker at the sides."""
    faces = (
        (block.left(), 0.74),
        (block.right(), 0.80),
        (block.top(), 1.10),
        (block.front(), 0.92),
    )
    for face, bright in faces:
        outline = face.outline(view)
        if faces_viewer(outline):
            canvas.paint(label, outline, shade(color, bright))


def _shadow(canvas: Canvas, view: View, block: Block) -> None:
    """Darken the ground around the foot of a block."""
    (left, _, near), (right, _, far) = block.low, block.high
    foot = [(left - 0.1, 0, far), (right + 0.1, 0, far), (right + 0.1, 0, near - 0.1),
            (left - 0.1, 0, near - 0.1)]  # fmt: skip
    canvas.tint(view(foot), BLACK, 0.28)
