"""dvc.yaml is what the workflow plans, sorted into stages."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spatialgan.params import load_params
from tests.tiny import ROOT
from workflow.dvc_stages import Plain, stages

FOLDERS = ("datasets", "segmenters", "runs", "metrics", "tables", "figures")
RUN = "results/runs/cat/sel/0"
PLAN = {
    "prepare": ["results/datasets/cat.json", "results/datasets/cat.zip"],
    "segmenter": [
        "results/segmenters/cat/torchvision/model.safetensors",
        "results/segmenters/cat/torchvision/segmenter.json",
    ],
    "train": [f"{RUN}/curves.csv", f"{RUN}/generator.safetensors", f"{RUN}/train.json"],
    "curves": [f"{RUN}/curves.png"],
    "fidelity": ["results/metrics/cat/sel/0/fidelity.json"],
    "drags": ["results/metrics/cat/sel/0/drags.json"],
    "table": [
        f"results/tables/{name}.{suffix}"
        for name in ("ablation", "objective")
        for suffix in ("csv", "json", "md")
    ],
    "samples": ["results/figures/pair_samples.png"],
}
COMPARED = "results/tables/objective.json"
CACHED, IN_GIT = {"persist": True}, {"cache": False, "persist": True}


@pytest.fixture(scope="module")
def written() -> dict:
    """Return the contents of dvc.yaml for a small plan."""
    return stages(PLAN, load_params(ROOT / "params"))


def test_every_output_has_a_stage_and_only_heavy_ones_are_cached(written: dict) -> None:
    outs = {
        name: {path: how for out in stage["outs"] for path, how in out.items()}
        for name, stage in written["stages"].items()
    }
    assert outs["datasets"] == {
        "results/datasets/cat.json": IN_GIT,
        "results/datasets/cat.zip": CACHED,
    }
    assert outs["runs"] == {f"{RUN}/generator.safetensors": CACHED, f"{RUN}/train.json": IN_GIT}
    assert CACHED in outs["segmenters"].values() and IN_GIT in outs["segmenters"].values()
    assert {*outs["report"], COMPARED} == {*PLAN["table"], *PLAN["samples"]}
    assert all(how == IN_GIT for how in outs["report"].values())


def test_the_cells_of_every_table_are_compared_once(written: dict) -> None:
    assert written["stages"]["report"]["metrics"] == [{COMPARED: IN_GIT}]  # not on the page of all
    assert [name for name, stage in written["stages"].items() if "metrics" in stage] == ["report"]


def test_a_stage_stops_at_its_rules_and_waits_for_those_before(written: dict) -> None:
    until = {
        name: stage["cmd"].partition(" --until ")[2] for name, stage in written["stages"].items()
    }
    assert until == {
        "datasets": "prepare",
        "segmenters": "segmenter",
        "runs": "train",
        "metrics": "drags fidelity",
        "report": "",
    }
    needs = {name: set(stage["deps"]) for name, stage in written["stages"].items()}
    assert "results/datasets/cat.json" in needs["runs"]
    assert f"{RUN}/train.json" in needs["metrics"]
    assert "results/segmenters/cat/torchvision/segmenter.json" in needs["metrics"]
    assert "results/metrics/cat/sel/0/fidelity.json" in needs["report"]


def test_a_training_depends_on_rows_and_its_profile_only(written: dict) -> None:
    (params,) = written["stages"]["runs"]["params"]
    assert params == {
        "params/profiles.yaml": ["default", "profiles.laptop"],
        "params/runs.yaml": None,
    }


def test_curves_and_pictures_can_be_compared(written: dict) -> None:
    plots = {title: how for plot in written["plots"] for title, how in plot.items()}
    assert plots["Loss of the generator"] == {"x": "kimg", "y": {f"{RUN}/curves.csv": "loss_g"}}
    assert "results/figures/pair_samples.png" in plots


def test_yaml_has_no_anchors(written: dict) -> None:
    text = yaml.dump(written, Dumper=Plain)
    assert "&id" not in text
    assert yaml.safe_load(text) == written


def test_dvc_yaml_is_current() -> None:
    command = [sys.executable, "-m", "workflow.dvc_stages", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_results_in_git_have_their_records() -> None:
    """Without its record Snakemake doesn't see that a result's parameters changed: a profile has all or none."""
    command = ["git", "ls-files", "results", ".snakemake/metadata"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [Path(line) for line in run.stdout.splitlines()]
    results = [path for path in listed if path.parts[0] == "results"]
    names = ["".join(path.parts[2:]).replace("@", "") for path in listed if path not in results]
    recorded = {base64.urlsafe_b64decode(name).decode() for name in names}
    by_profile: dict[Path, set[str]] = {}
    for path in results:
        root = next(parent.parent for parent in path.parents if parent.name in FOLDERS)
        by_profile.setdefault(root, set()).add(str(path))
    for paths in by_profile.values():
        lacking = sorted(paths - recorded)
        assert lacking in ([], sorted(paths)), f"git add .snakemake/metadata for {lacking}"
