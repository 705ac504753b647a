"""One cat: head with two ears, eyes, muzzle and nose, body and tail, somewhere in front of a backdrop.

What varies: place, size, pose (sitting or lying, head turned, tilted and nodding), fur and its pattern,
eye color, and a room, sofa, garden or window behind it.

Head coordinates: (y, x) with the head's half width as the unit and its middle at (0, 0).

Shapes: _ any number of points.
"""

from dataclasses import dataclass

import numpy as np

from spatialgan.drawn.backdrops import BACKDROPS
from spatialgan.drawn.canvas import Canvas, Color, Light, Point, VectorDrawing
from spatialgan.drawn.palette import BLACK, WHITE, hsv, mix, pick, shade, vary
from spatialgan.drawn.shapes import (
    Frame,
    Outline,
    ellipse,
    mirrored,
    ribbon,
    spline,
)

HEAD = spline(mirrored([(-0.80, 0), (-0.70, 0.45), (-0.30, 0.90), (0.15, 1.0), (0.55, 0.78),
                        (0.80, 0.36), (0.86, 0)]))  # fmt: skip
EAR = np.array([(-0.30, 0.97), (-0.80, 1.02), (-1.32, 0.95), (-1.38, 0.86), (-1.05, 0.48),
                (-0.72, 0.16), (-0.30, 0.30)])  # fmt: skip
INNER_EAR = np.array([(-0.60, 0.84), (-1.20, 0.87), (-0.74, 0.38)])

GINGER, CREAM, GRAY, BROWN = (
    (226, 132, 52),
    (240, 218, 182),
    (132, 138, 150),
    (128, 92, 62),
)
DARK = (46, 42, 48)
EYES = ((126, 190, 70), (232, 190, 48), (84, 172, 220), (222, 134, 40), (90, 196, 160))


@dataclass(frozen=True)
class Fur:
    """The colors of a coat."""

    pattern: str  # solid, tabby, tuxedo, siamese or calico
    base: Color  # most of the coat
    mark: Color  # stripes, mask, or the first patches
    patch: Color  # the second patches
    muzzle: Color
    chest: Color
    nose: Color


@dataclass(frozen=True)
class Pose:
    """Where the head is and where it looks."""

    head: Frame  # head coordinates to picture
    yaw: float  # radians, positive to the right of the picture
    nod: float  # radians, positive downwards
    side: float  # -1 or 1: where the body and the tail lie
    lies: bool  # whether it lies (or sits)

    def turned(self, points: Outline, forward: float = 0.0) -> Outline:
        """Return head points as they appear on the turned head, `forward` above its surface."""
        depth = np.sqrt(np.clip(1.1 - np.square(points).sum(axis=1), 0, 1)) + forward
        y = points[:, 0] * np.cos(self.nod) + depth * np.sin(self.nod)
        x = points[:, 1] * np.cos(self.yaw) + depth * np.sin(self.yaw)
        return self.head(np.stack([y, x], axis=1))

    def body(self, points: Outline) -> Outline:
        """Return body points (head coordinates of an upright head, tail to the right)."""
        upright = Frame(self.head.center, (self.head.scale[0], self.head.scale[1] * self.side))
        return upright(points)


def compose(rng: np.random.Generator) -> VectorDrawing:
    """Return a drawing of one cat."""
    pose, fur = _pose(rng), _fur(rng)
    ground = pose.head.center[0] + pose.head.scale[0] * (1.75 if pose.lies else 2.55)
    canvas = BACKDROPS[rng.integers(len(BACKDROPS))](rng, fur.base, ground)
    cat = canvas.add("cat")
    canvas.glow(_shadow(pose, ground), BLACK, 0.45)
    if pose.lies:
        _lying_body(canvas, cat, pose, fur)
    else:
        _sitting_body(canvas, cat, pose, fur)
    _head(canvas, cat, pose, fur, vary(rng, EYES[_eye_color(rng, fur)], 8))
    light = Light((float(rng.uniform(-0.08, 0.0)), float(rng.uniform(-0.12, 0.12))), 0.06)
    return canvas.finish(light)


