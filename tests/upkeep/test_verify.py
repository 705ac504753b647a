"""Every kind of damage is one line that names the file, and a whole tree has none."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from spatialgan import files
from spatialgan.cli.main import main
from spatialgan.data.archive import ImageArchive
from spatialgan.files import file_sha256
from spatialgan.records import write_record
from spatialgan.results import Results
from spatialgan.tensor_file import save_tensors
from tests.tiny import ROOT, tiny_archive

RESULTS = Results(Path("results/smoke"))
ARCHIVE, MANIFEST = RESULTS.dataset("cat").archive, RESULTS.dataset("cat").manifest
RUN, TRAINED = RESULTS.run("cat/sel/0"), RESULTS.segmenter("cat", "torchvision")
SNAPSHOT, SEGMENTER, CURVES = RUN.snapshot, TRAINED.weights, RUN.curves
CHECKPOINT = RESULTS.root / "resume/cat/sel/0/0123456789ab/checkpoint-000000000064.safetensors"
KEPT = RESULTS.kept("cat/sel/0") / "0123456789ab/000000000032.safetensors"
NUM_FILES = 11  # the six above; in DVC's cache an object, two lists of folders and a member; one in the remote


def _weights(path: Path, seed: int = 0) -> None:
    draws = torch.Generator().manual_seed(seed)
    save_tensors(path, {"w": torch.randn(64, generator=draws)}, {"kind": "test"})


def _object(store: Path, data: bytes, suffix: str = "") -> Path:
    """Write an object as DVC stores it."""
    md5 = hashlib.md5(data).hexdigest()
    path = store / "files/md5" / md5[:2] / f"{md5[2:]}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Return the DVC objects of a project that has one of everything, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    tiny_archive(RESULTS.root)
    for path, record, key in (
        (SNAPSHOT, RUN.record, "snapshot_sha256"),
        (SEGMENTER, TRAINED.record, "sha256"),
    ):
        _weights(path)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_record(record, {key: file_sha256(path)})
    CURVES.write_text("kimg,loss_d\n1,0.5\n")
    described = {"snapshot_sha256": file_sha256(SNAPSHOT), "curves_sha256": file_sha256(CURVES)}
    write_record(RUN.record, described)
    _weights(CHECKPOINT)
    _weights(KEPT)
    dvc = Path(".dvc")
    dvc.mkdir()
    (dvc / "config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../far\n"
    )
    data = SNAPSHOT.read_bytes()
    objects = {
        "cache": _object(dvc / "cache", data),
        "folder": _object(dvc / "cache", b"[]", ".dir"),
        "member": _object(dvc / "cache", b"a member of a folder"),
        "remote": _object(Path("far"), data),
    }
    member = {"md5": hashlib.md5(b"a member of a folder").hexdigest(), "relpath": "in/it.json"}
    listing = _object(dvc / "cache", json.dumps([member]).encode(), ".dir")
    lock = (
        f"stages:\n  runs:\n    outs:\n    - path: {SNAPSHOT}\n      md5: {hashlib.md5(data).hexdigest()}\n"
        f"    - path: heavy\n      md5: {listing.parent.name}{listing.name}\n"
    )
    Path("dvc.lock").write_text(lock)
    return objects


def _verify() -> Result:
    return CliRunner().invoke(main, ["verify", "-p", "smoke", "--params", str(ROOT / "params")])


def _flip(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def test_a_whole_tree_has_no_faults(tree: dict[str, Path]) -> None:
    result = _verify()
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{NUM_FILES} files, ")
    assert result.stdout.endswith(" MB: no faults\n")
    assert result.stderr == ""


def _flip_pixel(path: Path) -> None:
    _flip(path, path.read_bytes().index(b"IDAT") + 40)  # in the first image


@pytest.mark.parametrize(
    ("path", "damage", "said"),
    [
        (ARCHIVE, _flip_pixel, "00000/img00000000.png: "),
        (ARCHIVE, _truncate, "not a readable ZIP"),
        (CURVES, _flip, "not the file that train.json describes"),
        (SNAPSHOT, _flip, "don't match the sha256 in its header"),
        (SNAPSHOT, _truncate, "is damaged"),
        (CHECKPOINT, _flip, "don't match the sha256 in its header"),
        (CHECKPOINT, _truncate, "is damaged"),
        (KEPT, _flip, "don't match the sha256 in its header"),
        (SEGMENTER, _flip, "don't match the sha256 in its header"),
        (SNAPSHOT, lambda path: _weights(path, 1), "not the file that train.json describes"),
        (SEGMENTER, lambda path: _weights(path, 1), "not the file that torchvision.json describes"),
    ],
)
def test_damage_is_one_line_with_the_name(
    tree: dict[str, Path], path: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(path)
    result = _verify()
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{path}: ")
    assert said in line
    assert line.count(str(path)) == 1
    assert result.stdout.endswith(": 1 fault\n")


def test_what_the_system_cannot_read_does_not_end_the_verification(
    tree: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = files.open_regular

    def failing(path: Path):
        if path == SNAPSHOT:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    monkeypatch.setattr(files, "open_regular", failing)
    _flip(SEGMENTER)
    result = _verify()
    assert result.exit_code == 1
    found = sorted(result.stderr.splitlines())
    assert [line.partition(": ")[0] for line in found] == sorted([str(SNAPSHOT), str(SEGMENTER)])
    assert f"{SNAPSHOT}: cannot be read (Input/output error)" in found
    assert result.stdout.startswith(f"{NUM_FILES} files, ")


@pytest.mark.slow
def test_no_file_that_cannot_be_read_is_passed_over(
    tree: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """EIO at each file that is opened, one after the other."""
    real, opened, failing = os.open, set(), [""]

    def counted(path, *arguments, **options):
        if str(path).startswith((str(tmp_path), "results", ".dvc", "dvc.lock")):
            opened.add(str(path))
            if str(path) == failing[0]:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", counted)
    assert _verify().exit_code == 0
    for failing[0] in sorted(opened):
        result = _verify()
        assert result.exit_code == 1, failing[0]
        lines = [line for line in result.stderr.splitlines() if "Input/output error" in line]
        assert lines and Path(failing[0]).name in lines[0]


def test_what_names_and_records_hold_cannot_write_to_the_terminal(tree: dict[str, Path]) -> None:
    path = RESULTS.metric("cat/sel/0", "x\x1b[2J\n")
    path.parent.mkdir(parents=True)
    path.write_text(r'{"\u001b[2J": 1, "\u001b[2J": 2}', encoding="utf-8")
    result = _verify()
    assert result.exit_code == 1 and "\x1b" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.count(r"\x1b[2J") == 2 and "is there twice" in line


@pytest.mark.parametrize("name", ["cache", "remote", "folder", "member"])
def test_a_damaged_object_of_dvc_is_named_by_what_it_is(tree: dict[str, Path], name: str) -> None:
    _flip(tree[name])
    result = _verify()
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert str(tree[name].resolve()) in line
    named = {"cache": str(SNAPSHOT), "remote": str(SNAPSHOT), "member": "heavy/in/it.json"}
    assert named.get(name, "an object that dvc.lock doesn't name") in line


def test_another_archive_under_the_name_is_noticed(tree: dict[str, Path]) -> None:
    manifest = MANIFEST.read_text()
    tiny_archive(RESULTS.root, num=23)
    MANIFEST.write_text(manifest)
    assert len(ImageArchive(ARCHIVE)) == 23
    (line,) = _verify().stderr.splitlines()
    assert (
        line
        == f"{ARCHIVE}: every image can be read, but the bytes are not those that cat.json describes"
    )


def test_what_was_not_pulled_is_no_fault(tree: dict[str, Path]) -> None:
    SNAPSHOT.unlink()
    ARCHIVE.unlink()
    result = _verify()
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{NUM_FILES - 2} files, ")
    assert result.stdout.endswith("no faults, 2 not here (dvc pull)\n")
