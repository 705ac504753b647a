"""The drag benchmark: trials as drawn, distances as seen by an oracle, resumable; its table and figure."""

import json
import shutil
from collections.abc import Callable

import pytest
import torch
from PIL import Image

from spatialgan.dragging.drag import DRAGS, DragSettings
from spatialgan.evaluation import drags
from spatialgan.evaluation.drag_trials import LENGTHS_PX, NEAR, drag_trials
from spatialgan.evaluation.harness import Setup
from spatialgan.evaluation.measures import MEASURES
from spatialgan.heatmaps import moves
from spatialgan.records import read_record, write_record
from spatialgan.reporting import methods
from spatialgan.reporting.figures import write_figure
from spatialgan.reporting.tables import write_table
from spatialgan.segmenters.instances import MIN_SCORE, Instances
from spatialgan.segmenters.oracle import Oracle, identity_features
from spatialgan.settings.params import load_params
from spatialgan.snapshot import load_snapshot
from tests.tiny import ROOT, tiny_snapshot

ROWS = ("baseline", "spatialgan", "indoor")


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Return the path of a snapshot per row."""
    folder = tmp_path_factory.mktemp("snapshots")
    return {row: tiny_snapshot(folder / f"{row}.safetensors", row) for row in ROWS}


def still_object(image: torch.Tensor) -> Instances:
    """One object that fills every image: it never moves."""
    mask = torch.ones(1, *image.shape[1:], dtype=torch.bool)
    return Instances(mask, torch.ones(1), ("wall",), identity_features(1))


STILL = Oracle(still_object, MIN_SCORE)
SETTINGS = DragSettings(max_steps=2, tolerance_px=0.0)


def measure_drags(snapshot, segmenter, output, num_drags=3):
    """Measure with drags of two steps."""
    setup = Setup({"num_drags": num_drags, "drag_steps": 2}, {"segmenter": segmenter})
    return drags.DRAG_BENCHMARK.measure(MEASURES["drags"].code, snapshot, setup, output)


@pytest.fixture(autouse=True)
def no_tolerance(monkeypatch):
    """Make no target near enough, so that every drag takes all its steps."""
    monkeypatch.setattr(drags, "drag_settings", lambda _: SETTINGS)


@pytest.mark.parametrize("row", ROWS)
def test_trials_go_from_an_object_to_targets_of_the_given_lengths_in_the_frame(snapshots, row):
    snapshot = load_snapshot(snapshots[row])
    trials = list(drag_trials(snapshot, "m", 20, start=0))
    assert len({trial.seed for trial in trials}) == 20
    for trial in trials:
        for target, length in zip(trial.targets, LENGTHS_PX, strict=True):
            assert target.abs().max() < 1
            assert (target - trial.handle).norm().item() / 2 == pytest.approx(length / 256)
        if row != "baseline":
            objects = moves.objects(trial.scene.layout)
            apart = (objects.centers[0] - trial.handle).norm(dim=1)
            assert apart.min() <= NEAR + 0.1  # a center at the frame is drawn inwards
            assert trial.sigma in objects.sigmas[0].tolist()


def test_trials_depend_on_their_seed_alone(snapshots):
    snapshot = load_snapshot(snapshots["indoor"])
    first = list(drag_trials(snapshot, "m", 6, start=0))
    again = list(drag_trials(snapshot, "m", 3, start=first[2].seed + 1))
    assert [t.seed for t in again] == [t.seed for t in first[3:]]
    assert all(torch.equal(a.handle, b.handle) for a, b in zip(again, first[3:], strict=True))


@pytest.mark.parametrize("row", ROWS)
def test_every_method_is_measured_at_every_length(snapshots, tmp_path, row):
    result = measure_drags(snapshots[row], STILL, tmp_path / "drags.json", num_drags=1)
    assert result == json.loads((tmp_path / "drags.json").read_text())
    methods = ["latent"] if row == "baseline" else list(DRAGS)
    found = [(one["method"], one["length_px"]) for one in result["drags"]]
    assert found == [(method, length) for length in LENGTHS_PX for method in methods]
    for one in result["drags"]:
        assert all(len(one[name]) == 1 for name in drags.COLUMNS)
        assert all(seconds > 0 for seconds in one["seconds"])
        assert one["steps"] == [0 if one["method"] == "coarse" else 2]
        # the oracle's object never moves, so all of the way is left
        assert one["seen"] == pytest.approx([one["length_px"] / 256], abs=1e-6)
    assert list(tmp_path.iterdir()) == [tmp_path / "drags.json"]


def test_an_object_that_moves_has_the_rest_of_its_way_left(snapshots, tmp_path):
    """A segmenter that sees all of the first image, and the lower half of every later one: 0.5 down."""
    shift, looks = torch.tensor([0.5, 0.0]), []

    def sinking(image: torch.Tensor) -> Instances:
        mask = torch.ones(1, *image.shape[1:], dtype=torch.bool)
        if len(looks) % (1 + len(LENGTHS_PX)):  # the first of each trial is the undragged image
            mask[:, : image.shape[1] // 2] = False
        looks.append(image)
        return Instances(mask, torch.ones(1), ("box",), identity_features(1))

    trials = drag_trials(load_snapshot(snapshots["baseline"]), "", 3, start=0)
    ways = [[target[0] - t.handle[0] for target in t.targets] for t in trials]
    segmenter = Oracle(sinking, MIN_SCORE)
    result = measure_drags(snapshots["baseline"], segmenter, tmp_path / "drags.json")
    for index, one in enumerate(result["drags"]):
        left = [(way[index] - shift).norm().item() / 2 for way in ways]
        assert one["seen"] == pytest.approx(left, abs=1e-6)


def test_an_object_that_is_not_seen_has_no_distance(snapshots, tmp_path):
    nothing = Oracle(lambda image: still_object(image)[torch.zeros(0, dtype=torch.long)], MIN_SCORE)
    result = measure_drags(snapshots["baseline"], nothing, tmp_path / "drags.json")
    assert all(one["seen"] == [None] * 3 for one in result["drags"])


def test_a_killed_measurement_goes_on_after_its_last_trial(snapshots, tmp_path):
    """Killed while the second of three trials is looked at, it takes the second and the third."""
    looks = []

    def dying(image: torch.Tensor) -> Instances:
        looks.append(image)
        if len(looks) == per_trial + 2:
            raise KeyboardInterrupt
        return still_object(image)

    def measure(answer: Callable, name: str) -> dict:
        return measure_drags(snapshots["baseline"], Oracle(answer, MIN_SCORE), tmp_path / name)

    straight = measure(still_object, "straight.json")
    per_trial = 1 + len(straight["drags"])
    with pytest.raises(KeyboardInterrupt):
        measure(dying, "drags.json")
    result = measure(dying, "drags.json")
    assert len(looks) == per_trial + 2 + 2 * per_trial
    assert torch.equal(looks[per_trial], looks[per_trial + 2])
    for one, other in zip(result["drags"], straight["drags"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


@pytest.fixture(scope="module")
def benchmarked(snapshots, tmp_path_factory):
    """Return a folder with the parameters and results of the smoke profile, measured once."""
    folder = tmp_path_factory.mktemp("benchmarked")
    shutil.copytree(ROOT / "params", folder / "params")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(drags, "drag_settings", lambda _: SETTINGS)
        params = load_params()
        for section in params.sections("drag").values():
            for run in params.runs(section, "smoke"):
                add_result(params.results("smoke"), run, snapshots)
    return folder


def add_result(files, run, snapshots):
    """Measure a run and write what its training and that leave."""
    dataset, row, _ = run.split("/")
    output = files.metric(run, "drags")
    result = measure_drags(snapshots[row], STILL, output, num_drags=2)
    write_record(output, {**result, "dataset": dataset, "row": row})
    trained = {"snapshot_sha256": result["snapshot_sha256"], "kimg": 8.0}
    record = files.run(run).record
    record.parent.mkdir(parents=True)
    write_record(record, trained)


@pytest.fixture
def results(benchmarked, tmp_path, monkeypatch):
    """Return the parameters, with results of the smoke profile in the working directory."""
    shutil.copytree(benchmarked, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return load_params()


@pytest.mark.unchecked
def test_the_table_has_a_line_per_model_and_method_beside_the_paper_s(results):
    markdown, html, tex, table, numbers = write_table(results, "drag", "smoke")
    text = markdown.read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ") and "model" not in line]
    assert len(lines) == 2 * 2 * (1 + len(DRAGS))
    (hybrid, _, other, _) = [line for line in lines if "(coarse+latent+centers)" in line]
    cells = [cell.strip() for cell in hybrid.split("|")]
    assert cells[4] == "6" and cells[5] == "2 (2-2)" and cells[6] == "10-20"
    assert cells[8] == "0.117 ± 0.000 (n = 2)" and cells[9].endswith("of 2")
    assert text.count("the hybrid takes") == 2 * 2
    assert (
        "1.00 times its steps (medians; the paper: about a third). Of 0.117 its jump leaves" in text
    )
    assert text.index("30 px at 256") < text.index("60 px at 256")
    assert "of LSUN Cat at 256 px" in text and "steps: median (5 to 95 %)" in text
    assert html.read_text().count("<table>") == tex.read_text().count(r"\begin{table}") == 2 * 2
    assert len(table.read_text().splitlines()) == 1 + 2 * 2 * 2 * (1 + len(DRAGS))
    cells = json.loads(numbers.read_text())["drags_cat"]["cat"]["spatialgan"]["coarse"]["30 px"]
    assert cells["steps"] == 0 and cells["seen"] == pytest.approx(30 / 256, abs=1e-6)


@pytest.mark.unchecked
def test_a_table_without_runs_says_so_and_of_other_protocols_is_refused(results):
    path = results.results("smoke").metric("bedroom/indoor/0", "drags")
    document = read_record(path)
    document["protocol"]["max_steps"] = 7
    write_record(path, document)
    with pytest.raises(
        ValueError, match="bedroom/indoor/0 were measured differently .* max_steps is 2 and 7"
    ):
        write_table(results, "drag", "smoke")
    assert "No run of this table" in write_table(results, "drag", "laptop")[0].read_text()


def test_medians_and_means_by_hand():
    assert methods.median_range([0, 10, 20, 30, 40], 1) == "20.0 (2.0-38.0)"
    assert methods.mean_interval([1.0, 3.0], 3) == "2.000 ± 1.960 (n = 2)"
    assert methods.mean_interval([], 3) == "-"
    assert methods.mean_interval([0.5], 3) == "0.500 (n = 1)"
    assert methods.count([True, False, True], 0) == "2 of 3"


def test_the_methods_of_the_table_are_those_that_there_are():
    for section in load_params(ROOT / "params").sections("drag").values():
        assert list(section["methods"]) == list(DRAGS)


@pytest.mark.unchecked
def test_the_figure_has_a_column_per_method(snapshots, results):
    target = results.results("smoke").run("cat/spatialgan/0").snapshot
    target.parent.mkdir(parents=True)
    shutil.copy(snapshots["spatialgan"], target)
    path = write_figure(results, "drag_cat", "smoke")
    with Image.open(path) as page:
        assert page.width > (1 + len(DRAGS)) * 192
