"""DVC and Snakemake together, as a reviewer meets them: clone, pull, nothing to do; one change, one training.

Everything is real but the jobs themselves, which tests/stand_in.py stands in for. That takes minutes: continuous
integration runs it, and `pytest -m slow tests/workflow`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.copies import PROJECT, copy_dvc, copy_project
from tests.workflow import warm

pytestmark = pytest.mark.slow
NOTHING = "Nothing to be done"
CLEAN = "Data and pipelines are up to date."
SECTION = {
    "title": "Two rows",
    "source": "none",
    "metrics": ["fid"],
    "rows": {"baseline": {}, "sel": {}},
}
OTHER = {**SECTION, "title": "Another", "rows": {"baseline": {}, "spatialgan": {}}}
MOVED = {**SECTION, "title": "By a segmenter", "metrics": ["comove"], "rows": {"baseline": {}}}
BY_SEL = {  # what is made again where the row `sel` changes
    ("train", "sel"),
    ("fidelity", "sel"),
    ("curves", "sel"),
    ("samples", "pair_samples"),
    ("table", "pair"),
    ("figure", "curves"),
}
NEW = time.time()
RUNS = {f"cat/{row}/0" for row in ("baseline", "sel", "spatialgan")}


class Checkout:
    """A repository in which Snakemake, DVC and git run, with the stand-in for the command line."""

    def __init__(self, folder: Path, diary: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "CUDA_VISIBLE_DEVICES": "",
            "DIARY": str(diary),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            **{
                f"GIT_{who}_{what}": "t@t"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }

    def run(self, *command: str, status: int = 0) -> str:
        """Return what a command prints; it must exit with `status`."""
        if command[0] in warm.MAINS:
            done = warm.run(command[0], command[1:], self.folder, self.environment)
        else:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == status, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def planned(self) -> set[tuple[str, str]]:
        """Return what Snakemake would make: a rule or measure, and the row, data set or name it is made for."""
        text = self.run("snakemake", "--cores", "2", "--dry-run")
        jobs = set()
        for rule, wildcards in re.findall(
            r"rule (\w+):\n(?:    .*\n)*?    wildcards: (.*)\n", text
        ):
            named = dict(pair.split("=") for pair in wildcards.split(", "))
            named.pop("root")
            jobs.add((named.get("measure", rule), named.get("row") or named.popitem()[1]))
        assert bool(jobs) != (NOTHING in text), text
        return jobs

    def commit(self, message: str) -> None:
        """Commit everything that git doesn't ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def start(self, *command: str, step_seconds: str) -> subprocess.Popen:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.environment, "STEP_SECONDS": step_seconds},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )


