"""Files of directions, read without trusting them, and scenes that have moved along one."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from spatialgan.models.opened import open_model
from spatialgan.networks.style_space import style_channels
from spatialgan.scenes.along import Directions, load_directions, moved_along, save_directions
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import apply_edit, parse_edit
from spatialgan.scenes.render import (
    interpolate_inputs,
    render_inputs,
    render_scene,
    scene_inputs,
)
from spatialgan.scenes.scene_file import load_scene, save_scene
from spatialgan.tensor_file import save_tensors
from tests.tiny import tiny_snapshot


@pytest.fixture(scope="module", params=["spatialgan", "indoor"])
def model(request, tmp_path_factory):
    path = tiny_snapshot(tmp_path_factory.mktemp("m") / "model.safetensors", request.param)
    return open_model(str(path))


def directions_of(model, field="latent", number=2):
    config = model.snapshot.config.generator
    codes = (1 + config.num_objects,) if config.num_objects else ()
    convolutions = style_channels(config)
    shape = {
        "latent": (config.num_ws, *codes, config.w_dim),
        "channels": (len(convolutions), *codes, max(convolutions)),
    }[field]
    draws = torch.Generator().manual_seed(0)
    return Directions(
        changes=torch.randn(number, *shape, generator=draws),
        field=field,
        scores=torch.tensor([2.0, 1.0], dtype=torch.float64)[:number],
        mask=torch.eye(16, dtype=torch.bool),
        model_sha256=model.sha256,
        space="w",
        method="resefa",
        region="box:0,0,1,1",
    )


@pytest.mark.parametrize("field", ["latent", "channels"])
def test_a_file_gives_back_what_was_written(model, tmp_path, field):
    written = directions_of(model, field)
    save_directions(tmp_path / "d.safetensors", written)
    read = load_directions(tmp_path / "d.safetensors")
    for name, value in vars(written).items():
        same = torch.equal(value, getattr(read, name)) if isinstance(value, torch.Tensor) else None
        assert same if same is not None else value == getattr(read, name)


@pytest.mark.parametrize("field", ["latent", "channels"])
def test_an_edited_scene_s_file_shows_the_same_bits_without_the_directions(model, tmp_path, field):
    path = tmp_path / "d.safetensors"
    save_directions(path, directions_of(model, field))
    before = scene_from_seed(model, 4)
    after = apply_edit(before, parse_edit("along", f"{path}:1:0.5"))
    after = apply_edit(after, parse_edit("along", f"{path}:0:-1.25"))
    path.unlink()
    save_scene(tmp_path / "scene.json", after)
    again, _ = load_scene(tmp_path / "scene.json")
    image = render_scene(after, model.snapshot)
    assert torch.equal(render_scene(again, model.snapshot), image)
    assert not torch.equal(render_scene(before, model.snapshot), image)


def test_the_way_to_an_edited_scene_begins_and_ends_there(model):
    before = scene_from_seed(model, 4)
    after = moved_along(before, directions_of(model, "channels"), 0, 1.0)
    ends = [scene_inputs(scene, model.snapshot) for scene in (before, after)]
    for fraction, end in zip((0.0, 1.0), ends, strict=True):
        inputs = interpolate_inputs(*ends, fraction)
        between, expected = (render_inputs(x, model.snapshot).int() for x in (inputs, end))
        assert (between - expected).abs().max() <= 1


def test_steps_add_up(model):
    scene, found = scene_from_seed(model, 4), directions_of(model)
    twice = moved_along(moved_along(scene, found, 0, 1.0), found, 0, 2.0)
    once = moved_along(scene, found, 0, 3.0)
    torch.testing.assert_close(twice.changes.latent, once.changes.latent)
    ws = [scene_inputs(s, model.snapshot).ws for s in (scene, once)]
    torch.testing.assert_close(ws[1] - ws[0], 3 * found.changes[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("index", "alpha", "changed", "message"),
    [
        (2, 1.0, {}, "directions 0 to 1, not 2"),
        (0, 1e6, {}, "alpha 1e\\+06 leads beyond 1000"),
        (0, 1.0, {"model_sha256": "0" * 64}, "are of another model \\(sha256 000000000000..., not"),
    ],
)
def test_a_wrong_step_is_one_line(model, index, alpha, changed, message):
    with pytest.raises(ValueError, match=message):
        moved_along(
            scene_from_seed(model, 4), replace(directions_of(model), **changed), index, alpha
        )


def test_a_wrong_text_shows_the_right_form():
    with pytest.raises(
        ValueError, match="along: 'd.safetensors:1' is not of the form DIRECTIONS:K:A"
    ):
        parse_edit("along", "d.safetensors:1")


def content(model, **changed):
    found = directions_of(model)
    tensors = {"changes": found.changes, "scores": found.scores, "mask": found.mask}
    names = ("field", "model_sha256", "space", "method", "region")
    header = {"format": "spatialgan directions 1", **{name: getattr(found, name) for name in names}}
    tensors |= {name: value for name, value in changed.items() if name in tensors}
    return tensors, header | {name: value for name, value in changed.items() if name not in tensors}


NAN = torch.full((2, 6, 8), float("nan"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, ""),
        ({"format": "spatialgan directions 2"}, "is not a file of directions"),
        ({"region": 5}, "region is 5, but must be a text"),
        ({"field": "noise"}, "unknown field of changes 'noise': choose one of latent, channels"),
        ({"scores": torch.ones(2)}, "must hold changes \\(fp32\\), scores \\(fp64\\)"),
        ({"scores": torch.ones(3).double()}, "don't go together"),
        ({"changes": torch.ones(2)}, "don't go together"),
        ({"changes": NAN}, "beyond 1000 or not numbers"),
        ({"mask": torch.ones(2, 3, dtype=torch.bool)}, "mask must be square, not \\[2, 3\\]"),
    ],
)
def test_files_of_others_are_one_line(model, tmp_path, changed, message):
    path = tmp_path / "d.safetensors"
    save_tensors(path, *content(model, **changed))
    if not message:
        load_directions(path)
        return
    with pytest.raises(ValueError, match=f"d.safetensors: .*{message}"):
        load_directions(path)


@pytest.mark.parametrize("metadata", ["[]", "5", "{}", '{"header": 3}', "{"])
def test_headers_of_other_programs_are_one_line(tmp_path, metadata):
    path = tmp_path / "d.safetensors"
    save_file({"changes": torch.ones(1)}, path, {"spatialgan": metadata})
    with pytest.raises(ValueError, match="d.safetensors"):
        load_directions(path)
