"""The commands for scenes, as a person types them, and the library beside them: the same bits."""

import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import spatialgan
from spatialgan import models
from spatialgan.cli.main import main
from spatialgan.drawing import films
from spatialgan.files import file_sha256
from spatialgan.models import shipping
from spatialgan.records import read_record, write_record
from spatialgan.scenes.edits import EDITS, Remove
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene_file import load_scene
from spatialgan.snapshot import load_snapshot
from spatialgan.tensor_file import load_tensors
from tests.tiny import ROOT, tiny_snapshot


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """Return a folder with the shipped models `room` and `cat` and a scene of each, made once."""
    folder = tmp_path_factory.mktemp("furnished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(models, "FOLDER", folder / "models")
        tiny_snapshot(folder / "models" / "room.safetensors", "indoor")
        tiny_snapshot(folder / "models" / "cat.safetensors", "spatialgan")
        for model in ("room", "cat"):
            assert invoke("scene", model, "--seed", "4", "-o", f"{model}.json").exit_code == 0
    return folder


@pytest.fixture
def place(furnished, tmp_path, monkeypatch):
    """A working directory with the shipped models `room` and `cat`, and a scene of each."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "FOLDER", tmp_path / "models")
    return tmp_path


def invoke(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def rendered(path):
    scene, model = load_scene(path)
    return render_scene(scene, model.snapshot)


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def test_a_scene_goes_to_a_file_or_to_standard_output(place):
    assert invoke("scene", "room", "--seed", "4").stdout == (place / "room.json").read_text()
    other = invoke("scene", "room", "--seed", "4", "--noise", "none", "--truncation", "1").stdout
    assert json.loads(other)["noise_mode"] == "none" and json.loads(other)["truncation_psi"] == 1


def test_the_command_line_and_the_library_render_the_same_bits(place):
    assert invoke("render", "room.json", "--outlined", "objects.png").exit_code == 0
    assert torch.equal(pixels("room.png"), rendered(place / "room.json"))
    first = (place / "room.png").read_bytes()
    assert invoke("render", "room.json", "-o", "again.png").exit_code == 0
    assert (place / "again.png").read_bytes() == first
    with Image.open("objects.png") as page:
        assert page.width >= 192


def test_edits_apply_in_the_order_given(place):
    edits = ("--place", "0:0.5,0.5", "--move", "0:0.1,0", "--place=0:-0.5,0", "--move", "0:0,0.2")
    assert invoke("edit", "room.json", *edits).exit_code == 0
    center = json.loads((place / "room_edited.json").read_text())["layout"][0][0]["center"]
    assert center == pytest.approx([-0.5, 0.2], abs=1e-5)
    assert invoke("edit", "room.json", *edits[-1:-3:-1][::-1], *edits[:5]).exit_code == 0
    center = json.loads((place / "room_edited.json").read_text())["layout"][0][0]["center"]
    assert center == pytest.approx([-0.5, 0.0], abs=1e-5)


def test_an_edit_writes_scene_picture_strip_and_film(place):
    edits = ("--move", "0:0.3,-0.2", "--remove", "1", "--copy", "0:0,0.5", "--restyle", "2:7")
    assert invoke("edit", "room.json", *edits, "-o", "out/new.json").exit_code == 0
    made = {path.name for path in (place / "out").iterdir()}
    assert made == {"new.json", "new.png", "new_strip.png", "new.gif"}
    assert torch.equal(pixels("out/new.png"), rendered(place / "out/new.json"))
    assert not torch.equal(pixels("out/new.png"), rendered(place / "room.json"))
    with Image.open("out/new.gif") as film:
        # frames that show the same are one, so a film may have fewer than it was made of
        assert 2 * films.STEPS < film.n_frames <= 4 * films.STEPS + 1
        assert film.info["loop"] == 0 and film.info["duration"] >= films.HOLD_MS


def test_films_show_the_scenes_themselves(place):
    scene, model = load_scene(place / "room.json")
    other, _ = load_scene(place / "room.json")
    frames = films.draw_film([scene, other, scene], model.snapshot).frames
    assert len(frames) == 2 * films.STEPS + 1
    held = [i for i, (_, duration) in enumerate(frames) if duration == films.HOLD_MS]
    assert held == [0, films.STEPS, 2 * films.STEPS]
    right = np.asarray(frames[0][0])[:, -192:]
    factor = 192 // 16
    image = render_scene(scene, model.snapshot).permute(1, 2, 0).numpy()
    assert (right[factor // 2 :: factor, factor // 2 :: factor] == image).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scene", "dog"], "unknown model 'dog': choose one of cat, room, or give the path"),
        (["scene", "room", "--seed", "-1"], "seed is -1, but goes from 0"),
        (["scene", "room", "--noise", "loud"], "unknown noise_mode 'loud'"),
        (["render", "no.json"], "no.json: there is no such file"),
        (["edit", "room.json"], "no edit given: use one of --move, --place"),
        (["edit", "room.json", "--move", "9:0,0"], "move: objects of this layout are 0 to 2"),
        (["edit", "cat.json", "--remove", "1"], "remove: objects of this layout are only 0"),
        (["edit", "room.json", "--remove", "1", "-o", "room.json"], "is the scene itself"),
        (
            ["ship", "cat/sel/0", "--name", "x", "-p", "smoke"],
            "cat/sel/0.safetensors does not exist",
        ),
        (["ship", "cat/nothing/0", "--name", "x", "-p", "smoke"], "unknown row 'nothing'"),
        (["ship", "cat/sel/0", "--name", "../x", "-p", "smoke"], "--name: '../x' is not 1 to 40"),
        (["ship", "cat/sel/0", "--name", "", "-p", "smoke"], "--name: '' is not 1 to 40"),
    ],
)
def test_bad_input_ends_in_one_clear_line_and_writes_nothing(place, arguments, message):
    shutil.copytree(ROOT / "params", "params")
    before = sorted(place.rglob("*"))
    result = invoke(*arguments)
    assert result.exit_code == 1 and message in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("spatialgan: ")
    assert sorted(place.rglob("*")) == before


def test_help_of_a_command_is_no_error(place):
    for command in main.commands:
        result = invoke(command, "--help")
        assert result.exit_code == 0 and not result.stderr, command


@pytest.fixture
def finished(place):
    """The working directory with a finished run in it, measured."""
    shutil.copytree(ROOT / "params", "params")
    snapshot = tiny_snapshot(place / "results/smoke/snapshots/cat/indoor/0.safetensors", "indoor")
    metrics = place / "results/smoke/metrics/cat/indoor/0"
    metrics.mkdir(parents=True)
    measured = {
        "metrics": {"comove": 0.2345678, "coverage": 0.5},
        "intervals": {"comove": {"low": 0.2, "high": 0.27, "std": 0.02}},
        "metric_ids": {"comove": "comove1000"},
        "protocol": {"segmenter": "torchvision", "truncation_psi": 1},
        "snapshot_sha256": file_sha256(snapshot),
    }
    write_record(metrics / "comove.json", measured)
    trials_only = {**measured, "metrics": {}, "protocol": {"num_drags": 2}, "drags": []}
    write_record(metrics / "drags.json", trials_only)
    return place


def test_a_shipped_model_is_its_run_in_half_the_bytes(finished):
    result = invoke("ship", "cat/indoor/0", "--name", "x", "-p", "smoke", "--folder", "models")
    assert result.exit_code == 0, result.stderr
    source = finished / "results/smoke/snapshots/cat/indoor/0.safetensors"
    tensors, header = load_tensors(finished / "models/x.safetensors")
    assert {t.dtype for name, t in tensors.items() if name != "w_avg"} == {torch.float16}
    assert header["snapshot_sha256"] == file_sha256(source)
    assert header["identity"] == load_tensors(source)[1]["identity"]
    own, shipped = load_snapshot(source), load_snapshot(finished / "models/x.safetensors")
    for (name, a), b in zip(
        own.generator.named_parameters(), shipped.generator.parameters(), strict=True
    ):
        assert b.dtype == torch.float32 and torch.allclose(a, b, rtol=1e-3, atol=1e-6), name
    assert torch.equal(own.w_avg, shipped.w_avg)
    assert invoke("scene", "x").exit_code == 0


def test_a_card_shows_names_as_they_are(finished):
    metrics = finished / "results/smoke/metrics/cat/indoor/0/comove.json"
    odd = {"segmenter": "<script>", "truncation_psi": 1}
    record = {k: v for k, v in read_record(metrics).items() if k != "protocol"}
    write_record(metrics, {**record, "protocol": odd, "metric_ids": {"comove": "a|b"}})
    invoke("ship", "cat/indoor/0", "--name", "x", "-p", "smoke", "--folder", "models")
    card = (finished / "models/x.md").read_text()
    assert r"segmenter \<script>" in card and r"| a\|b | 0.2346" in card


def test_a_card_says_what_the_model_is_from_its_files(finished):
    invoke("ship", "cat/indoor/0", "--name", "x", "-p", "smoke", "--folder", "models")
    card = (finished / "models/x.md").read_text()
    assert "| comove1000 | 0.2346 (95 %: 0.2 to 0.27) |" in card and "| coverage | 0.5 |" in card
    assert "segmenter torchvision, truncation psi 1." in card and "drags" not in card
    assert file_sha256(finished / "models/x.safetensors") in card
    assert "spatialgan ship cat/indoor/0 --name x -p smoke" in card
    lines = [line.split("`")[0] for line in card.splitlines() if line.startswith("spatialgan ")]
    for line in lines:  # what the card tells people to type works
        assert invoke(*line.split()[1:]).exit_code == 0, line
    assert len(lines) == 3


def test_metrics_of_another_snapshot_make_no_card(finished):
    path = finished / "results/smoke/metrics/cat/indoor/0/comove.json"
    measured = json.loads(path.read_text())
    for others in ({"snapshot_sha256": "0" * 64}, {}):
        measured.pop("snapshot_sha256", "")
        write_record(path, {**measured, **others})
        result = invoke("ship", "cat/indoor/0", "--name", "x", "-p", "smoke", "--folder", "models")
        assert result.exit_code == 1
        assert "comove.json was measured on another snapshot" in result.stderr
        assert not list((finished / "models").glob("x*"))


def test_a_model_that_is_too_large_does_not_ship(finished, monkeypatch):
    monkeypatch.setattr(shipping, "MAX_BYTES", 1000)
    result = invoke("ship", "cat/indoor/0", "--name", "x", "-p", "smoke", "--folder", "models")
    assert result.exit_code == 1 and "a shipped model has at most 1,000" in result.stderr
    assert not list((finished / "models").glob("x*"))


def test_a_new_edit_is_an_option_and_a_word_by_itself(place, monkeypatch):
    """One class and one key: here Remove under another name."""

    class Erase(Remove):
        """Take away, by another name."""

    monkeypatch.setitem(EDITS, "erase", Erase)
    words = invoke("edit", "--help").stdout.split()
    assert " ".join(words).count("--erase EDIT WHAT. Take away, by another name.") == 1
    assert invoke("edit", "room.json", "--erase", "1").exit_code == 0
    erased = (place / "room_edited.json").read_text()
    assert invoke("edit", "room.json", "--remove", "1").exit_code == 0
    assert (place / "room_edited.json").read_text() == erased
    scene = spatialgan.open_scene(place / "room.json")
    assert scene.edit("erase 1") == scene.remove(1)
