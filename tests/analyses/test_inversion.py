"""The analysis of inversions: a line per method, with fits, edits and, where the truth is known, centers."""

import json

import pytest
import torch
from click.testing import CliRunner

from analyses import inversion
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.inversion.invert import Inversion, InversionSettings
from spatialgan.networks.generator import SynthesisInputs
from tests.tiny import tiny_snapshot

QUICK = InversionSettings(steps=2, samples=4, restarts=1)


def layout(*centers):
    n = len(centers)
    return Layout((Gaussians(torch.tensor([centers]), torch.ones(1, n), torch.ones(1, n)),), 1)


def test_centers_outside_the_image_dont_count_and_any_order_does():
    truth = layout((0.5, 0.0), (0.0, -0.5), (3.0, 0.0))
    places = layout((0.0, -0.5), (0.5, 0.2), (0.9, 0.9))
    found = SynthesisInputs(torch.zeros(1, 1, 1), places, [])
    assert inversion.center_error(truth, [found]) == pytest.approx(0.05)
    assert inversion.center_error(layout((2.0, 0.0)), [found]) is None


def test_the_document_has_a_line_per_method(tmp_path, monkeypatch):
    model = tiny_snapshot(tmp_path / "room.safetensors", "indoor_inside")
    monkeypatch.setattr(inversion, "METHODS", {"quick": QUICK})
    arguments = [str(model), "--num", "2", "--own", "1", "-o", str(tmp_path / "found.json")]
    assert CliRunner().invoke(inversion.main, arguments, catch_exceptions=False).exit_code == 0
    found = json.loads((tmp_path / "found.json").read_text())
    line = found["methods"]["quick"]
    low, high = line["fit"]["mse"]["interval"]
    assert 0 < low <= line["fit"]["mse"]["mean"] <= high
    assert line["own"]["center"] is None or line["own"]["center"] >= 0
    assert set(line["edits"]) == {"move_locality", "remove_locality"} == set(found["own_edits"])
    # what is done isn't done again
    monkeypatch.setattr(Inversion, "states", lambda _: pytest.fail("inverts again"))
    CliRunner().invoke(inversion.main, arguments, catch_exceptions=False)
    assert json.loads((tmp_path / "found.json").read_text()) == found
