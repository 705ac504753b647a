"""Tuning the generator to a photo: what comes closer, what stays, and the model that it writes."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from spatialgan.inversion.perceptual import open_perceptual
from spatialgan.inversion.tuning import Tuning, TuningSettings, save_tuned
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene_file import load_scene
from spatialgan.snapshot import sample_images
from spatialgan.tensor_file import load_tensors
from tests.tiny import tiny_snapshot

pytestmark = pytest.mark.unchecked
STEPS = 12


@pytest.fixture(params=["spatialgan", pytest.param("indoor", marks=pytest.mark.slow)])
def model(request, tmp_path):
    return open_model(str(tiny_snapshot(tmp_path / "model.safetensors", request.param)))


@pytest.fixture
def photo(model):
    return sample_images(model.snapshot, 5, 0, 1)[0]


def tuned(model, photo, **settings):
    judge = open_perceptual("none")
    tuning = Tuning(
        model, scene_from_seed(model, 1), photo, judge, TuningSettings(STEPS, **settings)
    )
    return tuning, list(tuning.states())


def test_the_image_comes_closer_and_nothing_else_of_the_model_changes(model, photo):
    own = {name: tensor.clone() for name, tensor in model.snapshot.generator.state_dict().items()}
    tuning, states = tuned(model, photo)
    assert [state.step for state in states] == list(range(STEPS + 1))
    assert states[-1].mse < 0.7 * states[0].mse and states[0].kept == 0
    assert all(own[k].equal(t) for k, t in model.snapshot.generator.state_dict().items())
    after = tuning.after.generator.state_dict()
    changed = {
        name.partition(".")[0] for name, tensor in after.items() if not own[name].equal(tensor)
    }
    assert changed == {"synthesis"}


@pytest.mark.slow
def test_other_scenes_are_kept_by_their_weight(model, photo):
    free, held = (tuned(model, photo, keep_weight=weight)[1][-1] for weight in (0.0, 30.0))
    assert held.kept < 0.5 * free.kept and held.mse > free.mse


@pytest.mark.slow
def test_the_same_tuning_gives_the_same_weights(model, photo):
    first, second = (tuned(model, photo)[0].after.generator.state_dict() for _ in range(2))
    assert all(first[name].equal(tensor) for name, tensor in second.items())


def test_a_tuned_model_says_what_it_was_made_of(model, photo, tmp_path):
    tuning, _ = tuned(model, photo)
    written = save_tuned(tmp_path / "tuned.safetensors", tuning, STEPS)
    tensors, header = load_tensors(tmp_path / "tuned.safetensors")
    assert header["tuned"]["model_sha256"] == model.sha256 and header["tuned"]["steps"] == STEPS
    assert written.sha256 != model.sha256
    assert torch.equal(tensors["w_avg"], model.snapshot.w_avg)
    weights = written.snapshot.generator.state_dict()
    assert all(weights[k].equal(t) for k, t in tuning.after.generator.state_dict().items())


def test_from_the_command_line(model, photo, tmp_path):
    Image.fromarray(photo.permute(1, 2, 0).numpy()).save(tmp_path / "mine.png")
    line = ["invert", str(tmp_path / "mine.png"), "--model", model.name, "-o"]
    options = ["--steps", "2", "--restarts", "1", "--tune", "10"]
    done = CliRunner().invoke(main, [*line, str(tmp_path / "found.json"), *options])
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "found_invert.json").read_text())
    assert record["mse"] < record["tuned"]["before"]["mse"]
    assert record["tuned"]["steps"] == 10 and record["tuned"]["of"] == model.name
    scene, opened = load_scene(tmp_path / "found.json")
    assert scene.model == str(tmp_path / "found_tuned.safetensors")
    assert scene.model_sha256 == record["model_sha256"] == opened.sha256 != model.sha256
    image = render_scene(scene, opened.snapshot).permute(1, 2, 0).numpy()
    assert (image == Image.open(tmp_path / "found.png")).all()


def test_the_model_itself_is_not_written_over(model, photo, tmp_path):
    Image.fromarray(photo.permute(1, 2, 0).numpy()).save(tmp_path / "mine.png")
    path = tiny_snapshot(tmp_path / "mine_tuned.safetensors")
    before = path.read_bytes()
    line = ["invert", str(tmp_path / "mine.png"), "--model", str(path), "--tune", "1"]
    done = CliRunner().invoke(main, [*line, "-o", str(tmp_path / "mine.json")])
    assert done.exit_code == 1 and "which is read" in done.output
    assert path.read_bytes() == before


def test_a_model_that_was_replaced_meanwhile_is_not_mixed_with_the_tuned_one(
    model, photo, tmp_path
):
    tuning, _ = tuned(model, photo)
    tiny_snapshot(Path(model.name), "sel")
    with pytest.raises(ValueError, match="was changed while its model was being tuned"):
        save_tuned(tmp_path / "t.safetensors", tuning, STEPS)
    assert not (tmp_path / "t.safetensors").exists()
