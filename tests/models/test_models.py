"""Models by name: what ships is small, has its card, and renders."""

import pytest

from spatialgan.files import file_sha256
from spatialgan.models import model_path, shipped_models
from spatialgan.models.opened import open_model
from spatialgan.models.shipping import MAX_BYTES
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import render_scene
from tests.tiny import tiny_snapshot


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_is_small_has_its_card_and_renders(name):
    path = model_path(name)
    assert path.stat().st_size < MAX_BYTES
    assert file_sha256(path) in path.with_suffix(".md").read_text()
    model = open_model(name)
    image = render_scene(scene_from_seed(model, 0), model.snapshot)
    assert image.float().std() > 20


def test_a_model_is_a_shipped_name_or_a_path(tmp_path):
    path = tiny_snapshot(tmp_path / "g.safetensors")
    assert model_path(str(path)) == path
    for bad in ("dog", "", "../models/cat", str(tmp_path), "x" * 5000, "a\0b.safetensors"):
        with pytest.raises(ValueError, match=r"unknown model|does not exist"):
            model_path(bad)
