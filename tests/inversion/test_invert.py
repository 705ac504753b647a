"""Inversions: own samples are found, the same way each time, and come out as scenes that take every edit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli import inversions
from spatialgan.cli.main import main
from spatialgan.inversion.invert import (
    GOING,
    SECONDS,
    STEPS,
    Inversion,
    InversionSettings,
)
from spatialgan.inversion.inverted import example_edit, inverted_scene
from spatialgan.inversion.perceptual import PERCEPTUAL, distance, open_perceptual
from spatialgan.models.opened import open_model
from spatialgan.scenes.edits import apply_edit, parse_words
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene_file import load_scene, save_scene
from spatialgan.snapshot import sample_images
from tests.tiny import tiny_snapshot

pytestmark = pytest.mark.unchecked
ROWS = ("spatialgan", "indoor", "baseline", "flatten")
USUAL = 2  # of them, tested by default
QUICK = InversionSettings(steps=30, samples=12, restarts=3, seconds=1000.0)
OWN_SEED = 77  # of samples that no start is


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return an opened model per row."""
    folder = tmp_path_factory.mktemp("models")
    rows = {row: tiny_snapshot(folder / f"{row}.safetensors", row) for row in ROWS}
    return {row: open_model(str(path)) for row, path in rows.items()}


def photo_of(model):
    return sample_images(model.snapshot, OWN_SEED, 0, 1)[0]


def inverted(model, settings=QUICK, photo=None):
    """Return an inversion and its states."""
    photo = photo_of(model) if photo is None else photo
    judge = open_perceptual(settings.perceptual)
    inversion = Inversion(model.snapshot, photo, judge, settings)
    return inversion, list(inversion.states())


@pytest.mark.parametrize(
    "row", [*ROWS[:USUAL], *(pytest.param(row, marks=pytest.mark.slow) for row in ROWS[USUAL:])]
)
def test_a_sample_of_the_models_own_is_approached_and_replayed_to_the_bit(models, tmp_path, row):
    model = models[row]
    inversion, states = inverted(model)
    assert [state.step for state in states] == [0, *range(31)] and states[-1].outcome == STEPS
    best = states[-1].best
    assert best.loss < 0.75 * states[0].best.loss
    assert best.loss == min(state.best.loss for state in states)
    scene = inverted_scene(model, best)
    image = render_scene(scene, model.snapshot)
    error = (image.float() - photo_of(model).float()).div(127.5).square().mean()
    assert 0.7 * best.mse < float(error) < best.mse + 1e-3  # bytes are clipped, which helps
    save_scene(tmp_path / "s.json", scene)
    loaded, again = load_scene(tmp_path / "s.json")
    assert torch.equal(render_scene(loaded, again.snapshot), image)
    words, edit = example_edit(loaded)
    assert words == ("restyled" if row == "baseline" else "object 0 moved") or row == "indoor"
    assert not torch.equal(render_scene(apply_edit(loaded, edit), again.snapshot), image)


@pytest.mark.parametrize("edit", ["remove 1", "resize 0:1.5", "restyle 0", "copy 0:0.3,0.3"])
def test_an_inverted_scene_takes_every_edit(models, edit):
    model = models["indoor"]
    scene = inverted_scene(model, inverted(model, replace(QUICK, steps=4))[1][-1].best)
    if edit.startswith("copy"):
        scene = apply_edit(scene, parse_words("remove 2"))
    after = apply_edit(scene, parse_words(edit))
    before = render_scene(scene, model.snapshot)
    assert not torch.equal(render_scene(after, model.snapshot), before)


@pytest.mark.slow
def test_an_inversion_is_a_function_of_photo_model_and_settings(models):
    first, again = (inverted(models["indoor"])[1][-1].best for _ in range(2))
    assert torch.equal(first.ws, again.ws) and first.loss == again.loss
    other = inverted(models["indoor"], replace(QUICK, seed=50))[1][-1].best
    assert other.loss != first.loss


