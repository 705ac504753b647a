"""Galleries: pages of edited scenes, described by an entry of params/figures.yaml in the words of EDITS.

A page has a block per row and data set (the first seed of the profile) and a line per scene: the scene with
all its objects, then a picture per list of edits with what they touched. The edits of `setup` come before all
others. The scene of a line is what the model draws from that seed, so `spatialgan scene` and `spatialgan edit`
reproduce every picture of a page. Nothing is cherry-picked: an entry names its seeds.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from spatialgan.drawing import overlays as drawing
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import Where, gaussians
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import apply_edit, parse_words
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData
from spatialgan.settings.params import Params

FORMER_OPACITY = 0.4  # of a circle where something was


def check_gallery(item: dict) -> None:
    """Raise ValueError, naming the edit, if an entry of figures.yaml has one that doesn't parse."""
    for edits in (item.get("setup", []), *item["columns"].values()):
        for edit in edits:
            parse_words(edit)


def draw_gallery(params: Params, item: dict, profile: str) -> Image.Image:
    """Return the page of an entry of figures.yaml.

    Raises ValueError, naming the run, if one of its scenes can't be edited as the entry says.
    """
    check_gallery(item)
    return draw_page(params, item, profile, lambda model, seed: _line(model, seed, item))


def draw_page(
    params: Params, item: dict, profile: str, draw_line: Callable[[Path, int], Image.Image]
) -> Image.Image:
    """Return a page with a block per run that an entry of figures.yaml shows, and in it a line per scene.

    `draw_line` gets the run's snapshot and the scene's seed; its ValueErrors are raised again, naming the run.
    """
    blocks = []
    for run in params.first_runs(item, profile):
        model = params.results(profile).run(run).snapshot
        try:
            lines = [draw_line(model, seed) for seed in item["scenes"]]
        except ValueError as error:
            raise ValueError(f"{run}: {error}") from None
        dataset, row, _ = run.split("/")
        heading = f"{dataset}: {params.row(row)['title']} ({run})"
        blocks.append(drawing.captioned(drawing.stacked(lines), heading))
    return drawing.captioned(drawing.stacked(blocks), item["title"])


def _line(model: Path, seed: int, item: dict) -> Image.Image:
    """Return the pictures of one scene: first with all its objects, then after each list of edits."""
    opened = open_model(str(model))
    start = edited(scene_from_seed(opened, seed), item.get("setup", []))
    image = render_scene(start, opened.snapshot)
    panels = [drawing.captioned(drawing.outlined(image, start.layout), f"scene {seed}")]
    for caption, edits in item["columns"].items():
        scene = edited(start, edits)
        picture = drawing.enlarged(render_scene(scene, opened.snapshot))
        panels.append(drawing.captioned(_show_change(picture, start, scene), caption))
    return drawing.side_by_side(panels)


def _show_change(picture: Image.Image, start: SceneData, scene: SceneData) -> Image.Image:
    """Return a picture under the circles of what was edited: where it was (faint) and where it is."""
    where = touched(start, scene)
    former = _only(start.layout, where, FORMER_OPACITY)
    present = _only(scene.layout, where, 1.0)
    return drawing.named(drawing.circled(drawing.circled(picture, former), present), present)


def touched(start: SceneData, scene: SceneData) -> Where:
    """Return the sub-heatmaps that differ in place, size, presence or in their own style.

    A hierarchy that differs as a whole is shown by its level 0; where all styles differ, none is shown.
    """
    where = []
    for levels in zip(start.layout.levels, scene.layout.levels, strict=True):
        before, after = map(gaussians, levels)
        same = (before.centers == after.centers).all(dim=-1) & (before.sigmas == after.sigmas)
        where.append(~(same & (before.presence == after.presence))[0])
    restyled = [a != b for a, b in zip(start.styles, scene.styles, strict=True)]
    if any(restyled) and not all(restyled):
        where[0] = where[0] | torch.tensor(restyled[1:])
    if all(chosen.all() for chosen in where) and len(where) > 1:
        where[1:] = [torch.zeros_like(chosen) for chosen in where[1:]]
    return tuple(where)


def _only(layout: Layout, where: Where, opacity: float) -> Layout:
    """Return the layout of some sub-heatmaps alone, their presence times `opacity`."""
    levels = [
        replace(level, presence=level.presence * chosen * opacity)
        for level, chosen in zip(map(gaussians, layout.levels), where, strict=True)
    ]
    return Layout(tuple(levels), len(layout))


def edited(scene: SceneData, edits: list[str]) -> SceneData:
    """Return a scene after edits, in the words of EDITS."""
    for edit in edits:
        scene = apply_edit(scene, parse_words(edit))
    return scene