def _pose(rng: np.random.Generator) -> Pose:
    lies = bool(rng.random() < 0.4)
    size = float(np.clip(rng.normal(0.40, 0.055), 0.31, 0.52))
    side = float(rng.choice([-1, 1]))
    x = float(np.clip(rng.normal(0, 0.29), -0.56, 0.56))
    y = float(np.clip(rng.normal(-0.08 if lies else -0.26, 0.20), -0.52, 0.36))
    if lies:  # leaves room for the body beside the head
        x -= side * size * 0.6
    yaw = float(rng.normal(0, 0.30) + side * 0.1)
    tilt = float(rng.normal(0, 0.13))
    frame = Frame((y, x), (size, size * rng.uniform(0.96, 1.08)), tilt)
    return Pose(frame, float(np.clip(yaw, -0.6, 0.6)), float(rng.normal(0.03, 0.10)), side, lies)


def _fur(rng: np.random.Generator) -> Fur:
    pattern = str(rng.choice(["solid", "tabby", "tuxedo", "siamese", "calico"],
                             p=[0.24, 0.34, 0.16, 0.13, 0.13]))  # fmt: skip
    pink, dark_nose = (226, 136, 138), (92, 62, 62)
    if pattern == "tabby":
        base = pick(rng, [GINGER, GRAY, (184, 150, 108), (150, 120, 92)])
        light = mix(base, WHITE, rng.uniform(0.55, 0.85))
        return Fur(pattern, base, shade(base, 0.52), base, light, light, pink)
    if pattern == "tuxedo":
        base = pick(rng, [DARK, (62, 64, 78), (86, 66, 54)])
        return Fur(pattern, base, WHITE, base, WHITE, WHITE, pink)
    if pattern == "siamese":
        base, mark = (
            pick(rng, [CREAM, (244, 236, 220)]),
            pick(rng, [(84, 62, 52), (96, 92, 104)]),
        )
        return Fur(pattern, base, mark, mark, shade(mark, 1.12), base, dark_nose)
    if pattern == "calico":
        base = vary(rng, (246, 242, 234), 4)
        return Fur(pattern, base, vary(rng, GINGER), vary(rng, DARK, 6), WHITE, WHITE, pink)
    base = pick(rng, [GINGER, CREAM, GRAY, DARK, WHITE, BROWN])
    soft = shade(base, 1.22) if sum(base) < 600 else WHITE
    return Fur(pattern, base, shade(base, 0.8), base, soft, soft, pink)


def _eye_color(rng: np.random.Generator, fur: Fur) -> int:
    return 2 if fur.pattern == "siamese" else int(rng.integers(len(EYES)))


def _shadow(pose: Pose, ground: float) -> Outline:
    size = pose.head.scale[0]
    reach, shift = (2.2, 1.0) if pose.lies else (1.7, 0.2)
    x = pose.head.center[1] + shift * pose.side * size
    return ellipse((ground - 0.05 * size, x), (0.30 * size, reach * size))


def _sitting_body(canvas: Canvas, cat: int, pose: Pose, fur: Fur) -> None:
    place, rim = pose.body, shade(fur.base, 0.66)
    point = fur.mark if fur.pattern in ("siamese", "calico") else fur.base
    tail = ribbon([(2.25, 0.6), (2.42, 1.25), (2.1, 1.72), (1.5, 1.66), (1.2, 1.85)],
                  [0.22, 0.2, 0.19, 0.18, 0.12])  # fmt: skip
    label = canvas.add("tail", cat)
    canvas.paint(label, place(tail), shade(point, 0.82))
    body = canvas.add("body", cat)
    trunk = [
        (0.35, 0),
        (0.55, 0.62),
        (1.1, 0.85),
        (1.7, 1.12),
        (2.25, 1.16),
        (2.5, 0.8),
        (2.55, 0),
    ]
    outline = spline(mirrored(trunk))
    canvas.paint(body, place(outline), fur.base)
    _coat(canvas, body, pose, fur, Frame((1.6, 0.0), (1.0, 1.0)))
    canvas.tint(
        place(spline([(1.0, 0.5), (1.3, 1.0), (2.2, 1.2), (2.5, 0.8), (1.9, 0.75)])),
        rim,
        0.5,
    )
    chest = spline([(0.7, -0.45), (0.7, 0.45), (1.3, 0.42), (1.75, 0), (1.3, -0.42)])
    canvas.paint(body, place(chest), fur.chest)
    for x in (-0.36, 0.36):
        leg = spline(
            mirrored([(1.2, 0), (1.3, 0.2), (2.0, 0.24), (2.4, 0.34), (2.58, 0.25), (2.6, 0)])
        )
        canvas.tint(place(leg * (1.0, 1.25) + (0, x)), rim, 0.7)
        canvas.paint(
            body,
            place(leg + np.array([0, x])),
            fur.mark if fur.pattern == "siamese" else fur.base,
        )
        paw = ellipse((2.45, x), (0.2, 0.33))
        canvas.paint(body, place(paw), fur.mark if fur.pattern == "siamese" else fur.chest)


