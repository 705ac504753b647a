"""The forecast of a training: what it measures is what a training takes, and what is missing is named."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from spatialgan import doctor
from spatialgan.cli import main
from spatialgan.params import Params, load_params
from spatialgan.training.run_folder import open_run_folder, save_checkpoint
from spatialgan.training.state import new_state
from tests.tiny import ROOT, tiny_archive, tiny_config


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, in an empty folder without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    return load_params(ROOT / "params")


def _with_line(params: Params, **columns: object) -> Params:
    """Return the parameters with columns of the smoke profile replaced."""
    return replace(
        params, profiles={**params.profiles, "smoke": {**params.profile("smoke"), **columns}}
    )


def test_a_run_that_can_start(params: Params, tmp_path: Path) -> None:
    forecast = doctor.examine(params, "cat/spatialgan/0", "smoke")
    assert forecast.missing == []
    assert forecast.num_steps == 8  # 64 images, 8 a step
    assert forecast.seconds == pytest.approx(8 * forecast.measured.seconds)
    config = tiny_config("spatialgan")
    state = new_state(config, torch.device("cpu"))
    folder = open_run_folder(tmp_path, config.name, {})
    save_checkpoint(folder, state)
    saved = folder.checkpoints()[0].stat().st_size
    assert saved == pytest.approx(forecast.measured.checkpoint_bytes, rel=0.5)
    assert saved > forecast.measured.checkpoint_bytes
    assert sum(forecast.disk.values()) > 3 * forecast.measured.checkpoint_bytes


def test_phases_count_by_their_intervals(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(i) for i in range(10**6))  # every timed piece of work takes 1 s
    monkeypatch.setattr(doctor.time, "perf_counter", lambda: next(clock))
    measured = doctor.measure(tiny_config("spatialgan"), 8, torch.device("cpu"))
    assert measured.batch == 8
    assert measured.seconds == pytest.approx(
        1 + 1 + 1 / 16 + 1
    )  # g, d, R1 every 16, moving average


def test_a_busy_machine_is_said(params: Params) -> None:
    forecast = doctor.examine(params, "cat/baseline/0", "smoke")
    alone, crowded = (
        doctor.describe(replace(forecast, measured=replace(forecast.measured, cores=cores)))
        for cores in (1.0, 0.25)
    )
    assert "busy" not in alone
    assert "busy    the measured steps had 25% of a core" in crowded


def test_steps_that_take_too_long_are_measured_small(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.0)
    measured = doctor.measure(tiny_config("sel"), 8, torch.device("cpu"))
    assert measured.batch == 4  # the discriminator's group
    assert measured.seconds > 0


def test_a_data_set_that_is_there_needs_no_disk(params: Params) -> None:
    before = doctor.examine(params, "cat/baseline/0", "smoke")
    tiny_archive(params.root("smoke") / "datasets")
    after = doctor.examine(params, "cat/baseline/0", "smoke")
    assert before.disk["the data set"] == 256 * 3 * 16 * 16
    assert "the data set" not in after.disk


def test_everything_that_is_missing_is_named(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(doctor, "available_memory", lambda: 1000)
    monkeypatch.setenv("SPATIALGAN_WEIGHTS", "nowhere")
    line = {
        "data": "real",
        "num_processes": 8,
        "extractor": "inception",
        "segmenter": "torchvision_coco",
    }
    lacks = doctor.examine(_with_line(params, **line), "face/sel/0", "smoke").missing
    assert [lack.split(":")[0] for lack in lacks] == [
        "8 GPUs",
        "disk",
        "memory",
        "data",
        "for FID",
        "for the Co-move Ratio",
    ]
    assert "data/ffhq" in lacks[3]
    assert "nowhere/" in lacks[4] and "nowhere/" in lacks[5]


def test_the_command_exits_with_1_where_something_is_missing(params: Params) -> None:
    arguments = ["doctor", "cat/sel/0", "-p", "smoke", "--params", str(ROOT / "params")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "cat/sel/0: 0.064 kimg at 16 px, fp32"
    subjects = [line.split()[0] for line in lines[1:]]
    assert [subject for subject in subjects if subject != "busy"] == ["time", "memory", "disk"]
    result = CliRunner().invoke(main, ["doctor", "cat/none/0", *arguments[2:]])
    assert result.exit_code == 1
    assert "unknown row 'none'" in result.output
