"""The command for directions, as a person types it, and what the edit does with its file."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan import models
from spatialgan.cli.main import main
from spatialgan.directions.lowrank import LowRank
from spatialgan.directions.sefa import Sefa
from spatialgan.scenes.along import load_directions
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene_file import load_scene
from tests.tiny import tiny_snapshot


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with the shipped model `room`, and a scene of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "FOLDER", tmp_path / "models")
    tiny_snapshot(tmp_path / "models" / "room.safetensors", "indoor")
    assert invoke("scene", "room", "--seed", "4", "-o", "room.json").exit_code == 0
    return tmp_path


def invoke(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


@pytest.mark.parametrize("method", ["resefa", "stylespace"])
def test_directions_are_found_and_followed(place, method):
    region = ("--region", "box:0,-0.5,2,1", "--method", method, "--layers", "0-2", "--codes", "0,2")
    found = invoke("directions", "room.json", *region, "--count", "3", "-o", "d.safetensors")
    assert found.exit_code == 0, found.output
    assert len(found.stdout.splitlines()) == 3
    directions = load_directions(place / "d.safetensors")
    touched = directions.changes.abs().sum(dim=(0, -1))
    assert not touched[3:].any() and not touched[:, [1, 3]].any() and touched[:, [0, 2]].any()
    assert invoke("edit", "room.json", "--along", "d.safetensors:0:3").exit_code == 0
    scene, model = load_scene(place / "room_edited.json")
    assert torch.equal(pixels("room_edited.png"), render_scene(scene, model.snapshot))


def test_lowrank_takes_its_numbers(place, monkeypatch):
    taken = []
    monkeypatch.setattr(
        LowRank, "__call__", lambda self, problem: taken.append(self) or Sefa()(problem)
    )
    options = ("--region", "box:0,0,1,1", "--method", "lowrank")
    for more in ((), ("--relax", "3", "--iterations", "20")):
        assert invoke("directions", "room.json", *options, *more).exit_code == 0
    assert [(one.relax, one.iterations) for one in taken] == [(0, 500), (3, 20)]


def test_wrong_words_are_one_line(place):
    for options, message in (
        (
            ("--region", "box:0,0,1,1", "--method", "svd"),
            "unknown method 'svd': choose one of resefa",
        ),
        (("--region", "box:0,0,1,1", "--layers", "4-x"), "'4-x' is not a number"),
        (("--region", "box:0,0,1,1", "--layers", "3-1"), "'3-1' is no range: write 1-3"),
        (("--region", "box:0,0,1,1", "--codes", ","), "',' has no number"),
        (("--region", "box:0,0,1,1", "--space", "z"), "unknown space 'z'"),
        (("--region", "box:0,0,1,1", "--relax", "2"), "method resefa has no --relax"),
    ):
        result = invoke("directions", "room.json", *options)
        assert result.exit_code == 1 and message in result.output
        assert len(result.output.splitlines()) == 1
