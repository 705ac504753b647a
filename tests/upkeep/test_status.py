"""What is current, missing and stale: after every kind of change exactly what it can affect, and why in words."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.provenance import read_stamp, write_stamp
from spatialgan.records import read_record, write_record
from spatialgan.results import Results
from spatialgan.settings.config import resolve
from spatialgan.settings.params import Params, load_params
from spatialgan.training import loop
from spatialgan.training.run_folder import open_run_folder
from spatialgan.upkeep.graph import Graph
from spatialgan.upkeep.leftovers import leftovers, resumed_from
from spatialgan.upkeep.status import CURRENT, MISSING, STALE, UNSTAMPED, Status
from spatialgan.upkeep.steps import Step
from tests.stand_in import pretend_all
from tests.tiny import ROOT, tiny_archive

TABLE = "capacity"  # two rows on cat, at most
Names = dict[str, set[str]]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, in an empty folder with a copy of them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", "params")
    return load_params()


@pytest.fixture
def made(params: Params) -> Params:
    """Return the parameters with which a table, its samples and a gallery were made in profile smoke."""
    pretend_all(params, wanted(Graph(params, "smoke")))
    return params


def wanted(graph: Graph) -> list[Step]:
    """Return the steps of these tests."""
    return [graph.table(TABLE), graph.figure(f"{TABLE}_samples"), graph.figure("level_moves")]


def titles(params: Params, kind: str) -> set[str]:
    """Return the steps of a state."""
    states = Status(params).closure(wanted(Graph(params, "smoke")))
    return {state.step.title for state in states if state.state == kind}


def reasons(params: Params, step: Callable[[Graph], Step]) -> str:
    """Return why a step isn't current."""
    return "; ".join(Status(params).of(step(Graph(params, "smoke"))).reasons)


def edited(file: str, old: str, new: str) -> Params:
    """Return the parameters after an edit of a file in params/."""
    path = Path("params") / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return load_params()


def rows_of(params: Params) -> list[str]:
    """Return the rows of the table."""
    return list(params.tables[TABLE]["rows"])


def test_nothing_is_there_at_first(params: Params) -> None:
    assert titles(params, CURRENT) == titles(params, STALE) == set()
    assert "prepare cat" in titles(params, MISSING)


def test_what_was_made_is_current_without_its_heavy_files(made: Params) -> None:
    assert titles(made, STALE) == titles(made, MISSING) == set()
    shutil.rmtree("results/smoke/snapshots")
    shutil.rmtree("results/smoke/archives")
    assert titles(made, STALE) == titles(made, MISSING) == set()
    state = Status(made).of(Graph(made, "smoke").run("cat/capacity/0"))
    assert state.absent == (Path("results/smoke/snapshots/cat/capacity/0.safetensors"),)


def test_a_changed_row_makes_that_row_stale_and_what_shows_it(made: Params) -> None:
    params = edited(
        "runs.yaml",
        "sampling: constant, encoding: norm",
        "sampling: constant, encoding: {name: norm, kernel_size: 5}",
    )
    assert titles(params, STALE) == {
        "train cat/capacity/0",
        "measure cat/capacity/0/fidelity",
        f"write table {TABLE}",
        f"draw figure {TABLE}_samples",
    }
    said = reasons(params, lambda graph: graph.run("cat/capacity/0"))
    assert said == "settings changed: generator.encoding.kernel_size 3 -> 5"
    said = reasons(params, lambda graph: graph.metric("cat/capacity/0", "fidelity"))
    assert said == "train cat/capacity/0 is stale"


def test_a_title_is_no_training_and_a_new_row_is_nothing(made: Params) -> None:
    edited("runs.yaml", "sel:", "fresh: {title: Fresh, encoding: concat}\nsel:")
    params = edited("runs.yaml", "Capacity control (SEL", "Control (SEL")
    assert titles(params, STALE) == {f"write table {TABLE}", f"draw figure {TABLE}_samples"}


