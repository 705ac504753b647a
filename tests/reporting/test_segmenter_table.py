"""One model's Co-move Ratio by two segmenters side by side: the table, its refusals, and how it is asked for."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgan.records import write_record
from spatialgan.reporting.tables import write_table
from spatialgan.results import Results
from spatialgan.settings.params import Params, load_params
from tests.copies import copy_project
from tests.reporting.test_reporting import PARAMS, SNAPSHOT, add_run, cells

TITLE = "+ L_align_indoor: SpatialGAN"
TARGET = "results/smoke/tables/segmenters.md"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, with results going to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return load_params(PARAMS)


def add_segmenter(root: Path, name: str, sha256: str, ap50: float) -> None:
    """Write what the training of a segmenter leaves."""
    path = Results(root).segmenter("bedroom", name).record
    path.parent.mkdir(parents=True, exist_ok=True)
    score = {"ap": 0.6, "ap50": ap50, "ap75": 0.7, "num_images": 500}
    record = {"sha256": sha256, "training": {"steps": 1000}, "cpu_seconds": 228.5}
    write_record(path, {**record, "held_out": score})


def add_comove(root: Path, file: str, name: str, sha256: str, comove: float, **protocol) -> None:
    """Write a Co-move Ratio of the run bedroom/indoor/0 by a segmenter."""
    numbers = {"comove": comove, "coverage": comove / 2}
    measured = {
        "protocol": {
            "segmenter": name,
            "segmenter_sha256": sha256,
            "num_moves": 3000,
            "min_score": 0.5,
            **protocol,
        },
        "metrics": numbers,
        "intervals": {
            n: {"low": v - 0.05, "high": v + 0.06, "std": 0.03} for n, v in numbers.items()
        },
        "metric_ids": {"comove": f"{name}_comove3k"},
        "classes": {"bed": {"objects": 9, "matched": 4, "comove": comove}},
        "commit": "ab" * 20,
        "snapshot_sha256": SNAPSHOT,
    }
    path = root / "metrics/bedroom/indoor/0" / f"{file}.json"
    write_record(path, measured)


def add_both(params: Params, **protocol) -> None:
    """Write two segmenters and what each makes of one run; `protocol` is another one of the second's."""
    root = params.root("workstation")
    add_run(root, "bedroom/indoor/0", 10.0)
    add_segmenter(root, "torchvision", "11" * 32, 0.933)
    add_segmenter(root, "detectron2", "22" * 32, 0.912)
    add_comove(root, "comove", "torchvision", "11" * 32, 0.4)
    add_comove(root, "comove_detectron2", "detectron2", "22" * 32, 0.6, **protocol)


def test_both_segmenters_stand_side_by_side_with_what_each_is_worth(params: Params) -> None:
    add_both(params)
    markdown, _, _, table, numbers = write_table(params, "segmenters", "workstation")
    text = markdown.read_text()
    head = next(line for line in text.splitlines() if "comove3k" in line)
    wanted = ["torchvision_comove3k ↑", "detectron2_comove3k ↑"]
    assert [cell.strip() for cell in head.strip("|").split("|")][1:3] == wanted
    found = cells(text, TITLE)
    assert found[:2] == ["0.40 [0.35, 0.46]", "0.60 [0.55, 0.66]"]
    assert found[4:6] == ["0.20", "0.30"]  # coverage
    assert cells(text, "EqGAN-SA (fine heatmaps)")[:2] == ["-", "-"]
    assert cells(text, "torchvision")[1:4] == ["0.933", "0.600", "0.700"]
    assert cells(text, "detectron2")[1] == "0.912"
    assert "by torchvision: " in text and "by detectron2: " in text
    assert text.count(" 0.40 (9) |") == text.count(" 0.60 (9) |") == 1
    for fact in ("segmenter torchvision 1111111111", "segmenter detectron2 2222222222"):
        assert fact in text
    means = json.loads(numbers.read_text())["bedroom"]["indoor"]
    assert (means["torchvision_comove3k"], means["detectron2_comove3k"]) == (0.4, 0.6)
    assert (means["coverage by torchvision"], means["coverage by detectron2"]) == (0.2, 0.3)
    metrics = [
        line["metric"]
        for line in csv.DictReader(table.read_text().splitlines())
        if line["row"] == "indoor"
    ]
    assert len(metrics) == len(set(metrics)) == 8


