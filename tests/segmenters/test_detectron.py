"""detectron2 as a segmenter; all but the word about its absence is skipped where it isn't installed."""

import sys
from pathlib import Path

import pytest
import torch

from spatialgan.results import Results
from spatialgan.segmenters.instances import Instances, areas, mask_boxes
from spatialgan.segmenters.registry import SEGMENTERS, open_segmenter, weights_path
from spatialgan.segmenters.training import SegmenterTraining, train_segmenter
from spatialgan.segmenters.truth import DrawingSeries

SHORT = SegmenterTraining(DrawingSeries("bedroom", 0, 16), steps=2, batch=2)


@pytest.mark.parametrize("name", [name for name in SEGMENTERS if name.startswith("detectron2")])
def test_its_absence_is_one_line_with_the_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "detectron2", None)
    weights = tmp_path / weights_path(name, Results(tmp_path), "bedroom").name
    weights.write_bytes(b"anything")
    wanted = "detectron2 isn't installed: pip install --no-build-isolation 'git.*segmenters.md"
    with pytest.raises(ValueError, match=wanted):
        open_segmenter(name, weights, "cpu")


def test_training_without_it_says_so_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "detectron2", None)
    monkeypatch.setattr("spatialgan.segmenters.training.draw_labeled", pytest.fail)
    files = Results(tmp_path).segmenter("bedroom", "detectron2")
    with pytest.raises(ValueError, match="detectron2 isn't installed"):
        train_segmenter("detectron2", files, SHORT, "cpu")


def test_targets_are_boxes_and_masks_at_the_size_of_the_input() -> None:
    pytest.importorskip("detectron2", reason="detectron2 isn't installed")
    from spatialgan.segmenters.detectron import INPUT_SIDE, learning_targets

    masks = torch.zeros(2, 16, 16, dtype=torch.bool)
    masks[0, 2:6, 4:12] = True
    masks[1, 0, 0] = True  # too small to count
    truth = Instances(masks, torch.ones(2), ("lamp", "bed"), torch.eye(2))
    targets = learning_targets(truth, ("bed", "lamp"))
    assert targets.gt_classes.tolist() == [1]
    assert targets.gt_boxes.tensor.tolist() == [[32, 16, 96, 48]]
    assert (mask_boxes(targets.gt_masks.tensor) == targets.gt_boxes.tensor).all()
    assert targets.image_size == (INPUT_SIDE, INPUT_SIDE)


def test_it_is_trained_saved_opened_and_scored(tmp_path: Path) -> None:
    pytest.importorskip("detectron2", reason="detectron2 isn't installed")
    files = Results(tmp_path).segmenter("bedroom", "detectron2")
    result = train_segmenter("detectron2", files, SHORT, "cpu")
    assert 0 <= result["held_out"]["ap"] < 1
    segmenter = open_segmenter("detectron2", files.weights, "cpu", min_score=0.0)
    found = segmenter(torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8))
    assert segmenter.sha256 == result["sha256"] and sum(len(one) for one in found) > 0
    for one in found:
        assert one.masks.shape[1:] == (16, 16) and (areas(one.masks) >= 0.005).all()
        torch.testing.assert_close(one.features.norm(dim=1), torch.ones(len(one)))


@pytest.mark.parametrize("name", ["detectron2_coco", "detectron2_lvis"])
def test_published_weights_are_checked_before_they_are_read(name: str, tmp_path: Path) -> None:
    pytest.importorskip("detectron2", reason="detectron2 isn't installed")
    path = tmp_path / weights_path(name, Results(tmp_path), "bedroom").name
    path.write_bytes(b"truncated")
    with pytest.raises(ValueError, match=f"is damaged: its md5 .* {path.stem.rpartition('_')[2]}"):
        open_segmenter(name, path, "cpu")
