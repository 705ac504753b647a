"""Attention against masks: what every scene shares counts for nothing, a run's points start untrained."""

import json

import pytest
import torch
from click.testing import CliRunner

from analyses.attention_masks import beyond_others, gradient_norm, main, readings
from spatialgan.results import Results
from spatialgan.training import loop
from tests.tiny import tiny_archive, tiny_config


def test_a_map_that_every_scene_shares_is_not_beyond_other_masks():
    masks = torch.rand(20, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    own, others = beyond_others(masks, masks)
    assert own == pytest.approx(1) and abs(others.mean()) < 0.1
    central = torch.ones(20, 8, 8)
    central[:, 2:6, 2:6] = 2
    own, others = beyond_others(central, masks)
    assert (own - others).mean() == pytest.approx(0, abs=0.05)
    aligned = torch.zeros(20, 8, 8)
    aligned[:, 2:6, 2:6] = 1
    own, others = beyond_others(central, aligned)
    assert own == pytest.approx(1) and others == pytest.approx(1)


def test_gradient_norm_in_closed_form():
    features = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weights = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(2))
    (found,) = gradient_norm((features * weights).sum(dim=(1, 2, 3)), [features])
    torch.testing.assert_close(found, weights.norm(dim=0).expand(2, 4, 4))


def test_points_of_a_run_begin_untrained(tmp_path):
    config = tiny_config("baseline")
    tiny_archive(tmp_path)
    loop.train(
        loop.TrainingJob(config, Results(tmp_path), made_from={}, processes=loop.Processes())
    )
    paths = sorted(Results(tmp_path).resume(config.name).glob("*/checkpoint-*.safetensors"))
    arguments = [*map(str, paths), "--num", "8", "-o", str(tmp_path / "found.json")]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    (run,) = json.loads((tmp_path / "found.json").read_text())["runs"].values()
    assert [point["kimg"] for point in run["points"]][0] == 0
    assert len(run["points"]) == len(paths) + 1
    assert [line["reading"] for line in run["points"][-1]["lines"]] == list(readings())
    assert run["points"][0]["lines"] != run["points"][-1]["lines"]
    table = (tmp_path / "found.md").read_text(encoding="utf-8").splitlines()
    assert table[2].startswith("| reading | 0 kimg |") and len(table) == 4 + len(readings())
    assert table[4].startswith("| per_channel, loss | ")
