"""The workflow for real: the ablation with some of its rows, trained in miniature, once, in a copy of the project.

Then: nothing to do the second time, exactly the right jobs after an edit, and no training lost to a kill. All rows of
the ablation are trained by `pytest -m slow tests/workflow`.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from spatialgan.settings.params import load_params
from tests.copies import copy_project
from tests.workflow import warm

TABLE = "results/smoke/tables/ablation.md"
ROWS = {
    "baseline",
    "spatialgan",
    "kernel7",
    "indoor",
}  # of every kind of sampling and encoding
STEERED = {"spatialgan", "kernel7"}
NOT_STEERED = {"baseline"}
MANY_OBJECTS = {"indoor"}  # on bedroom
NEW = time.time()
RUN = "results/smoke/runs/face/spatialgan/0/train.json"  # no part of the table above


class Tree:
    """A copy of the project in which Snakemake runs, with the command `spatialgan` of a folder where one is given."""

    def __init__(self, folder: Path, commands: Path | None = None) -> None:
        self.folder = folder
        self.cold = copy_project(folder)  # the environment with the command as it is installed
        commands = commands or Path(sys.executable).parent
        path = os.pathsep.join((str(commands), self.cold["PATH"]))
        self.environment = {**self.cold, "PATH": path}

    def command(self, *arguments: str) -> list[str]:
        """Return a Snakemake command line."""
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def start(
        self, *arguments: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start Snakemake, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=environment or self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end."""
        return warm.run("snakemake", ("--cores", "2", *arguments), self.folder, self.environment)

    def planned(self, *targets: str) -> set[tuple[str, str]]:
        """Return what would be made: pairs of a rule or measure and the row, table or data set it is made for."""
        output = self.snakemake("--dry-run", *targets)
        assert output.returncode == 0, output.stderr
        text = output.stdout + output.stderr
        jobs = set()
        for rule, wildcards in re.findall(
            r"rule (\w+):\n(?:    .*\n)*?    wildcards: (.*)\n", text
        ):
            named = dict(pair.split("=") for pair in wildcards.split(", "))
            made_for = [named[key] for key in ("row", "table", "figure", "dataset") if key in named]
            jobs.add((named.get("measure", rule), made_for[0]))
        assert bool(jobs) != ("Nothing to be done" in text), text
        return jobs

    def rows(self, rule: str, *targets: str) -> set[str]:
        """Return the rows for which a rule would run."""
        return {row for name, row in self.planned(*targets) if name == rule}


def _text(path: Path) -> str:
    """Return what a file says; nothing where there is none now."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8")
    return ""


def with_rows(tables: Path, rows: set[str]) -> None:
    """Leave only some rows in the tables of the ablation."""
    document = yaml.safe_load(tables.read_text())
    for section in document["tables"]["ablation"]["sections"]:
        table = document["tables"][section]
        table["rows"] = {name: cells for name, cells in table["rows"].items() if name in rows}
    tables.write_text(yaml.safe_dump(document))


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a `spatialgan` that needs no start."""
    with warm.commands(tmp_path_factory.mktemp("commands")) as folder:
        yield folder


