"""Simple solids in perspective: a view, flat faces to decorate, blocks and pyramids made of them.

Space points are (x, y, z): x to the right, y upwards from the ground, z away from the viewer. Points on
a face are (y, x) in [0, 1] from its top left corner as seen from outside, so that a window is drawn on
a wall like on paper.

Shapes: _ any number of points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from spatialgan.drawn.canvas import Point
from spatialgan.drawn.shapes import Outline, box

Space = tuple[float, float, float]  # (x, y, z)


@dataclass(frozen=True)
class View:
    """How space appears in the picture."""

    origin: Point  # where the space point (0, 0, 0) appears
    scale: float  # picture units per unit of space there
    yaw: float  # radians by which space is turned about its origin
    eye: float  # height of the eye above the ground
    fade: float  # how fast things shrink with depth
    depth: float = 0.0  # added to the z of every point

    def __call__(self, points: Float[np.ndarray, "_ 3"] | Sequence[Space]) -> Outline:
        """Return where space points appear, (y, x)."""
        x, y, z = np.asarray(points, dtype=np.float64).T + [[0], [0], [self.depth]]
        sin, cos = math.sin(self.yaw), math.cos(self.yaw)
        near = self.scale / np.maximum(1 + self.fade * (z * cos - x * sin), 0.15)
        horizon = self.origin[0] - self.scale * self.eye
        seen = np.empty((len(x), 2))
        seen[:, 0] = horizon + near * (self.eye - y)
        seen[:, 1] = self.origin[1] + near * (x * cos + z * sin)
        return seen


@dataclass(frozen=True)
class Face:
    """A flat rectangle in space."""

    corner: Space  # top left, seen from outside
    across: Space  # from there to the top right
    down: Space  # from there to the bottom left

    def at(self, view: View, points: Outline | Sequence[Point]) -> Outline:
        """Return where points (y, x) of the face appear."""
        local = np.asarray(points, dtype=np.float64)
        basis = np.array([self.down, self.across])
        return view(local @ basis + np.asarray(self.corner))

    def outline(self, view: View) -> Outline:
        """Return the whole face as it appears."""
        return self.at(view, box(0, 0, 1, 1))

    def is_seen(self, view: View) -> bool:
        """Return whether the outside of the face is turned to the viewer."""
        return faces_viewer(self.outline(view))


@dataclass(frozen=True)
class Block:
    """A box with upright walls."""

    low: Space  # left, bottom, near
    high: Space  # right, top, far

    def front(self) -> Face:
        """Return the face at the least depth, seen from outside: its corner is top left."""
        (left, bottom, near), (right, top, _) = self.low, self.high
        return Face((left, top, near), (right - left, 0, 0), (0, bottom - top, 0))

    def left(self) -> Face:
        """Return the face at the least x, seen from outside: its corner is top far."""
        (left, bottom, near), (_, top, far) = self.low, self.high
        return Face((left, top, far), (0, 0, near - far), (0, bottom - top, 0))

    def right(self) -> Face:
        """Return the face at the largest x, seen from outside: its corner is top near."""
        (_, bottom, near), (right, top, far) = self.low, self.high
        return Face((right, top, near), (0, 0, far - near), (0, bottom - top, 0))

    def top(self) -> Face:
        """Return the face at the largest height, seen from above: its corner is left far."""
        (left, _, near), (right, top, far) = self.low, self.high
        return Face((left, top, far), (right - left, 0, 0), (0, 0, near - far))

    def tip(self, height: float) -> list[np.ndarray]:
        """Return the triangles of a pyramid on the upper face, [3 3] each: front, left, right."""
        (left, _, near), (right, top, far) = self.low, self.high
        peak = ((left + right) / 2, top + height, (near + far) / 2)
        corners = [(left, top, far), (left, top, near), (right, top, near), (right, top, far)]
        order = ((1, 2), (0, 1), (2, 3))
        return [np.array([peak, corners[b], corners[a]]) for a, b in order]


def faces_viewer(outline: Outline) -> bool:
    """Return whether a flat, convex outline runs clockwise, as that of a visible face does."""
    (ay, ax), (by, bx), (cy, cx) = outline[:3].tolist()
    return (bx - ax) * (cy - by) > (by - ay) * (cx - bx)
