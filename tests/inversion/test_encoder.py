"""Encoders: what they learn, which scenes they order how, and whose they are."""

import json

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from spatialgan.files import file_sha256
from spatialgan.inversion import encoder_training
from spatialgan.inversion.encoder import (
    encoder_guesses,
    load_encoder,
    numbers_of,
    ordered,
    scene_of,
)
from spatialgan.inversion.encoder_training import train_encoder
from spatialgan.inversion.invert import Inversion, InversionSettings
from spatialgan.inversion.perceptual import open_perceptual
from spatialgan.inversion.starts import draw_starts, gaussian_columns, images_of
from spatialgan.models.opened import open_model
from spatialgan.snapshot import draw_samples, sample_images
from tests.tiny import tiny_snapshot

pytestmark = pytest.mark.unchecked  # thousands of small batches
ROWS = ("baseline", "spatialgan", "indoor")


@pytest.fixture(autouse=True)
def _few_scenes(monkeypatch):
    """Let the units of numbers come of few scenes: their drawing would take most of the time."""
    monkeypatch.setattr(encoder_training, "NUM_UNITS", 256)
    monkeypatch.setattr(encoder_training, "BATCH", 16)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return an opened model per row."""
    folder = tmp_path_factory.mktemp("models")
    rows = {row: tiny_snapshot(folder / f"{row}.safetensors", row) for row in ROWS}
    return {row: open_model(str(path)) for row, path in rows.items()}


@pytest.mark.parametrize("row", ROWS)
def test_the_order_of_objects_changes_no_image(models, row):
    snapshot = models[row].snapshot
    starts = draw_starts(snapshot, 0, 6)
    sorted_starts = ordered(starts)
    noise = draw_samples(snapshot.config, 0, 0, 1).noise
    before, after = (images_of(snapshot, s.ws, s.layout, noise) for s in (starts, sorted_starts))
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)
    centers = gaussian_columns(sorted_starts.layout)[0]
    if row == "indoor":
        for one in centers:
            inside = one[(one.abs() <= 1).all(dim=1)]
            assert torch.equal(inside, one[: len(inside)])
            assert (inside[:, 1].diff() >= 0).all()


@pytest.mark.parametrize("row", ROWS)
def test_numbers_are_a_scene_and_back(models, row):
    starts = ordered(draw_starts(models[row].snapshot, 3, 1))
    again = scene_of(numbers_of(starts), models[row])
    torch.testing.assert_close(again.ws, starts.ws)
    torch.testing.assert_close(gaussian_columns(again.layout), gaussian_columns(starts.layout))


@pytest.mark.slow
def test_a_training_is_a_function_of_model_steps_and_seed_and_learns(models):
    first, record = train_encoder(models["indoor"], 60)
    again, _ = train_encoder(models["indoor"], 60)
    for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    untrained = train_encoder(models["indoor"], 1)[1]
    assert record["styles"] < untrained["styles"] and record["center"] < untrained["center"]


def test_an_encoder_is_written_used_and_bound_to_its_model(models, tmp_path):
    model, path = models["indoor"], tmp_path / "e.safetensors"
    said = CliRunner().invoke(main, ["encoder", model.name, "--steps", "3", "-o", str(path)])
    assert said.exit_code == 0 and json.loads(said.stdout)["steps"] == 3
    assert path.stat().st_size < 2_000_000
    encoder = load_encoder(path, model)
    Image.new("RGB", (20, 20)).save(tmp_path / "p.png")
    line = ["invert", str(tmp_path / "p.png"), "--model", model.name, "--steps", "1"]
    found = CliRunner().invoke(main, [*line, "--perceptual", "none", "--encoder", str(path)])
    assert json.loads(found.stdout)["encoder_sha256"] == file_sha256(path) == encoder.sha256
    photo = sample_images(model.snapshot, 5, 0, 1)[0]
    (guess,) = encoder_guesses(encoder, model, photo)
    settings = InversionSettings(steps=2, samples=4, restarts=2)
    inversion = Inversion(model.snapshot, photo, open_perceptual("none"), settings, [guess])
    assert list(inversion.states())[-1].step == 2
    exact = draw_starts(model.snapshot, 5, 1)  # a guess counts beside the samples
    better = Inversion(model.snapshot, photo, open_perceptual("none"), settings, [exact])
    samples, first, *_ = better.states()
    assert first.best.mse < samples.best.mse
    with pytest.raises(ValueError, match="is the encoder of another model"):
        load_encoder(path, models["spatialgan"])
