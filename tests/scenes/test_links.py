"""Drawing the linked axes of a scene again."""

import pytest
import torch

from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import apply_edit, parse_edit
from spatialgan.scenes.render import render_scene, scene_inputs
from spatialgan.scenes.scene_file import load_scene, save_scene
from tests.tiny import tiny_snapshot


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tiny_snapshot(tmp_path_factory.mktemp("m") / "model.safetensors", "link_two")
    return open_model(str(path))


def test_the_linked_axes_are_those_that_the_seed_draws_and_no_others_change(model):
    scene, other = scene_from_seed(model, 4), scene_from_seed(model, 9)
    after = apply_edit(scene, parse_edit("resample", "1:9"))
    ws = [scene_inputs(one, model.snapshot).ws for one in (scene, other, after)]
    torch.testing.assert_close(ws[2][..., 4:8], ws[1][..., 4:8])
    assert torch.equal(ws[2][..., :4], ws[0][..., :4])
    assert torch.equal(ws[2][..., 8:], ws[0][..., 8:])


def test_drawing_again_replaces_what_was_drawn_before(model):
    scene = scene_from_seed(model, 4)
    once = apply_edit(scene, parse_edit("resample", "0:9"))
    twice = apply_edit(
        apply_edit(scene, parse_edit("resample", "0:8")), parse_edit("resample", "0:9")
    )
    ws = [scene_inputs(one, model.snapshot).ws for one in (once, twice)]
    torch.testing.assert_close(*ws)


def test_without_a_seed_it_is_the_next_one(model):
    scene = scene_from_seed(model, 4)
    images = [
        render_scene(apply_edit(scene, parse_edit("resample", text)), model.snapshot)
        for text in ("0", "0:5")
    ]
    assert torch.equal(*images)


def test_the_edited_scene_s_file_shows_the_same_bits(model, tmp_path):
    before = scene_from_seed(model, 4)
    after = apply_edit(before, parse_edit("resample", "0:9"))
    save_scene(tmp_path / "scene.json", after)
    again, _ = load_scene(tmp_path / "scene.json")
    image = render_scene(after, model.snapshot)
    assert torch.equal(render_scene(again, model.snapshot), image)
    assert not torch.equal(render_scene(before, model.snapshot), image)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2", "this model has links 0 to 1, not 2"),
        ("x", "'x' is not of the form LINK"),
        ("0:9999999999999999999", "seed"),
    ],
)
def test_a_wrong_link_is_one_line(model, text, message):
    with pytest.raises(ValueError, match=f"resample: .*{message}"):
        apply_edit(scene_from_seed(model, 4), parse_edit("resample", text))


def test_a_model_without_links_says_so(tmp_path):
    path = tiny_snapshot(tmp_path / "model.safetensors", "baseline")
    scene = scene_from_seed(open_model(str(path)), 4)
    with pytest.raises(ValueError, match="resample: this model has no links: use one of a row"):
        apply_edit(scene, parse_edit("resample", "0"))


def test_another_file_of_the_model_s_name_is_refused(tmp_path):
    path = tiny_snapshot(tmp_path / "model.safetensors", "link_left")
    scene = scene_from_seed(open_model(str(path)), 4)
    tiny_snapshot(path, "link_left", seed=1)
    with pytest.raises(ValueError, match="is no longer the model"):
        apply_edit(scene, parse_edit("resample", "0"))
