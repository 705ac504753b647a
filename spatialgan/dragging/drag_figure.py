"""What each method of dragging does to the heatmaps [paper, v2 Fig. 12], as an entry of figures.yaml asks.

A page has a block per row and data set (the first seed of the profile), and in it a line per scene: the scene,
then the same drag by every method, each with its image, its heatmaps (summed over each level) and what
changed in them. The handle is the center of object 0, as drawn or where the entry's `setup` puts it; nothing
is cherry-picked.

Shapes: r image pixels.
"""

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from spatialgan.dragging.drag import DRAGS, DragSettings, DragState, Problem, run_drag
from spatialgan.dragging.drag_film import mark_points
from spatialgan.dragging.drag_scene import drag_problem, feature_resolution
from spatialgan.drawing import overlays as drawing
from spatialgan.drawing.galleries import draw_page, edited
from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Layout
from spatialgan.models.opened import open_model
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.scenes.changes import without_changes
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_inputs
from spatialgan.settings.params import Params
from spatialgan.snapshot import Snapshot

STRONGEST = 0.25  # change of a heatmap from which on it is drawn white


def draw_drags(params: Params, item: dict, profile: str) -> Image.Image:
    """Return the page of an entry of figures.yaml; raises ValueError, naming the run, if a drag can't be drawn."""
    limit = params.profile(profile).get("drag_steps", DragSettings().max_steps)
    return draw_page(params, item, profile, lambda model, seed: _line(model, seed, item, limit))


def _line(model: Path, seed: int, item: dict, max_steps: int) -> Image.Image:
    """Return the pictures of one scene: before, and as each method leaves it."""
    opened = open_model(str(model))
    scene, snapshot = edited(scene_from_seed(opened, seed), item.get("setup", [])), opened.snapshot
    handle = moves.objects(scene.layout).centers[0, :1]
    target = handle + torch.tensor([item["offset"]])
    cells = feature_resolution(snapshot)
    settings = DragSettings(max_steps=max_steps)
    problem = drag_problem(scene, snapshot, handle, target, torch.zeros(cells, cells), settings)
    states = {method: run_drag(problem, drag).state for method, drag in DRAGS.items()}
    still = replace(next(iter(states.values())), handles=problem.handles)
    before = _column(problem.inputs, problem, still, snapshot)
    columns = [drawing.captioned(drawing.captioned(before, "before"), f"scene {seed}")]
    for method, state in states.items():
        column = _column(state.inputs(), problem, state, snapshot)
        took = f"{state.step} steps, {state.outcome}" if state.unknowns else state.outcome
        columns.append(drawing.captioned(drawing.captioned(column, took), method))
    return drawing.side_by_side(columns)


def _column(
    inputs: SynthesisInputs, problem: Problem, state: DragState, snapshot: Snapshot
) -> Image.Image:
    """Return an image, and below it each level's heatmap next to its change."""
    image = render_inputs(inputs, snapshot)
    size = image.shape[-1]
    layout = without_changes(inputs.layout).to("cpu")
    panels = [mark_points(drawing.outlined(image, layout), problem, state)]
    for level in range(len(inputs.layout.levels)):
        before, after = (_total(each.layout, level, size) for each in (problem.inputs, inputs))
        pair = [_gray(after), drawing.heat((after - before).abs() / STRONGEST)]
        halves = [_shrunk(picture, panels[0].width) for picture in map(drawing.enlarged, pair)]
        panels.append(drawing.side_by_side(halves))
    return drawing.stacked(panels)


def _total(layout: Layout, level: int, size: int) -> Float[Tensor, "r r"]:
    """Return the sum of a level's sub-heatmaps at the resolution of the image."""
    return layout.render(level, size)[0].sum(dim=0).cpu()


def _gray(heatmap: Float[Tensor, "r r"]) -> UInt8[Tensor, "3 r r"]:
    """Return a heatmap from black (0 and below) to white (1 and above)."""
    return (heatmap.clamp(0, 1) * 255).to(torch.uint8).expand(3, *heatmap.shape)


def _shrunk(picture: Image.Image, width: int) -> Image.Image:
    """Return a square picture so that two of them, with a gap, are `width` wide."""
    side = (width - drawing.GAP) // 2
    return picture.resize((side, side), Image.Resampling.NEAREST)
