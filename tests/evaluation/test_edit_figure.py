"""Pages of ways to change a region, of tiny models: the region is outlined, and only what changed is lit."""

import numpy as np
import pytest
import torch
from PIL import Image

from spatialgan.drawing import overlays as drawing
from spatialgan.evaluation import edit_figure
from spatialgan.reporting.figures import write_figure
from spatialgan.settings.params import load_params
from tests.tiny import ROOT, tiny_snapshot


@pytest.fixture
def params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = load_params(ROOT / "params")
    tiny_snapshot(params.results("smoke").run("cat/link_left/0").snapshot, "link_left")
    return params


def item_of(**changes):
    item = {"title": "A title", "rows": ["link_left"], "datasets": ["cat"], "samples": 2}
    return {**item, "methods": ["random", "resefa", "move", "resample"], "level": 0.05, **changes}


@pytest.mark.unchecked
def test_a_page_has_a_line_per_sample_and_a_column_per_way_the_same_every_time(params):
    params.figures["one"] = {"kind": "ways", **item_of()}
    path = write_figure(params, "one", "smoke")
    first = path.read_bytes()
    assert write_figure(params, "one", "smoke").read_bytes() == first
    with Image.open(path) as page:  # a model without objects moves none
        assert page.width == 4 * drawing.MIN_SIDE + 3 * drawing.GAP
        assert page.height > 4 * drawing.MIN_SIDE


def test_a_region_s_edge_is_white_and_the_rest_as_it_was():
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[4:12, 4:12] = True
    black = drawing.enlarged(torch.zeros(3, 16, 16, dtype=torch.uint8))
    lit = np.array(edit_figure.edged(black, mask))[:, :, 0] > 0
    scale = black.width // 16
    assert lit[4 * scale, 5 * scale] and lit[12 * scale - 1, 8 * scale]
    assert lit.sum() == 4 * (8 * scale - 1)


@pytest.mark.unchecked
def test_an_unknown_way_is_named(params):
    with pytest.raises(ValueError, match="cat/link_left/0: unknown way 'magic'"):
        edit_figure.draw_ways(params, item_of(methods=["magic"]), "smoke")
