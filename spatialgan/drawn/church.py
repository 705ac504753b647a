"""One church: nave with gable and roof, tower with a steeple, windows, door, under a sky.

What varies: place, size, the side one sees, where the tower stands (left, right, in the middle of the
front), its top (spire, pyramid, dome, battlements), stone and roof, season and time of day, trees.

Space: the width of the nave is the unit, (0, 0, 0) is the middle of its front on the ground.

Shapes: _ any number of points.
"""

from dataclasses import dataclass

import numpy as np

from spatialgan.drawn.canvas import SCENERY, Canvas, Color, Light, Point, VectorDrawing
from spatialgan.drawn.palette import BLACK, WHITE, against, hsv, mix, pick, shade
from spatialgan.drawn.shapes import Outline, arch, box, ellipse, ribbon, spline
from spatialgan.drawn.solids import Block, Face, View, faces_viewer

WALLS = ((240, 236, 226), (226, 204, 164), (172, 92, 70), (172, 166, 158), (206, 176, 130),
         (130, 122, 118), (236, 214, 190))  # fmt: skip
ROOFS = ((72, 80, 98), (164, 76, 56), (96, 146, 126), (88, 62, 52), (56, 58, 66), (128, 106, 88))
SKIES = ((((74, 142, 214), (186, 220, 244))), ((112, 170, 224), (226, 238, 246)),
         ((84, 98, 150), (246, 178, 130)), ((158, 172, 188), (220, 224, 228)),
         ((40, 60, 112), (150, 150, 190)))  # fmt: skip
GROUNDS = ((110, 156, 70), (146, 166, 84), (92, 130, 72), (196, 176, 134), (226, 230, 236),
           (150, 146, 140))  # fmt: skip
LEAVES = ((62, 104, 58), (92, 130, 62), (186, 124, 54), (48, 84, 70), (150, 150, 70))


@dataclass(frozen=True)
class Style:
    """What a church is made of."""

    wall: Color
    roof: Color
    glass: Color
    door: Color
    sunny: float  # brightness of the walls seen from the side, relative to the front
    top: str  # spire, pyramid, dome or battlements


def compose(rng: np.random.Generator) -> VectorDrawing:
    """Return a drawing of one church."""
    sky = SKIES[rng.integers(len(SKIES))]
    canvas = Canvas(pick(rng, [sky[0]]), pick(rng, [sky[1]]))
    view, style = _view(rng), _style(rng, mix(*sky, 0.5))
    _landscape(canvas, rng, view, mix(*sky, 0.5))
    church = canvas.add("church")
    width, height = rng.uniform(0.9, 1.1), rng.uniform(0.70, 1.0)
    nave = Block((-width / 2, 0, 0), (width / 2, height, rng.uniform(1.2, 1.9)))
    shadow = view([(-0.8, 0, -0.15), (1.0, 0, -0.15), (1.2, 0, 1.9), (-1.2, 0, 1.9)])
    canvas.tint(shadow, BLACK, 0.25)
    _nave(canvas, church, view, nave, style)
    _tower(canvas, rng, church, view, nave, style)
    _trees(canvas, rng, view)
    light = Light((0.0, float(rng.uniform(-0.12, 0.12))), 0.06)
    return canvas.finish(light)


def _view(rng: np.random.Generator) -> View:
    ground = float(np.clip(rng.normal(0.58, 0.12), 0.30, 0.82))
    x = float(np.clip(rng.normal(0, 0.27), -0.55, 0.55))
    yaw = float(rng.choice([-1, 1]) * rng.uniform(0.30, 0.85))
    scale = float(np.clip(rng.normal(0.60, 0.07), 0.44, 0.76))
    # The side wall draws the eye away from the front: shift the whole so that its middle is at x.
    return View((ground, x - 0.45 * scale * np.sin(yaw)), scale, yaw, 0.55, 0.16)


def _style(rng: np.random.Generator, sky: Color) -> Style:
    wall = against(rng, sky, WALLS)
    return Style(
        wall=wall,
        roof=against(rng, wall, ROOFS),
        glass=pick(rng, [(52, 62, 88), (70, 96, 130), (44, 44, 54), (238, 196, 96)]),
        door=pick(rng, [(96, 56, 38), (140, 44, 44), (52, 74, 66), (60, 48, 46)]),
        sunny=float(rng.choice([0.72, 0.8, 1.12])),
        top=str(
            rng.choice(["spire", "pyramid", "dome", "battlements"], p=[0.45, 0.25, 0.15, 0.15])
        ),
    )