def _lying_body(canvas: Canvas, cat: int, pose: Pose, fur: Fur) -> None:
    place, rim = pose.body, shade(fur.base, 0.66)
    point = fur.mark if fur.pattern in ("siamese", "calico") else fur.base
    label = canvas.add("tail", cat)
    tail = ribbon([(1.35, 2.5), (1.62, 3.1), (1.72, 2.6), (1.68, 1.9)], [0.2, 0.22, 0.2, 0.13])
    body = canvas.add("body", cat)
    trunk = [(0.1, 0.3), (-0.12, 1.2), (-0.05, 2.0), (0.4, 2.65), (1.1, 2.85), (1.6, 2.5),
             (1.75, 1.4), (1.75, 0.2), (1.6, -0.5), (0.9, -0.6)]  # fmt: skip
    canvas.paint(body, place(spline(trunk)), fur.base)
    _coat(canvas, body, pose, fur, Frame((0.7, 1.55), (1.0, 1.0)))
    haunch = spline([(0.5, 2.3), (0.65, 2.75), (1.4, 2.7), (1.7, 2.1), (1.3, 1.55), (0.8, 1.7)])
    canvas.tint(place(haunch), rim, 0.5)
    canvas.tint(place(spline([(1.35, 0.4), (1.3, 1.5), (1.75, 1.6), (1.8, 0.4)])), rim, 0.5)
    canvas.paint(label, place(tail), shade(point, 0.85))
    chest = spline([(0.5, -0.5), (0.5, 0.5), (1.3, 0.5), (1.6, 0), (1.3, -0.5)])
    canvas.paint(body, place(chest), fur.chest)
    for x in (-0.42, 0.42):
        paw = ellipse((1.52, x), (0.24, 0.42))
        canvas.tint(place(ellipse((1.5, x), (0.32, 0.5))), rim, 0.7)
        canvas.paint(body, place(paw), fur.mark if fur.pattern == "siamese" else fur.chest)


def _coat(canvas: Canvas, body: int, pose: Pose, fur: Fur, middle: Frame) -> None:
    """Paint the pattern of the trunk around the point (0, 0) of `middle`."""
    if fur.pattern == "tabby":
        for y in (-0.55, -0.05, 0.45):
            for x in (-1.0, 1.0):
                stripe = [(y, x * 0.98), (y + 0.16, x * 0.3), (y + 0.3, x * 0.95)]
                canvas.paint(body, pose.body(middle(np.array(stripe) * (1, 0.9))), fur.mark)
    elif fur.pattern == "calico":
        canvas.paint(body, pose.body(middle(ellipse((0.1, 0.55), (0.5, 0.36)))), fur.mark)
        canvas.paint(body, pose.body(middle(ellipse((-0.2, -0.5), (0.35, 0.28)))), fur.patch)


