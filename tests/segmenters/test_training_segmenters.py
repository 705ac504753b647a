"""Training segmenters: repeatable, learning, scored on other scenes, and the command that does it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.records import CHECKSUM, checksum, read_record
from spatialgan.results import Results
from spatialgan.segmenters.mask_rcnn import MaskRcnnLearner, MaskRcnnShape
from spatialgan.segmenters.registry import SEGMENTERS, open_segmenter
from spatialgan.segmenters.training import (
    TRAINERS,
    SegmenterJob,
    SegmenterTraining,
    learn,
    train_segmenter,
    training_of,
)
from spatialgan.segmenters.truth import DrawingSeries
from spatialgan.settings.params import load_params
from spatialgan.tensor_file import load_tensors, tensors_sha256
from spatialgan.upkeep.graph import TRAINED_SEGMENTERS

SERIES = DrawingSeries("bedroom", 0, 16)
SHORT = SegmenterTraining(SERIES, steps=2, batch=2)
TINY = MaskRcnnShape(input_side=64, widths=(4, 4, 4), channels=4, box_features=8)


def train_tiny(path: Path, training: SegmenterTraining) -> str:
    job = SegmenterJob(path, training, {}, "cpu")
    learn(job, lambda classes: MaskRcnnLearner(TINY, classes, "cpu"))
    return tensors_sha256(load_tensors(path)[0])


@pytest.mark.slow
def test_training_is_a_function_of_the_seed_and_leaves_the_global_generator(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = train_tiny(tmp_path / "a.safetensors", SHORT)
    torch.rand(3)
    assert train_tiny(tmp_path / "b.safetensors", SHORT) == first
    other = SegmenterTraining(SERIES, steps=2, seed=1, batch=2)
    assert train_tiny(tmp_path / "c.safetensors", other) != first
    torch.random.set_rng_state(before)
    train_tiny(tmp_path / "d.safetensors", SHORT)
    assert (torch.random.get_rng_state() == before).all()


@pytest.mark.slow
@pytest.mark.unchecked
def test_a_step_lowers_the_loss(tmp_path: Path) -> None:
    training = SegmenterTraining(SERIES, steps=60, batch=4, max_scenes=4)
    seen = []

    class Watched(MaskRcnnLearner):
        def losses(self, images, truth):
            losses = super().losses(images, truth)
            seen.append(sum(value.item() for value in losses.values()))
            return losses

    job = SegmenterJob(tmp_path / "m.safetensors", training, {}, "cpu")
    learn(job, lambda classes: Watched(TINY, classes, "cpu"))
    assert len(seen) == 60
    assert sum(seen[-5:]) < 0.75 * sum(seen[:5])


def test_every_scene_is_seen_once_before_any_is_seen_again(tmp_path: Path) -> None:
    training = SegmenterTraining(SERIES, steps=6, batch=2, max_scenes=4)
    keys = []

    class Watched(MaskRcnnLearner):
        def losses(self, images, truth):
            for image in images:  # a mirrored scene is the same scene
                keys.append(min(image.flatten().tolist(), image.flip(2).flatten().tolist()))
            return super().losses(images, truth)

    learn(
        SegmenterJob(tmp_path / "m.safetensors", training, {}, "cpu"),
        lambda classes: Watched(TINY, classes, "cpu"),
    )
    for turn in range(3):
        assert sorted(keys[4 * turn : 4 * turn + 4]) == sorted(keys[:4])
    assert all(keys.count(key) == 3 for key in keys)


def test_the_oracle_scores_1_through_the_whole_path(tmp_path: Path) -> None:
    files = Results(tmp_path).segmenter("bedroom", "oracle")
    result = train_segmenter("oracle", files, SHORT, "cpu")
    assert result["held_out"]["ap"] == pytest.approx(1)
    assert result["held_out"]["num_images"] == 4
    assert sum(result["held_out"]["num_by_class"].values()) == result["held_out"]["num_objects"]
    assert read_record(files.record) == {**result, CHECKSUM: checksum(result)}


def test_a_trained_segmenter_says_how_and_is_scored_on_other_scenes(tmp_path: Path) -> None:
    files = Results(tmp_path).segmenter("bedroom", "torchvision")
    result = train_segmenter("torchvision", files, SHORT, "cpu")
    assert result["training"]["series"] == {"scene": "bedroom", "seed": 0, "resolution": 16}
    assert result["seconds"] > 0 and result["cpu_seconds"] > 0 and 0 <= result["held_out"]["ap"] < 1
    assert result["held_out"]["num_images"] == 4
    assert load_tensors(files.weights)[1]["training"]["steps"] == 2
    assert open_segmenter("torchvision", files.weights, "cpu").sha256 == result["sha256"]


def test_what_can_be_trained_can_be_opened() -> None:
    assert set(TRAINERS) < set(SEGMENTERS)
    assert set(TRAINED_SEGMENTERS) == set(TRAINERS)  # so that the workflow plans without torch
    with pytest.raises(
        ValueError, match="unknown trainable segmenter 'torchvision_coco': choose one of"
    ):
        train_segmenter(
            "torchvision_coco", Results(Path("nowhere")).segmenter("cat", "x"), SHORT, "cpu"
        )


def test_a_profile_says_what_is_learned() -> None:
    params = load_params()
    for profile, line in params.profiles.items():
        assert line["segmenter"] in SEGMENTERS
        if line["data"] == "procedural":
            training = training_of(params, "bedroom", profile)
            assert training.series == DrawingSeries("bedroom", 0, line["resolution"])
    with pytest.raises(ValueError, match="'paper' has no masks to learn from.*torchvision_coco"):
        training_of(params, "bedroom", "paper")


@pytest.mark.slow
@pytest.mark.unchecked
def test_the_command_trains_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree("params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    profiles, smoke = Path("params/profiles.yaml"), "segmenter_steps: 4"
    assert profiles.read_text().count(smoke) == 1
    profiles.write_text(profiles.read_text().replace(smoke, "segmenter_steps: 1"))
    arguments = ["segmenter", "bedroom", "-p", "smoke"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    files = load_params().results("smoke").segmenter("bedroom", "torchvision")
    assert files.weights.is_file()
    assert json.loads(files.record.read_text())["training"]["steps"] == 1
    assert '"ap50"' in result.output