def _landscape(canvas: Canvas, rng: np.random.Generator, view: View, sky: Color) -> None:
    """Paint clouds or a sun, hills, the ground and a path to the door."""
    horizon = view.origin[0] - 0.42 * view.scale
    ground = pick(rng, GROUNDS)
    if rng.random() < 0.25:
        at = (rng.uniform(-0.9, -0.4), rng.uniform(-0.9, 0.9))
        canvas.glow(ellipse(at, (0.3, 0.3)), (255, 244, 200), 0.8)
    for _ in range(rng.integers(0, 4)):
        y, x, size = rng.uniform(-0.95, -0.2), rng.uniform(-1, 1), rng.uniform(0.06, 0.13)
        for part in (-1.3, 0, 1.2):
            puff = ellipse((y + 0.3 * size * abs(part), x + part * size), (size, size * 1.7))
            canvas.tint(puff, mix(sky, WHITE, 0.8), 0.75)
    hills = rng.uniform(0.05, 0.25, 4)
    ridge = [(horizon - rise, x) for rise, x in zip(hills, (-1.3, -0.5, 0.4, 1.3), strict=True)]
    far = mix(mix(ground, sky, 0.45), (70, 100, 90), 0.25)
    canvas.paint(SCENERY, spline([*ridge, (horizon + 0.4, 1.6), (horizon + 0.4, -1.6)]), far)
    canvas.paint(SCENERY, box(horizon, -2, 2, 2), ground)
    canvas.tint(box(horizon + 0.3, -2, 2, 2), shade(ground, 0.7), 0.25)
    if rng.random() < 0.7:
        end = view([(-0.14, 0, -0.1), (0.14, 0, -0.1)])
        bend = rng.uniform(-0.5, 0.5)
        way = [*end, (1.3, end[1, 1] + bend + 0.30), (1.3, end[0, 1] + bend - 0.30)]
        canvas.paint(SCENERY, np.array(way), mix(ground, (226, 208, 176), 0.7))


def _nave(canvas: Canvas, church: int, view: View, nave: Block, style: Style) -> None:
    """Paint the long house: side wall, roof, front with gable, its windows and door."""
    label, roof = canvas.add("nave", church), canvas.add("roof", church)
    (left, _, near), (right, eave, far) = nave.low, nave.high
    ridge, over = eave + 0.62 * (right - left), 0.07
    for x, side in ((left, nave.left()), (right, nave.right())):
        if side.is_seen(view):
            canvas.paint(label, side.outline(view), shade(style.wall, style.sunny))
            for u in (0.2, 0.5, 0.8):
                pane = arch(0.28, u - 0.075, 0.75, u + 0.075)
                canvas.paint(canvas.add("window", church), side.at(view, pane), style.glass)
            edge, low = x + over * np.sign(x), eave - over * 1.2
            slope = [(edge, low, near - over), (0, ridge, near - over), (0, ridge, far),
                     (edge, low, far)]  # fmt: skip
            canvas.paint(roof, view(slope), shade(style.roof, 0.95))
    gable = [(left, 0, near), (left, eave, near), (0, ridge, near), (right, eave, near),
             (right, 0, near)]  # fmt: skip
    canvas.paint(label, view(gable), style.wall)
    for x in (left - over, right + over):
        band = [(0, ridge + 0.03, near), (x, eave - 1.2 * over, near),
                (x, eave - 2.3 * over, near), (0, ridge - 0.10, near)]  # fmt: skip
        canvas.paint(roof, view(band), shade(style.roof, 0.8))
    front = nave.front()
    canvas.paint(canvas.add("door", church), front.at(view, arch(0.45, 0.36, 1, 0.64)), style.door)
    rose = ellipse((-0.12, 0.5), (0.17, 0.14))
    canvas.paint(canvas.add("window", church), front.at(view, rose), style.glass)
    for u in (0.17, 0.83):
        pane = arch(0.25, u - 0.07, 0.7, u + 0.07)
        canvas.paint(canvas.add("window", church), front.at(view, pane), style.glass)


def _tower(
    canvas: Canvas, rng: np.random.Generator, church: int, view: View, nave: Block, style: Style
) -> None:
    """Paint the tower in front of the nave or at one of its front corners."""
    width, height = rng.uniform(0.40, 0.52), nave.high[1] + rng.uniform(0.55, 0.95)
    x = float(rng.choice([-1, 0, 1])) * (nave.high[0] + 0.25 * width)
    tower = Block((x - width / 2, 0, -0.2), (x + width / 2, height, width - 0.2))
    label = canvas.add("tower", church)
    for face, bright in _walls(tower, view, style):
        canvas.paint(label, face.outline(view), shade(style.wall, bright))
        canvas.tint(face.at(view, box(0.38, 0, 0.42, 1)), shade(style.wall, 0.4), 0.5)
        bell = arch(0.12, 0.3, 0.34, 0.7)
        canvas.paint(canvas.add("window", church), face.at(view, bell), style.glass)
    if x == 0:
        entry = tower.front().at(view, arch(0.72, 0.25, 1, 0.75))
        canvas.paint(canvas.add("door", church), entry, style.door)
    else:
        slit = tower.front().at(view, arch(0.55, 0.38, 0.72, 0.62))
        canvas.paint(canvas.add("window", church), slit, style.glass)
    steeple = canvas.add("steeple", church)
    peak = _steeple(canvas, steeple, view, tower, style)
    if style.top != "battlements":
        cross = canvas.add("cross", church)
        size, color = 0.13 * view.scale, mix(style.roof, (236, 200, 90), 0.7)
        y, at = peak
        canvas.paint(cross, box(y - 2.2 * size, at - 0.3 * size, y, at + 0.3 * size), color)
        bar = box(y - 1.6 * size, at - size, y - 1.0 * size, at + size)
        canvas.paint(cross, bar, color)