def shrink(params: Path) -> None:
    """Leave three small tables and one figure, and no analyses."""
    tables = yaml.safe_load((params / "tables.yaml").read_text())
    tables["tables"] = {"pair": SECTION, "other": OTHER, "moved": MOVED}
    (params / "tables.yaml").write_text(yaml.safe_dump(tables))
    figures = {"curves": {"kind": "curves", "title": "Curves", "rows": ["baseline", "sel"]}}
    (params / "figures.yaml").write_text(yaml.safe_dump(figures))
    none = {"analyses": {}, "claims": {}, "orderings": ["pair"]}
    (params / "analyses.yaml").write_text(yaml.safe_dump(none))


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file in which trainings are noted."""
    return tmp_path_factory.mktemp("diary") / "diary"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, diary: Path) -> Checkout:
    """Return a repository with all results made, committed and pushed."""
    folder = tmp_path_factory.mktemp("dvc") / "origin"
    tree = Checkout(folder, diary)
    copy_project(folder)
    copy_dvc(folder)
    shutil.copy(PROJECT / "tests/stand_in.py", folder / "spatialgan/cli/main.py")
    shrink(folder / "params")
    tree.run("git", "init", "--quiet", "--initial-branch", "main")
    tree.commit("The project")
    tree.run("snakemake", "--cores", "2")
    tree.run("dvc", "commit", "--force")
    tree.commit("Results")
    tree.run("dvc", "push")
    return tree


@pytest.fixture
def clone(origin: Checkout, diary: Path) -> Checkout:
    """Return a clone, beside the original as people clone, with everything pulled; the diary is empty."""
    folder = origin.folder.with_name("clone")
    shutil.rmtree(folder, ignore_errors=True)
    origin.run("git", "clone", "--quiet", str(origin.folder), str(folder))
    tree = Checkout(folder, diary)
    tree.run("dvc", "pull")
    diary.write_text("")
    return tree


def test_everything_heavy_is_in_dvc_and_nothing_else(origin: Checkout) -> None:
    written = yaml.safe_load((origin.folder / "dvc.yaml").read_text())
    outs = {
        path: how
        for stage in written["stages"].values()
        for out in stage["outs"]
        for path, how in out.items()
    }
    assert all(how["persist"] for how in outs.values())
    cached = {path for path, how in outs.items() if how.get("cache", True)}
    files = [path for path in origin.folder.glob("results/**/*") if path.is_file()]
    heavy = {str(path.relative_to(origin.folder)) for path in files if path.stat().st_size > 2**20}
    assert len(heavy) == len(RUNS) + 2  # and a data set and a segmenter
    assert {"/".join(Path(path).parts[:2]) for path in heavy} <= cached
    tracked = set(origin.run("git", "ls-files").split())
    assert not tracked & heavy and not any(path.startswith(".snakemake") for path in tracked)
    assert {f"results/runs/{run}/train.json" for run in RUNS} <= tracked
    listed = (origin.folder / "dvc.yaml").read_text().splitlines()
    assert len(listed) < 80


def test_stages_and_targets_are_the_workflows_own(origin: Checkout) -> None:
    written = yaml.safe_load((origin.folder / "dvc.yaml").read_text())["stages"]
    rules = (origin.folder / "workflow/Snakefile").read_text()
    for name, stage in written.items():
        target = stage["cmd"].partition(" -- ")[2]
        assert target == ("" if name == "report" else name)
        assert f"rule {target or 'all'}:" in rules


def test_metrics_of_two_commits_are_compared_in_a_fresh_clone(
    origin: Checkout, diary: Path, tmp_path: Path
) -> None:
    """Only what git brings: nothing is pulled, and .dvc/cache is empty."""
    for name in ("first", "second"):
        origin.run("git", "clone", "--quiet", str(origin.folder), str(tmp_path / name))
    edited = Checkout(tmp_path / "first", diary)
    numbers = edited.folder / "results/numbers/pair.json"
    document = json.loads(numbers.read_text())
    document["cat"]["sel"]["scene_fid9"] += 1
    numbers.write_text(json.dumps(document))
    edited.commit("Other numbers")
    fresh = Checkout(tmp_path / "second", diary)
    fresh.run("git", "pull", "--quiet", str(edited.folder), "main")
    said = fresh.run("dvc", "metrics", "diff", "HEAD~1")
    assert re.search(r"results/numbers/pair.json +cat.sel.scene_fid9 ", said), said
    assert len(said.splitlines()) == 2 and "failed" not in said, said


def change_sel(tree: Checkout) -> None:
    """Change a parameter of one row."""
    tree.edit("params/runs.yaml", '"+ SEL", ', '"+ SEL", kimg: 3, ')


def test_a_clone_has_nothing_to_do_until_a_row_changes(clone: Checkout) -> None:
    paths = sorted(clone.folder.glob("results/**/*"), reverse=True)
    for age, path in enumerate(paths):
        # metrics older than tables, tables older than weights
        os.utime(path, (NEW - age, NEW - age))
    assert clone.planned() == set()
    assert CLEAN in clone.run("dvc", "status")
    assert "no faults" in real_verify(clone)
    change_sel(clone)
    assert clone.planned() == BY_SEL
    status = clone.run("dvc", "status")
    assert re.search(r"params/runs.yaml:\n\s+modified:\s+sel\n", status), status


def real_verify(tree: Checkout) -> str:
    """Return what `spatialgan verify` says; the stand-in's weights are no safetensors, so only of the store."""
    code = "from spatialgan.upkeep.verify import *; print(audit(store_checks(Path())).faults or 'no faults')"
    return tree.run(sys.executable, "-c", code)


def test_one_changed_row_trains_that_row_by_both(clone: Checkout, diary: Path) -> None:
    change_sel(clone)
    before = (clone.folder / "results/tables/other.md").read_text()
    clone.run("dvc", "repro")
    assert diary.read_text().splitlines() == ["cat/sel/0 from 0", "cat/sel/0 finished"]
    assert clone.planned() == set()
    assert CLEAN in clone.run("dvc", "status")
    assert (clone.folder / "results/tables/other.md").read_text() == before
    changed = json.loads(clone.run("dvc", "metrics", "diff", "--json").strip())
    assert list(changed) == ["results/numbers/pair.json"]
    assert list(changed[next(iter(changed))]) == ["cat.sel.scene_fid9"]
    assert "sel.kimg" in clone.run("dvc", "params", "diff")
    clone.run("dvc", "plots", "diff")
    page = (clone.folder / "dvc_plots/index.html").read_text()
    assert "Loss of the generator" in page
    pictures = {path.name for path in (clone.folder / "dvc_plots/static").iterdir()}
    for side in ("HEAD", "workspace"):
        assert f'"rev": "{side}"' in page
        assert f"{side}_results_figures_pair_samples.png" in pictures
    assert "dvc_plots" not in clone.run("git", "status", "--porcelain")
    diary.write_text("")
    assert CLEAN in clone.run("dvc", "repro")
    assert diary.read_text() == ""
    # back to the commit: what it had is there again, and nobody trains
    clone.run("git", "stash", "--quiet")
    clone.run("dvc", "checkout")
    assert clone.planned() == set()
    assert CLEAN in clone.run("dvc", "status")