def test_a_changed_column_of_the_profile_reaches_what_depends_on_it(made: Params) -> None:
    params = edited("profiles.yaml", "num_fake: 64,", "num_fake: 65,")
    measured = {f"measure cat/{row}/0/fidelity" for row in rows_of(params)}
    assert titles(params, STALE) == {*measured, f"write table {TABLE}"}
    params = edited("profiles.yaml", "num_images: 256,", "num_images: 257,")
    assert titles(params, CURRENT) == set()
    said = reasons(params, lambda graph: graph.dataset("cat"))
    assert said == "settings changed: num_images 256 -> 257"


def test_changed_code_is_noticed_where_it_is_run(
    made: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph(made, "smoke")
    step = graph.table(TABLE)
    stamp = read_stamp(step.record)
    write_stamp(step.record, {**stamp, "code": "0" * 64})
    assert titles(made, STALE) == {step.title}
    assert reasons(made, lambda graph: graph.table(TABLE)) == "code changed"


def test_another_result_in_its_place_is_noticed_by_what_reads_it(made: Params) -> None:
    record = Graph(made, "smoke").run("cat/capacity/0").record
    write_record(record, {**read_record(record), "snapshot_sha256": "1" * 64})
    stale = titles(made, STALE)
    assert "measure cat/capacity/0/fidelity" in stale and "train cat/capacity/0" not in stale
    said = reasons(made, lambda graph: graph.metric("cat/capacity/0", "fidelity"))
    assert said == "input runs/cat/capacity/0/train.json was made again"


@pytest.mark.parametrize("inputs", [None, [], "x", 3])
def test_a_stamp_of_another_shape_is_none(made: Params, inputs: object) -> None:
    record = Graph(made, "smoke").figure(f"{TABLE}_samples").record
    write_stamp(record, {**read_stamp(record), "inputs": inputs})
    said = reasons(made, lambda graph: graph.figure(f"{TABLE}_samples"))
    assert said == "made before results said what made them"


def test_a_result_without_a_stamp_is_stale(made: Params) -> None:
    record = Graph(made, "smoke").run("cat/capacity/0").record
    plain = {name: value for name, value in read_record(record).items() if name != "made_from"}
    write_record(record, plain)
    assert reasons(made, lambda graph: graph.run("cat/capacity/0")) == UNSTAMPED
    picture = Graph(made, "smoke").figure("level_moves").record
    assert read_stamp(picture)["settings"]["kind"] == "gallery"
    picture.write_bytes(b"no picture")
    assert reasons(made, lambda graph: graph.figure("level_moves")) == UNSTAMPED


def test_precision_is_compared_as_it_was_asked_for(params: Params) -> None:
    """What "auto" becomes is the machine's decision, and a result isn't stale on another one."""
    lines = {**params.profiles, "smoke": {**params.profile("smoke"), "precision": "auto"}}
    params = replace(params, profiles=lines)
    graph = Graph(params, "smoke")
    assert graph.run("cat/sel/0").settings["training"]["precision"] == "auto"


def test_checkpoints_of_earlier_settings_are_counted(made: Params) -> None:
    results = made.results("smoke")
    for age, key in enumerate(("new", "old", "older")):
        path = results.resume("cat/sel/0") / key / "checkpoint-000000000064.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (1e9 - age, 1e9 - age))
    left = leftovers(made, "smoke")
    assert [folder.name for folder in left.folders] == ["old", "older"]
    assert left.num_bytes == 2000


def test_an_edited_record_is_stale(made: Params) -> None:
    record = Graph(made, "smoke").metric("cat/capacity/0", "fidelity").record
    text = record.read_text()
    assert '"fid": ' in text
    record.write_text(text.replace('"fid": ', '"fid": 1', 1))
    said = reasons(made, lambda graph: graph.metric("cat/capacity/0", "fidelity"))
    assert said.startswith("was altered after it was written")
    result = CliRunner().invoke(main, ["table", TABLE, "-p", "smoke"])
    assert result.exit_code == 1 and f"{record} was altered" in result.stderr


def test_changed_originals_are_noticed(params: Params) -> None:
    folder = Path("data/dogs")
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"first")
    path = Path("params/datasets.yaml")
    row = "dogs: {paper_name: Dogs, procedural: {source: folder, path: data/dogs}}\n"
    path.write_text(path.read_text() + row)
    params = load_params()

    def why() -> str:
        return reasons(params, lambda graph: graph.dataset("dogs"))

    pretend_all(params, [Graph(params, "smoke").dataset("dogs")])
    assert why() == ""
    (folder / "b.png").write_bytes(b"second")
    assert why() == "input data/dogs was made again"
    (folder / "b.png").unlink()
    os.utime(folder / "a.png", (1e9, 1e9))
    assert why() == "input data/dogs was made again"
    shutil.rmtree(folder)  # once they are prepared
    assert why() == ""


