"""Commands that once destroyed what they were given, and what they say instead."""

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spatialgan import models
from spatialgan.cli.main import main
from spatialgan.files import write_atomically
from tests.imports import checkpoints
from tests.tiny import tiny_snapshot

DIGITS = "1" + "0" * 400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the shipped model `room` and a scene of it, made once."""
    folder = tmp_path_factory.mktemp("made")
    tiny_snapshot(folder / "models/room.safetensors", "indoor")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(models, "FOLDER", folder / "models")
        assert run("scene", "room", "-o", "room.json").exit_code == 0
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with a model and a scene."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "FOLDER", tmp_path / "models")
    return tmp_path


def run(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("render room.json -o room.json", "the name must end in .png"),
        ("render room.json -o ./room.json --outlined o.png", "the name must end in .png"),
        ("render room.json --outlined room.json", "the name must end in .png"),
        ("render room.png -o room.png", "would be written over room.png, which is read"),
        ("render room.json -o a.png --outlined a.png", "would be written over a.png"),
        ("render room.json -o a.jpg", "the name must end in .png"),
        ("render room.json -o -", "name a file"),
        ("render room.json -o pipe.png", "pipe.png is a pipe"),
        ("render room.json -o read_only.png", "read_only.png is read-only"),
        ("edit room.json --move 0:0,0.1 -o e.png", "the name must end in .json"),
        ("edit room.json --move 0:0,0.1 -o room.json", "is the scene itself"),
        ("scene room -o scene.png", "the name must end in .json"),
        (f"scene room --seed {DIGITS} -o s.json", "seed is a number of too many digits, but goes"),
        ("scene room --seed 9223372036854775808 -o s.json", "to 9223372036854775807"),
        (f"scene room --seed {DIGITS} --truncation 9223372036854775808 -o /proc/x.json", "seed is"),
        ("scene room --truncation 9223372036854775808 -o s.json", "truncation_psi is 9.22337e+18"),
        ("scene room -o /proc/x.json", "/proc/x.json: cannot be written"),
        (
            "directions room.json --region object:0 -o models/room.safetensors",
            "models/room.safetensors, which is read",
        ),
    ],
)
def test_an_output_that_would_destroy_something_is_refused(
    place: Path, line: str, said: str
) -> None:
    shutil.copy("room.json", "room.png")
    os.mkfifo("pipe.png")
    Path("read_only.png").touch(0o444)
    before = {path: path.is_file() and path.read_bytes() for path in place.rglob("*")}
    result = run(*line.split())
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("spatialgan: ") and said in result.stderr
    assert {path: path.is_file() and path.read_bytes() for path in place.rglob("*")} == before


@pytest.mark.parametrize(
    "line",
    [
        "drag room.json --from 0,0 --to 0,0.1 --tolerance nan",
        "invert room.png --model room --seconds nan",
        "encoder room -o e.safetensors --seed 9223372036854775808",
        f"directions room.json --region object:0 --count {DIGITS}",
    ],
)
def test_a_number_that_is_none_or_out_of_range_is_refused(place: Path, line: str) -> None:
    result = run(*line.split())
    assert result.exit_code == 2 and "Invalid value for" in result.stderr


def test_an_imported_model_goes_where_a_link_leads(place: Path) -> None:
    checkpoints.write_checkpoint(Path("other.pkl"), G_ema=checkpoints.generator(with_sel=False))
    Path("link.safetensors").symlink_to("models/other.safetensors")
    assert run("import", "other.pkl", "-o", "link.safetensors").exit_code == 0
    assert Path("link.safetensors").is_symlink() and Path("models/other.safetensors").is_file()


def test_a_link_is_followed_and_stays(place: Path) -> None:
    Path("elsewhere").mkdir()
    Path("room.png").symlink_to("elsewhere/a.png")
    assert run("render", "room.json", "-o", "room.png").exit_code == 0
    assert Path("room.png").is_symlink() and Path("elsewhere/a.png").stat().st_size > 100


def test_a_planted_temporary_is_not_written_into(place: Path) -> None:
    victim = place / "victim"
    victim.write_text("precious", encoding="utf-8")
    (place / f".planted.json.{os.getpid()}.partial").symlink_to(victim)
    assert run("scene", "room", "-o", "planted.json").exit_code == 0
    assert victim.read_text(encoding="utf-8") == "precious"
    assert not Path("planted.json").is_symlink()


def test_a_write_that_dies_leaves_the_old_file(place: Path, monkeypatch) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    before = Path("room.json").read_bytes()
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(Path("room.json"), b"half")
    assert Path("room.json").read_bytes() == before
