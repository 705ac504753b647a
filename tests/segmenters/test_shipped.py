"""Segmenters that ship: of the profiles' own trainings, taken bit for bit, and for no other training."""

import dataclasses
from pathlib import Path

import pytest

from spatialgan.results import Results
from spatialgan.segmenters import training
from spatialgan.segmenters.registry import open_segmenter
from spatialgan.segmenters.shipped import shipped_weights
from spatialgan.segmenters.training import (
    SegmenterTraining,
    held_out,
    take_shipped,
    train_segmenter,
    training_of,
)
from spatialgan.segmenters.truth import DrawingSeries
from spatialgan.settings.params import load_params
from spatialgan.tensor_file import DamagedFile
from tests.tiny import ROOT

SHORT = SegmenterTraining(DrawingSeries("bedroom", 0, 16), steps=2, batch=2)


def header_of(found: SegmenterTraining) -> dict:
    return {"segmenter": "torchvision", "training": dataclasses.asdict(found)}


@pytest.mark.parametrize("profile", ["laptop", "workstation"])
@pytest.mark.parametrize("dataset", ["bedroom", "cat"])
def test_the_profiles_take_what_ships(dataset: str, profile: str, tmp_path: Path) -> None:
    asked = training_of(load_params(ROOT / "params"), dataset, profile)
    weights = tmp_path / "taken.safetensors"
    assert take_shipped(weights, asked, header_of(asked))
    shipped = shipped_weights("torchvision", dataset, 32)
    assert shipped is not None and weights.read_bytes() == shipped.read_bytes()


def test_what_ships_sees_objects() -> None:
    shipped = shipped_weights("torchvision", "bedroom", 32)
    assert shipped is not None
    few = SegmenterTraining(DrawingSeries("bedroom", 0, 32), max_held_out=8)
    scenes = held_out(few)
    found = open_segmenter("torchvision", shipped, "cpu")(scenes.images)
    seen, there = (sum(len(one) for one in some) for some in (found, scenes.truth))
    assert 0.6 * there < seen < 1.3 * there


@pytest.mark.parametrize("change", [{"steps": 1801}, {"seed": 1}, {"learning_rate": 1e-3}])
def test_another_training_is_not_taken(change: dict, tmp_path: Path) -> None:
    usual = SegmenterTraining(DrawingSeries("bedroom", 0, 32))
    other = dataclasses.replace(usual, **change)
    assert not take_shipped(tmp_path / "taken.safetensors", other, header_of(other))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_training_takes_what_ships_unless_asked_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Results(tmp_path / "first").segmenter("bedroom", "torchvision")
    trained = train_segmenter("torchvision", first, SHORT, "cpu")
    assert not trained["shipped"]
    monkeypatch.setattr(training, "shipped_weights", lambda *asked: first.weights)
    second = Results(tmp_path / "second").segmenter("bedroom", "torchvision")
    taken = train_segmenter("torchvision", second, SHORT, "cpu")
    assert taken["shipped"] and taken["sha256"] == trained["sha256"]
    assert taken["held_out"]["ap"] == trained["held_out"]["ap"]
    assert not train_segmenter("torchvision", second, SHORT, "cpu", again=True)["shipped"]


def test_a_damaged_file_that_ships_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = shipped_weights("torchvision", "cat", 32)
    assert shipped is not None
    damaged = bytearray(shipped.read_bytes())
    damaged[-5] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(damaged)
    monkeypatch.setattr(training, "shipped_weights", lambda *asked: path)
    with pytest.raises(DamagedFile, match="damaged"):
        take_shipped(tmp_path / "taken.safetensors", SHORT, header_of(SHORT))