@pytest.fixture(scope="module")
def smoke(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Return a project in which an ablation table of some rows has been made in the smoke profile."""
    tree = Tree(tmp_path_factory.mktemp("smoke"), commands)
    with_rows(tree.folder / "params/tables.yaml", ROWS)
    return ablated(tree)


@pytest.fixture
def whole(commands: Path, tmp_path: Path) -> Tree:
    """Return a project in which the whole table has been made."""
    return ablated(Tree(tmp_path / "whole", commands))


def ablated(tree: Tree) -> Tree:
    """Return the project, with the table made."""
    output = tree.snakemake(TABLE)
    assert output.returncode == 0, output.stderr[-5000:]
    return tree


@pytest.fixture
def edit(smoke: Tree) -> Iterator[Callable[[str, str, str], None]]:
    """Return a function that edits a file of the project; edits are undone after the test."""
    originals: dict[Path, str] = {}

    def replace(file: str, old: str, new: str) -> None:
        path = smoke.folder / file
        text = path.read_text()
        originals.setdefault(path, text)
        assert old in text
        path.write_text(text.replace(old, new, 1))

    yield replace
    for path, text in originals.items():
        path.write_text(text)


def check_ablation(tree: Tree) -> int:
    """Check that every row of the table was trained and measured; return how many trainings that were."""
    markdown = (tree.folder / TABLE).read_text()
    measured = re.findall(r"^\| [^|]+\| +\d+\.\d\d \|", markdown, re.MULTILINE)
    params = load_params(tree.folder / "params")
    sections = params.sections("ablation")
    fid_first = [section for section in sections.values() if section["metrics"][0] == "fid"]
    assert len(measured) == sum(len(section["rows"]) for section in fid_first)
    for row in sections["comove"]["rows"]:
        for file in ("comove", "locality"):
            path = tree.folder / f"results/smoke/metrics/bedroom/{row}/0/{file}.json"
            assert bool(json.loads(path.read_text())["metrics"]) is (row != "baseline")
        path = tree.folder / f"results/smoke/metrics/bedroom/{row}/0/fidelity.json"
        assert json.loads(path.read_text())["metrics"]["fid"] > 0  # beside every ratio
    runs = {run for section in sections.values() for run in params.runs(section, "smoke")}
    for run in runs:
        record = tree.folder / f"results/smoke/runs/{run}/train.json"
        assert json.loads(record.read_text())["kimg"] == pytest.approx(0.064)
    assert (tree.folder / "results/smoke/figures/ablation_samples.png").is_file()
    for suffix in (".tex", ".csv"):
        assert (tree.folder / TABLE).with_suffix(suffix).is_file()
    return len(runs)


def test_every_row_was_trained_and_measured(smoke: Tree) -> None:
    assert check_ablation(smoke) == len(STEERED | NOT_STEERED) + len(MANY_OBJECTS | {"baseline"})


@pytest.mark.slow
def test_every_row_of_the_whole_ablation_is_trained_and_measured(whole: Tree) -> None:
    assert check_ablation(whole) == 12 + 5  # on cat and on bedroom


def test_a_second_run_has_nothing_to_do(smoke: Tree) -> None:
    output = smoke.snakemake(TABLE)
    assert "Nothing to be done" in output.stdout + output.stderr


@pytest.mark.slow
def test_words_and_additions_make_nothing_again(smoke: Tree, edit) -> None:
    edit("spatialgan/training/loop.py", '"""', '"""Reworded. ')
    edit("spatialgan/networks/generator.py", "\nimport torch\n", "\n# A comment\nimport torch\n")
    edit(
        "spatialgan/heatmaps/samplers.py",
        "SAMPLERS = {",
        'class Fresh(Unsteered):\n    """Fresh."""\n\n\nSAMPLERS = {\n    "fresh": Fresh,',
    )
    edit("params/runs.yaml", "sel:", 'fresh: {title: "Fresh", sampling: fresh}\nsel:')
    edit("workflow/rules/train.smk", "# Training:", "# On training:")
    assert smoke.planned(TABLE) == set()


@pytest.mark.slow
def test_a_changed_default_retrains_the_rows_that_use_it(smoke: Tree, edit) -> None:
    edit(
        "spatialgan/heatmaps/samplers.py", "offset_std: float = 1 / 3", "offset_std: float = 1 / 4"
    )
    assert smoke.rows("train", TABLE) == STEERED


@pytest.mark.slow
def test_a_changed_row_retrains_that_row(smoke: Tree, edit) -> None:
    edit("params/runs.yaml", "kernel_size: 7", "kernel_size: 5")
    assert smoke.planned(TABLE) == {
        ("train", "kernel7"),
        ("fidelity", "kernel7"),
        ("samples", "ablation_samples"),
        ("table", "ablation"),
    }


@pytest.mark.slow
def test_changed_code_makes_again_what_runs_it(smoke: Tree, edit) -> None:
    edit("spatialgan/evaluation/fidelity.py", "NEIGHBORS = 3", "NEIGHBORS = 4")
    assert {rule for rule, _ in smoke.planned(TABLE)} == {"fidelity", "table"}
    edit("spatialgan/losses/adversarial.py", "return ", "return 1.0 * ")
    assert smoke.rows("train", TABLE) == STEERED | NOT_STEERED | MANY_OBJECTS


@pytest.mark.slow
def test_a_mended_score_segments_and_trains_nothing_again(smoke: Tree, edit) -> None:
    edit("spatialgan/evaluation/matching.py", "MIN_COSINE = 0.5", "MIN_COSINE = 0.6")
    assert {rule for rule, _ in smoke.planned(TABLE)} == {"comove", "table"}


@pytest.mark.slow
def test_a_gallery_is_drawn_of_finished_runs(smoke: Tree, edit) -> None:
    picture = "results/smoke/figures/level_moves.png"
    output = smoke.snakemake(picture)
    assert output.returncode == 0, output.stderr[-3000:]
    assert (smoke.folder / picture).is_file()
    assert "rule train" not in output.stdout + output.stderr
    edit("params/figures.yaml", "move 1/0:0.4,0", "move 1/0:0.3,0")
    again = smoke.snakemake("--dry-run", picture)
    assert "rule gallery" in again.stdout and "rule train" not in again.stdout
    edit("params/figures.yaml", "move 1/0:0.3,0", "move 1/0:0.3")
    said = smoke.snakemake("--dry-run", picture).stderr
    assert "params/figures.yaml, level_moves: move: '1/0:0.3' is not of the form" in said


@pytest.mark.slow
def test_the_folder_says_which_profile(smoke: Tree) -> None:
    params = load_params()
    other = next(name for name in params.profiles if len(params.profile(name)["seeds"]) > 1)
    jobs = smoke.snakemake("--dry-run", f"{params.root(other)}/tables/objective.md").stdout
    for seed in params.profile(other)["seeds"]:
        assert f"{params.root(other)}/runs/cat/spatialgan/{seed}/train.json" in jobs
    everything = smoke.snakemake("--dry-run", "--config", f"profile={other}").stdout
    assert f"{params.root(other)}/tables/fidelity.md" in everything
    assert f"{params.root(params.default_profile)}/tables/fidelity.md" not in everything


@pytest.mark.slow
def test_a_training_gets_as_many_processes_as_gpus(smoke: Tree) -> None:
    wanted = load_params().profile("paper")["num_processes"]
    run = "results/paper/runs/cat/sel/0/train.json"
    output = smoke.snakemake("--dry-run", "--config", f"gpus={wanted}", "--", run).stdout
    assert f"gpu={wanted}, launcher=torchrun --standalone --nproc-per-node {wanted} " in output
    output = smoke.snakemake("--dry-run", "--config", "gpus=0", "--", run).stdout
    assert "gpu=0, launcher=spatialgan\n" in output


def test_a_mistake_in_params_is_one_clear_line(smoke: Tree, edit) -> None:
    edit("params/runs.yaml", "encoding: concat", "encoding: cancat")
    output = smoke.snakemake("--dry-run", TABLE)
    assert output.returncode != 0
    said = [line for line in output.stderr.splitlines() if "profile profiles/default" not in line]
    assert said == [
        "spatialgan: params/runs.yaml, concat: unknown encoding 'cancat': "
        "choose one of none, norm, concat, flatten, style"
    ]


@pytest.fixture
def clone(smoke: Tree) -> Iterator[Tree]:
    """Yield the project as git brings it: other times, no .snakemake/, no heavy files."""
    heavy = [smoke.folder / "results/smoke" / name for name in ("snapshots", "archives", "weights")]
    hidden = [*heavy, smoke.folder / ".snakemake"]
    aside = [path.rename(path.with_name(f"{path.name}.aside")) for path in hidden]
    for age, path in enumerate(sorted(smoke.folder.glob("results/**/*"))):
        os.utime(path, (NEW - age, NEW - age))
    yield smoke
    for path, other in zip(hidden, aside, strict=True):
        shutil.rmtree(path, ignore_errors=True)
        other.rename(path)


def test_a_clone_has_nothing_to_do(clone: Tree) -> None:
    assert clone.planned(TABLE) == set()


def test_in_a_clone_a_changed_row_makes_exactly_that_row(clone: Tree, edit) -> None:
    edit("params/runs.yaml", "kernel_size: 7", "kernel_size: 5")
    assert clone.planned(TABLE) == {
        ("prepare", "cat"),  # the training reads it
        ("train", "kernel7"),
        ("fidelity", "kernel7"),
        ("table", "ablation"),  # its samples show other rows too, whose weights aren't here
    }


@pytest.mark.slow
def test_in_a_clone_one_line_says_what_to_pull(clone: Tree, edit) -> None:
    lock, cache = clone.folder / "dvc.lock", clone.folder / ".dvc/cache"
    edit("spatialgan/evaluation/fidelity.py", "NEIGHBORS = 3", "NEIGHBORS = 4")
    lock.write_text(
        "stages: {runs: {outs: [{path: results/smoke/snapshots, md5: a.dir}]}}", encoding="utf-8"
    )
    cache.mkdir(parents=True)
    try:
        output = clone.snakemake("--dry-run", TABLE)
    finally:
        lock.unlink()
        shutil.rmtree(cache)
    assert output.returncode != 0
    said = output.stdout + output.stderr  # of a dry run, errors too
    assert re.search(
        r"results/smoke/snapshots/\S+: made before, and needed, but not here. `dvc pull`", said
    )


@pytest.mark.slow
def test_a_training_is_not_repeated_for_a_forced_measure(smoke: Tree) -> None:
    snapshot = smoke.folder / "results/smoke/snapshots/cat/spatialgan/0.safetensors"
    metric = "results/smoke/metrics/cat/spatialgan/0/fidelity.json"
    aside = snapshot.rename(snapshot.with_suffix(".aside"))
    forced = ("--forcerun", "measure", "--", metric)
    try:
        kept = (smoke.folder / metric).read_bytes()
        output = smoke.snakemake("--retries", "0", *forced)
        assert output.returncode != 0
        assert (
            f"{snapshot.relative_to(smoke.folder)} does not exist" in output.stdout + output.stderr
        )
        (smoke.folder / metric).parent.mkdir(parents=True, exist_ok=True)
        (smoke.folder / metric).write_bytes(kept)
        again = smoke.snakemake("--dry-run", "--config", "train_again=1", *forced).stdout
    finally:
        aside.rename(snapshot)
    assert "rule train" in again


@pytest.mark.slow
def test_a_killed_workflow_goes_on_where_it_was(smoke: Tree, edit) -> None:
    edit("params/profiles.yaml", "kimg: 0.064", "kimg: 0.4")
    running = smoke.start(RUN, environment=smoke.cold)
    resume = smoke.folder / "results/smoke/resume/face/spatialgan/0"
    deadline = time.monotonic() + 300
    try:
        while len(list(resume.glob("*/checkpoint-*.safetensors"))) < 2:
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert not (smoke.folder / RUN).is_file()
    output = smoke.snakemake(RUN)
    assert output.returncode == 0, output.stderr
    log = smoke.folder / "results/smoke/logs/train/face/spatialgan/0.log"
    assert "resuming at" in log.read_text()
    assert smoke.planned(RUN) == set()


@pytest.mark.slow
def test_a_killed_workflow_waits_for_the_training_that_outlived_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    profiles = tmp_path / "params/profiles.yaml"
    text = profiles.read_text(encoding="utf-8")
    profiles.write_text(text.replace("kimg: 0.064", "kimg: 0.4"), encoding="utf-8")
    running = tree.start(RUN)
    folder, log = (
        tmp_path / f"results/smoke/{name}/face/spatialgan/0" for name in ("resume", "logs/train")
    )
    log = log.with_suffix(".log")
    deadline = time.monotonic() + 600
    try:
        while not list(folder.glob("*/checkpoint-*.safetensors")):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        running.kill()  # Snakemake alone: what it started goes on
        running.wait()
    left = running.pid
    os.killpg(left, signal.SIGSTOP)  # until the next workflow has begun
    running = tree.start(RUN)
    try:
        while "waiting for it" not in _text(log):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.killpg(left, signal.SIGCONT)
    assert running.wait(timeout=600) == 0
    assert tree.planned(RUN) == set()


@pytest.mark.slow
def test_a_second_workflow_in_the_same_folder_is_refused(smoke: Tree) -> None:
    again = ("--forcerun", "table", "--", TABLE)
    with (smoke.folder / ".snakemake/alive").open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        output = smoke.snakemake(*again)
        assert smoke.snakemake("--dry-run", *again).returncode == 0
    assert output.returncode != 0
    assert "another workflow is running in this folder" in output.stderr
    assert smoke.snakemake(*again).returncode == 0
