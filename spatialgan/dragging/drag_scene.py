"""Dragging a scene: from points and masks to the dragged scene, and the drag's outcome in numbers.

The dragged scene holds all that was optimized, so `spatialgan render` shows the same bits again.

Shapes: p points, f feature cells along an axis.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
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
from spatialgan.dragging.unknowns import HeatmapPixels, Latent
from spatialgan.pictures import gray, read_gray
from spatialgan.scenes import checks
from spatialgan.scenes.addresses import PAIR
from spatialgan.scenes.changes import Changes, without_changes
from spatialgan.scenes.render import scene_inputs
from spatialgan.scenes.scene import SceneData
from spatialgan.snapshot import Snapshot
from spatialgan.variants import choose

MAX_POINTS = 32

Point = tuple[float, float]  # (y, x) in [-1, 1]


def find_drag(name: str) -> Drag:
    """Return a method by name; raises ValueError naming the valid ones."""
    return choose(DRAGS, "method", name)


def parse_point(text: str) -> Point:
    """Return a point written as "y,x"; raises ValueError for any other text."""
    found = re.fullmatch(PAIR, text)
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a point: write y,x such as 0.25,-0.5")
    return float(found["y"]), float(found["x"])


def pair_points(
    handles: Sequence[Point], targets: Sequence[Point]
) -> tuple[Float[Tensor, "p 2"], Float[Tensor, "p 2"]]:
    """Return handles and their targets as tensors.

    Raises ValueError unless their numbers are equal, 1 to MAX_POINTS, and all are inside the image.
    """
    if len(handles) != len(targets) or not 1 <= len(handles) <= MAX_POINTS:
        raise ValueError(
            f"a drag takes 1 to {MAX_POINTS} handles and as many targets, not {len(handles)} and "
            f"{len(targets)}"
        )
    return _tensor(handles), _tensor(targets)


def _tensor(points: Sequence[Point]) -> Float[Tensor, "p 2"]:
    for point in points:
        if not isinstance(point, Sequence) or len(point) != 2:
            raise ValueError(f"{point} is not a point: give two coordinates, (y, x)")
        y, x = (checks.number("a coordinate of a point", coordinate) for coordinate in point)
        if max(abs(y), abs(x)) > 1:
            raise ValueError(f"point {y:g},{x:g} is outside the image, which spans -1 to 1")
    return torch.tensor([[float(y), float(x)] for y, x in points])


def read_masks(paths: Sequence[Path], resolution: int) -> Float[Tensor, "f f"]:
    """Return where nothing may change, 0 to 1: whatever is black in any of the square pictures.

    Raises ValueError, naming the file, if it is not a square picture, or if nothing may change at all.
    """
    fixed = torch.zeros(resolution, resolution)
    for path in paths:
        fixed = torch.maximum(fixed, 1 - read_gray(path, resolution))
        if (fixed == 1).all():
            raise ValueError(f"{path}: leaves nothing that may change: paint that white")
    return fixed


def fixed_region(mask: Image.Image, resolution: int) -> Float[Tensor, "f f"]:
    """Return where nothing may change, 0 (white in the mask) to 1 (black).

    Raises ValueError unless the mask is square and at most MAX_MASK_WIDTH pixels wide.
    """
    return 1 - gray(mask, resolution)


def feature_resolution(snapshot: Snapshot) -> int:
    """Return the resolution of the features that a drag of this model follows."""
    return default_feature_resolution(snapshot.config.generator.resolution)


def drag_problem(
    scene: SceneData,
    snapshot: Snapshot,
    handles: Float[Tensor, "p 2"],
    targets: Float[Tensor, "p 2"],
    fixed: Float[Tensor, "f f"],
    settings: DragSettings,
) -> Problem:
    """Return what to drag where; the mask has the resolution of the features to follow."""
    if scene.changes.channels.numel():
        raise ValueError(
            "a scene with changes in style space can't be dragged: drag first, then edit along the direction"
        )
    device = snapshot.w_avg.device
    features = snapshot_features(snapshot, fixed.shape[0])
    inputs = scene_inputs(scene, snapshot)
    return Problem(
        features, inputs, handles.to(device), targets.to(device), fixed.to(device), settings
    )


def check_method(snapshot: Snapshot, drag: Drag) -> None:
    """Raise ValueError if a method needs heatmaps in the synthesis network and the model has none there."""
    generator = snapshot.generator
    if generator.config.parts.code_size > 0 and drag is not DRAGS["latent"]:
        raise ValueError(
            "this model's heatmaps don't reach its synthesis network: choose the method latent"
        )


def dragged_scene(scene: SceneData, state: DragState) -> SceneData:
    """Return the scene in the state that a drag has reached: moved centers, and the changes it made."""
    optimized = Changes(
        **{
            name: change.cpu()
            for name, kind in (("latent", Latent), ("heatmaps", HeatmapPixels))
            for change in state.change_of(kind)
            if change.any()
        }
    )
    layout = without_changes(state.inputs().layout).to("cpu")
    return replace(scene, layout=layout, changes=scene.changes.plus(optimized))


def drag_record(name: str, problem: Problem, result: DragResult) -> dict:
    """Return how a drag went, as JSON data; distances in image widths, points (y, x) in [-1, 1]."""
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
