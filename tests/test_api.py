"""The public Python face: quick to import, the same bits as the commands, one clear line for a mistake."""

import ast
import inspect
import subprocess
import sys
from dataclasses import FrozenInstanceError
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import spatialgan
from spatialgan import api
from spatialgan.cli.main import main
from spatialgan.scenes.edits import EDITS
from tests.tiny import tiny_snapshot


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return the paths of a model of several objects and of a hierarchical one."""
    folder = tmp_path_factory.mktemp("models")
    rows = {"room": "indoor", "cat": "spatialgan"}
    return {name: tiny_snapshot(folder / f"{name}.safetensors", row) for name, row in rows.items()}


@pytest.fixture(scope="module")
def room(paths):
    return spatialgan.load(paths["room"])


@pytest.fixture(scope="module")
def cat(paths):
    return spatialgan.load(paths["cat"])


def invoke(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def pixels(picture):
    return np.asarray(picture).tolist()


def test_importing_the_package_imports_no_torch():
    code = "import spatialgan, sys; dir(spatialgan); print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_listed_names_are_there_and_no_others():
    for name in spatialgan.__all__:
        assert getattr(spatialgan, name) is getattr(api, name) and name in dir(spatialgan)
    with pytest.raises(AttributeError, match="module 'spatialgan' has no attribute 'nothing'"):
        getattr(spatialgan, "nothing")  # noqa: B009


def test_type_checkers_see_the_listed_names():
    tree = ast.parse(Path(spatialgan.__file__).read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(guarded.test) == "TYPE_CHECKING"
    imported = [alias.name for node in guarded.body for alias in node.names]
    assert imported == spatialgan.__all__


def test_a_shipped_model_is_loaded_by_name():
    model = spatialgan.load("cat")
    assert model.name == "cat" and model.resolution == 64
    assert repr(model) == "<Model 'cat': 64 x 64 px, one style, 3 levels of heatmaps>"


def test_scenes_edits_and_images_are_those_of_the_commands(paths, room, tmp_path):
    path = tmp_path / "s.json"
    invoke("scene", paths["room"], "--seed", 4, "--noise", "const", "--truncation", 1, "-o", path)
    scene = room.scene(4, truncation_psi=1, noise_mode="const")
    assert scene.json() == path.read_text() and spatialgan.open_scene(path) == scene
    invoke("render", path)
    assert pixels(scene.render()) == pixels(Image.open(tmp_path / "s.png"))
    options = ["--move", "0:0.1,0.4", "--place", "1:-.3,.2", "--resize", "1:1.5", "--remove", "2"]
    options += ["--copy", "0:0,-0.5", "--restyle", "background:11", "--restyle", "1"]
    invoke("edit", path, *options)
    edited = (
        scene.move(0, dy=0.1, dx=0.4)
        .place(1, y=-0.3, x=0.2)
        .resize(1, 1.5)
        .remove(2)
        .copy(0, dx=-0.5)
        .restyle("background", seed=11)
        .restyle(1)
    )
    assert edited.json() == (tmp_path / "s_edited.json").read_text()
    assert pixels(edited.render()) == pixels(Image.open(tmp_path / "s_edited.png"))
    assert pixels(edited.strip(scene)) == pixels(Image.open(tmp_path / "s_edited_strip.png"))
    words = [
        f"{a.removeprefix('--')} {b}" for a, b in zip(options[::2], options[1::2], strict=True)
    ]
    assert scene.edit(*words) == edited


def test_a_drag_is_that_of_the_command(paths, room, tmp_path):
    path = tmp_path / "s.json"
    invoke("scene", paths["room"], "--seed", 4, "-o", path)
    mask = Image.fromarray(np.pad(np.full((16, 16), 255, np.uint8), ((0, 4), (0, 4))))
    mask.save(tmp_path / "m.png")
    options = [
        "--from",
        "0.1,-0.2",
        "--to",
        "0.1,0.2",
        "--method",
        "latent+pixels",
        "--max-steps",
        3,
    ]
    invoke("drag", path, *options, "--mask", tmp_path / "m.png")
    scene = spatialgan.open_scene(path)
    for given in (mask, tmp_path / "m.png"):
        dragged, summary = scene.drag(
            [(0.1, -0.2)],
            [(0.1, 0.2)],
            method="latent+pixels",
            mask=given,
            settings=spatialgan.DragSettings(max_steps=3),
        )
        assert dragged.json() == (tmp_path / "s_dragged.json").read_text()
    assert (summary.outcome, summary.steps, summary.reached) == ("step cap", 3, False)
    assert repr(summary).startswith("<DragSummary: step cap after 3 steps, 0.")
    assert summary.film().gif() == (tmp_path / "s_dragged.gif").read_bytes()
    free, _ = scene.drag([(0.1, -0.2)], [(0.1, 0.2)], settings=spatialgan.DragSettings(max_steps=3))
    assert free != dragged


def test_a_part_of_a_hierarchy_has_the_commands_address(cat):
    scene = cat.scene(3)
    moved = scene.move("2/1", dx=0.25)
    changed = [
        (after.centers != before.centers).any(dim=-1)[0].tolist()
        for before, after in zip(scene.data.layout.levels, moved.data.layout.levels, strict=True)
    ]
    assert changed == [[False], [False, False], [False, True, False, False]]
    assert scene.move("0", dx=0.25) == scene.move(0, dx=0.25) != moved


def test_scenes_are_immutable_and_compare_by_what_they_say(room, tmp_path):
    scene = room.scene(4)
    before = scene.json()
    moved = scene.move(0, dx=0.4)
    assert scene.json() == before and moved != scene and scene != before
    assert moved.move(0, dx=-0.4).remove(1) != scene and len({scene, moved, room.scene(4)}) == 2
    with pytest.raises(FrozenInstanceError):
        scene.data = moved.data
    moved.save(tmp_path / "m.json")
    assert spatialgan.open_scene(tmp_path / "m.json") == moved


def test_every_edit_is_a_method_that_says_what_it_does():
    for name, edit in EDITS.items():
        method = getattr(spatialgan.Scene, name)
        assert method.__name__ == name and method.__doc__ == inspect.getdoc(edit)
        own, *arguments = inspect.signature(method).parameters
        assert own == "self" and arguments == list(inspect.signature(edit).parameters)


def test_a_scene_shows_itself_in_a_notebook(room):
    scene = room.scene(4).remove(1)
    shown = Image.open(BytesIO(scene._repr_png_()))
    assert pixels(shown) == pixels(scene.outlined()) and shown.width >= 192
    assert repr(scene) == f"<Scene of {room.name!r}, seed 4, present: 2 of 3>"


def test_a_film_shows_itself_and_is_saved(room, tmp_path):
    scene = room.scene(4)
    film = scene.remove(1).film(scene, scene.move(0, dx=0.4))
    assert repr(film) == "<Film: 33 frames, 4.2 s>"
    bundle = film._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/gif"}
    film.save(tmp_path / "f.gif")
    assert (tmp_path / "f.gif").read_bytes() == film.gif()


MISTAKES = {
    "unknown model 'dog': choose one of bedroom, cat": lambda s: spatialgan.load("dog"),
    "no.json: there is no such file": lambda s: spatialgan.open_scene("no.json"),
    "seed is -1, but goes from 0": lambda s: s.model.scene(-1),
    "move: objects of this layout are 0 to 2, not 7": lambda s: s.move(7, dx=1),
    "move: 'one' names neither an object, such as 1, nor": lambda s: s.move("one", dx=1),
    "move: levels of this layout are only 0, not 2": lambda s: s.move("2/1", dx=1),
    "move: dy is NaN, but must be a number": lambda s: s.move(0, dy=float("nan")),
    "resize: the factor is 0, but must be positive": lambda s: s.resize(0, 0),
    "restyle: 'red' is neither an object": lambda s: s.restyle("red"),
    "restyle: seed is -1, but goes from 0": lambda s: s.restyle(0, seed=-1),
    "unknown edit 'turn': choose one of move": lambda s: s.edit("turn 0:90"),
    "a drag takes 1 to 32 handles and as many targets, not 1 and 0": lambda s: s.drag([(0, 0)], []),
    "point 0,2 is outside the image": lambda s: s.drag([(0, 2)], [(0, 0)]),
    "unknown method 'magic'": lambda s: s.drag([(0, 0)], [(0, 1)], method="magic"),
    "a mask is square": lambda s: s.drag([(0, 0)], [(0, 1)], mask=Image.new("L", (4, 8))),
    "a film starts from an earlier scene": lambda s: s.film(),
    "scenes of different models": lambda s: s.strip(spatialgan.load("bedroom").scene()),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_one_clear_line(room, message):
    with pytest.raises(ValueError) as caught:
        MISTAKES[message](room.scene(4))
    assert message in str(caught.value) and "\n" not in str(caught.value)


WRONG_TYPES = {
    's.model.scene("a")': 'seed is "a", but must be a whole number',
    "s.model.scene(True)": "seed is true, but must be a whole number",
    "s.model.scene(noise_mode=3)": "unknown noise_mode 3: choose one of random, const, none",
    's.model.scene(truncation_psi="1")': 'truncation_psi is "1", but must be a number',
    's.move(0, dx="x")': 'move: dx is "x", but must be a number',
    "s.move(0.5, dx=1)": "move: the object is 0.5, but must be a whole number",
    "s.restyle(None)": "restyle: the object is null, but must be a whole number",
    "s.edit(3)": "unknown edit 3: choose one of move, place, resize, remove, copy, restyle, along, resample",
    "s.along(3)": "along: the file of directions is 3, but must be a text",
    "s.drag([0.1], [0.2])": "0.1 is not a point: give two coordinates, (y, x)",
    's.drag([("a", 0)], [(0, 0)])': 'a coordinate of a point is "a", but must be a number',
}
SCRIPT = """
import sys, spatialgan
s = spatialgan.load(sys.argv[1]).scene(4)
for code in sys.argv[2:]:
    try:
        print("no error", eval(code))
    except ValueError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_value_of_the_wrong_type_is_one_clear_line(paths):
    """In a process of its own, where annotations are not checked, as for a user."""
    command = [sys.executable, "-c", SCRIPT, str(paths["room"]), *WRONG_TYPES]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == list(WRONG_TYPES.values())
