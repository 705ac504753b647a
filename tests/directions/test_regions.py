"""Regions as text and as masks: (y, x) in [-1, 1]."""

import pytest
import torch

from spatialgan.directions.regions import View, parse_region, region_mask
from spatialgan.models.opened import open_model
from spatialgan.pictures import save_png
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import Place, apply_edit
from spatialgan.segmenters.instances import Instances
from tests.tiny import tiny_snapshot


def instances(image):
    masks = torch.zeros(3, 16, 16, dtype=torch.bool)
    masks[0, :4], masks[1, 8:], masks[2, 2:6] = True, True, True
    return Instances(masks, torch.ones(3), ("bed", "lamp", "bed"), torch.eye(3))


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    model = open_model(
        str(tiny_snapshot(tmp_path_factory.mktemp("m") / "room.safetensors", "indoor"))
    )
    return View(scene_from_seed(model, 4), torch.zeros(3, 16, 16, dtype=torch.uint8), instances)


def test_a_box_is_rows_then_columns_about_its_center(view):
    mask = region_mask(parse_region("box:-0.5,0.25,1,0.5"), view)
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[0:8, 8:12] = True
    assert torch.equal(mask, expected)


def test_an_object_is_the_disc_of_its_heatmap(view):
    scene = apply_edit(view.scene, Place(1, y=0.5, x=-0.5))
    mask = region_mask(parse_region("object:1"), View(scene, view.image, instances))
    rows, columns = (axis.float().mean() for axis in mask.nonzero(as_tuple=True))
    assert float(rows) == pytest.approx(11.5, abs=0.6) and float(columns) == pytest.approx(
        3.5, abs=0.6
    )
    heatmap = scene.layout.render(0, 16)[0, 1]
    assert heatmap[mask].min() >= 0.5 > heatmap[~mask].max()


def test_a_class_is_all_its_instances(view):
    mask = region_mask(parse_region("class:bed"), view)
    assert mask.any(dim=1).nonzero().flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_a_picture_s_white_is_the_region(view, tmp_path):
    picture = torch.zeros(3, 32, 32, dtype=torch.uint8)
    picture[:, 16:, :8] = 255
    save_png(tmp_path / "mask.png", picture)
    mask = region_mask(parse_region(f"mask:{tmp_path / 'mask.png'}"), view)
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[8:, :4] = True
    assert torch.equal(mask, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left", "'left' is not a region: write box:Y,X,HEIGHT,WIDTH, object:INDEX"),
        ("box:1,2,3", "'box:1,2,3' is not of the form box:Y,X,HEIGHT,WIDTH"),
        ("box:nan,0,1,1", "region is empty"),
        ("box:0,0,2,2", "region is the whole image"),
        ("object:-1", "not of the form object:INDEX"),
        ("object:7", "not 7"),
        ("class:cat", "finds no 'cat' in this image, but bed, lamp"),
        ("mask:nothing.png", "nothing.png: is not a picture"),
    ],
)
def test_wrong_regions_are_one_line(view, text, message):
    with pytest.raises(ValueError, match=message):
        region_mask(parse_region(text), view)
