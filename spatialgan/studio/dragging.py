"""Drags: from what the page sends to a job whose steps are streamed.

The progress of a step is {"step", "distance" (of the farthest handle, in image widths), "handles"}.
"""

import base64
import binascii
import math
from functools import partial
from typing import Any

import torch
from PIL import Image

from spatialgan.dragging import drag_scene
from spatialgan.dragging.drag import DragSettings, DragState, Problem, drag_states
from spatialgan.scenes import checks
from spatialgan.studio.answers import Models, open_document
from spatialgan.studio.streams import Job

MAX_STEPS = 1000
TOLERANCE_RANGE = (0.75, 100.0)  # px, as in `spatialgan drag`
FIELDS = {"scene", "handles", "targets", "method", "mask", "max_steps", "tolerance_px"}


def drag_job(data: Any, models: Models) -> Job[DragState]:
    """Return the drag that a request describes; raises ValueError, naming the place."""
    if not isinstance(data, dict) or set(data) != FIELDS:
        raise ValueError(f"a drag must be a JSON object with {', '.join(sorted(FIELDS))}")
    scene, model = open_document(data["scene"], models)
    method = drag_scene.find_drag(checks.text("method", data["method"]))
    drag_scene.check_method(model.snapshot, method)
    pairs = drag_scene.pair_points(_points(data, "handles"), _points(data, "targets"))
    steps = checks.whole_number("max_steps", data["max_steps"])
    checks.check_range("max_steps", steps, 0, MAX_STEPS)
    tolerance = checks.number("tolerance_px", data["tolerance_px"])
    checks.check_range("tolerance_px", tolerance, *TOLERANCE_RANGE)
    fixed = _fixed(data["mask"], drag_scene.feature_resolution(model.snapshot))
    settings = DragSettings(max_steps=steps, tolerance_px=tolerance)
    problem = drag_scene.drag_problem(scene, model.snapshot, *pairs, fixed, settings)
    return Job(
        model,
        drag_states(problem, method),
        partial(_progress, problem),
        partial(drag_scene.dragged_scene, scene),
    )


def _points(data: dict, name: str) -> list[tuple[float, float]]:
    points = data[name]
    if not isinstance(points, list) or len(points) > drag_scene.MAX_POINTS:
        raise ValueError(f"{name} must be a list of at most {drag_scene.MAX_POINTS} points")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError(f"{name} has an entry that is not a point [y, x]")
    return [(y, x) for y, x in points]


def _fixed(mask: Any, resolution: int) -> torch.Tensor:
    """Return where nothing may change: black in a mask, which is base64 of rows of gray bytes; "" is all white."""
    try:
        rows = base64.b64decode(checks.text("mask", mask), validate=True)
    except binascii.Error:
        raise ValueError("mask is not text in base64") from None
    if not rows:
        return torch.zeros(resolution, resolution)
    side = math.isqrt(len(rows))
    if side * side != len(rows):
        raise ValueError(f"mask has {len(rows):,} pixels, which do not form a square")
    fixed = drag_scene.fixed_region(Image.frombytes("L", (side, side), rows), resolution)
    if (fixed == 1).all():
        raise ValueError("the mask leaves nothing that may change: paint some of the image")
    return fixed


def _progress(problem: Problem, state: DragState) -> dict:
    """Return the progress of a drag, as JSON data."""
    return {
        "step": state.step,
        "distance": round(problem.to_go(state.handles).max().item(), 6),
        "handles": [[round(y, 5), round(x, 5)] for y, x in state.handles.tolist()],
    }
