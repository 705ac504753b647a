"""The plan: which inputs a job waits for, what it may use, and what it says where something isn't here."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from spatialgan.evaluation.measures import MEASURES, measure_and_segmenter
from spatialgan.settings.params import Params, load_params
from spatialgan.upkeep.graph import Graph
from spatialgan.upkeep.status import Status
from spatialgan.upkeep.steps import Step
from tests.stand_in import pretend_all
from tests.tiny import ROOT, tiny_config
from workflow import plan
from workflow.plan import Machines, Plan

RUN = {"root": "results/smoke", "dataset": "cat", "row": "sel", "seed": "0"}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, in an empty folder with a copy of them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", "params")
    return load_params()


def metric(params: Params, measure: str = "fidelity", **options: bool) -> tuple[Plan, Step]:
    """Return a fresh plan and its step that measures a run."""
    found = Plan(params, Path("marker"), **options)
    return found, found.step("metric", {**RUN, "measure": measure})


def test_wildcards_lead_to_the_step_that_makes_the_file(params: Params) -> None:
    found = Plan(params, Path("marker"))
    for kind, more, name in (
        ("dataset", {}, "cat"),
        ("segmenter", {"trained": "oracle"}, "cat/oracle"),
        ("run", {}, "cat/sel/0"),
        ("curves", {}, "cat/sel/0"),
        ("metric", {"measure": "comove_oracle"}, "cat/sel/0/comove_oracle"),
        ("table", {"table": "objective"}, "objective"),
        ("figure", {"figure": "moves"}, "moves"),
        ("analysis", {"analysis": "attention"}, "attention"),
        ("claims", {}, "claims"),
    ):
        step = found.step(kind, {**RUN, **more})
        assert (step.kind, step.name, step.profile) == (kind, name, "smoke")


def test_what_was_never_made_waits_for_all_that_it_reads(params: Params) -> None:
    found, step = metric(params)
    inputs = found.inputs(step)
    assert not inputs.is_current
    assert inputs.files == [
        "results/smoke/runs/cat/sel/0/train.json",
        "results/smoke/datasets/cat.json",
        "results/smoke/snapshots/cat/sel/0.safetensors",
        "results/smoke/archives/cat.zip",
    ]


def test_a_table_comes_with_its_samples(params: Params) -> None:
    found = Plan(params, Path("marker"))
    step = found.step("table", {**RUN, "table": "capacity"})
    assert "results/smoke/figures/capacity_samples.png" in found.inputs(step).files


def test_samples_that_show_weights_that_are_not_here_stay_as_they_are(
    params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    picture = "results/smoke/figures/capacity_samples.png"
    steps = Graph(params, "smoke").figure("capacity_samples").needs
    pretend_all(params, steps)
    Path(picture).parent.mkdir(parents=True)
    Path(picture).touch()  # of no known make: due
    where = {**RUN, "table": "capacity"}
    assert (
        picture in (found := Plan(params, Path("marker"))).inputs(found.step("table", where)).files
    )
    (missing,) = steps[0].heavy
    missing.unlink()
    assert (
        picture
        not in (found := Plan(params, Path("marker"))).inputs(found.step("table", where)).files
    )
    assert f"{picture} stays as it is: {missing} isn't here" in caplog.text
    found = Plan(params, Path("marker"), train_again=True)
    assert picture in found.inputs(found.step("table", where)).files


def test_a_current_step_needs_no_weights(params: Params) -> None:
    found, step = metric(params)
    pretend_all(params, [step])
    found, step = metric(params)
    assert found.inputs(step).is_current and len(found.inputs(step).files) == 4
    for path in (path for need in step.needs for path in need.heavy):
        path.unlink()
    found, step = metric(params)
    inputs = found.inputs(step)
    assert inputs.is_current
    # nobody trains a current run again, or draws its data
    assert not any("snapshots" in path or "archives" in path for path in inputs.files)


def test_weights_that_are_needed_and_not_here_are_asked_for(params: Params) -> None:
    found, step = metric(params)
    pretend_all(params, [step.needs[0]])
    (snapshot,) = step.needs[0].heavy
    snapshot.unlink()
    said = (
        rf"{snapshot}: made before, and needed, but not here. `dvc pull` .* --config train_again=1"
    )
    Path("dvc.lock").write_text(
        "stages: {runs: {outs: [{path: results/smoke/snapshots, md5: a.dir}]}}"
    )
    Path(".dvc/cache").mkdir(parents=True)
    found, step = metric(params)
    with pytest.raises(ValueError, match=said):
        found.inputs(step)
    found, step = metric(params, train_again=True)
    assert str(snapshot) in found.inputs(step).files


@pytest.mark.parametrize(
    "lock", ["", "stages: {runs: {outs: [{path: results/smoke/snapshots, md5: a}]}}"]
)
def test_weights_that_dvc_has_nowhere_are_made_again(
    params: Params, lock: str, caplog: pytest.LogCaptureFixture
) -> None:
    found, step = metric(params)
    pretend_all(params, [step.needs[0]])
    (snapshot,) = step.needs[0].heavy
    snapshot.unlink()
    if lock:  # a clone without the store that it names
        Path("dvc.lock").write_text(lock)
        Path(".dvc").mkdir()
        Path(".dvc/config").write_text("['remote \"store\"']\n    url = ../../nowhere\n")
    found, step = metric(params)
    for _ in range(2):
        assert str(snapshot) in found.inputs(step).files
    assert [record.message for record in caplog.records] == [
        f"{snapshot} isn't here, and DVC has it nowhere: train cat/sel/0 again"
    ]


def test_a_run_that_is_to_be_trained_is_not_asked_for(params: Params) -> None:
    found, step = metric(params)
    pretend_all(params, [step.needs[0]])
    (snapshot,) = step.needs[0].heavy
    snapshot.unlink()
    path = Path("params/runs.yaml")
    text = path.read_text()
    path.write_text(text.replace('"+ SEL", ', '"+ SEL", kimg: 3, ', 1))
    found, step = metric(load_params())
    assert str(snapshot) in found.inputs(step).files


def test_published_weights_are_asked_for_before_anything_runs(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPATIALGAN_WEIGHTS", "nowhere")
    found, step = metric(params, "comove_torchvision_coco")
    with pytest.raises(ValueError, match="needs nowhere/.*: get it from https://"):
        found.inputs(step)


def test_stages_hold_everything_that_all_needs_once(params: Params) -> None:
    graph = Plan(params, Path("marker")).graph("smoke")
    found = plan.stages(graph)
    assert list(found) == ["data", "segmenters", "runs", "metrics", "report"]
    assert {step.kind for step in found["report"]} == {"table", "figure", "curves"}
    assert {step.name for step in graph.targets() if step.kind == "table"} <= {
        step.name for step in found["report"]
    }
    names = [step.name for step in found["runs"]]
    assert len(names) == len(set(names)) and "cat/sel/0" in names and "bedroom/indoor/0" in names


@pytest.mark.slow
def test_analyses_are_made_on_request_and_claims_of_all_of_them(params: Params) -> None:
    graph = Plan(params, Path("marker")).graph("smoke")
    evidence = graph.evidence()
    assert [step.name for step in evidence] == [*params.analyses, "claims"]
    assert not {step.record for step in evidence} & {step.record for step in graph.targets()}
    needs = {step.record for step in graph.claims().needs}
    assert {step.record for step in evidence[:-1]} <= needs
    assert graph.metric("cat/flatten/0", "fidelity").record in needs  # of a table's ordering
    assert graph.run("cat/baseline/0").record in needs  # whose time is compared
    assert graph.run("bedroom/indoor_unaligned/0").record not in needs  # on request
    assert graph.find("attention") == [graph.analysis("attention")]
    assert graph.find("results/smoke/analyses/claims.md") == [graph.claims()]


@pytest.mark.slow
def test_an_analysis_is_stale_where_its_entry_or_a_claim_of_its_own_changes(
    params: Params,
) -> None:
    def state(name: str) -> str:
        changed = load_params()
        return Status(changed).of(Graph(changed, "smoke").analysis(name)).state

    pretend_all(params, [Graph(params, "smoke").analysis(name) for name in ("levels", "same_pose")])
    path = Path("params/analyses.yaml")
    text = path.read_text()
    assert [state("levels"), state("same_pose")] == ["current", "current"]
    path.write_text(text.replace("The body moves with level 0", "The cat moves with level 0"))
    assert [state("levels"), state("same_pose")] == ["stale", "current"]
    path.write_text(text.replace("num: 24", "num: 25"))
    assert [state("levels"), state("same_pose")] == ["current", "stale"]


@pytest.mark.parametrize(
    ("machines", "processes", "launcher", "threads"),
    [
        (Machines(gpus=0, cores=4), 8, "spatialgan", 1),
        (Machines(gpus=1, cores=8), 8, "spatialgan", 8),
        (Machines(gpus=8, cores=64), 1, "spatialgan", 8),
        (
            Machines(gpus=8, cores=64),
            8,
            "torchrun --standalone --nproc-per-node 8 -m spatialgan",
            64,
        ),
        (Machines(gpus=8, cores=4), 1, "spatialgan", 1),
        (Machines(gpus=4, nodes=2), 8, "workflow/scripts/on_nodes.sh 2 4 -m spatialgan", 32),
    ],
)
def test_a_training_gets_its_gpus_and_their_share_of_the_cores(
    machines: Machines, processes: int, launcher: str, threads: int
) -> None:
    config = tiny_config()
    config = replace(config, execution=replace(config.execution, num_processes=processes))
    assert machines.launcher(config) == launcher
    assert machines.threads_of(machines.gpus_of(config)) == threads


def test_processes_that_do_not_divide_are_refused() -> None:
    config = tiny_config()
    config = replace(config, execution=replace(config.execution, num_processes=5))
    with pytest.raises(ValueError, match="5 processes on 2 machines"):
        Machines(gpus=3, nodes=2).launcher(config)


def test_names_of_metrics_say_measure_and_segmenter() -> None:
    assert plan.measure_options("fidelity") == "--what fidelity"
    assert plan.measure_options("comove_detectron2") == "--what comove --segmenter detectron2"
    pattern = re.compile(plan.measure_pattern())
    assert pattern.fullmatch("drags") and pattern.fullmatch("comove_torchvision_coco")
    assert not pattern.fullmatch("fidelity_oracle") and not pattern.fullmatch("comove_nobody")
    assert not re.fullmatch(plan.one_of([]), "")


def test_a_measure_may_have_an_underscore_in_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASURES, "my_measure", MEASURES["locality"])
    assert measure_and_segmenter("my_measure") == ("my_measure", "")
    assert measure_and_segmenter("comove_torchvision_coco") == ("comove", "torchvision_coco")
    with pytest.raises(ValueError, match="unknown measure 'my': choose one of fidelity"):
        measure_and_segmenter("my")


@pytest.mark.parametrize("found", ["abc", -1, 1.5, True, None, 10**30])
def test_a_count_of_machines_is_a_whole_number(found: object) -> None:
    assert plan.whole_number({}, "gpus", 2) == 2 and plan.whole_number({"gpus": 8}, "gpus", 2) == 8
    with pytest.raises(ValueError, match="--config gpus=.*: a whole number from 0 to"):
        plan.whole_number({"gpus": found}, "gpus", 2)


def test_a_mistake_in_params_is_named_by_its_place(params: Params) -> None:
    for file, old, new, said in (
        (
            "runs",
            "encoding: concat",
            "encoding: cancat",
            "params/runs.yaml, concat: unknown encoding 'cancat'",
        ),
        (
            "figures",
            "move 1/0:0.4,0",
            "move 1/0:0.3",
            "params/figures.yaml, level_moves: move: '1/0:0.3'",
        ),
    ):
        path = Path(f"params/{file}.yaml")
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match=re.escape(said)):
            plan.check_params(load_params(), "smoke")
        path.write_text(text)
