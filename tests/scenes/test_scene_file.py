"""Scene files: what is written reads back to the same bits; whatever is no scene is one clear line."""

import json
import random
import string
from dataclasses import replace

import pytest
import torch

from spatialgan import models
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import apply_edit, parse_edit
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene_file import load_scene, save_scene, scene_text
from tests.tiny import ROOT, tiny_snapshot


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with models `room` and `cat`."""
    folder = tmp_path_factory.mktemp("models")
    tiny_snapshot(folder / "room.safetensors", "indoor")
    tiny_snapshot(folder / "cat.safetensors", "spatialgan")
    tiny_snapshot(folder / "plain.safetensors", "baseline")
    return folder


def test_the_example_of_the_documentation_renders(tmp_path, monkeypatch):
    monkeypatch.undo()  # the models that really ship
    text = (ROOT / "docs/scenes.md").read_text()
    example = text.split("```json\n")[1].split("```")[0]
    (tmp_path / "example.json").write_text(example)
    scene, model = load_scene(tmp_path / "example.json")
    assert render_scene(scene, model.snapshot).shape == (3, 64, 64)


@pytest.fixture(autouse=True)
def shipped(folder, monkeypatch):
    """Let the models in the folder be the shipped ones."""
    monkeypatch.setattr(models, "FOLDER", folder)


def drawn(model, seed=3):
    opened = open_model(str(model))
    return scene_from_seed(opened, seed), opened.snapshot


def written(tmp_path, document):
    path = tmp_path / "scene.json"
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def document_of(model):
    return json.loads(scene_text(drawn(model)[0]))


@pytest.mark.parametrize("model", ["room", "cat", "plain"])
def test_a_scene_reads_back_to_the_same_data_and_bits(tmp_path, model):
    for seed in range(20):
        scene, snapshot = drawn(model, seed)
        save_scene(tmp_path / "s.json", scene)
        loaded, again = load_scene(tmp_path / "s.json")
        assert scene_text(loaded) == scene_text(scene)
        for a, b in zip(scene.layout.levels, loaded.layout.levels, strict=True):
            assert torch.equal(a.centers, b.centers) and torch.equal(a.sigmas, b.sigmas)
    assert torch.equal(render_scene(loaded, again.snapshot), render_scene(scene, snapshot))


def test_a_negative_zero_reads_back(tmp_path):
    document = document_of("room")
    document["layout"][0][0]["center"][0] = -0.0
    scene, _ = load_scene(written(tmp_path, document))
    again, _ = load_scene(written(tmp_path, scene_text(scene)))
    assert again.layout.levels[0].centers[0, 0, 0].signbit()
    assert scene_text(again) == scene_text(scene)


def test_a_copied_style_reads_back(tmp_path):
    scene, _ = drawn("room")
    for edit in (("remove", "1"), ("copy", "2:0.1,0.1"), ("restyle", "0:77")):
        scene = apply_edit(scene, parse_edit(*edit))
    save_scene(tmp_path / "s.json", scene)
    assert load_scene(tmp_path / "s.json")[0].styles == scene.styles
    assert '"objects": [77, {"seed": 3, "object": 2}, 3]' in (tmp_path / "s.json").read_text()


def test_what_is_missing_is_drawn_from_the_seed(tmp_path):
    least = {"format": "spatialgan scene 1", "model": "room", "seed": 3}
    loaded, _ = load_scene(written(tmp_path, least))
    assert scene_text(loaded) == scene_text(drawn("room")[0])
    loaded, _ = load_scene(written(tmp_path, {**least, "styles": {"background": 8}}))
    assert [style.seed for style in loaded.styles] == [8, 3, 3, 3]


def test_a_scene_remembers_which_file_its_model_was(tmp_path, folder):
    path = written(tmp_path, document_of("room"))
    tiny_snapshot(folder / "room.safetensors", "indoor", seed=1)
    try:
        with pytest.raises(ValueError, match="was made with another 'room'.* remove model_sha256"):
            load_scene(path)
        load_scene(written(tmp_path, {**document_of("room")}))
    finally:
        tiny_snapshot(folder / "room.safetensors", "indoor")


def test_a_model_may_be_a_path(tmp_path, folder):
    path = str(folder / "cat.safetensors")
    scene, snapshot = drawn(path)
    named = replace(scene, model="cat")
    assert torch.equal(render_scene(scene, snapshot), render_scene(named, drawn("cat")[1]))


def edited(change):
    """Return a scene of `room` as a document, changed."""

    def make():
        document = document_of("room")
        change(document)
        return document

    return make


def put(*path_and_value):
    """Return a change that sets a value at a path of a document."""

    def change(document):
        *path, last, value = path_and_value
        for key in path:
            document = document[key]
        document[last] = value

    return change


GAUSSIAN = {"center": [0, 0], "sigma": 0.2, "presence": 1}
BAD = {
    "unknown model": (edited(put("model", "dog")), "unknown model 'dog': choose one of cat, plain"),
    "no such snapshot": (edited(put("model", "x/g.safetensors")), "x/g.safetensors does not exist"),
    "model is a number": (edited(put("model", 3)), "model is 3, but must be a text"),
    "huge model": (edited(put("model", "x" * 90000)), "unknown model 'xxxx"),
    "format": (edited(put("format", "2")), "format is \"2\", but must be 'spatialgan scene 1'"),
    "huge sigma": (
        edited(put("layout", 0, 1, "sigma", 1e9)),
        "level 0, sub-heatmap 1: sigma is 1e+09, but goes from 0.001 to 4",
    ),
    "infinite sigma": (
        lambda: json.dumps(document_of("room")).replace('"sigma": 0.', '"sigma": 1e999'),
        "sigma is Infinity, but must be a number",
    ),
    "NaN": (edited(put("layout", 0, 0, "center", [float("nan"), 0])), "NaN is not a number"),
    "10,000 objects": (
        edited(put("layout", 0, [GAUSSIAN] * 10_000)),
        "layout, level 0: 10,000 given, but this model takes 3, one per sub-heatmap",
    ),
    "two levels": (
        edited(put("layout", [[GAUSSIAN], [GAUSSIAN]])),
        "layout: 2 given, but this model takes 1, one per level",
    ),
    "layout is no list": (edited(put("layout", 7)), "layout is 7, but must be a list"),
    "level is no list": (edited(put("layout", 0, {})), "layout, level 0 is dict, but must be a"),
    "one coordinate": (
        edited(put("layout", 0, 0, "center", [0.5])),
        "sub-heatmap 0: center has 1 entries, but must have 2 coordinates",
    ),
    "text for a number": (
        edited(put("layout", 0, 0, "sigma", "0.3")),
        'sigma is "0.3", but must be a number',
    ),
    "true for a number": (edited(put("truncation_psi", True)), "truncation_psi is true, but"),
    "unknown field": (
        edited(put("truncation", 1)),
        "the scene: unknown field 'truncation': choose one of",
    ),
    "field of an object": (
        edited(put("layout", 0, 2, "hue", 1)),
        "layout, level 0, sub-heatmap 2: unknown field 'hue': choose one of",
    ),
    "no sigma": (
        edited(lambda d: d["layout"][0][0].pop("sigma")),
        "layout, level 0, sub-heatmap 0 has no field 'sigma'",
    ),
    "no seed": (edited(lambda d: d.pop("seed")), "the scene has no field 'seed'"),
    "negative seed": (edited(put("seed", -1)), "seed is -1, but goes from 0"),
    "fraction for a seed": (edited(put("seed", 1.5)), "seed is 1.5, but must be a whole number"),
    "endless seed": (
        lambda: '{"seed": ' + "9" * 5000 + "}",
        "999... is not a number that can be used",
    ),
    "noise mode": (edited(put("noise_mode", "loud")), "unknown noise_mode 'loud': choose one of"),
    "too many styles": (
        edited(put("styles", "objects", [1, 2, 3, 4])),
        "styles, objects: 4 given, but this model takes 3, one per object",
    ),
    "style of no object": (
        edited(put("styles", "objects", [1, 2, {"seed": 1, "object": 3}])),
        "styles, object 2: object is 3, but goes from 0 to 2",
    ),
    "styles of another kind": (edited(put("styles", [1])), "styles is list, but must be a JSON"),
    "duplicate key": (lambda: '{"seed": 1, "seed": 2}', "key 'seed' is there twice"),
    "not JSON": (lambda: '{"seed": 1,', "is not valid JSON: "),
    "empty": (lambda: "", "is not valid JSON: "),
    "a list": (lambda: "[]", "the scene is list, but must be a JSON object"),
    "null": (lambda: "null", "the scene is null, but must be a JSON object"),
    "not text": (lambda: "\udcff\ud800", "is not text in UTF-8"),
    "nested": (lambda: "[" * 200_000, "nests too deep"),
    "too large": (lambda: " " * 1_000_001, "is larger than 1,000,000 bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_scene_is_one_clear_line(tmp_path, name):
    make, message = BAD[name]
    path = written(tmp_path, make())
    with pytest.raises(ValueError) as caught:
        load_scene(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and message in said
    assert "\n" not in said and len(said) < len(str(path)) + 300


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere.json: there is no such file"):
        load_scene(tmp_path / "nowhere.json")
    with pytest.raises(ValueError, match="there is no such file"):
        load_scene(tmp_path)


def test_styles_of_objects_do_not_fit_a_model_of_one_style(tmp_path):
    document = {**document_of("cat"), "styles": {"background": 1, "objects": [1]}}
    with pytest.raises(
        ValueError, match="objects: 1 given, but this model takes 0, one per object"
    ):
        load_scene(written(tmp_path, document))


def test_no_damage_to_a_scene_raises_anything_but_a_clear_line(tmp_path):
    """Change characters at random: every result is a valid scene or a ValueError."""
    lines = scene_text(drawn("room")[0]).splitlines()
    text = "\n".join(line for line in lines if "model_sha256" not in line)
    dice = random.Random(0)
    outcomes = {"scene": 0, "refused": 0}
    for _ in range(150):
        broken = list(text)
        for _ in range(dice.randint(1, 2)):
            character = dice.choice(string.printable + 3 * string.digits)
            broken[dice.randrange(len(broken))] = character
        try:
            load_scene(written(tmp_path, "".join(broken)))
            outcomes["scene"] += 1
        except ValueError as error:
            assert "\n" not in str(error).strip()
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
