"""Files that are whole or not there: round trip, damage, full disks, locks."""

import json
import os
import subprocess
import sys

import pytest
import torch

from spatialgan import tensor_file as checkpoint
from spatialgan.extractors.network import shipped_weights
from spatialgan.files import file_sha256
from spatialgan.models import FOLDER


def tensors():
    return {
        "a": torch.arange(6.0).view(2, 3),
        "b": torch.tensor(3),
        "c": torch.randn(4, 4, 3, 3).to(memory_format=torch.channels_last),
    }


def test_tensors_and_header_come_back(tmp_path):
    path = tmp_path / "folder" / "x.safetensors"
    saved = tensors()
    checkpoint.save_tensors(path, saved, {"kind": "test", "n": 1})
    loaded, header = checkpoint.load_tensors(path)
    assert header == {"kind": "test", "n": 1}
    assert all(torch.equal(loaded[k], saved[k]) for k in saved)
    assert checkpoint.tensors_sha256(loaded) == checkpoint.tensors_sha256(saved)
    assert list(path.parent.iterdir()) == [path]


def test_the_same_state_gives_the_same_file(tmp_path):
    saved = tensors()
    for name in map(str, range(10)):
        checkpoint.save_tensors(tmp_path / name, saved, {"n": 1, "identity": {"b": 1, "a": 2}})
    assert len({file_sha256(path) for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("change", ["empty", "header", "half", "flip", "append"])
def test_damage_is_named_in_one_line(tmp_path, change):
    path = tmp_path / "x.safetensors"
    checkpoint.save_tensors(path, tensors(), {})
    data = bytearray(path.read_bytes())
    if change == "flip":
        data[-5] ^= 1
    damaged = {
        "empty": b"",
        "header": data[:8],
        "half": data[: len(data) // 2],
        "flip": data,
        "append": data + b"x",
    }
    path.write_bytes(damaged[change])
    with pytest.raises(ValueError, match=r"x\.safetensors is damaged") as error:
        checkpoint.load_tensors(path)
    assert "\n" not in str(error.value)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "x.safetensors"
    checkpoint.save_tensors(path, tensors(), {"kind": "test", "n": 64, "nested": {"a": [1, 2]}})
    return path


def test_every_flipped_bit_of_a_header_is_noticed(saved):
    data = saved.read_bytes()
    before = checkpoint.load_tensors(saved)[1]
    end = 8 + int.from_bytes(data[:8], "little")
    for place in range(end):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        saved.write_bytes(changed)
        with pytest.raises(ValueError, match=r"x\.safetensors is damaged"):
            assert checkpoint.load_tensors(saved)[1] == before, place


def altered(path, edit):
    """Write a file anew with an edited header, as nobody but a stranger would."""
    found = checkpoint.read_tensors(path)
    edit(found.header)
    checkpoint.save_tensors(path, found.tensors, found.header)


def test_the_hash_covers_the_header(saved):
    one = checkpoint.read_tensors(saved)
    altered(saved, lambda header: header.update(n=65))
    two = checkpoint.read_tensors(saved)
    assert two.header["n"] == 65 and one.sha256 != two.sha256 == file_sha256(saved)


def test_a_file_of_before_is_read_with_a_warning(saved, caplog):
    document = {"header": {"kind": "test"}, "sha256": checkpoint.tensors_sha256(tensors())}
    document["sha256"] = checkpoint.tensors_sha256(checkpoint.read_tensors(saved).tensors)
    data = checkpoint.serialize(
        checkpoint.read_tensors(saved).tensors, {"spatialgan": json.dumps(document)}
    )
    saved.write_bytes(data)
    assert checkpoint.load_tensors(saved)[1] == {"kind": "test"}
    assert "from before headers were hashed" in caplog.text


def test_what_ships_with_the_package_gives_no_warning(caplog):
    for path in (*FOLDER.glob("*.safetensors"), shipped_weights()):
        checkpoint.load_tensors(path)
    assert caplog.text == ""


def test_an_error_of_the_system_is_no_damage(saved, monkeypatch):
    def fail(path):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("spatialgan.files.open_regular", fail)
    with pytest.raises(OSError, match=r"x.safetensors: cannot be read .Too many open files"):
        checkpoint.load_tensors(saved)


@pytest.mark.slow
def test_a_lock_can_be_waited_for(tmp_path, caplog):
    caplog.set_level("INFO")
    program = (
        "import sys, time; from pathlib import Path; from spatialgan.tensor_file import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(0.5)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with checkpoint.exclusive(tmp_path, waits=True):
        assert f"is in use by process {holder.pid}" in caplog.text
    holder.communicate()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="nothing does not exist"):
        checkpoint.load_tensors(tmp_path / "nothing")


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    checkpoint.save_tensors(path, tensors(), {"n": 1})
    usage = checkpoint.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(OSError, match="bytes are needed and 1,000 are free"):
        checkpoint.save_tensors(path, tensors(), {"n": 2})
    assert checkpoint.load_tensors(path)[1] == {"n": 1}


def test_a_save_that_dies_halfway_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    checkpoint.save_tensors(path, tensors(), {"n": 1})

    def die(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("spatialgan.files.os.replace", die)
    with pytest.raises(ValueError, match="x.safetensors: cannot be written .Input/output error."):
        checkpoint.save_tensors(path, tensors(), {"n": 2})
    assert checkpoint.load_tensors(path)[1] == {"n": 1}


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path):
    program = (
        "import sys; from pathlib import Path; from spatialgan.tensor_file import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with (
        pytest.raises(RuntimeError, match=f"in use by process {holder.pid}"),
        checkpoint.exclusive(tmp_path),
    ):
        pass
    holder.kill()
    holder.communicate()
    with checkpoint.exclusive(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / "lock").read_text()


def test_a_lock_that_leads_elsewhere_is_refused_and_what_it_leads_to_stays(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "run").mkdir()
    lock = tmp_path / "run" / "lock"
    lock.symlink_to(precious)
    with (
        pytest.raises(ValueError, match="run/lock: is a link, .*: remove it"),
        checkpoint.exclusive(tmp_path / "run"),
    ):
        pass
    assert precious.read_text() == "precious"
    lock.unlink()
    os.mkfifo(lock)
    with (
        pytest.raises(ValueError, match="run/lock: is no regular file, .*: remove it"),
        checkpoint.exclusive(tmp_path / "run"),
    ):
        pass