def test_checkpoints_of_earlier_settings_are_removed_by_a_command(params: Params) -> None:
    resume = Results(Path("results/smoke")).resume("cat/sel/0")
    for folder, age in (("new", 0), ("old", 100)):
        path = resume / folder / "checkpoint-000000000001.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (1e9 - age, 1e9 - age))
    result = CliRunner().invoke(main, ["tidy", "-p", "smoke"])
    assert result.stdout == f"removed {resume / 'old'}\n"
    assert {path.name for path in resume.iterdir()} == {"new", "lock"}
    assert (
        CliRunner().invoke(main, ["tidy", "-p", "smoke"]).stdout == "there is nothing to remove\n"
    )


@pytest.mark.slow
def test_the_command_says_what_and_why_and_exits_with_0(made: Params) -> None:
    said = status(TABLE)
    assert said.splitlines() == [f"{2 + 2 * len(rows_of(made))} current, 0 missing, 0 stale"]
    edited(
        "runs.yaml",
        "sampling: constant, encoding: norm",
        "kimg: 3, sampling: constant, encoding: norm",
    )
    said = status("results/smoke/metrics/cat/capacity/0/fidelity.json")
    change = "settings changed: training.kimg 0.064 -> 3"
    assert said.splitlines()[0] == f"stale   train cat/capacity/0: {change}"
    documents = json.loads(status("--json", TABLE))
    assert {"step": "prepare cat", "state": "current", "why": [], "not_here": []} in documents
    result = CliRunner().invoke(main, ["status", "-p", "smoke", "nothing"])
    assert result.exit_code == 1 and "nothing makes nothing in profile 'smoke'" in result.stderr


def status(*arguments: str) -> str:
    """Return what the command prints."""
    result = CliRunner().invoke(main, ["status", "-p", "smoke", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_training_s_own_folder_is_among_those_it_resumes_from(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, found = params.results("smoke"), []
    tiny_archive(results.root)

    def note(*arguments: Any) -> Any:
        found.append(open_run_folder(*arguments).resume)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "open_run_folder", note)
    config = resolve(params, "cat/sel/0", "smoke")
    with pytest.raises(KeyboardInterrupt):
        loop.train(loop.TrainingJob(config, results, loop.Processes()))
    assert found[0] in resumed_from(params, "smoke", "cat/sel/0", results)


def test_checkpoints_that_the_present_settings_resume_from_are_kept(made: Params) -> None:
    results = made.results("smoke")
    (mine, _) = sorted(resumed_from(made, "smoke", "cat/sel/0", results))
    for age, folder in enumerate((mine.with_name("tried"), mine)):
        folder.mkdir(parents=True)
        path = folder / "checkpoint-000000000064.safetensors"
        path.write_bytes(bytes(1000))
        os.utime(path, (1e9 - age, 1e9 - age))
    assert leftovers(made, "smoke").folders == ()
    changed = {**made.rows, "sel": {**made.row("sel"), "sampling": "independent"}}
    assert leftovers(replace(made, rows=changed), "smoke").folders == (mine,)
    del changed["sel"]
    assert leftovers(replace(made, rows=changed), "smoke").folders == (mine,)
