"""Dragging a scene: from points as text to the dragged scene, what became of it in numbers, and a film.

The dragged scene holds all that was optimised, so `spatialgan render` shows the same bits again.

Shapes: p points, f feature cells along an axis, r image pixels.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from spatialgan.dragging.drag import (
    DRAGS,
    Drag,
    DragResult,
    DragSettings,
    DragState,
    Problem,
    default_feature_resolution,
    snapshot_features,
)
from spatialgan.dragging.unknowns import Latent, Pixels
from spatialgan.drawing import overlays as drawing
from spatialgan.drawing.films import FRAME_MS, HOLD_MS
from spatialgan.heatmaps.layout import resize_maps
from spatialgan.scenes.changes import Changes, without_changes
from spatialgan.scenes.edits import PAIR
from spatialgan.scenes.scene import Scene, render_inputs, scene_inputs
from spatialgan.snapshot import Snapshot
from spatialgan.variants import choose

MAX_POINTS = 32
MAX_MASK_WIDTH = 4096  # pixels
FRAMES = 60  # of a film, at most
HANDLE_COLOR, TARGET_COLOR = (213, 94, 0), (0, 114, 178)  # Okabe and Ito's


def find_drag(name: str) -> Drag:
    """Return a method by name; raises ValueError naming the valid ones."""
    return choose(DRAGS, "method", name)


def parse_pairs(
    handles: Sequence[str], targets: Sequence[str]
) -> tuple[Float[Tensor, "p 2"], Float[Tensor, "p 2"]]:
    """Return handles and their targets, written as "y,x"; raises ValueError unless they are pairs of points."""
    if len(handles) != len(targets) or not 1 <= len(handles) <= MAX_POINTS:
        raise ValueError(
            f"a drag goes from 1 to {MAX_POINTS} points to as many, not from {len(handles)} to {len(targets)}"
        )
    return _parse_points(handles), _parse_points(targets)


def _parse_points(texts: Sequence[str]) -> Float[Tensor, "p 2"]:
    """Return points written as "y,x"; raises ValueError for others and for points outside the image."""
    points = []
    for text in texts:
        found = re.fullmatch(PAIR, text)
        if found is None:
            raise ValueError(f"'{text[:40]}' is no point: write y,x such as 0.25,-0.5")
        point = (float(found["y"]), float(found["x"]))
        if max(map(abs, point)) > 1:
            raise ValueError(f"point {text[:40]} is outside the image, which spans -1 to 1")
        points.append(point)
    return torch.tensor(points).reshape(-1, 2)


def read_masks(paths: Sequence[Path], resolution: int) -> Float[Tensor, "f f"]:
    """Return where nothing may change, 0 to 1: what is black in any of the square pictures.

    Raises ValueError where a file is no such picture, and where nothing may change anywhere.
    """
    fixed = torch.zeros(resolution, resolution)
    for path in paths:
        fixed = torch.maximum(fixed, 1 - _read_gray(path, resolution))
    if (fixed == 1).all():
        raise ValueError(f"{paths[-1]}: leaves nothing that may change: paint that white")
    return fixed


def _read_gray(path: Path, resolution: int) -> Float[Tensor, "f f"]:
    """Return a square picture's brightness, 0 to 1, at another resolution."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            gray = picture.convert("L") if max(width, height) <= MAX_MASK_WIDTH else picture
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: is no picture that can be read ({error})") from None
    if width != height or width > MAX_MASK_WIDTH:
        raise ValueError(
            f"{path}: a mask is square and at most {MAX_MASK_WIDTH} pixels wide, not {width} x {height}"
        )
    light = torch.frombuffer(bytearray(gray.tobytes()), dtype=torch.uint8).float() / 255
    return resize_maps(light.view(1, 1, height, width), resolution, "half_pixel")[0, 0]


def feature_resolution(snapshot: Snapshot) -> int:
    """Return the resolution of the features that a drag of this model follows."""
    return default_feature_resolution(snapshot.config.generator.resolution)


def drag_problem(
    scene: Scene,
    snapshot: Snapshot,
    handles: Float[Tensor, "p 2"],
    targets: Float[Tensor, "p 2"],
    fixed: Float[Tensor, "f f"],
    settings: DragSettings,
) -> Problem:
    """Return what is to be dragged where; the mask has the resolution of the features to follow."""
    device = snapshot.w_avg.device
    features = snapshot_features(snapshot, fixed.shape[0])
    inputs = scene_inputs(scene, snapshot)
    return Problem(
        features, inputs, handles.to(device), targets.to(device), fixed.to(device), settings
    )


def check_method(snapshot: Snapshot, drag: Drag) -> None:
    """Raise ValueError where a method needs heatmaps in the synthesis network and the model has none there."""
    generator = snapshot.generator
    in_latent = generator.encoding.latent_size(generator.config.heatmap_channels) > 0
    if in_latent and drag is not DRAGS["latent"]:
        raise ValueError(
            "this model's heatmaps don't reach its synthesis network: choose the method latent"
        )


def dragged_scene(scene: Scene, state: DragState) -> Scene:
    """Return the scene as a drag's state has it: moved centers, and the changes it made."""
    optimised = Changes(
        **{
            name: change.cpu()
            for name, kind in (("latent", Latent), ("heatmaps", Pixels))
            for change in state.change_of(kind)
            if change.any()
        }
    )
    layout = without_changes(state.inputs().layout).to("cpu")
    return replace(scene, layout=layout, changes=scene.changes.plus(optimised))


def drag_facts(name: str, problem: Problem, result: DragResult) -> dict:
    """Return how a drag went as JSON data; distances in image widths, points (y, x) in [-1, 1]."""
    state = result.state
    columns = {
        "from": problem.handles,
        "to": problem.targets,
        "at": state.handles,
        "distance_before": problem.to_go(problem.handles),
        "distance": problem.to_go(state.handles),
    }
    rounded = {name: column.double().round(decimals=6) for name, column in columns.items()}
    return {
        "method": name,
        "reached": result.reached,
        "outcome": state.outcome,
        "steps": state.step,
        "seconds": round(result.seconds, 4),
        "distance": float(rounded["distance"].max()),
        "points": [
            {key: column[i].tolist() for key, column in rounded.items()}
            for i in range(len(state.handles))
        ],
        "feature_resolution": problem.fixed.shape[0],
        "settings": asdict(problem.settings),
    }


def draw_film(
    states: Sequence[DragState], problem: Problem, snapshot: Snapshot
) -> list[tuple[Image.Image, int]]:
    """Return the pictures of a film through a drag and how many ms each is shown.

    Left with the layout, the handles and their targets, right the image alone.
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
        frames.append((picture, HOLD_MS if state in (shown[0], shown[-1]) else FRAME_MS))
    return frames


def mark_points(picture: Image.Image, problem: Problem, state: DragState) -> Image.Image:
    """Return a picture under the handles (dots) and the ways to their targets (rings)."""
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
