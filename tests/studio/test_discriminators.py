"""Whose attention the studio shows: a discriminator that is given, or that of the run's last checkpoint."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from starlette.testclient import TestClient

from spatialgan.cli.main import main
from spatialgan.imports.discriminators import save_discriminator
from spatialgan.losses.alignment import normalize_attention
from spatialgan.models.opened import open_model
from spatialgan.networks.discriminator import DiscriminatorConfig
from spatialgan.networks.released import Conventions, released_discriminator
from spatialgan.results import Results, run_of
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_scene
from spatialgan.studio import answers
from spatialgan.studio.admission import Admission
from spatialgan.studio.app import studio_app
from spatialgan.studio.discriminators import with_discriminator, with_own_discriminator
from spatialgan.studio.serve import open_models
from tests.studio.run import trained_run

LEAST = {"format": "spatialgan scene 1", "seed": 3}


def imported(path, resolution):
    """Write a discriminator as `spatialgan import` does; return its path."""
    conventions = Conventions(clamp=256.0)
    made = released_discriminator(DiscriminatorConfig(resolution, 128, 8), conventions)
    save_discriminator(path, made, conventions, {})
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("results"))


def test_a_snapshot_among_results_knows_its_run(run, tmp_path):
    assert run_of(run.snapshot) == (Results(run.root), "cat/spatialgan/0")
    assert run_of(Path("/m.safetensors")) is None
    assert run_of(tmp_path / "model.safetensors") is None
    assert list(Results(run.root).checkpoints("cat/spatialgan/0")) == [run.checkpoint]
    assert list(Results(run.root).checkpoints("cat/spatialgan/1")) == []


def test_the_discriminator_of_the_run_is_found_by_itself(run):
    model = with_own_discriminator(open_model(str(run.snapshot)))
    weights = model.discriminator.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in run.weights.items())
    assert len(weights) == len(run.weights)


def test_attention_is_that_of_the_image_that_is_shown(run):
    model = with_own_discriminator(open_model(str(run.snapshot)))
    scene = scene_from_seed(model, 3)
    found = answers.attention({**LEAST, "model": model.name}, {model.name: model})
    image = ((render_scene(scene, model.snapshot).float() - 128) / 127.5)[None].requires_grad_()
    logits, features = model.discriminator(image)
    raw = model.snapshot.config.attention(logits, [features[r] for r in (4, 8, 16)])
    expected = torch.cat([normalize_attention(each.detach(), 16) for each in raw])
    assert expected.amax(dim=(1, 2)).min() > 0.99  # each map says something
    assert bytes((255 * expected).round().to(torch.uint8).flatten().tolist()) == found


def test_another_run_s_checkpoint_is_not_its_own(run, tmp_path):
    other = trained_run(tmp_path, seed=1)
    other.checkpoint.unlink()
    moved = other.checkpoint.parent / run.checkpoint.name
    moved.write_bytes(run.checkpoint.read_bytes())  # of seed 0
    model = open_model(str(other.snapshot))
    assert with_own_discriminator(model).discriminator is None
    assert with_discriminator(model, moved).discriminator is not None  # if somebody asks for it


def test_a_checkpoint_of_an_earlier_time_is_not_the_last(run, tmp_path):
    early = trained_run(tmp_path, nimg=4000)
    assert with_own_discriminator(open_model(str(early.snapshot))).discriminator is None


def test_a_damaged_checkpoint_is_named_and_the_studio_opens(run, tmp_path, caplog):
    damaged = trained_run(tmp_path)
    damaged.checkpoint.write_bytes(damaged.checkpoint.read_bytes()[:-5])
    assert with_own_discriminator(open_model(str(damaged.snapshot))).discriminator is None
    assert str(damaged.checkpoint) in caplog.text
    with pytest.raises(ValueError, match="damaged"):
        with_discriminator(open_model(str(damaged.snapshot)), damaged.checkpoint)


def test_an_imported_discriminator_is_given(run, tmp_path):
    path = imported(tmp_path / "d.safetensors", 16)
    name = str(run.snapshot)
    model = open_models([name], {name: path})[name]
    assert model.discriminator.config.channel_max == 8
    assert len(answers.attention({**LEAST, "model": name}, {name: model})) == 3 * 16 * 16


def test_a_discriminator_that_does_not_fit_is_one_line(run, tmp_path):
    model = open_model(str(run.snapshot))
    with pytest.raises(ValueError, match="has no discriminator: it is a snapshot"):
        with_discriminator(model, run.snapshot)
    path = imported(tmp_path / "d.safetensors", 32)
    with pytest.raises(ValueError, match=r"takes images of 32 px, but .* makes images of 16 px"):
        with_discriminator(model, path)
    with pytest.raises(ValueError, match="unknown model 'cat': choose one of"):
        open_models([model.name], {"cat": path})
    twice = ["--discriminator", "cat", str(path)] * 2
    for arguments, words in (
        (twice, "name each model once"),
        (["--host", "a\udcff"], "--host: 'a"),
    ):
        result = CliRunner().invoke(main, ["studio", "--no-open", *arguments])
        assert result.exit_code == 1 and words in result.output and result.output.count("\n") == 1


def test_the_server_says_which_models_have_attention_and_answers_for_them(run):
    plain = open_model(str(run.snapshot))
    models = {"plain": replace(plain, name="plain")}
    models["own"] = replace(with_own_discriminator(plain), name="own")
    headers = {"x-spatialgan": "1"}
    with TestClient(studio_app(models, Admission(80)), "http://localhost", headers=headers) as page:
        listed = page.get("/models").json()["models"]
        assert [model["attention"] for model in listed] == [[], [4, 8, 16]]
        answer = page.post("/attention", json={**LEAST, "model": "own"})
        assert len(answer.content) == 3 * 16 * 16
        refused = page.post("/attention", json={**LEAST, "model": "plain"})
        assert refused.status_code == 400
        assert "no discriminator is open for plain" in refused.json()["error"]
