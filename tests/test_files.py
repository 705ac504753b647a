"""Files that are whole or not there: what a reader sees while one is written, and after its writer died."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgan.files import atomic_file, file_sha256, read_whole, write_atomically


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # the example of FIPS 180-4
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(path) == expected


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a/b/file.json"
    for data in (b"first", b""):
        write_atomically(path, data)
        assert path.read_bytes() == data
        assert list(path.parent.iterdir()) == [path]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_writer_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_file(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_and_a_running_one_s_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left = tmp_path / f".file.json.{killed.pid}.partial"
    running = tmp_path / f".file.json.{os.getppid()}.partial"
    other = tmp_path / f".other.json.{killed.pid}.partial"
    for partial in (left, running, other):
        partial.touch()
    write_atomically(path, b"{}")
    assert set(tmp_path.iterdir()) == {path, running, other}


def test_what_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(ValueError, match=r"folder: cannot be written \(Is a directory\)") as error:
        write_atomically(path, b"x")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_planted_temporary_is_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "planted.json"
    victim.write_bytes(b"precious")
    (tmp_path / f".planted.json.{os.getpid()}.partial").symlink_to(victim)
    write_atomically(path, b"{}")
    assert victim.read_bytes() == b"precious" and path.read_bytes() == b"{}"
    assert not path.is_symlink() and set(tmp_path.iterdir()) == {victim, path}


def test_a_fifo_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="pipe: is no regular file"):
        write_atomically(path, b"{}")
    assert path.is_fifo() and list(tmp_path.iterdir()) == [path]


def test_a_name_with_wildcards_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a[0-9]*?.json"
    dead = tmp_path / ".a7xx.json.999999999.partial"  # another file's
    dead.touch()
    write_atomically(path, b"{}")
    assert set(tmp_path.iterdir()) == {path, dead}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for read in (read_whole, file_sha256):
        with pytest.raises(OSError, match=f"{tmp_path}: cannot be read .Is a directory."):
            read(tmp_path)


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), atomic_file(tmp_path / "out"):
        open(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
