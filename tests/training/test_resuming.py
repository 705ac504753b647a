"""Training that ends early: resuming to the bit after kills, requests to stop, failing disks and damaged files."""

import errno
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from PIL import Image

from spatialgan import files, tensor_file
from spatialgan.cli.main import main
from spatialgan.data.members import opened_picture
from spatialgan.files import file_sha256
from spatialgan.provenance import read_stamp
from spatialgan.records import read_record
from spatialgan.results import Results
from spatialgan.tensor_file import load_tensors
from spatialgan.training import loop
from spatialgan.training.stopping import Stopped, stop_at_once
from tests.tiny import ROOT, tiny_archive, tiny_snapshot
from tests.training.jobs import STAMP, job, short_config, snapshot_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The results of an uninterrupted short training."""
    folder = tmp_path_factory.mktemp("finished")
    loop.train(job(folder, short_config()))
    return folder


@pytest.fixture
def straight(finished) -> str:
    """The sha256 of its snapshot."""
    return snapshot_of(finished, short_config())


@pytest.fixture
def stopped(finished, tmp_path) -> Path:
    """A copy of its results, as if it had been stopped when it was about to write its snapshot."""
    folder = tmp_path / "stopped"
    shutil.copytree(finished, folder)
    shutil.rmtree(folder / "runs")
    shutil.rmtree(folder / "snapshots")
    return folder


class RunningTraining:
    """Another process that holds the lock of a run, until it is waited for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> subprocess.Popen:
        """Start it; it ends two seconds later."""
        code = (
            "import sys, time, pathlib\n"
            "from spatialgan.tensor_file import exclusive\n"
            "with exclusive(pathlib.Path(sys.argv[1])):\n"
            "    print('held', flush=True)\n"
            "    time.sleep(2)\n"
        )
        command = [sys.executable, "-c", code, str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self.process.stdout is not None and self.process.stdout.readline() == b"held\n"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints, newest first."""
    return sorted((folder / "resume").rglob("checkpoint-*.safetensors"), reverse=True)


def test_resuming_a_finished_run_changes_nothing(tmp_path, finished, straight):
    folder, config = shutil.copytree(finished, tmp_path / "again"), short_config()
    assert read_stamp(Results(folder).run(config.name).record) == STAMP
    loop.train(job(folder, config))
    assert snapshot_of(folder, config) == straight
    Results(folder).run(config.name).snapshot.unlink()
    loop.train(job(folder, config))
    assert snapshot_of(folder, config) == straight


@pytest.mark.slow
@pytest.mark.unchecked
def test_the_same_seed_gives_the_same_snapshot_and_another_seed_another(tmp_path, straight):
    for seed in (0, 1):
        loop.train(job(tmp_path, short_config(seed=seed)))
    assert snapshot_of(tmp_path, short_config()) == straight
    assert snapshot_of(tmp_path, short_config(seed=1)) != straight


def start_training(folder: Path) -> subprocess.Popen:
    """Start the short training in a process of its own."""
    program = (
        "import sys; from pathlib import Path; from spatialgan.training import loop;"
        "from tests.training.jobs import job, short_config;"
        "sys.exit(loop.train(job(Path(sys.argv[1]), short_config())))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


@pytest.mark.unchecked
def test_a_killed_run_ends_in_the_same_bits(tmp_path, straight):
    """SIGKILL soon after a save, twice, then run to the end; benchmarks/kill_lottery.py does it twenty times."""
    for num_checkpoints in (1, 2):
        process = start_training(tmp_path)
        deadline = time.monotonic() + 300
        while len(checkpoints(tmp_path)) < num_checkpoints:
            assert time.monotonic() < deadline and process.poll() in (None, 0)
            time.sleep(0.002)
        process.kill()
        process.wait()
    loop.train(job(tmp_path, short_config()))
    assert snapshot_of(tmp_path, short_config()) == straight


@pytest.mark.unchecked
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_saves_and_asks_to_be_run_again(tmp_path, straight, monkeypatch, number):
    config = short_config()
    take_step = loop.take_step

    def terminate_in_third_step(step):
        take_step(step)
        if step.index == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(loop, "take_step", terminate_in_third_step)
    with pytest.raises(loop.Preempted, match="stopped at 0.0 kimg"):
        loop.train(job(tmp_path, config))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    monkeypatch.setattr(loop, "take_step", take_step)
    loop.train(job(tmp_path, config))
    assert snapshot_of(tmp_path, config) == straight


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_before_the_first_step_exits_with_75_too(tmp_path, monkeypatch, number):
    tiny_archive(tmp_path / "results/smoke")
    monkeypatch.setattr(loop, "train", lambda job: os.kill(os.getpid(), number))
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "cat/sel/0", "-p", "smoke", "--params", str(ROOT / "params")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 75 and "rerun the command to resume" in result.stderr
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_while_a_file_is_read_is_no_damage_of_it(tmp_path, monkeypatch, number):
    path = tiny_snapshot(tmp_path / "good.safetensors")
    monkeypatch.setattr(tensor_file, "deserialize", lambda data: os.kill(os.getpid(), number))
    with pytest.raises(Stopped), stop_at_once():
        load_tensors(path)
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    data = (tmp_path / "good.png").read_bytes()
    with pytest.raises(Stopped), stop_at_once(), opened_picture(data):
        os.kill(os.getpid(), number)


def test_a_full_disk_that_names_nothing_is_named(tmp_path, monkeypatch):
    tiny_archive(tmp_path / "results/smoke")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(loop, "train", Mock(side_effect=full))
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "cat/sel/0", "-p", "smoke", "--params", str(ROOT / "params")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "results/smoke/resume/cat/sel/0: No space left on device" in result.stderr


@pytest.mark.unchecked
@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_an_error_of_the_system_gives_no_checkpoint_up(stopped, straight, monkeypatch, number):
    newest = checkpoints(stopped)[0]
    read = files.open_regular

    def fail_once(path):
        if path == newest:
            raise OSError(number, os.strerror(number))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "open_regular", fail_once)
        with pytest.raises(OSError, match=f"{newest.name}: cannot be read .{os.strerror(number)}"):
            loop.train(job(stopped, short_config()))
    assert newest.exists() and not list((stopped / "resume").rglob("*.damaged"))
    loop.train(job(stopped, short_config()))
    assert snapshot_of(stopped, short_config()) == straight


@pytest.mark.unchecked
@pytest.mark.parametrize("cut", [0, 1, 8, -1])
def test_a_truncated_checkpoint_is_passed_over(stopped, straight, cut, caplog):
    config, newest = short_config(), checkpoints(stopped)[0]
    data = newest.read_bytes()
    newest.write_bytes(data[:cut] if cut >= 0 else data[:-200] + bytes(100) + data[-100:])
    loop.train(job(stopped, config))
    assert f"{newest} is damaged" in caplog.text
    assert snapshot_of(stopped, config) == straight


@pytest.mark.unchecked
def test_a_training_whose_checkpoints_are_all_damaged_is_not_repeated_silently(stopped, straight):
    found = checkpoints(stopped)
    for path in found:
        path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):  # neither at once nor when the command is run again
        with pytest.raises(ValueError, match="no checkpoint in .* is whole: .* remove the folder"):
            loop.train(job(stopped, short_config()))
    folder = found[0].parent
    assert len(list(folder.glob("*.damaged"))) == len(found)
    shutil.rmtree(folder)
    loop.train(job(stopped, short_config()))
    assert snapshot_of(stopped, short_config()) == straight


@pytest.mark.slow
@pytest.mark.unchecked
def test_a_training_that_outlived_its_workflow_is_waited_for(tmp_path, straight, caplog):
    """As the workflow does when it is started again: its rule says --wait."""
    rule = (ROOT / "workflow/rules/train.smk").read_text(encoding="utf-8")
    assert re.search(r"train \{params.run\} .* --wait ", rule)
    made = job(tmp_path, short_config())
    with RunningTraining(made.results.resume(short_config().name)) as holder:
        with pytest.raises(RuntimeError, match=f"in use by process {holder.pid} "):
            loop.train(made)
        with caplog.at_level(logging.INFO):
            loop.train(replace(made, waits=True))
    assert f"in use by process {holder.pid} on {os.uname().nodename}: waiting for it" in caplog.text
    assert snapshot_of(tmp_path, short_config()) == straight


@pytest.mark.unchecked
def test_a_grid_that_a_kill_prevented_is_drawn_after_a_resume(tmp_path, monkeypatch):
    config = short_config(kimg=0.24, batch=40)
    config = replace(config, execution=replace(config.execution, num_checkpoints=6, num_grids=2))
    draw, grids = loop.sample_grid, Results(tmp_path).run(config.name).grids

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "sample_grid", killed)
    with pytest.raises(KeyboardInterrupt):
        loop.train(job(tmp_path, config))
    assert not grids.exists()
    monkeypatch.setattr(loop, "sample_grid", draw)
    loop.train(job(tmp_path, config))
    assert sorted(path.name for path in grids.iterdir()) == [
        f"{kimg}-{what}.png"
        for kimg in ("000000.1", "000000.2")
        for what in ("attention", "samples")
    ]


@pytest.mark.unchecked
def test_a_record_never_describes_another_training_s_snapshot(tmp_path, finished, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "other")
    outputs = Results(folder).run(short_config().name)
    assert outputs.record.exists()

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "sample_grid", killed)
    with pytest.raises(KeyboardInterrupt):
        loop.train(job(folder, short_config(r1_gamma=2.0)))
    if outputs.record.exists():
        assert read_record(outputs.record)["snapshot_sha256"] == file_sha256(outputs.snapshot)
