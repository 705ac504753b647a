"""Snapshots that a training keeps on its way: which, where, to the bit, and apart from other trainings'."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from spatialgan.checkpoints import kept_snapshots
from spatialgan.cli.main import main
from spatialgan.files import file_sha256
from spatialgan.records import read_record
from spatialgan.results import Results
from spatialgan.settings.config import RunConfig
from spatialgan.snapshot import load_snapshot
from spatialgan.training import loop
from tests.training.jobs import job, short_config, snapshot_of

pytestmark = pytest.mark.unchecked


def keeping(num: int, **training) -> RunConfig:
    """Return the configuration of a short training, of four steps, that keeps some snapshots."""
    config = short_config(**training)
    return replace(config, execution=replace(config.execution, num_snapshots=num))


def hashes(folder: Path, config: RunConfig) -> dict[str, str]:
    """Return the sha256 of each snapshot that the run's training kept, by name."""
    return {path.stem: file_sha256(path) for path in kept_snapshots(Results(folder), config)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The results of an uninterrupted training that kept two snapshots."""
    folder = tmp_path_factory.mktemp("finished")
    loop.train(job(folder, keeping(2)))
    return folder


def test_snapshots_are_kept_at_equal_steps(finished):
    config = keeping(2)
    found = hashes(finished, config)
    assert list(found) == ["000000000016", "000000000032"]  # of 32 images
    first, last = kept_snapshots(Results(finished), config)
    assert load_snapshot(first).kimg == 0.016
    assert load_snapshot(first).config.identity() == config.identity()
    assert found["000000000032"] == snapshot_of(finished, config) != found["000000000016"]
    made = CliRunner().invoke(main, ["scene", str(first), "-o", str(finished / "scene.json")])
    assert made.exit_code == 0, made.output


def test_what_is_kept_changes_nothing_else(finished, tmp_path):
    assert keeping(2).identity() == short_config().identity()
    loop.train(job(tmp_path, short_config()))
    assert snapshot_of(tmp_path, short_config()) == snapshot_of(finished, short_config())
    assert not Results(tmp_path).kept_snapshots()


def test_a_snapshot_is_made_again_if_a_kill_came_before_its_checkpoint(
    finished, tmp_path, monkeypatch
):
    save, snapshots = loop.save_checkpoint, Results(tmp_path).kept_snapshots

    def killed(folder, state):
        if state.cur_nimg == 16:
            raise KeyboardInterrupt
        save(folder, state)

    monkeypatch.setattr(loop, "save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        loop.train(job(tmp_path, keeping(2)))
    monkeypatch.setattr(loop, "save_checkpoint", save)
    assert [path.stem for path in snapshots()] == ["000000000016"]
    snapshots()[0].unlink()
    loop.train(job(tmp_path, keeping(2)))
    assert hashes(tmp_path, keeping(2)) == hashes(finished, keeping(2))


def test_a_training_that_was_stopped_keeps_the_same(finished, tmp_path, monkeypatch):
    take_step = loop.take_step

    def stop_in_third_step(step):
        take_step(step)
        if step.index == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop, "take_step", stop_in_third_step)
    with pytest.raises(loop.Preempted):
        loop.train(job(tmp_path, keeping(2)))
    monkeypatch.setattr(loop, "take_step", take_step)
    assert list(hashes(tmp_path, keeping(2))) == [
        "000000000016"
    ]  # by the checkpoint, before the end
    loop.train(job(tmp_path, keeping(2)))
    assert hashes(tmp_path, keeping(2)) == hashes(finished, keeping(2))


@pytest.mark.slow
def test_a_training_with_other_settings_has_its_own(tmp_path):
    other = keeping(1, r1_gamma=2.0)
    loop.train(job(tmp_path, keeping(2)))
    before = Results(tmp_path).kept_snapshots()
    loop.train(job(tmp_path, other))
    assert list(hashes(tmp_path, other)) == ["000000000032"]
    assert hashes(tmp_path, other)["000000000032"] == snapshot_of(tmp_path, other)
    assert all(path.is_file() for path in before)
    assert len(Results(tmp_path).kept_snapshots()) == 3
    assert read_record(Results(tmp_path).run(other.name).record)["training"] not in {
        path.parent.name for path in before
    }
    loop.train(job(tmp_path, short_config(r1_gamma=3.0)))
    with pytest.raises(ValueError, match="kept no snapshots: set num_snapshots in its profile"):
        kept_snapshots(Results(tmp_path), other)
