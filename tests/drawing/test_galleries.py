"""Galleries: pages of edited scenes made of params alone; what was touched is what is circled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatialgan.drawing import overlays as drawing
from spatialgan.drawing.galleries import (
    check_gallery,
    draw_gallery,
    touched,
)
from spatialgan.models.opened import open_model
from spatialgan.reporting.figures import write_figure
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import apply_edit, parse_edit
from spatialgan.scenes.render import render_scene
from spatialgan.settings.params import load_params
from tests.tiny import ROOT, tiny_snapshot

CELL = drawing.MIN_SIDE + drawing.GAP


@pytest.fixture
def params(tmp_path, monkeypatch):
    """Return the project's parameters, with two snapshots among the results of an empty folder."""
    monkeypatch.chdir(tmp_path)
    params = load_params(ROOT / "params")
    for run, row in (("bedroom/indoor/0", "indoor"), ("cat/spatialgan/0", "spatialgan")):
        tiny_snapshot(params.results("smoke").run(run).snapshot, row)
    return params


def galleries():
    figures = load_params(ROOT / "params").figures
    return [name for name, item in figures.items() if item["kind"] == "gallery"]


@pytest.mark.parametrize("name", galleries())
def test_every_gallery_of_params_parses_and_says_which_runs_it_shows(name):
    params = load_params(ROOT / "params")
    item = params.figure(name)
    check_gallery(item)
    runs = params.first_runs(item, "workstation")
    assert runs == [f"{d}/{row}/0" for d in item["datasets"] for row in item["rows"]]


def item_of(**changes):
    item = {
        "kind": "gallery",
        "title": "A title",
        "rows": ["indoor"],
        "datasets": ["bedroom"],
        "scenes": [0, 5],
        "setup": ["place 0:0.2,0"],
        "columns": {"moved": ["move 0:0,0.4"], "gone": ["remove 0", "restyle all:3"]},
    }
    return {**item, **changes}


def test_a_cell_is_the_edited_scene(params):
    page = draw_gallery(params, item_of(), "smoke")
    top = 3 * drawing.CAPTION_HEIGHT
    assert page.size[0] == 3 * CELL - drawing.GAP
    corner = page.crop((2 * CELL, top, 2 * CELL + 192, top + 192))
    model = params.results("smoke").run("bedroom/indoor/0").snapshot
    opened = open_model(str(model))
    scene = scene_from_seed(opened, 0)
    for edit in (("place", "0:0.2,0"), ("remove", "0"), ("restyle", "all:3")):
        scene = apply_edit(scene, parse_edit(*edit))
    expected = np.asarray(drawing.enlarged(render_scene(scene, opened.snapshot))).astype(int)
    differs = np.abs(np.asarray(corner).astype(int) - expected).sum(axis=2) > 0
    assert differs.mean() < 0.2  # the faint circle of what was removed
    assert not differs[:20].any() and not differs[-20:].any()


@pytest.mark.slow
def test_a_gallery_is_written_as_the_same_picture_every_time(params):
    pictures = [write_figure(params, "level_moves", "smoke").read_bytes() for _ in range(2)]
    assert pictures[0] == pictures[1]
    path = Path("results/smoke/figures/level_moves.png")
    with Image.open(path) as page:
        assert page.width == 6 * CELL - drawing.GAP


@pytest.mark.parametrize(
    ("row", "edits", "expected"),
    [
        ("indoor", ["move 1:0,0.1"], [[0, 1, 0]]),
        ("indoor", ["remove 2"], [[0, 0, 1]]),
        ("indoor", ["restyle 0"], [[1, 0, 0]]),
        ("indoor", ["restyle all"], [[0, 0, 0]]),
        ("indoor", ["restyle background"], [[0, 0, 0]]),
        ("spatialgan", ["move 0:0,0.1"], [[1], [0, 0], [0, 0, 0, 0]]),
        ("spatialgan", ["resize 1/1:2"], [[0], [0, 1], [0, 0, 0, 0]]),
        ("spatialgan", ["restyle all"], [[0], [0, 0], [0, 0, 0, 0]]),
    ],
)
def test_what_was_edited_is_touched(params, row, edits, expected):
    dataset = "bedroom" if row == "indoor" else "cat"
    model = params.results("smoke").run(f"{dataset}/{row}/0").snapshot
    start = scene_from_seed(open_model(str(model)), 1)
    scene = replace(start)
    for edit in edits:
        scene = apply_edit(scene, parse_edit(*edit.split(" ")))
    assert [chosen.int().tolist() for chosen in touched(start, scene)] == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {"x": ["turn 0:1"]}}, "unknown edit 'turn'"),
        ({"setup": ["move 0"]}, "move: '0' is not of the form"),
    ],
)
def test_a_mistake_in_an_entry_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        check_gallery(item_of(**changes))


def test_a_scene_that_cannot_be_edited_so_is_named(params):
    item = item_of(columns={"x": ["move 7:0,0"]})
    with pytest.raises(ValueError, match="bedroom/indoor/0: move: objects of this layout are 0 to"):
        draw_gallery(params, item, "smoke")
    with pytest.raises(ValueError, match="cat/indoor/0: .*safetensors does not exist"):
        draw_gallery(params, item_of(datasets=["cat"]), "smoke")
