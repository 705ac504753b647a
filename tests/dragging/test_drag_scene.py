"""Dragged scenes: replayed to the bit, dragged again, told in numbers, and refused in one clear line."""

import base64
import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.drags import Interrupts
from spatialgan.cli.main import main
from spatialgan.dragging import drag_scene
from spatialgan.dragging.drag import DRAGS, DragSettings, run_drag
from spatialgan.models.opened import open_model
from spatialgan.scenes.changes import Changes, heatmap_change
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import interpolate_inputs, render_inputs, render_scene, scene_inputs
from spatialgan.scenes.scene_file import load_scene, save_scene, scene_text
from tests.tiny import tiny_snapshot

HANDLES, TARGETS = torch.tensor([[0.1, -0.2]]), torch.tensor([[0.1, 0.5]])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the path of a model per row."""
    folder = tmp_path_factory.mktemp("models")
    rows = ("baseline", "spatialgan", "indoor", "flatten")
    return {row: str(tiny_snapshot(folder / f"{row}.safetensors", row)) for row in rows}


def drawn(path):
    """Return a model's scene of seed 3, and its snapshot."""
    model = open_model(path)
    return scene_from_seed(model, 3), model.snapshot


def dragged(scene, snapshot, name, steps=4):
    problem = drag_scene.drag_problem(
        scene, snapshot, HANDLES, TARGETS, torch.zeros(8, 8), DragSettings(max_steps=steps)
    )
    result = run_drag(problem, DRAGS[name])
    return drag_scene.dragged_scene(scene, result.state), result, problem


def test_a_scene_that_has_moved_in_style_space_is_not_dragged(models):
    scene, snapshot = drawn(models["spatialgan"])
    moved = replace(scene, changes=Changes(channels=torch.ones(1, 5, 8)))
    with pytest.raises(ValueError, match="changes in style space can't be dragged: drag first"):
        dragged(moved, snapshot, "latent")


STEERED = [(row, name) for row in ("spatialgan", "indoor") for name in DRAGS]


@pytest.mark.parametrize(("row", "name"), [("baseline", "latent"), *STEERED])
def test_a_dragged_scene_is_replayed_to_the_bit(models, tmp_path, row, name):
    scene, snapshot = drawn(models[row])
    after, result, _ = dragged(scene, snapshot, name)
    assert torch.equal(
        render_scene(after, snapshot), render_inputs(result.state.inputs(), snapshot)
    )
    save_scene(tmp_path / "s.json", after)
    loaded, again = load_scene(tmp_path / "s.json")
    assert torch.equal(render_scene(loaded, again.snapshot), render_scene(after, snapshot))
    assert scene_text(loaded) == scene_text(after)
    if name != "coarse":
        assert not torch.equal(render_scene(after, snapshot), render_scene(scene, snapshot))


def test_a_scene_that_no_drag_changed_has_no_changes_in_its_file(models):
    scene, snapshot = drawn(models["indoor"])
    problem = drag_scene.drag_problem(
        scene, snapshot, HANDLES, HANDLES, torch.zeros(8, 8), DragSettings()
    )
    result = run_drag(problem, DRAGS["latent+pixels"])
    assert scene_text(drag_scene.dragged_scene(scene, result.state)) == scene_text(scene)


def test_a_second_drag_adds_to_the_first(models):
    scene, snapshot = drawn(models["spatialgan"])
    first, _, _ = dragged(scene, snapshot, "latent+pixels")
    second, result, _ = dragged(first, snapshot, "latent+pixels")
    torch.testing.assert_close(scene_inputs(second, snapshot).ws, result.state.inputs().ws)
    torch.testing.assert_close(
        heatmap_change(scene_inputs(second, snapshot).layout), second.changes.heatmaps
    )
    assert not torch.equal(second.changes.heatmaps, first.changes.heatmaps)
    third, _, _ = dragged(second, snapshot, "latent")
    assert torch.equal(third.changes.heatmaps, second.changes.heatmaps)


def test_changes_of_few_and_of_many_layers_add_up():
    few, many = Changes(latent=torch.ones(1, 2, 3)), Changes(latent=2 * torch.ones(1, 4, 3))
    expected = torch.tensor([3.0, 3, 2, 2])[None, :, None].expand(1, 4, 3)
    assert torch.equal(few.plus(many).latent, expected)
    assert torch.equal(many.plus(few).latent, expected)
    assert torch.equal(few.plus(Changes()).latent, few.latent)
    assert torch.equal(Changes().plus(few).latent, few.latent)


