"""Studies of inversions: a line per method, kept across interruptions, written as record, picture and table."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spatialgan.inversion.invert import Inversion
from spatialgan.inversion_study import study, write
from spatialgan.inversion_study.kept import Inverter
from spatialgan.results import Results
from tests.tiny import shipped_params, tiny_snapshot

pytestmark = pytest.mark.slow
ITEM = {
    **{"dataset": "cat", "num": 2, "own": 1, "edits": 2, "steps": 2, "restarts": 1, "shown": 1},
    **{"tuning_steps": 1, "methods": ["styles", "plus", "tuning"], "comove_in": []},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of an untrained model with several objects, its document and its folder."""
    root = tmp_path_factory.mktemp("study")
    item = {**ITEM, "model": str(tiny_snapshot(root / "room.safetensors", "indoor_inside"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "JUDGE", "scene")
        patch.setattr(type(shipped_params()), "results", lambda self, profile: Results(root))
        write.write_study(shipped_params(), "room", item, "smoke")
        kept = {path.name for path in (root / "resume/inversion").iterdir()}
        patch.setattr(Inversion, "states", lambda _: pytest.fail("inverts again"))
        again = write.write_study(shipped_params(), "room", item, "smoke")
        write.write_studies(shipped_params(), ["room"], "smoke")
    return root, json.loads(again.read_text()), kept


def test_each_method_has_numbers_with_intervals(made):
    _, document, _ = made
    assert list(document["methods"]) == ITEM["methods"]
    for method in document["methods"].values():
        for number in [*method["fit"].values(), *method["edits"].values()]:
            low, high = number["interval"]
            assert low <= number["value"] * (1 + 1e-9) and number["value"] <= high * (1 + 1e-9)
        assert set(method["edits"]) == {"move_locality", "remove_locality"} == set(method["of_own"])
        assert method["fit"]["mse_of_nearest"]["value"] == pytest.approx(
            method["fit"]["mse"]["value"] / method["fit"]["nearest_mse"]["value"]
        )


def test_a_part_of_the_models_own_is_the_quotient(made):
    _, document, _ = made
    own = document["own_edits"]["move_locality"]["value"]
    for method in document["methods"].values():
        part = method["of_own"]["move_locality"]["value"]
        assert part == pytest.approx(method["edits"]["move_locality"]["value"] / own)


def test_layouts_are_compared_where_they_are_known(made):
    _, document, _ = made
    own = document["methods"]["plus"]["own"]
    assert own["centers_matched"] == "one to one" and own["center_by_chance"] > 0
    assert not document["methods"]["tuning"]["own"]  # its layouts are those of W+


def test_what_is_made_is_kept_and_tuned_models_along(made):
    _, _, kept = made
    # two photos by three methods, one own image by two, two tuned models
    assert sorted(name.rpartition(".")[2] for name in kept) == ["json"] * 8 + ["safetensors"] * 2


def test_the_table_and_the_picture_are_there(made):
    root, _, _ = made
    page = (root / "tables/inversion.md").read_text()
    for words in ("styles only", "W+ and layout, tuning", "by chance", "the model's own samples"):
        assert words in page
    assert (root / "inversion/room.png").is_file()
    assert "room" in json.loads((root / "tables/inversion.json").read_text())


def test_a_changed_setting_is_another_inversion(made):
    root, document, _ = made
    found = study.Study(study_model(root), {**ITEM, "encoder": ""}, None, root)
    method = found.methods()["plus"]
    other = replace(method, settings=replace(method.settings, steps=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "JUDGE", "scene")
        inverter = found.inverter()
    photo = found.photos()[0]
    assert isinstance(inverter, Inverter)
    assert inverter.key(photo, method) != inverter.key(photo, other)
    assert np.asarray(photo).shape == (3, 16, 16)


def study_model(root):
    from spatialgan.models.opened import open_model

    return open_model(str(root / "room.safetensors"))


def test_a_missing_segmenter_is_named(tmp_path, monkeypatch):
    model = tiny_snapshot(tmp_path / "room.safetensors", "indoor_inside")
    monkeypatch.setattr(type(shipped_params()), "results", lambda self, profile: Results(tmp_path))
    item = {**ITEM, "model": str(model), "comove_in": ["smoke"]}
    with pytest.raises(ValueError, match="spatialgan segmenter cat -p smoke"):
        write.write_study(shipped_params(), "room", item, "smoke")
    with pytest.raises(ValueError, match="spatialgan inversion room -p smoke"):
        write.write_studies(shipped_params(), ["room"], "smoke")
