"""What a training's checkpoints give to others: its generator as a snapshot, its discriminator."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from spatialgan import checkpoints
from spatialgan.checkpoints import load_checkpoint, write_snapshot
from spatialgan.cli.main import main
from spatialgan.results import Results
from spatialgan.settings.config import resolve
from spatialgan.settings.params import load_params
from spatialgan.snapshot import load_snapshot
from spatialgan.tensor_file import load_tensors, save_tensors
from spatialgan.training.run_folder import open_run_folder, save_checkpoint
from spatialgan.training.state import new_state
from tests.studio.run import trained_run
from tests.tiny import ROOT, tiny_config, tiny_snapshot


def checkpoint(results, config, nimg, mark):
    """Write a checkpoint of a training whose averaged generator is marked by its first weight."""
    state = new_state(config, torch.device("cpu"))
    state.cur_nimg = nimg
    weight = next(state.g_ema.parameters())
    weight.data.fill_(mark)
    folder = open_run_folder(results, config.name, {"identity": config.identity()})
    save_checkpoint(folder, state)
    return folder.checkpoints()[0]


def mark_of(snapshot):
    return next(snapshot.generator.parameters()).flatten()[0].item()


def test_a_snapshot_of_a_training_that_goes_on_is_its_newest_average(tmp_path):
    config, results = tiny_config(), Results(tmp_path)
    for nimg, mark in ((8000, 1.0), (120_000, 3.0), (16_000, 2.0)):
        checkpoint(results, config, nimg, mark)
    found = write_snapshot(results, config)
    snapshot = load_snapshot(results.run(config.name).snapshot)
    assert (found.nimg, snapshot.kimg, mark_of(snapshot)) == (120_000, 120, 3.0)
    assert snapshot.config.identity() == config.identity()


def test_checkpoints_of_other_settings_are_passed_over(tmp_path):
    config, results = tiny_config(), Results(tmp_path)
    checkpoint(results, config, 8000, 1.0)
    checkpoint(results, tiny_config(r1_gamma=7.0), 16_000, 2.0)
    write_snapshot(results, config)
    assert mark_of(load_snapshot(results.run(config.name).snapshot)) == 1.0
    with pytest.raises(ValueError, match="contains no checkpoint of cat/spatialgan/0 as params/"):
        write_snapshot(results, tiny_config(r1_gamma=8.0))


def test_a_training_that_goes_on_meanwhile_is_followed(tmp_path, monkeypatch):
    config, results = tiny_config(), Results(tmp_path)
    checkpoint(results, config, 8000, 1.0)
    save = checkpoints.save_snapshot

    def and_meanwhile(*arguments):
        save(*arguments)
        checkpoint(results, config, 16_000, 2.0)

    monkeypatch.setattr(checkpoints, "save_snapshot", and_meanwhile)
    assert write_snapshot(results, config).nimg == 16_000
    assert mark_of(load_snapshot(results.run(config.name).snapshot)) == 2.0


def test_the_precision_is_the_machines_not_the_runs(tmp_path):
    config, results = tiny_config(precision="bf16"), Results(tmp_path)
    checkpoint(results, config, 8000, 1.0)
    auto = replace(config, training=replace(config.training, precision="auto"))
    write_snapshot(results, auto)
    assert load_snapshot(results.run(config.name).snapshot).config.training.precision == "bf16"


def test_the_snapshot_of_a_finished_training_is_left_alone(tmp_path):
    config, results = tiny_config(), Results(tmp_path)
    checkpoint(results, config, 8000, 1.0)
    files = results.run(config.name)
    before = tiny_snapshot(files.snapshot).read_bytes()
    files.record.parent.mkdir(parents=True)
    files.record.write_text(json.dumps({}))
    with pytest.raises(ValueError, match="is trained to its end"):
        write_snapshot(results, config)
    assert files.snapshot.read_bytes() == before
    write_snapshot(results, config, tmp_path / "earlier.safetensors")
    assert mark_of(load_snapshot(tmp_path / "earlier.safetensors")) == 1.0


def test_networks_are_read_with_their_weights(tmp_path):
    run = trained_run(tmp_path)
    found = load_checkpoint(run.checkpoint)
    weights = found.discriminator().state_dict()
    assert weights.keys() == run.weights.keys()
    assert all(weights[name].equal(tensor) for name, tensor in run.weights.items())
    with pytest.raises(ValueError, match="is no checkpoint of a training"):
        load_checkpoint(run.snapshot)


def test_from_the_command_line(tmp_path):
    output = tmp_path / "x.safetensors"
    line = ["snapshot", "cat/spatialgan/0", "-p", "smoke", "-o"]
    none = CliRunner().invoke(main, [*line, str(output)])
    assert none.exit_code == 1 and "train it first" in none.output
    assert not output.exists()
    wrong = CliRunner().invoke(main, [*line, str(tmp_path / "x.png")])
    assert wrong.exit_code == 1 and "must end in .safetensors" in wrong.output


def test_a_training_may_be_as_long_as_it_likes(tmp_path):
    config, results = tiny_config(), Results(tmp_path)
    checkpoint(results, config, 25_000_000, 4.0)
    assert write_snapshot(results, config).nimg == 25_000_000


def test_a_header_that_asks_for_more_than_the_file_holds_is_refused(tmp_path):
    run = trained_run(tmp_path)
    tensors, header = load_tensors(run.checkpoint)
    header["fixed"]["identity"]["discriminator"]["channel_base"] = 1 << 20
    header["fixed"]["identity"]["discriminator"]["channel_max"] = 1 << 20
    save_tensors(tmp_path / "large.safetensors", tensors, header)
    large = load_checkpoint(tmp_path / "large.safetensors")
    with pytest.raises(ValueError, match=r"large.safetensors: its header describes no state"):
        large.discriminator()


def test_a_checkpoint_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", "params")
    config = resolve(load_params(), "cat/spatialgan/0", "smoke")
    path = checkpoint(load_params().results("smoke"), config, 64, 1.0)
    before = path.read_bytes()
    line = ["snapshot", config.name, "-p", "smoke", "-o", str(path)]
    refused = CliRunner().invoke(main, line)
    assert refused.exit_code == 1 and "which is read" in refused.output
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("field", "value"), [("resolution", 0), ("channel_max", -1), ("resolution", 2**31)]
)
def test_a_discriminator_that_can_not_be_is_one_line(tmp_path, field, value):
    run = trained_run(tmp_path)
    tensors, header = load_tensors(run.checkpoint)
    header["fixed"]["identity"]["discriminator"][field] = value
    save_tensors(tmp_path / "odd.safetensors", tensors, header)
    with pytest.raises(ValueError, match=r"odd.safetensors: its header describes no") as said:
        load_checkpoint(tmp_path / "odd.safetensors").discriminator()
    assert "\n" not in str(said.value)