def test_rows_by_class_say_who_saw_them_even_where_one_segmenter_saw_none(params: Params) -> None:
    add_both(params)
    path = params.root("workstation") / "metrics/bedroom/indoor/0/comove.json"
    write_record(path, {**json.loads(path.read_text()), "classes": {}})
    text = write_table(params, "segmenters", "workstation")[0].read_text()
    assert "By class of the moved object by detectron2: " in text and "by torchvision: " not in text


def test_the_profiles_own_segmenter_is_not_measured_twice(params: Params) -> None:
    section = params.tables["segmenters"]
    files = [style["file"] for name, style in params.measures(section, "workstation")]
    assert files[:2] == ["comove", "comove_detectron2"]
    plain = params.measures(params.tables["comove"], "workstation")
    assert plain[0] == ("comove", params.metrics["comove"])


def test_two_segmenters_share_a_table_only_with_equal_moves(params: Params) -> None:
    add_both(params, num_moves=1000)
    wanted = (
        r"bedroom/indoor/0 \(comove\) and bedroom/indoor/0 \(comove_detectron2\) were measured "
        "differently .*num_moves is 3000 and 1000"
    )
    with pytest.raises(ValueError, match=wanted):
        write_table(params, "segmenters", "workstation")


def test_a_ratio_by_other_weights_than_were_scored_is_refused(params: Params) -> None:
    add_both(params, segmenter_sha256="33" * 32)
    wanted = r"\(comove_detectron2\) was measured by detectron2 with weights 3333333333, but its record is of 2222222222"
    with pytest.raises(ValueError, match=wanted):
        write_table(params, "segmenters", "workstation")


def test_it_is_made_only_when_asked_for(params: Params) -> None:
    assert "segmenters" in params.tables and "comove" in params.usual_tables
    assert not {"segmenters", "judge"} & set(params.usual_tables)
    params.tables["page"] = {"title": "A page", "sections": ["comove", "segmenters"]}
    assert "page" not in params.usual_tables
    assert "moving" in params.usual_figures and "resampling" not in params.usual_figures


def snakemake(folder: Path, detectron2: str, *options: str) -> str:
    """Return what Snakemake says when asked for the table, `detectron2` being the source of that library."""
    library = folder / "library"
    library.mkdir()
    (library / "detectron2.py").write_text(detectron2)
    project = folder / "project"
    environment = copy_project(project)
    path = os.pathsep.join([str(library), environment["PYTHONPATH"]])
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *options]
    run = subprocess.run(
        [*command, TARGET],
        cwd=project,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{run.stdout}{run.stderr}exit {run.returncode}"


@pytest.mark.slow
def test_without_detectron2_nothing_runs_and_one_line_names_the_install(tmp_path: Path) -> None:
    absent = "raise ModuleNotFoundError('no such library', name='detectron2')\n"
    said = snakemake(tmp_path, absent)
    lines = [line for line in said.splitlines() if "detectron2 isn't installed" in line]
    assert len(lines) == 1, said
    assert "pip install --no-build-isolation 'git+https" in lines[0]
    assert said.endswith("exit 1") and not (tmp_path / "project" / "results").exists()


@pytest.mark.slow
def test_with_it_both_segmenters_measure_the_same_runs(tmp_path: Path) -> None:
    said = snakemake(tmp_path, "", "--dry-run")
    assert said.endswith("exit 0"), said
    for row in ("eqgan_sa", "indoor"):
        for file in ("comove", "comove_detectron2"):
            assert f"output: results/smoke/metrics/bedroom/{row}/0/{file}.json\n" in said
    for name in ("torchvision", "detectron2"):
        assert f"results/smoke/weights/bedroom/{name}.safetensors" in said