def test_the_way_to_a_scene_with_other_heatmaps_begins_and_ends_with_them(models):
    scene, snapshot = drawn(models["spatialgan"])
    after, _, _ = dragged(scene, snapshot, "latent+pixels")
    ends = scene_inputs(scene, snapshot), scene_inputs(after, snapshot)
    for fraction, end in ((0.0, scene), (1.0, after)):
        image = render_inputs(interpolate_inputs(*ends, fraction), snapshot)
        assert torch.equal(image, render_scene(end, snapshot))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent": "*"}, "changes, latent: is not text in base64"),
        ({"latent": 3}, "changes, latent: is not text in base64"),
        ({"latent": "AAAA"}, "has 3 bytes, which are no numbers of 4 bytes each"),
        ({"latent": base64.b64encode(bytes(256 * 99)).decode()}, "this model has 6 layers only"),
        ({"heatmaps": base64.b64encode(bytes(1024)).decode()}, "this model has 3 sub-heatmaps"),
        (
            {"latent": base64.b64encode(np.full(64, np.nan, "<f4").tobytes()).decode()},
            "has values that are beyond 1000 or not numbers",
        ),
        ({"else": ""}, "unknown field 'else': choose one of latent, heatmaps"),
        ([], "changes is list, but must be a JSON object"),
    ],
)
def test_bad_changes_are_named(models, tmp_path, changes, message):
    scene, _ = drawn(models["indoor"])
    document = json.loads(scene_text(scene)) | {"changes": changes}
    (tmp_path / "s.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=message):
        load_scene(tmp_path / "s.json")


def test_distances_of_a_record_are_in_image_widths(models):
    scene, snapshot = drawn(models["baseline"])
    _, result, problem = dragged(scene, snapshot, "latent", steps=2)
    record = drag_scene.drag_record("latent", problem, result)
    (point,) = record["points"]
    assert point["from"] == [0.1, -0.2] and point["to"] == [0.1, 0.5]
    assert point["distance_before"] == 0.35
    assert record["steps"] == 2 and record["outcome"] == "step cap" and record["reached"] is False
    assert record["distance"] == point["distance"] > 0
    json.dumps(record, allow_nan=False)


def test_handles_may_be_negative_and_points_are_pairs():
    handles, targets = drag_scene.pair_points(
        [drag_scene.parse_point("-0.2,0.1"), drag_scene.parse_point(".5,-1")], [(0, 0), (1, 1)]
    )
    assert handles.tolist() == torch.tensor([[-0.2, 0.1], [0.5, -1.0]]).tolist()
    assert targets.tolist() == [[0, 0], [1, 1]]


def paint(path, pixels) -> str:
    Image.fromarray(np.array(pixels, dtype=np.uint8)).save(path)
    return path


def test_black_stays_and_white_may_change(tmp_path):
    half = np.zeros((16, 16))
    half[:8] = 255
    fixed = drag_scene.read_masks([paint(tmp_path / "m.png", half)], 8)
    assert fixed[:4].sum() == 0 and fixed[4:].min() == 1
    rest = drag_scene.read_masks([tmp_path / "m.png", paint(tmp_path / "n.png", half.T)], 8)
    assert rest[:4, :4].sum() == 0 and rest[:4, 4:].min() == 1
    assert drag_scene.read_masks([], 8).sum() == 0


@pytest.fixture
def scene_file(models, tmp_path):
    path = tmp_path / "scene.json"
    save_scene(path, drawn(models["indoor"])[0])
    return path


def invoke(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_the_command_writes_scene_pictures_film_and_numbers(scene_file, tmp_path):
    mask = np.full((16, 16), 255)
    mask[12:] = 0
    paint(tmp_path / "m.png", mask)
    arguments = ("--from", "0.1,-.2", "--to", "0.1,0.2", "--mask", tmp_path / "m.png")
    result = invoke("drag", scene_file, *arguments, "--max-steps", 5)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "scene_dragged_drag.json").read_text())
    assert json.loads(result.stdout) == record and record["steps"] == 5
    loaded, model = load_scene(tmp_path / "scene_dragged.json")
    with Image.open(tmp_path / "scene_dragged.png") as picture:
        shown = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)
    assert torch.equal(shown, render_scene(loaded, model.snapshot))
    with Image.open(tmp_path / "scene_dragged.gif") as film:
        assert film.n_frames == 6
    assert (tmp_path / "scene_dragged_strip.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "1 to 32 handles and as many targets, not 0 and 0"),
        (["--from", "0,0"], "not 1 and 0"),
        (["--from", "0,0", "--to", "0,0.1", "--to", "1,1"], "not 1 and 2"),
        (["--from", "0;0", "--to", "0,0"], "'0;0' is not a point: write y,x"),
        (["--from", "0,nan", "--to", "0,0"], "'0,nan' is not a point"),
        (["--from", "0,1.5", "--to", "0,0"], "point 0,1.5 is outside the image"),
        (["--from", "0,0", "--to", "0,1", "--method", "magic"], "unknown method 'magic'"),
        (
            ["--from", "0,0", "--to", "0,1", "--mask", "none.png"],
            "is not a picture that can be read",
        ),
        (["--from", "0,0", "--to", "0,1", "--mask", "wide.png"], "not 16 x 8"),
        (["--from", "0,0", "--to", "0,1", "--mask", "black.png"], "leaves nothing that may change"),
        (["--from", "0,0", "--to", "0,1", "-o", "scene.json"], "is the scene itself"),
    ],
)
def test_bad_drags_end_in_one_clear_line(scene_file, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "wide.png", np.ones((8, 16)))
    paint(tmp_path / "black.png", np.zeros((16, 16)))
    before = {path.name for path in tmp_path.iterdir()}
    result = invoke("drag", scene_file, *arguments)
    assert result.exit_code == 1 and message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["coarse", "latent+centers"])
def test_a_layout_in_the_latent_can_only_be_dragged_by_it(models, name):
    _, snapshot = drawn(models["flatten"])
    drag_scene.check_method(snapshot, DRAGS["latent"])
    with pytest.raises(ValueError, match="don't reach its synthesis network"):
        drag_scene.check_method(snapshot, DRAGS[name])


def test_the_first_interrupt_is_counted_and_the_second_is_not_caught():
    interrupts = Interrupts()
    # ignored in background jobs
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.counted():
            signal.raise_signal(signal.SIGINT)
            assert interrupts.count == 1
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, inherited)