def test_words_train_nothing(clone: Checkout, diary: Path) -> None:
    clone.edit("spatialgan/training/loop.py", '"""', '"""Reworded. ')
    assert clone.planned() == set()
    assert "spatialgan" in clone.run("dvc", "status")  # it looks at files, and asks Snakemake
    clone.run("dvc", "repro")
    assert CLEAN in clone.run("dvc", "status")
    assert diary.read_text() == ""


def test_a_killed_reproduction_loses_no_training(clone: Checkout, diary: Path) -> None:
    for row in ("sel", "spatialgan"):
        clone.edit("params/runs.yaml", f"{row}: ", f"{row}: ")
        text = (clone.folder / "params/runs.yaml").read_text()
        line = next(line for line in text.splitlines() if line.startswith(f"{row}:"))
        (clone.folder / "params/runs.yaml").write_text(
            text.replace(line, line.replace("{", "{kimg: 3, ", 1))
        )
    running = clone.start("dvc", "repro", step_seconds="5")  # killed long before it ends
    resume = clone.folder / "results/resume"
    deadline = time.monotonic() + 300
    while len([path for path in resume.glob("**/checkpoint") if path.read_text() > "1"]) < 2:
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    blocked = clone.run("dvc", "repro", status=255)  # a second one at the same time
    assert "busy" in blocked or "lock" in blocked.lower(), blocked
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    clone.run("dvc", "repro")
    notes = diary.read_text().splitlines()
    assert sorted(note for note in notes if note.endswith("finished")) == [
        "cat/sel/0 finished",
        "cat/spatialgan/0 finished",
    ]
    assert {note.split()[0] for note in notes} == {"cat/sel/0", "cat/spatialgan/0"}
    resumed = [note for note in notes if re.search(r"from \d+$", note) and not note.endswith(" 0")]
    assert len(resumed) == 2, notes
    assert clone.planned() == set()
    assert CLEAN in clone.run("dvc", "status")
    assert "no faults" in real_verify(clone)


def test_weights_that_were_not_pulled_are_not_trained_again(clone: Checkout, diary: Path) -> None:
    snapshot = clone.folder / "results/snapshots/cat/sel/0.safetensors"
    metric = "results/metrics/cat/sel/0/fidelity.json"
    command = ("snakemake", "--cores", "2")
    snapshot.unlink()
    assert clone.planned() == set()  # nothing needs it
    (clone.folder / metric).unlink()
    said = clone.run(*command, metric, status=1)
    name = snapshot.relative_to(clone.folder)
    assert f"{name}: made before, and needed, but not here. `dvc pull`" in said
    assert diary.read_text() == ""
    clone.run("dvc", "pull")
    clone.run(*command, metric)
    assert diary.read_text() == ""
    snapshot.unlink()
    (clone.folder / metric).unlink()
    clone.run(*command, "--config", "train_again=1", "--", metric)
    assert diary.read_text().splitlines() == ["cat/sel/0 from 0", "cat/sel/0 finished"]
    # a table names the commit by which each number was measured
    assert clone.planned() == {("table", "pair")}


def test_what_is_nowhere_is_made_where_dvc_runs_the_stage(clone: Checkout, diary: Path) -> None:
    for folder in ("results/snapshots", ".dvc/cache"):
        shutil.rmtree(clone.folder / folder)
    clone.run("dvc", "repro")
    finished = [line for line in diary.read_text().splitlines() if line.endswith("finished")]
    assert len(finished) == len(RUNS)
    assert clone.planned() == set()
    assert CLEAN in clone.run("dvc", "status")


def test_a_damaged_object_is_served_by_dvc_and_found_by_verify(clone: Checkout) -> None:
    victim = max(
        (clone.folder / ".dvc/cache/files/md5").glob("??/*"), key=lambda path: path.stat().st_size
    )
    victim.chmod(0o644)
    data = bytearray(victim.read_bytes())
    data[0] ^= 1
    victim.unlink()  # not through a link
    victim.write_bytes(data)
    victim.chmod(0o444)
    said = real_verify(clone)
    assert str(victim.relative_to(clone.folder)) in said
    assert "results/" in said and "is damaged" in said
