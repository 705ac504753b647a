"""One face: a person from the shoulders up, looking at or past the viewer.

What varies: place, size, pose (turned, nodding, tilted), age and sex as far as hair and beard tell them,
skin, hair and its cut, eyes, mood, glasses, clothes and the background.

Head coordinates: (y, x) with the head's half width as the unit and the middle between the eyes and the
mouth at (0, 0).

Shapes: _ any number of points.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from spatialgan.drawn.canvas import SCENERY, Canvas, Color, Light, VectorDrawing
from spatialgan.drawn.palette import BLACK, WHITE, against, mix, pick, shade, vary
from spatialgan.drawn.shapes import Frame, Outline, box, ellipse, mirrored, ribbon, spline

SKULL = spline(mirrored([(-1.28, 0), (-1.18, 0.5), (-0.75, 0.93), (-0.1, 1.0), (0.5, 0.86),
                         (0.98, 0.48), (1.16, 0.16), (1.17, 0)]))  # fmt: skip

SKINS = ((250, 216, 190), (240, 196, 162), (222, 168, 128), (190, 132, 92), (146, 96, 64),
         (104, 68, 48))  # fmt: skip
HAIRS = ((38, 32, 34), (74, 48, 36), (120, 76, 44), (176, 120, 64), (226, 186, 108), (168, 70, 40),
         (168, 166, 170), (232, 228, 222))  # fmt: skip
IRISES = ((74, 48, 34), (96, 66, 40), (70, 122, 170), (86, 134, 92), (110, 124, 132))
CLOTHES = ((58, 84, 130), (160, 58, 62), (72, 116, 88), (230, 226, 216), (48, 50, 60),
           (222, 170, 76), (124, 86, 140), (106, 150, 178))  # fmt: skip
BACKS = ((168, 198, 214), (226, 214, 192), (108, 140, 120), (88, 100, 124), (206, 168, 150),
         (70, 76, 84), (150, 134, 176), (232, 196, 120), (70, 120, 124))  # fmt: skip


@dataclass(frozen=True)
class Person:
    """What a person looks like."""

    skin: Color
    hair: Color
    iris: Color
    cut: str  # short, long, bob, bun, curly or bald
    fringe: float  # side of the parting, -1 to 1
    smile: float  # -0.3 (sad) to 1 (laughing)
    beard: bool
    glasses: bool
    lips: Color


@dataclass(frozen=True)
class Pose:
    """Where the head is and where it looks."""

    head: Frame  # head coordinates to picture
    yaw: float  # radians, positive to the right of the picture
    nod: float  # radians, positive downwards

    def turned(self, points: Outline, forward: float = 0.0) -> Outline:
        """Return head points as they appear on the turned head, `forward` above its surface."""
        across = np.square(points[:, 1]) + 0.45 * np.square(points[:, 0])
        depth = np.sqrt(np.clip(1.05 - across, 0.04, 1)) + forward
        y = points[:, 0] + depth * np.sin(self.nod)
        x = points[:, 1] * np.cos(self.yaw) + depth * np.sin(self.yaw)
        return self.head(np.stack([y, x], axis=1))

    def behind(self, points: Outline, back: float) -> Outline:
        """Return points `back` behind the middle of the head: they move against the turn."""
        return self.head(points - np.array([back * np.sin(self.nod), back * np.sin(self.yaw)]))


def compose(rng: np.random.Generator) -> VectorDrawing:
    """Return a drawing of one face."""
    pose, person = _pose(rng), _person(rng)
    back = against(rng, mix(person.skin, person.hair, 0.5), BACKS)
    canvas = Canvas(shade(back, 1.1), shade(back, 0.88))
    _backdrop(canvas, rng, back)
    whole = canvas.add("person")
    hair = canvas.add("hair", whole) if person.cut != "bald" else SCENERY
    _hair_behind(canvas, hair, pose, person)
    _shoulders(canvas, whole, pose, person, against(rng, back, CLOTHES))
    face = canvas.add("face", whole)
    _skull(canvas, face, pose, person)
    _features(canvas, face, pose, person)
    _hair_in_front(canvas, hair, pose, person)
    if person.glasses:
        _glasses(canvas, canvas.add("glasses", whole), pose, mix(person.hair, BLACK, 0.7))
    light = Light((0.0, float(rng.uniform(-0.16, 0.16))), 0.08)
    return canvas.finish(light)


def _pose(rng: np.random.Generator) -> Pose:
    size = float(np.clip(rng.normal(0.46, 0.05), 0.34, 0.58))
    y = float(np.clip(rng.normal(-0.05, 0.12), -0.34, 0.26))
    x = float(np.clip(rng.normal(0, 0.22), -0.5, 0.5))
    yaw, nod = np.clip(rng.normal(0, (0.27, 0.09)), (-0.5, -0.2), (0.5, 0.2))
    frame = Frame((y, x), (size, size * rng.uniform(0.92, 1.02)), float(rng.normal(0, 0.10)))
    return Pose(frame, float(yaw), float(nod))


def _person(rng: np.random.Generator) -> Person:
    tone = int(rng.integers(len(SKINS)))
    skin = vary(rng, SKINS[tone], 6)
    hairs = HAIRS if tone < 3 else (*HAIRS[:3], HAIRS[6])
    cut = str(rng.choice(["short", "long", "bob", "bun", "curly", "bald"],
                         p=[0.30, 0.26, 0.15, 0.10, 0.13, 0.06]))  # fmt: skip
    lips = mix(skin, (186, 40, 60), 0.65 if cut in ("long", "bob", "bun") else 0.3)
    return Person(
        skin=skin,
        hair=pick(rng, hairs),
        iris=pick(rng, IRISES),
        cut=cut,
        fringe=float(rng.uniform(-1, 1)),
        smile=float(np.clip(rng.normal(0.45, 0.4), -0.25, 1)),
        beard=cut in ("short", "bald") and bool(rng.random() < 0.35),
        glasses=bool(rng.random() < 0.2),
        lips=lips,
    )


def _backdrop(canvas: Canvas, rng: np.random.Generator, back: Color) -> None:
    """Paint something soft: lights out of focus, a horizon, or a wall with a panel."""
    kind = rng.integers(4)
    if kind == 0:
        for _ in range(6):
            size, at = rng.uniform(0.12, 0.4), rng.uniform(-1, 1, 2)
            canvas.glow(ellipse((at[0], at[1]), (size, size)), shade(back, 1.6), 0.5)
    elif kind == 1:
        edge = rng.uniform(0.0, 0.5)
        canvas.paint(SCENERY, box(edge, -2, 2, 2), mix(back, (84, 120, 72), 0.5))
    elif kind == 2:
        x = rng.uniform(-0.9, 0.9)
        canvas.paint(SCENERY, box(-2, x, 2, x + rng.uniform(0.4, 1.2)), shade(back, 0.82))


def _shoulders(canvas: Canvas, whole: int, pose: Pose, person: Person, cloth: Color) -> None:
    """Paint neck and clothes; they stay upright when the head tilts."""
    upright = Frame(pose.head.center, pose.head.scale)
    shift = np.array([0, -0.15 * np.sin(pose.yaw)])
    body = canvas.add("body", whole)
    neck = canvas.add("neck", whole)
    trunk = spline(mirrored([(1.30, 0), (1.32, 0.5), (1.62, 1.35), (2.0, 1.9), (3.0, 2.15),
                             (5.0, 2.2), (5.2, 0)]))  # fmt: skip
    canvas.paint(body, upright(trunk + shift), cloth)
    canvas.tint(upright(box(1.9, -1.35, 5, -1.25) + shift), shade(cloth, 0.5), 0.4)
    canvas.tint(upright(box(1.9, 1.25, 5, 1.35) + shift), shade(cloth, 0.5), 0.4)
    throat = spline(mirrored([(0.5, 0), (0.5, 0.5), (1.3, 0.52), (1.5, 0.62), (1.95, 0.0)]))
    canvas.paint(neck, upright(throat + shift), shade(person.skin, 0.86))
    canvas.tint(upright(ellipse((1.08, 0), (0.3, 0.56))), shade(person.skin, 0.4), 0.35)


def _skull(canvas: Canvas, face: int, pose: Pose, person: Person) -> None:
    for x in (-1, 1):
        if x * pose.yaw < 0.35:  # a far ear is hidden by the cheek
            ear = ellipse((0.0, 1.0 * x), (0.28, 0.16))
            canvas.paint(canvas.add("ear", face), pose.behind(ear, 0.35), shade(person.skin, 0.88))
    canvas.paint(face, pose.head(SKULL), person.skin)
    dark = shade(person.skin, 0.55)
    side = -1.0 if pose.yaw > 0 else 1.0
    cheek = spline([(-0.7, 0.9), (0.0, 0.98), (0.6, 0.8), (1.1, 0.25), (0.7, 0.55), (0.0, 0.78)])
    canvas.tint(pose.head(cheek * (1, side)), dark, 0.25)
    if person.beard:
        chin = spline([(0.20, -0.96), (0.5, -0.62), (0.42, -0.3), (0.38, 0), (0.42, 0.3),
                       (0.5, 0.62), (0.20, 0.96), (0.65, 0.82), (1.1, 0.42), (1.26, 0),
                       (1.1, -0.42), (0.65, -0.82)])  # fmt: skip
        canvas.paint(face, pose.head(chin), mix(person.hair, person.skin, 0.15))
    for x in (-0.52, 0.52):
        canvas.tint(pose.turned(ellipse((0.38, x), (0.18, 0.22))), (230, 90, 90), 0.16)


def _features(canvas: Canvas, face: int, pose: Pose, person: Person) -> None:
    for x in (-1, 1):
        eye = canvas.add("eye", face)
        at = (-0.12, 0.41 * x)
        canvas.paint(eye, pose.turned(ellipse((-0.14, 0.41 * x), (0.18, 0.27))), (52, 36, 34))
        canvas.paint(eye, pose.turned(ellipse(at, (0.15, 0.25))), WHITE)
        canvas.paint(eye, pose.turned(ellipse(at, (0.15, 0.135)), 0.08), person.iris)
        canvas.paint(eye, pose.turned(ellipse(at, (0.08, 0.07)), 0.08), (16, 14, 18))
        brow = ribbon(
            [(-0.38, 0.14 * x), (-0.49, 0.42 * x), (-0.38, 0.70 * x)], [0.06, 0.065, 0.03]
        )
        canvas.paint(face, pose.turned(brow), shade(person.hair, 0.8))
    nose = canvas.add("nose", face)
    bridge = np.array([(-0.05, -0.06), (-0.05, 0.06), (0.3, 0.16), (0.38, 0.0), (0.3, -0.16)])
    canvas.paint(nose, pose.turned(bridge, 0.15), shade(person.skin, 0.88))
    canvas.tint(pose.turned(ellipse((0.22, 0), (0.1, 0.08)), 0.2), WHITE, 0.3)
    canvas.tint(pose.turned(ellipse((0.36, 0), (0.05, 0.17)), 0.15), shade(person.skin, 0.4), 0.6)
    mouth = canvas.add("mouth", face)
    lift, width = 0.16 * person.smile, 0.34 + 0.08 * person.smile
    upper = [(0.66 - lift, -width), (0.62, -0.12), (0.64, 0), (0.62, 0.12), (0.66 - lift, width)]
    lower = [(0.74 + 0.1 * person.smile, 0.2), (0.78 + 0.1 * person.smile, 0.0),
             (0.74 + 0.1 * person.smile, -0.2)]  # fmt: skip
    canvas.paint(mouth, pose.turned(spline(upper + lower), 0.05), person.lips)
    if person.smile > 0.45:
        teeth = spline(
            [(0.67 - 0.5 * lift, -0.25), (0.665, 0), (0.67 - 0.5 * lift, 0.25), (0.74, 0)]
        )
        canvas.paint(mouth, pose.turned(teeth, 0.05), WHITE)
    else:
        line = ribbon([(0.68 - lift, -width), (0.70, 0), (0.68 - lift, width)], [0.02, 0.03, 0.02])
        canvas.tint(pose.turned(line, 0.05), shade(person.lips, 0.4), 0.8)


def _hair_behind(canvas: Canvas, hair: int, pose: Pose, person: Person) -> None:
    """Paint the hair that falls behind the face and the shoulders."""
    dark = shade(person.hair, 0.72)
    if person.cut == "long":
        fall = mirrored([(-1.5, 0), (-1.3, 0.7), (-0.6, 1.2), (0.6, 1.28), (1.7, 1.38), (2.1, 1.0),
                         (2.1, 0)])  # fmt: skip
        canvas.paint(hair, pose.behind(spline(fall), 0.2), dark)
    elif person.cut == "bob":
        fall = mirrored(
            [(-1.5, 0), (-1.3, 0.75), (-0.5, 1.24), (0.5, 1.32), (0.95, 1.15), (0.95, 0)]
        )
        canvas.paint(hair, pose.behind(spline(fall), 0.2), dark)
    elif person.cut == "bun":
        canvas.paint(hair, pose.behind(ellipse((-1.55, 0), (0.42, 0.46)), 0.5), dark)
        canvas.paint(hair, pose.behind(ellipse((-0.4, 0), (1.05, 1.08)), 0.15), dark)
    elif person.cut == "curly":
        turns = np.linspace(-3.4, 0.26, 9)
        for turn in turns:
            at = (-0.45 + 0.85 * np.sin(turn), 0.95 * np.cos(turn))
            canvas.paint(hair, pose.behind(ellipse(at, (0.46, 0.46)), 0.15), dark)
        canvas.paint(hair, pose.behind(ellipse((-0.5, 0), (1.0, 1.1)), 0.15), dark)


def _hair_in_front(canvas: Canvas, hair: int, pose: Pose, person: Person) -> None:
    """Paint the hair over the forehead and the temples, parted at `fringe`."""
    if person.cut == "bald":
        canvas.tint(pose.head(ellipse((-0.9, -0.2), (0.2, 0.35))), WHITE, 0.3)
        return
    part = 0.55 * person.fringe + 0.5 * np.sin(pose.yaw)
    reach = {"short": -0.35, "long": 0.35, "bob": 0.3, "bun": -0.5, "curly": -0.3}[person.cut]
    line = -0.78 if person.cut in ("bun", "short") else -0.68
    cap = [(-1.42, 0), (-1.32, 0.55), (-0.88, 1.02), (reach, 1.08), (reach - 0.05, 0.93),
           (-0.62, 0.80), (line + 0.08, 0.45 + 0.3 * part), (line - 0.22, part),
           (line + 0.08, -0.45 + 0.3 * part), (-0.62, -0.80), (reach - 0.05, -0.93),
           (reach, -1.08), (-0.88, -1.02), (-1.32, -0.55)]  # fmt: skip
    canvas.paint(hair, pose.head(spline(cap)), person.hair)
    shine = ribbon([(-1.0, -0.6), (-1.18, 0), (-1.0, 0.6)], [0.04, 0.1, 0.04])
    canvas.tint(pose.head(shine), shade(person.hair, 1.5), 0.35)
    if person.cut == "curly":
        for x in (-0.75, -0.4, 0.0, 0.4, 0.75):
            at = (-1.18 + 0.5 * x * x, x)
            canvas.paint(hair, pose.head(ellipse(at, (0.34, 0.32))), person.hair)


def _glasses(canvas: Canvas, label: int, pose: Pose, color: Color) -> None:
    """Paint glasses: rims that belong to them around lenses one looks through."""
    for x in (-0.42, 0.42):
        for a, b in itertools.pairwise(np.linspace(0, 2 * np.pi, 17)):
            ring = [(r * np.sin(t), 1.12 * r * np.cos(t)) for r, t in
                    ((0.33, a), (0.33, b), (0.26, b), (0.26, a))]  # fmt: skip
            canvas.paint(label, pose.turned(np.array(ring) + np.array([-0.1, x]), 0.1), color)
        canvas.tint(pose.turned(ellipse((-0.1, x), (0.27, 0.3)), 0.1), WHITE, 0.14)
    canvas.paint(label, pose.turned(box(-0.16, -0.12, -0.08, 0.12), 0.15), color)
