"""The forecast of a training: what it measures is what a training takes, and what is missing is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.results import Results
from spatialgan.settings.params import Params, load_params
from spatialgan.training.phases import Phase, Step
from spatialgan.training.run_folder import open_run_folder, save_checkpoint
from spatialgan.training.state import new_state
from spatialgan.upkeep import doctor
from tests.tiny import ROOT, tiny_archive, tiny_config

GIB = 2**30
Slow = Callable[[float], list[int]]


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
    folder = open_run_folder(Results(tmp_path), config.name, {})
    save_checkpoint(folder, state)
    saved = folder.checkpoints()[0].stat().st_size
    assert saved == pytest.approx(forecast.measured.checkpoint_bytes, rel=0.5)
    assert saved > forecast.measured.checkpoint_bytes
    assert sum(forecast.disk.values()) > 3 * forecast.measured.checkpoint_bytes


def test_phases_count_by_their_intervals(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(i) for i in range(10**6))  # every timed piece of work takes 1 s
    monkeypatch.setattr(doctor.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(doctor, "PATIENCE", float("inf"))
    measured = doctor.measure(tiny_config("spatialgan"), 8, torch.device("cpu"))
    assert measured.batch == 8 and measured.whole
    # g, d, R1 every 16, moving average
    assert measured.seconds == pytest.approx(1 + 1 + 1 / 16 + 1)


def test_a_busy_machine_is_said(params: Params) -> None:
    forecast = doctor.examine(params, "cat/baseline/0", "smoke")
    alone, crowded = (
        doctor.describe(replace(forecast, measured=replace(forecast.measured, cores=cores)))
        for cores in (1.0, 0.25)
    )
    assert "busy" not in alone
    assert "busy    the measured steps had 25% of a core" in crowded


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Return what makes a phase take so many seconds an image, and lists the images of those that ran."""
    now, ran = [0.0], []
    monkeypatch.setattr(doctor.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(doctor, "update_ema", lambda _: None)

    def with_seconds(per_image: float) -> list[int]:
        def run_phase(_, step: Step) -> None:
            ran.append(len(step.reals))
            now[0] += per_image * len(step.reals)

        monkeypatch.setattr(doctor, "run_phase", run_phase)
        return ran

    return with_seconds


def test_no_phase_is_measured_after_the_time_for_it(params: Params, slow: Slow) -> None:
    ran = slow(20.0)
    forecast = doctor.examine(params, "cat/spatialgan/0", "smoke")
    assert ran == [1, 1]  # g_main until 20 s, d_main until 40; R1 is left out
    assert forecast.measured.seconds == (20 + 20) * 8
    assert not forecast.measured.whole
    line = doctor.describe(forecast).splitlines()[1]
    assert line.startswith("time    at least 43 min on 1 x cpu: 8 steps of 8 images, 320 s each")
    assert line.endswith(", from 40 s for 1")


@pytest.mark.parametrize(("per_image", "batch"), [(10.0, 1), (1.5, 1), (0.6, 4), (0.1, 8)])
def test_as_many_images_are_measured_as_time_allows(
    slow: Slow, per_image: float, batch: int
) -> None:
    ran = slow(per_image)
    measured = doctor.measure(tiny_config("spatialgan"), 8, torch.device("cpu"))
    assert (measured.batch, measured.whole) == (batch, True)
    assert measured.seconds == pytest.approx(8 * (1 + 1 + 1 / 16) * per_image)
    assert sum(ran) * per_image <= doctor.PATIENCE + batch * per_image


def test_a_larger_step_that_is_cut_off_does_not_count(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = slow(0.1)
    run_phase = doctor.run_phase

    def slower_than_expected(phase: Phase, step: Step) -> None:
        for _ in range(100 if len(step.reals) > 1 else 1):
            run_phase(phase, step)

    monkeypatch.setattr(doctor, "run_phase", slower_than_expected)
    measured = doctor.measure(tiny_config("spatialgan"), 8, torch.device("cpu"))
    assert ran[9:] == [8] * 100 and (measured.batch, measured.whole) == (1, True)


def test_steps_take_no_more_memory_than_is_free(
    params: Params, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network takes 100 GiB, each image 10 GiB."""
    ran = slow(0.001)
    monkeypatch.setattr(doctor, "peak_bytes", lambda _: (100 + 10 * max(ran, default=0)) * GIB)
    for free, batch in ((10, 1), (50, 2), (159, 4), (165, 8)):
        ran.clear()
        monkeypatch.setattr(doctor, "available_memory", lambda free=free: free * GIB)
        forecast = doctor.examine(params, "cat/sel/0", "smoke")
        assert max(ran) == forecast.measured.batch == batch
        assert forecast.memory == pytest.approx(180 * GIB, rel=0.01)
        about = "up to " if batch < 8 else ""
        line = f"missing memory: {about}180.0 GiB needed, {free}.0 GiB free"
        assert line in doctor.describe(forecast)


def test_a_data_set_that_is_there_needs_no_disk(params: Params) -> None:
    before = doctor.examine(params, "cat/baseline/0", "smoke")
    tiny_archive(params.root("smoke"))
    after = doctor.examine(_with_line(params, num_snapshots=3), "cat/baseline/0", "smoke")
    assert before.disk["the data set"] == 256 * 3 * 16 * 16
    assert "the data set" not in after.disk
    assert after.disk["3 that are kept"] == 3 * before.disk["the snapshot"]


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
