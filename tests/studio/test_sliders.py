"""Sliders for a region: what the studio's server finds, and what it refuses."""

import base64
import json

import numpy as np
import pytest
import torch

pytest.importorskip("starlette", reason="needs the extra 'studio'")

from spatialgan.directions.find import Question, find_directions
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio import answers
from spatialgan.studio.sliders import COUNT, END, sliders
from tests.tiny import tiny_snapshot

SEED = 3


@pytest.fixture(scope="module", params=["indoor", "spatialgan"])
def model(request, tmp_path_factory):
    path = tiny_snapshot(tmp_path_factory.mktemp("model") / "g.safetensors", request.param)
    return open_model(str(path))


def asked(model, **others):
    request = {"scene": {"format": "spatialgan scene 1", "model": model.name, "seed": SEED}}
    return {**request, "region": "box:0,0,1,1", "method": "resefa", **others}


def found(model, **others):
    return json.loads(sliders(asked(model, **others), {model.name: model}))


@pytest.mark.parametrize("method", ["resefa", "stylespace"])
def test_a_slider_is_a_direction_that_the_scene_takes_along(model, method):
    answer = found(model, method=method)
    scene = scene_from_seed(model, SEED)
    mask = np.zeros((16, 16), bool)
    mask[4:12, 4:12] = True
    own = find_directions(
        scene, model.snapshot, Question("", torch.from_numpy(mask), method), COUNT
    )
    assert answer["field"] == own.field == ("latent" if method == "resefa" else "channels")
    assert len(answer["sliders"]) == len(own.changes) == COUNT
    for slider, change in zip(answer["sliders"], own.changes, strict=True):
        numbers = np.frombuffer(base64.b64decode(slider["change"]), "<f4")
        assert np.array_equal(numbers, change.flatten().numpy())


def test_a_slider_at_its_end_changes_the_region_as_much_as_was_said(model):
    answer = found(model)
    slider = answer["sliders"][0]
    numbers = np.frombuffer(base64.b64decode(slider["change"]), "<f4") * 0.5 * slider["reach"]
    document = json.loads(scene_text(scene_from_seed(model, SEED)))
    text = base64.b64encode(numbers.astype("<f4").tobytes()).decode()
    scene, _ = answers.open_document({**document, "changes": {"latent": text}}, {model.name: model})
    before = render_scene(scene_from_seed(model, SEED), model.snapshot).float()
    change = (render_scene(scene, model.snapshot).float() - before)[:, 4:12, 4:12]
    assert (
        END / 4 < change.square().mean().sqrt() < END
    )  # half the way, in a network that isn't linear


def test_an_object_is_a_region_too(model):
    assert len(found(model, region="object:0")["sliders"]) == COUNT


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"region": "mask:/etc/passwd"}, "unknown region 'mask'"),
        ({"region": "class:bed"}, "unknown region 'class'"),
        ({"region": "box:0,0"}, "box:Y,X,HEIGHT,WIDTH"),
        ({"region": "box:0,0,2,2"}, "whole image"),
        ({"region": 7}, "region"),
        ({"method": "lowrank"}, "unknown method 'lowrank'"),
        ({"method": []}, "method"),
        ({"scene": 1}, "must be a JSON object"),
        ({"more": 1}, "the request must be a JSON object with"),
    ],
)
def test_what_is_refused(model, changed, reason):
    with pytest.raises(ValueError, match=reason):
        sliders(asked(model, **changed), {model.name: model})