@pytest.mark.slow
def test_a_fixed_layout_is_a_samples_and_a_style_may_be_one_for_all_layers(models):
    model = models["spatialgan"]
    settings = replace(QUICK, space="w", layout="fixed", restarts=1)
    states = inverted(model, settings)[1]
    first, last = states[0].best, states[-1].best
    for before, after in zip(first.layout.levels, last.layout.levels, strict=True):
        torch.testing.assert_close(before.centers, after.centers, rtol=0, atol=0)
    assert not torch.equal(first.ws, last.ws)
    torch.testing.assert_close(last.ws, last.ws[:, :1].expand_as(last.ws))
    free = inverted(model, replace(QUICK, restarts=1))[1][-1].best
    assert not torch.equal(free.layout.levels[0].centers, first.layout.levels[0].centers)
    spread = free.ws - free.ws[:, :1]
    assert float(spread.abs().max()) > 0


def test_the_layout_stays_in_the_range_of_what_the_model_draws(models):
    inversion, states = inverted(models["indoor"])
    centers = states[-1].best.layout.levels[0].centers[0]
    low, high = inversion.bounds.centers
    assert (low <= centers).all() and (centers <= high).all()


def test_time_ends_an_inversion_with_the_best_so_far(models):
    states = inverted(models["baseline"], replace(QUICK, seconds=0.0))[1]
    assert [state.outcome for state in states] == [GOING, SECONDS]


@pytest.mark.parametrize("name", [name for name in PERCEPTUAL if name != "efficientnet"])
def test_perceptual_distances(name):
    judge = open_perceptual(name)
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    maps = judge.features(images)
    assert float(distance(maps, maps).abs().max()) == 0
    if name != "none":
        near, far = images + 0.01, images.roll(1, 0)
        nearer = distance(maps, judge.features(near))
        assert nearer.shape == (3,) and (nearer < distance(maps, judge.features(far))).all()
        one = [x[:1] for x in maps]
        assert float(distance(maps, one)[0]) == 0 < float(distance(maps, one)[1])


@pytest.fixture
def place(models, tmp_path, monkeypatch):
    """A working directory with a photo, and a model that it is of."""
    monkeypatch.chdir(tmp_path)
    tiny_snapshot(tmp_path / "room.safetensors", "indoor")
    pixels = photo_of(models["indoor"]).permute(1, 2, 0).numpy()
    Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST).save("photo.png")
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(main, ["invert", *arguments])


def test_the_command_writes_a_scene_an_image_a_strip_and_its_numbers(place):
    said = invoke(*"photo.png --model room.safetensors --steps 5 -o found.json".split())
    assert said.exit_code == 0, said.output
    record = json.loads((place / "found_invert.json").read_text())
    assert record["steps"] == 5 and record["outcome"] == STEPS
    assert record["mse"] < record["nearest_mse"] and record["perceptual_by"]["name"] == "scene"
    image = (place / "found.png").read_bytes()
    rendered = CliRunner().invoke(main, ["render", "found.json", "-o", "again.png"])
    assert rendered.exit_code == 0 and (place / "again.png").read_bytes() == image
    with Image.open("found_strip.png") as strip:
        assert strip.width > 4 * 192
    moved = CliRunner().invoke(main, ["edit", "found.json", "--move", "0:0,0.3"])
    assert moved.exit_code == 0


def test_ctrl_c_keeps_the_best_so_far(place, monkeypatch):
    class Pressed(inversions.Interrupts):
        def __init__(self):
            self.count = 1

    monkeypatch.setattr(inversions, "Interrupts", Pressed)
    said = invoke("photo.png", "--model", "room.safetensors", "-o", "found.json")
    assert said.exit_code == 0
    record = json.loads((place / "found_invert.json").read_text())
    assert record["outcome"] == "canceled" and record["steps"] == 0
    assert load_scene(place / "found.json")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("missing.png --model room.safetensors", "missing.png"),
        ("photo.png --model nothing", "unknown model 'nothing'"),
        ("photo.png --model room.safetensors --space z", "unknown space 'z'"),
        ("photo.png --model room.safetensors --layout any", "unknown layout 'any'"),
        ("photo.png --model room.safetensors --frame round", "unknown frame 'round'"),
        ("photo.png --model room.safetensors --perceptual eye", "unknown perceptual"),
        ("photo.png --model room.safetensors -o found.png", "must end in .json"),
        ("photo.png --model room.safetensors --encoder room.safetensors", "is not an encoder"),
    ],
)
def test_bad_input_is_one_line(place, arguments, words):
    said = invoke(*arguments.split())
    assert said.exit_code == 1 and words in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    assert np.array_equal(
        sorted(p.name for p in place.iterdir()), ["photo.png", "room.safetensors"]
    )