def _head(canvas: Canvas, cat: int, pose: Pose, fur: Fur, iris: Color) -> None:
    rim = shade(fur.base, 0.60)
    points = fur.mark if fur.pattern == "siamese" else fur.base
    head = canvas.add("head", cat)
    canvas.tint(pose.head(HEAD * 1.08 + (0.06, 0)), rim, 0.75)
    for x in (-1, 1):
        ear = canvas.add("ear", head)
        color = fur.patch if fur.pattern == "calico" and x > 0 else points
        canvas.paint(ear, _ear(pose, EAR, x), shade(color, 0.9))
        canvas.paint(ear, _ear(pose, INNER_EAR, x), mix((232, 160, 150), color, 0.3))
    canvas.paint(head, pose.head(HEAD), fur.base)
    _markings(canvas, head, pose, fur)
    canvas.tint(pose.head(spline([(0.25, -1), (0.7, -0.45), (0.7, 0.45), (0.25, 1), (0.55, 0.8),
                                  (0.86, 0), (0.55, -0.8)])), rim, 0.35)  # fmt: skip
    for x in (-1, 1):
        _eye(canvas, canvas.add("eye", head), pose, iris, x)
    muzzle = canvas.add("muzzle", head)
    for x in (-0.2, 0.2):
        canvas.paint(muzzle, pose.turned(ellipse((0.46, x), (0.24, 0.3)), 0.12), fur.muzzle)
    mouth = [
        ribbon([(0.34, 0), (0.55, x * 0.1), (0.56, x * 0.3)], [0.03, 0.035, 0.02]) for x in (-1, 1)
    ]
    for line in mouth:
        canvas.tint(pose.turned(line, 0.14), (70, 44, 44), 0.85)
    nose = canvas.add("nose", head)
    tip = np.array([(0.18, -0.17), (0.18, 0.17), (0.30, 0.10), (0.37, 0), (0.30, -0.10)])
    canvas.paint(nose, pose.turned(tip, 0.15), fur.nose)
    whisker = WHITE if sum(fur.base) < 640 else (120, 110, 110)
    for x in (-1, 1):
        for y in (-0.10, 0.06, 0.22):
            hair = np.array([(0.44, x * 0.4), (0.44 + y, x * 1.3), (0.46 + y, x * 1.3)])
            canvas.tint(pose.head(hair + np.array([0, 0.3 * np.sin(pose.yaw)])), whisker, 0.6)


def _ear(pose: Pose, outline: Outline, x: int) -> Outline:
    """Return an ear on the turned head; ears sit on its crown, so they hardly move with it."""
    turned = outline[:, 1] * x * np.cos(pose.yaw) + 0.25 * np.sin(pose.yaw)
    return pose.head(np.stack([outline[:, 0] + 0.15 * np.sin(pose.nod), turned], axis=1))


def _eye(canvas: Canvas, eye: int, pose: Pose, iris: Color, x: int) -> None:
    middle: Point = (-0.08, 0.40 * x)
    canvas.paint(eye, pose.turned(ellipse(middle, (0.28, 0.29))), (38, 30, 32))
    canvas.paint(eye, pose.turned(ellipse(middle, (0.23, 0.24))), iris)
    canvas.paint(eye, pose.turned(ellipse(middle, (0.20, 0.10))), BLACK)
    canvas.paint(
        eye,
        pose.turned(ellipse((-0.17, 0.40 * x - 0.08), (0.07, 0.07))),
        hsv(0, 0, 1.0),
    )


def _markings(canvas: Canvas, head: int, pose: Pose, fur: Fur) -> None:
    """Paint the pattern of the face."""
    if fur.pattern == "tabby":
        for x in (-0.34, 0.0, 0.34):
            stripe = [
                (-0.80 + x * x, x - 0.1),
                (-0.80 + x * x, x + 0.1),
                (-0.30, x * 0.7),
            ]
            canvas.paint(head, pose.turned(np.array(stripe)), fur.mark)
        for x in (-1, 1):
            for y in (0.12, 0.36):
                cheek = [(y, x * 0.93), (y + 0.15, x * 0.92), (y + 0.12, x * 0.6)]
                canvas.paint(head, pose.turned(np.array(cheek)), fur.mark)
    elif fur.pattern == "tuxedo":
        blaze = spline([(-0.5, 0), (0.1, 0.16), (0.55, 0.5), (0.84, 0.2), (0.84, -0.2), (0.55, -0.5),
                        (0.1, -0.16)])  # fmt: skip
        canvas.paint(head, pose.turned(blaze), fur.mark)
    elif fur.pattern == "siamese":
        canvas.paint(head, pose.turned(ellipse((0.22, 0), (0.56, 0.58))), fur.mark)
    elif fur.pattern == "calico":
        canvas.paint(head, pose.turned(ellipse((-0.28, 0.45), (0.40, 0.42), 0.6)), fur.patch)
        canvas.paint(head, pose.turned(ellipse((-0.30, -0.48), (0.36, 0.36), -0.6)), fur.mark)
