"""Outlines for the drawings: ellipses, smooth closed curves, ribbons, boxes, and frames to place them.

Points are (y, x), y downwards. Every function returns an outline [_ 2] for `Canvas.paint`.

Shapes: _ any number of points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from spatialgan.drawn.canvas import Point

Outline = Float[np.ndarray, "_ 2"]

_TURN = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_CIRCLE = np.stack([np.sin(_TURN), np.cos(_TURN)], axis=1)
_STEPS = np.linspace(0, 1, 6, endpoint=False)
# Catmull-Rom weights of the points before, at, after and beyond a stretch, at six places along it.
_CUBIC = 0.5 * np.stack(
    [
        -_STEPS + 2 * _STEPS**2 - _STEPS**3,
        2 - 5 * _STEPS**2 + 3 * _STEPS**3,
        _STEPS + 4 * _STEPS**2 - 3 * _STEPS**3,
        -(_STEPS**2) + _STEPS**3,
    ],
    axis=1,
)


@dataclass(frozen=True)
class Frame:
    """A placed coordinate system: scaled, turned clockwise by `angle`, then moved to `center`."""

    center: Point
    scale: Point  # (y, x); a negative x mirrors
    angle: float = 0.0  # radians

    def __call__(self, points: Outline | Sequence[Point]) -> Outline:
        """Return local points in the outer coordinates."""
        local = np.asarray(points, dtype=np.float64) * self.scale
        sin, cos = np.sin(self.angle), np.cos(self.angle)
        return local @ np.array([[cos, -sin], [sin, cos]]) + self.center


def ellipse(center: Point, radii: Point, angle: float = 0.0) -> Outline:
    """Return an ellipse with half axes `radii` (y, x), turned clockwise by `angle` radians."""
    return Frame(center, radii)(_CIRCLE) if angle == 0 else _turned(center, radii, angle)


def _turned(center: Point, radii: Point, angle: float) -> Outline:
    return Frame(center, (1.0, 1.0), angle)(_CIRCLE * radii)


def box(top: float, left: float, bottom: float, right: float) -> Outline:
    """Return the rectangle between two rows and two columns, from its corner top left on, clockwise."""
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], dtype=np.float64)


def spline(corners: Outline | Sequence[Point]) -> Outline:
    """Return the smooth closed curve through `corners` (Catmull-Rom)."""
    points = np.asarray(corners, dtype=np.float64)
    ring = np.concatenate([points[-1:], points, points[:2]])
    count = len(points)
    around = np.array([ring[shift : shift + count] for shift in range(4)])
    return np.einsum("sk,kmd->msd", _CUBIC, around).reshape(-1, 2)


def mirrored(half: Sequence[Point]) -> list[Point]:
    """Return the half outline (top to bottom, on the right) closed by its mirror image."""
    inner = [(y, -x) for y, x in reversed(half) if x != 0]
    return [*half, *inner]


def ribbon(path: Outline | Sequence[Point], widths: Sequence[float]) -> Outline:
    """Return a smooth band along `path` with the half widths `widths`, one per point."""
    points, half = (
        np.asarray(path, dtype=np.float64),
        np.asarray(widths, dtype=np.float64),
    )
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([along[:, 1], -along[:, 0]], axis=1) * half[:, None]
    return spline(np.concatenate([points + across, (points - across)[::-1]]))


def arch(top: float, left: float, bottom: float, right: float) -> Outline:
    """Return an upright rectangle whose upper edge is half an ellipse as high as half its width."""
    half = _CIRCLE[20:] * ((right - left) / 2)
    middle = (min(top + (right - left) / 2, bottom), (left + right) / 2)
    return np.concatenate([[(bottom, left)], half + middle, [(bottom, right)]])
