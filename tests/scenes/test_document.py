"""Documents: checked without a model, completed by any that is already open."""

import json

import pytest

from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import complete_scene, scene_from_seed
from spatialgan.scenes.document import Gaussian, SceneDocument, parse_document, read_document
from spatialgan.scenes.scene import StyleSeed
from spatialgan.scenes.scene_file import scene_text
from tests.tiny import tiny_snapshot

LEAST = {"format": "spatialgan scene 1", "model": "nowhere", "seed": 3}


def test_a_document_is_parsed_though_its_model_does_not_exist():
    assert read_document(LEAST) == SceneDocument("nowhere", 3)
    found = read_document(
        {
            **LEAST,
            "layout": [[{"center": [0.5, -1], "sigma": 0.2}]],
            "styles": {"objects": [7, {"seed": 8, "object": 0}]},
        }
    )
    assert found.layout == ((Gaussian((0.5, -1.0), 0.2, 1.0),),)
    assert found.background is None
    assert found.objects == (StyleSeed(7, 1), StyleSeed(8, 1))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", -1, "seed is -1, but goes from 0"),
        ("truncation_psi", 3, "truncation_psi is 3, but goes from 0 to 2"),
        ("noise_mode", "loud", "unknown noise_mode 'loud'"),
        ("model_sha256", 3, "model_sha256 is 3, but must be a text"),
        ("layout", [[{"center": [0, 11], "sigma": 1}]], "sub-heatmap 0: center is 11, but goes"),
        ("changes", {"latent": "AAAAfw=="}, "beyond 1000 or not numbers"),
    ],
)
def test_what_no_model_could_take_is_refused_before_one_is_opened(field, value, message):
    with pytest.raises(ValueError, match=message):
        parse_document(json.dumps({**LEAST, field: value}))


def test_one_open_model_completes_any_number_of_documents(tmp_path):
    model = open_model(str(tiny_snapshot(tmp_path / "g.safetensors", "indoor")))
    for seed in range(3):
        drawn = scene_from_seed(model, seed)
        document = parse_document(scene_text(drawn))
        assert scene_text(complete_scene(document, model)) == scene_text(drawn)
    (tmp_path / "g.safetensors").unlink()  # nothing is read again
    assert complete_scene(SceneDocument(model.name, 5), model).seed == 5


def test_a_style_of_an_object_that_the_model_lacks_is_refused(tmp_path):
    model = open_model(str(tiny_snapshot(tmp_path / "g.safetensors", "indoor")))
    styles = {"objects": [1, 2, {"seed": 1, "object": -1}]}
    document = read_document({**LEAST, "model": model.name, "styles": styles})
    with pytest.raises(ValueError, match="styles, object 2: object is -1, but goes from 0 to 2"):
        complete_scene(document, model)
