"""Strips of an edit: the same latents with the heatmaps moved step by step, layouts above their images.

Shapes: n images, r resolution.
"""

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import move
from spatialgan.inference import Snapshot, draw_samples, load_snapshot, render, to_uint8
from spatialgan.pictures import montage, save_png

STRIP_SEED = 2  # samples that neither metrics (0) nor training grids (1) show
NUM_STRIPS = 4
OFFSETS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # of x, in units of half an image
TRUNCATION = 0.7
SCALE = 3  # pixels of the picture per pixel of the image


def move_strips(snapshot: Snapshot) -> UInt8[Tensor, "3 h w"]:
    """Return four samples, each with its layout in five places (upper row) and the images (lower row).

    Latents and noise of a strip stay as they are. The layout starts at the middle of the image.
    """
    samples = draw_samples(snapshot.config, STRIP_SEED, 0, NUM_STRIPS)
    columns = []
    for offset in OFFSETS:
        moved = move(_centered(samples.layout), (0.0, offset))
        images = to_uint8(render(snapshot, replace(samples, layout=moved), TRUNCATION))
        layouts = draw_layout(moved, snapshot.config.generator.resolution)
        columns.append(torch.stack([layouts, images], dim=1).flatten(0, 1))
    grid = torch.stack(columns, dim=1).flatten(0, 1)
    return montage(grid, len(OFFSETS)).repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2)


def _centered(layout: Layout) -> Layout:
    """Return each sample's layout with its level-0 center at x = 0 and y as drawn."""
    if not layout.levels:
        raise ValueError(
            "this run has no heatmaps to move: choose a row with a sampling other than none"
        )
    samples = [layout[i : i + 1] for i in range(len(layout))]
    return Layout.cat([move(one, (0.0, -float(one.levels[0].centers[0, 0, 1]))) for one in samples])


def draw_layout(layout: Layout, resolution: int) -> UInt8[Tensor, "n 3 r r"]:
    """Return layouts as pictures: level 0 in blue, level 1 in orange, level 2 in white, on black."""
    colors = torch.tensor([[0.1, 0.45, 0.9], [0.9, 0.5, 0.0], [0.8, 0.8, 0.8]])
    picture: Float[Tensor, "n 3 r r"] = torch.zeros(len(layout), 3, resolution, resolution)
    for level, color in zip(range(len(layout.levels)), colors, strict=False):
        heat = layout.render(level, resolution).amax(dim=1, keepdim=True)
        picture = torch.maximum(picture, heat.square() * color[:, None, None])
    return to_uint8(picture * 2 - 1)


def write_strips(run_folder: Path) -> None:
    """Draw the strips of a run's snapshot into its folder as moves.png."""
    snapshot = load_snapshot(run_folder / "generator.safetensors")
    save_png(run_folder / "moves.png", move_strips(snapshot))
