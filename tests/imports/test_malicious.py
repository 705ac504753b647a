"""Malicious and damaged files: nothing is executed, and each is refused in one line, soon and cheaply."""

import io
import json
import pickle
import subprocess
import sys

import pytest
import torch

from spatialgan.imports.checkpoint import read_checkpoint
from tests.imports import corpus


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What became of the corpus, in a process and a folder of its own; a file "canary" there is the bad end."""
    folder = tmp_path_factory.mktemp("corpus")
    command = [sys.executable, "-m", "tests.imports.corpus", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]  # which ends with the file's name
    return {**json.loads(result.stdout), "files": {path.name for path in folder.iterdir()}}


@pytest.mark.slow
def test_nothing_is_executed(outcome):
    assert outcome["files"] == {"bad.pkl", "good.safetensors"} and not outcome["events"]


@pytest.mark.slow
def test_hundreds_are_refused_in_one_line_within_a_second(outcome):
    assert len(outcome["refused"]) > 600 and len(corpus.CORPUS) > 400
    for name, message, seconds in outcome["refused"]:
        assert "bad.pkl: " in message and message.isprintable() and len(message) < 400, name
        assert seconds < 1, f"{name}: {message}"


@pytest.mark.slow
def test_claims_cost_no_memory(outcome):
    assert outcome["grown"] < 200e6


@pytest.mark.slow
def test_a_changed_number_in_a_tensor_is_no_reason_to_refuse(outcome):
    assert outcome["survived"] > 50


@pytest.mark.slow
def test_what_is_refused_is_named(outcome):
    refused = {name: message for name, message, _ in outcome["refused"]}
    for name in corpus.CALLABLES:
        for route in (corpus.by_global, corpus.by_stack_global, corpus.by_memo, corpus.by_build):
            (found,) = (m for n, m in refused.items() if n.startswith(f"{name} {route.__name__} "))
            assert f"asks for '{name}'" in found
    for instruction in ("EXT1", "EXT2", "EXT4", "PERSID", "POP", "NEXT_BUFFER"):
        assert f"has the instruction {instruction} at byte" in refused[f"trick: {instruction}"]
    assert "has the instruction INST" in refused["os.system by_inst in a network"]
    assert "overlaps itself" in refused["tensor: overlapping, in a network"]
    assert "1 bytes after its end" in refused["longer"]


@pytest.mark.slow
def test_what_multiplies_is_refused_for_that(outcome):
    refused = {name: message for name, message, _ in outcome["refused"]}
    for name, reason in {
        "sets of one list": "has a set of 60,000 texts",
        "keys that collide": "a huge number is used as a key",
        "texts": "bytes of texts",
        "a section of many parts": "_buffers has 20,000 entries",
        "parts in parts": "has parts in parts without end",
        "parts in parts, long names": "_modules has an entry 'nnn",
        "one weight in many layers": "the same bytes are used for too many tensors",
    }.items():
        assert reason in refused[f"multiplier: {name}"]


def test_the_payloads_work_where_something_unpickles_them(tmp_path):
    code = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    for route in (corpus.by_global, corpus.by_stack_global, corpus.by_inst, corpus.by_memo):
        data = corpus.whole(route("os.system", (corpus.COMMAND,)))
        subprocess.run([sys.executable, "-c", code], input=data, check=True, cwd=tmp_path)
        (tmp_path / "canary").unlink()


def test_the_assembled_parts_are_read_where_nothing_is_wrong(tmp_path):
    path = tmp_path / "good.pkl"
    path.write_bytes(corpus.in_state(corpus.tensor(shape=(2, 2), strides=(1, 2))))
    assert read_checkpoint(path)["G_ema"].state["c_dim"].array().shape == (2, 2)


def test_where_there_is_one_element_any_stride_will_do(tmp_path):
    path = tmp_path / "good.pkl"
    path.write_bytes(corpus.in_state(corpus.tensor(shape=(4, 1), strides=(1, 2**70))))
    assert read_checkpoint(path)["G_ema"].state["c_dim"].array().tolist() == [[0.0]] * 4


def test_tensors_are_what_torch_writes(tmp_path):
    path, values = tmp_path / "t.pkl", torch.arange(6.0).reshape(2, 3).T
    path.write_bytes(pickle.dumps({"a": values, "b": values[1:], "c": values.half()}))
    for found, wanted in zip(
        read_checkpoint(path).values(), (values, values[1:], values.half()), strict=True
    ):
        assert torch.equal(torch.from_numpy(found.array()), wanted)


def test_a_zip_of_torch_is_called_that(tmp_path):
    file = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, file)
    (tmp_path / "t.pt").write_bytes(file.getvalue())
    with pytest.raises(ValueError, match="ZIP archive"):
        read_checkpoint(tmp_path / "t.pt")


def test_a_file_that_is_not_there_is_called_that(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_checkpoint(tmp_path / "t.pkl")