def _walls(block: Block, view: View, style: Style) -> list[tuple[Face, float]]:
    """Return the visible walls of a block and how bright they are."""
    sides = [(side, style.sunny) for side in (block.left(), block.right()) if side.is_seen(view)]
    return [*sides, (block.front(), 1.0)]


def _steeple(canvas: Canvas, label: int, view: View, tower: Block, style: Style) -> Point:
    """Paint what is on top of the tower and return its highest point (y, x)."""
    (left, _, near), (right, top, far) = tower.low, tower.high
    width = right - left
    if style.top == "battlements":
        for x in np.linspace(left, right - width / 5, 3):
            tooth = Block((x, top, near), (x + width / 5, top + 0.14, near))
            canvas.paint(label, tooth.front().outline(view), style.wall)
        for z in np.linspace(near, far - width / 5, 3):
            for side in (left, right):
                tooth = Block((side, top, z), (side, top + 0.14, z + width / 5))
                for face in (tooth.left(), tooth.right()):
                    if face.is_seen(view) and (face.corner[0] == left) == (view.yaw < 0):
                        canvas.paint(label, face.outline(view), shade(style.wall, style.sunny))
        return tuple(view([((left + right) / 2, top + 0.14, near)])[0])
    eaves = Block((left - 0.04, top, near - 0.04), (right + 0.04, top, far + 0.04))
    height = {"spire": 1.15, "pyramid": 0.6, "dome": 0.5}[style.top]
    peak = view([((left + right) / 2, top + height, (near + far) / 2)])[0]
    if style.top == "dome":
        middle, edge = view([((left + right) / 2, top, (near + far) / 2), (right, top, near)])
        half = 0.62 * width * view.scale
        dome = [(middle[0] + 0.06, middle[1] - half), (middle[0] - 0.5 * half, middle[1] - half),
                (peak[0] + 0.25 * half, middle[1] - 0.3 * half), tuple(peak),
                (peak[0] + 0.25 * half, middle[1] + 0.3 * half),
                (middle[0] - 0.5 * half, middle[1] + half), (middle[0] + 0.06, middle[1] + half)]  # fmt: skip
        canvas.paint(label, spline(dome), style.roof)
        canvas.tint(ellipse((middle[0] - 0.5 * half, middle[1] - 0.35 * half),
                            (0.4 * half, 0.25 * half)), WHITE, 0.25)  # fmt: skip
        return tuple(peak)
    for triangle, bright in zip(eaves.tip(height), (1.0, style.sunny, style.sunny), strict=True):
        outline = view(triangle)
        if faces_viewer(outline):
            canvas.paint(label, outline, shade(style.roof, bright))
    return tuple(peak)


def _trees(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Paint up to three trees beside the church."""
    for _ in range(rng.integers(0, 4)):
        side = rng.choice([-1, 1])
        x = view.origin[1] + side * rng.uniform(1.1, 2.2) * view.scale
        foot, size = view.origin[0] + rng.uniform(-0.1, 0.15), rng.uniform(0.13, 0.24)
        tree, color = canvas.add("tree"), pick(rng, LEAVES)
        trunk = box(foot - size, x - 0.1 * size, foot, x + 0.1 * size)
        canvas.paint(tree, trunk, (92, 66, 48))
        canvas.paint(tree, _crown(rng, foot, x, size), color)
        canvas.tint(ellipse((foot - 2.0 * size, x - 0.25 * size), (0.6 * size, 0.4 * size)),
                    hsv(0.18, 0.3, 1.0), 0.18)  # fmt: skip


def _crown(rng: np.random.Generator, foot: float, x: float, size: float) -> Outline:
    """Return a pointed or a round crown."""
    if rng.random() < 0.4:
        top = foot - 3.4 * size
        return np.array([(top, x), (foot - 0.6 * size, x + 0.75 * size),
                         (foot - 0.6 * size, x - 0.75 * size)])  # fmt: skip
    if rng.random() < 0.3:
        path = [(foot - 0.6 * size, x), (foot - 1.8 * size, x), (foot - 3.2 * size, x)]
        return ribbon(path, [0.5 * size, 0.55 * size, 0.15 * size])
    return ellipse((foot - 1.7 * size, x), (1.15 * size, size))
