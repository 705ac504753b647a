"""The film of a drag, with its points marked on the pictures."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from spatialgan.dragging.drag import DragState, Problem
from spatialgan.drawing import overlays as drawing
from spatialgan.drawing.films import FRAME_MS, HOLD_MS, Film
from spatialgan.scenes.changes import without_changes
from spatialgan.scenes.render import render_inputs
from spatialgan.snapshot import Snapshot

FRAMES = 60  # of a film, at most
HANDLE_COLOR, TARGET_COLOR = (213, 94, 0), (0, 114, 178)  # Okabe and Ito's


def draw_drag_film(states: Sequence[DragState], problem: Problem, snapshot: Snapshot) -> Film:
    """Return a film through the states of a drag.

    On the left the image with its layout, the handles and their targets, on the right the image alone.
    """
    every = max(1, math.ceil(len(states) / FRAMES))
    shown = [*states[:-1:every], states[-1]]
    frames = []
    for state in shown:
        inputs = state.inputs()
        image = render_inputs(inputs, snapshot)
        layout = without_changes(inputs.layout).to("cpu")
        marked = mark_points(drawing.outlined(image, layout), problem, state)
        picture = drawing.side_by_side([marked, drawing.enlarged(image)])
        held = state is shown[0] or state is shown[-1]
        frames.append((picture, HOLD_MS if held else FRAME_MS))
    return Film(tuple(frames))


def mark_points(picture: Image.Image, problem: Problem, state: DragState) -> Image.Image:
    """Return a picture with the handles (dots) and the lines to their targets (rings) on it."""
    size = (picture.width * drawing.FINE, picture.height * drawing.FINE)
    marks = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(marks)
    ends = zip(state.handles.tolist(), problem.targets.tolist(), strict=True)
    unit = drawing.FINE
    for handle, target in ends:
        (hy, hx), (ty, tx) = (((c + 1) / 2 * size[0] for c in point) for point in (handle, target))
        draw.line((hx, hy, tx, ty), (255, 255, 255, 220), 2 * unit)
        ring, dot = 6 * unit, 5 * unit
        draw.ellipse((tx - ring, ty - ring, tx + ring, ty + ring), None, (255, 255, 255), 4 * unit)
        ring -= unit
        draw.ellipse((tx - ring, ty - ring, tx + ring, ty + ring), None, TARGET_COLOR, 2 * unit)
        draw.ellipse((hx - dot, hy - dot, hx + dot, hy + dot), HANDLE_COLOR, (255, 255, 255), unit)
    flat = marks.resize(picture.size, Image.Resampling.LANCZOS)
    marked = picture.copy()
    marked.paste(flat, mask=flat)
    return marked
