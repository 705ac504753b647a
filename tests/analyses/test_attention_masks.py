"""Attention against masks over a training: a run's points start untrained."""

import json

import pytest
from click.testing import CliRunner

from spatialgan.analyses.attention_masks import main
from spatialgan.analyses.maps import readings
from spatialgan.results import Results
from spatialgan.training import loop
from tests.training.jobs import job, short_config


@pytest.mark.unchecked
def test_points_of_a_run_begin_untrained(tmp_path):
    config = short_config("baseline")
    loop.train(job(tmp_path, config))
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
