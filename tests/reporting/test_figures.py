"""Figures from made-up results: samples, curves, and one line for what is missing."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from spatialgan.reporting.curves import write_curves
from spatialgan.reporting.figures import FIGURES, write_figure
from spatialgan.reporting.tables import write_table
from spatialgan.settings.params import Params, load_params
from tests.reporting.test_reporting import PARAMS, add_run


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, with results going to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return load_params(PARAMS)


def test_samples_stand_in_labeled_strips(params: Params) -> None:
    root = params.root("workstation")
    add_run(root, "cat/baseline/0", 10.0)
    add_run(root, "cat/sel/0", 10.0)
    add_run(root, "cat/sel/1", 10.0)  # another seed of a row that is there already
    with Image.open(write_figure(params, "objective_samples", "workstation")) as picture:
        assert picture.width == 300 + 16 * 64
        assert picture.height == 34 + 2 * (64 + 4)
        assert picture.getpixel((picture.width - 1, 40)) == (255, 0, 0)


def test_curves_take_columns_as_they_come(params: Params) -> None:
    root = params.root("workstation")
    add_run(root, "cat/baseline/0", 10.0)
    add_run(root, "cat/sel/0", 10.0)
    for path in (
        write_curves(params, "cat/baseline/0", "workstation"),
        write_figure(params, "curves", "workstation"),
    ):
        with Image.open(path) as picture:
            assert picture.width > 800
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_dollars_are_dollars(params: Params) -> None:
    for row, title in (("baseline", "$\\frac{$"), ("sel", "1 $ or 2 $^{")):
        params.rows[row] = {**params.rows[row], "title": title}
        add_run(params.root("workstation"), f"cat/{row}/0", 10.0)
    params.figures["curves"] = {**params.figures["curves"], "title": "$x_{$"}
    # read as formulas none of these could be drawn
    assert write_figure(params, "curves", "workstation").stat().st_size > 10_000


def test_figures_name_what_is_missing(params: Params) -> None:
    with pytest.raises(ValueError, match="no run of this figure has curves yet"):
        write_figure(params, "curves", "workstation")
    with pytest.raises(ValueError, match="unknown figure 'nothing': choose one of .*curves"):
        write_figure(params, "nothing", "workstation")
    with pytest.raises(ValueError, match="unknown table 'nothing': choose one of .*ablation"):
        write_table(params, "nothing", "workstation")


def test_every_kind_of_figure_is_drawn_by_a_function_that_there_is(params: Params) -> None:
    for name, kind in FIGURES.items():
        module, _, function = kind.draw.rpartition(".")
        assert callable(getattr(import_module(module), function)), name
        assert kind.shows in ("curves", "samples", "history", "snapshots")
    used = {item["kind"] for item in {**params.figures, **params.sample_figures}.values()}
    assert used == set(FIGURES)


def test_reports_need_no_torch() -> None:
    code = (
        "import sys, spatialgan.reporting.tables, spatialgan.reporting.figures;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
