"""The command line: one clear line and exit code 1 for bad input, 75 for a stop, nothing half-written."""

import errno
import io
import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from spatialgan.cli.faults import EXTRAS, lines_about
from spatialgan.cli.main import main
from spatialgan.results import Results
from spatialgan.training import loop
from tests.tiny import ROOT, tiny_archive


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """A folder with the parameters in it, as the working directory."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "cat"], "'cat' names no run: a run is <dataset>/<row>/<seed>"),
        (["train", "cat/nothing/0"], "unknown row 'nothing': choose one of baseline"),
        (["train", "cat/sel/0", "-p", "huge"], "unknown profile 'huge': choose one of smoke"),
        (["train", "cat/sel/0", "--params", "nowhere"], "nowhere/datasets.yaml is missing"),
        (["train", "cat/sel/0", "-p", "smoke"], "results/smoke/archives/cat.zip"),
        (["prepare", "dog"], "unknown dataset 'dog': choose one of cat"),
        (
            ["measure", "cat/sel/0", "--what", "fidelity", "-p", "smoke"],
            "snapshots/cat/sel/0.safetensors does not exist: train cat/sel/0 first",
        ),
        (["measure", "cat/sel/0", "--what", "beauty"], "unknown measure 'beauty': choose one of"),
        (
            ["figure", "moves", "-p", "smoke"],
            "snapshots/cat/spatialgan/0.safetensors does not exist",
        ),
        (["table", "nothing"], "'nothing'"),
        (["figure", "nothing"], "'nothing'"),
    ],
)
def test_bad_input_ends_in_one_clear_line(copy, arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("spatialgan: ")
    assert {path.name for path in copy.iterdir()} <= {"params", "results"}


def test_a_dry_run_prints_the_configuration_and_writes_nothing(copy):
    result = invoke("train", "cat/spatialgan/3", "-p", "paper", "--dry-run")
    identity = json.loads(result.stdout)
    assert identity["seed"] == 3 and identity["generator"]["encoding"]["name"] == "norm"
    assert not (copy / "results").exists()


@pytest.mark.unchecked
def test_prepare_train_and_look(copy):
    """The commands a newcomer types, on the smoke profile with few images."""
    profiles = copy / "params/profiles.yaml"
    text = profiles.read_text()
    assert "num_images: 256," in text
    profiles.write_text(text.replace("num_images: 256,", "num_images: 32,"))
    for arguments in (
        ["prepare", "cat"],
        ["train", "cat/spatialgan/0"],
        ["figure", "level_moves"],
        ["curves", "cat/spatialgan/0"],
    ):
        result = invoke(*arguments, "-p", "smoke")
        assert result.exit_code == 0, result.output
    run = Results(copy / "results/smoke").run("cat/spatialgan/0")
    for path in (run.snapshot, run.record, run.curves, run.samples, run.attention):
        assert path.is_file()
    assert run.curves_figure.is_file()
    assert (copy / "results/smoke/figures/level_moves.png").is_file()


def test_a_stopped_training_exits_with_75(copy, monkeypatch):
    tiny_archive(copy / "results/smoke")

    def stop(_):
        raise loop.Preempted("stopped at 0.1 kimg: rerun the command to resume")

    monkeypatch.setattr(loop, "train", stop)
    result = invoke("train", "cat/sel/0", "-p", "smoke")
    assert result.exit_code == 75 and "rerun the command to resume" in result.stderr


def test_a_traceback_is_there_for_who_asks(copy, monkeypatch):
    monkeypatch.setenv("SPATIALGAN_TRACEBACK", "1")
    assert isinstance(invoke("train", "cat").exception, ValueError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'onnx'", name="onnx"), ("onnx", "export")),
        (ImportError("`Import Jinja2` failed. Use pip"), ("jinja2", "workflow")),
        (ImportError("Missing optional dependency 'tabulate'."), ("tabulate", "workflow")),
        (ImportError("cannot import", name="torchvision.ops"), ("torchvision", "segment")),
    ],
)
def test_the_extra_of_a_missing_package_is_named(error, said):
    name, extra = said
    assert lines_about(error) == [f"{name} is needed for this: pip install 'spatialgan[{extra}]'"]


def test_every_optional_package_has_its_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for module, extra in EXTRAS.items():
        names = [re.split(r"[=<>]", name)[0] for name in extras["optional-dependencies"][extra]]
        assert {module.replace("_", "-"), f"{module.replace('_', '-')}-py"} & set(names), module


def test_a_full_disk_behind_the_output_is_named():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError) as caught:
        click.echo("x", file=Full(full))
    assert lines_about(caught.value) == ["standard output: No space left on device"]
    assert lines_about(full.with_traceback(None)) == ["No space left on device"]


class Full(io.StringIO):
    """A file on a full disk."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error
