"""What dragging does to heatmaps whose pixels are free [paper, v2 Fig. 12]: how few change, and at which level.

The same drags as in the benchmark of methods: the handle is the center of object 0, its target some way off. Two
numbers of each drag that changes heatmaps: the share of the change that the level has which changes most, and the
share of the heatmaps' pixels that hold half of it. The control is the method that moves centers instead, drag by drag:
a level of more sub-heatmaps has more of any change, so a share says little by itself. Free pixels are a grid of 16x16 for
every sub-heatmap, of level 0 too, which the generator reads at 4x4.

Shapes: r pixels of an image.
"""

import math
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import tiles
from spatialgan.analyses.findings import Findings, Number, Table, known_mean, mean_of
from spatialgan.analyses.requests import Request, Subject
from spatialgan.dragging.drag import DRAGS, DragSettings, Problem, run_drag
from spatialgan.dragging.drag_scene import drag_problem, feature_resolution
from spatialgan.heatmaps.moves import objects
from spatialgan.models.opened import open_model
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.rng import generator_for
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_inputs

LENGTH = 0.35  # of a drag, in [-1, 1] units
MAX_STEPS = 40
LIMIT = 0.9  # of the coordinates of handles and targets
METHODS = {
    "pixels": "latent+pixels",
    "centers": "latent+centers",
}  # of DRAGS; the second is the control
STRONGEST = {"pixels": 0.25, "centers": 1.0}  # change of a heatmap that is drawn white
SHOWN = 3  # drags in the picture
CAPTION = (
    f"Drags by '{METHODS['pixels']}' and by '{METHODS['centers']}': the image before and after, and how much each level's"
    f" heatmaps (their sum) changed, white from {STRONGEST['pixels']} on where pixels are free and from"
    f" {STRONGEST['centers']} on where centers move. None selected."
)

Change = list[Float[Tensor, "r r"]]  # of each level's heatmaps, at the resolution of the image


def look_at_pixels(request: Request) -> Findings:
    """Return the share of change per level and how many pixels hold it, by run and method."""
    levels = Table("Share of the change of heatmaps, by level")
    largest = Table("Share of the level that changes most")
    each = Table("The same per sub-heatmap: equal numbers if all sub-heatmaps change alike")
    holding = Table("Share of the heatmaps' pixels that hold half of the change")
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        problems = draw_problems(subject, request.num)
        changes: dict[str, list[Change]] = {name: [] for name in METHODS}
        lines: list[dict[str, Image.Image]] = []
        for problem in problems:
            line = {"before": _image(problem.inputs, subject)}
            for name, method in METHODS.items():
                after = run_drag(problem, DRAGS[method]).state.inputs()
                change = heatmap_change(problem.inputs, after, subject.config.generator.resolution)
                changes[name].append(change)
                line[name] = _image(after, subject)
                for level, values in enumerate(change):
                    line[f"{name}, level {level}"] = tiles.change_tile(values, STRONGEST[name])
            lines.append(line)
        spans = {
            name: np.array([half_holding(c) for c in found]) for name, found in changes.items()
        }
        for name, found in changes.items():
            shares = np.array([level_shares(change) for change in found])
            row = f"{subject.run}, {METHODS[name]}"
            counts = np.array(subject.config.sampling.heatmap_channels)
            per_part = shares / counts
            per_part = per_part / per_part.sum(axis=1, keepdims=True).clip(min=1e-12)
            for level in range(shares.shape[1]):
                levels.put(row, f"level {level}", mean_of(shares[:, level]))
                each.put(row, f"level {level}", mean_of(per_part[:, level]))
            largest.put(row, "share", mean_of(shares.max(axis=1)))
            holding.put(row, "share", mean_of(spans[name]))
        tops = {
            name: np.array([max(level_shares(change)) for change in found])
            for name, found in changes.items()
        }
        more, fewer = tops["pixels"] - tops["centers"], spans["centers"] - spans["pixels"]
        for claim, values in (("pixels_one_level", more), ("pixels_few", fewer)):
            number = known_mean(values)
            if number is not None:
                evidence.setdefault(claim, {})[subject.run] = number
        blocks[f"{subject.run}: {subject.title}"] = tiles.grid(lines[:SHOWN])
    tables = {"levels": levels, "each": each, "largest": largest, "holding": holding}
    protocol = {"num": request.num, "length": LENGTH, "max_steps": MAX_STEPS}
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


def draw_problems(subject: Subject, num: int) -> list[Problem]:
    """Return drags of the first scenes of a model: object 0, where it is in the frame, each in its own direction."""
    model = open_model(str(subject.results.run(subject.run).snapshot))
    cells = feature_resolution(model.snapshot)
    settings, draws = DragSettings(max_steps=MAX_STEPS), generator_for(0, "pixels", 0)
    found: list[Problem] = []
    seed = 0
    while len(found) < num:
        scene = scene_from_seed(model, seed)
        seed += 1
        handle = objects(scene.layout).centers[0, :1]
        angle = float(torch.rand((), generator=draws)) * 2 * math.pi
        target = handle + LENGTH * torch.tensor([[math.sin(angle), math.cos(angle)]])
        if max(handle.abs().max(), target.abs().max()) < LIMIT:
            fixed = torch.zeros(cells, cells)
            found.append(drag_problem(scene, model.snapshot, handle, target, fixed, settings))
    return found


def heatmap_change(before: SynthesisInputs, after: SynthesisInputs, size: int) -> Change:
    """Return how much each level's heatmaps changed at each pixel, as a sum over sub-heatmaps."""
    layouts = before.layout, after.layout
    pairs = [[x.render(i, size)[0] for x in layouts] for i in range(len(before.layout.levels))]
    return [(new - old).abs().sum(dim=0).detach().cpu() for old, new in pairs]


def level_shares(change: Change) -> list[float]:
    """Return each level's share of all change; 0 of none."""
    sums = [float(values.sum()) for values in change]
    return [each / sum(sums) if sum(sums) else 0.0 for each in sums]


def half_holding(change: Change) -> float:
    """Return the smallest share of all levels' pixels that hold half of the change; NaN if there is none."""
    values = torch.cat([each.flatten() for each in change]).sort(descending=True).values
    if not values.sum() > 0:
        return math.nan
    reached = values.cumsum(0) >= values.sum() / 2
    return float(cast(Tensor, reached.int().argmax() + 1)) / len(values)


def _image(inputs: SynthesisInputs, subject: Subject) -> Image.Image:
    return tiles.image_tile(render_inputs(inputs, subject.snapshot).float() / 127.5 - 1)
