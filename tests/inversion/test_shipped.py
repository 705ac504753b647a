"""The encoders that ship: one per shipped model, which an inversion uses unless told otherwise."""

import base64
import json

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from spatialgan.files import file_sha256
from spatialgan.inversion import shipped
from spatialgan.inversion.encoder import MAX_BYTES, encoder_guesses
from spatialgan.inversion.shipped import encoder_file, open_encoder
from spatialgan.inversion.starts import draw_starts, fixed_noise, images_of
from spatialgan.models import shipped_models
from spatialgan.models.opened import open_model
from spatialgan.snapshot import sample_images
from spatialgan.studio.inverting import inversion_job

NEW = 2_000_000  # seed of samples that no encoder was trained on


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_encoder_is_small_and_guesses_better_than_samples_do(name):
    model = open_model(name)
    path, encoder = encoder_file(model), open_encoder(model)
    assert path is not None and path.stat().st_size < MAX_BYTES
    photos = sample_images(model.snapshot, NEW, 0, 8)
    wanted, noise = photos.float() / 127.5 - 1, fixed_noise(model.snapshot)
    errors = {"guess": 0.0, "sample": 0.0}
    drawn = draw_starts(model.snapshot, 0, 8)
    for i, photo in enumerate(photos):
        (guess,) = encoder_guesses(encoder, model, photo)
        for kind, start in (("guess", guess), ("sample", drawn.take([i]))):
            with torch.inference_mode():
                image = images_of(model.snapshot, start.ws, start.layout, noise)
            errors[kind] += float((image[0] - wanted[i]).square().mean())
    assert errors["guess"] < 0.7 * errors["sample"]


def test_an_inversion_begins_with_the_shipped_encoder_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (80, 80), (180, 150, 120)).save("photo.png")
    line = ["invert", "photo.png", "--model", "bedroom", "--steps", "1", "--perceptual", "none"]
    run = CliRunner().invoke(main, line)
    assert run.exit_code == 0, run.output
    path = encoder_file(open_model("bedroom"))
    assert path is not None and json.loads(run.stdout)["encoder_sha256"] == file_sha256(path)
    without = CliRunner().invoke(main, [*line, "--encoder", "none"])
    assert json.loads(without.stdout)["encoder_sha256"] == ""


def test_a_wrong_encoder_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (80, 80)).save("photo.png")
    other = str(encoder_file(open_model("cat")))
    for file, why in ((other, "encoder of another model"), ("none.safetensors", "does not exist")):
        line = ["invert", "photo.png", "--model", "bedroom", "--encoder", file]
        run = CliRunner().invoke(main, line)
        assert run.exit_code == 1 and why in run.stderr and len(run.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_the_studio_begins_with_it_too(tmp_path, monkeypatch):
    model = open_model("bedroom")
    photo = sample_images(model.snapshot, NEW, 0, 1)[0]
    text = base64.b64encode(photo.permute(1, 2, 0).contiguous().numpy().tobytes()).decode()
    request = {"model": "bedroom", "photo": text, "max_steps": 1}

    def begun() -> float:
        *_, state = inversion_job(request, {"bedroom": model}).states
        return state.best.mse

    guessed = begun()
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert guessed < begun()
