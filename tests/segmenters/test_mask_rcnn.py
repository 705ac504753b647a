"""torchvision's Mask R-CNN: where masks are painted, what is learned from, files, and publication."""

from pathlib import Path

import pytest
import torch

from spatialgan.results import Results
from spatialgan.segmenters.instances import MIN_SCORE, Instances, areas, mask_boxes
from spatialgan.segmenters.mask_rcnn import (
    MaskRcnnLearner,
    MaskRcnnShape,
    build_network,
    learning_targets,
    paint_masks,
)
from spatialgan.segmenters.registry import open_segmenter, weights_path
from spatialgan.segmenters.truth import DrawingSeries, draw_labeled, mirrored
from spatialgan.tensor_file import read_tensors, save_tensors

TINY = MaskRcnnShape(input_side=64, widths=(4, 4, 4), channels=4, box_features=8)


def rectangle(top: int, left: int, bottom: int, right: int, r: int = 32) -> torch.Tensor:
    mask = torch.zeros(1, r, r, dtype=torch.bool)
    mask[0, top:bottom, left:right] = True
    return mask


def test_boxes_are_left_top_right_bottom_at_the_edges_of_pixels() -> None:
    masks = torch.cat([rectangle(3, 5, 4, 11), rectangle(0, 0, 32, 32)])
    assert mask_boxes(masks).tolist() == [[5, 3, 11, 4], [0, 0, 32, 32]]


@pytest.mark.parametrize("scale", [1.0, 4.0, 800 / 32])
def test_a_full_mask_in_a_box_is_painted_on_exactly_its_pixels(scale: float) -> None:
    wanted = rectangle(3, 5, 9, 20)
    box = mask_boxes(wanted) * scale - 0.5  # the network counts from the middle of its first pixel
    # its border fades to 0 within half a cell outside, so the edge lies at one half: exactly there
    painted = paint_masks(torch.ones(1, 28, 28), box, scale, 32)
    assert (painted == wanted).all()


def test_a_mask_keeps_its_orientation() -> None:
    mask = torch.zeros(1, 8, 8)
    mask[0, :4, :] = 1  # the upper half
    painted = paint_masks(mask, torch.tensor([[8.0, 8.0, 24.0, 24.0]]) - 0.5, 1.0, 32)
    assert (painted == rectangle(8, 8, 16, 24)).all()


def test_nothing_can_be_painted() -> None:
    assert paint_masks(torch.zeros(0, 8, 8), torch.zeros(0, 4), 4.0, 16).shape == (0, 16, 16)


def test_only_objects_that_count_are_learned() -> None:
    examples = draw_labeled(DrawingSeries("bedroom", 0, 32), 12, "scenes")
    for truth in examples.truth:
        targets = learning_targets(truth, examples.classes, "cpu")
        counted = [n for n, a in zip(truth.classes, areas(truth.masks), strict=True) if a >= 0.005]
        assert [examples.classes[label - 1] for label in targets["labels"].tolist()] == counted
        widths = targets["boxes"][:, 2:] - targets["boxes"][:, :2]
        assert (widths >= 1).all() and targets["masks"].dtype == torch.uint8


def test_scenes_have_whole_objects_and_their_mirror_images() -> None:
    series = DrawingSeries("bedroom", 5, 32)
    examples, again = (draw_labeled(series, 4, "scenes") for _ in range(2))
    assert (examples.images == again.images).all() and examples.images.shape == (4, 3, 32, 32)
    names = {name for truth in examples.truth for name in truth.classes}
    assert "bed" in names and not names & {"pillow", "headboard", "blanket", "curtain"}
    image, truth = mirrored(examples.images[0], examples.truth[0])
    assert (image == examples.images[0].flip(2)).all()
    assert (truth.masks == examples.truth[0].masks.flip(2)).all()


def test_a_saved_network_finds_the_same_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner = MaskRcnnLearner(TINY, ("bed", "lamp"), "cpu")
    path = tmp_path / "model.safetensors"
    learner.save(path, {"segmenter": "torchvision"})
    segmenter = open_segmenter("torchvision", path, "cpu", min_score=0.0)
    images = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    found = segmenter(images)
    assert segmenter.name == "torchvision" and len(segmenter.sha256) == 64
    assert len(found) == 3 and sum(len(one) for one in found) > 0
    for one in found:
        assert one.masks.shape[1:] == (16, 16) and set(one.classes) <= {"bed", "lamp"}
        assert one.features.shape[1] == TINY.box_features
        torch.testing.assert_close(one.features.norm(dim=1), torch.ones(len(one)))
        assert (one.scores.diff() <= 0).all() and (areas(one.masks) >= 0.005).all()
    network = build_network(TINY, 2, 0.0).eval()
    network.load_state_dict(learner.network.state_dict())
    alone = segmenter(images[1:2])[0]
    torch.testing.assert_close(alone.scores, found[1].scores)
    assert (alone.masks == found[1].masks).all()
    assert all(len(one) == 0 for one in open_segmenter("torchvision", path, "cpu", 1.1)(images))


def test_a_network_learns_from_a_scene_without_objects() -> None:
    torch.manual_seed(0)
    learner = MaskRcnnLearner(TINY, ("bed",), "cpu")
    empty = Instances(
        torch.zeros(0, 16, 16, dtype=torch.bool), torch.zeros(0), (), torch.zeros(0, 4)
    )
    losses = learner.losses(torch.zeros(2, 3, 16, 16, dtype=torch.uint8), [empty, empty])
    assert all(value.isfinite() for value in losses.values()) and len(losses) == 5


def test_a_file_of_another_format_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_tensors(path, {"x": torch.zeros(1)}, {"format": "something-else"})
    with pytest.raises(ValueError, match=r"model\.safetensors holds 'something-else'.*retrain"):
        open_segmenter("torchvision", path, "cpu", MIN_SCORE)


@pytest.mark.parametrize(
    "edit",
    [
        {"shape": None},
        {"shape": {"widths": 3}},
        {"shape": {"widths": [2**12] * 3, "channels": 4096}},
        {"shape": {"input_side": 2**30}},
        {"shape": {"roi_side": "7"}},
        {"shape": {"unknown": 1}},
        {"classes": None},
        {"classes": [1]},
        {"classes": ["bed", "lamp"]},
    ],
)
def test_a_header_that_describes_no_segmenter_is_one_line(tmp_path: Path, edit: dict) -> None:
    path = tmp_path / "model.safetensors"
    MaskRcnnLearner(TINY, ("bed",), "cpu").save(path, {})
    found = read_tensors(path)
    changed = (
        edit
        if edit.get("shape", None) is None
        else {"shape": {**found.header["shape"], **edit["shape"]}}
    )
    save_tensors(path, found.tensors, {**found.header, **changed})
    with pytest.raises(ValueError, match="model.safetensors: its header describes no segmenter"):
        open_segmenter("torchvision", path, "cpu", MIN_SCORE)


def test_published_weights_are_checked_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
    path.write_bytes(b"truncated")
    with pytest.raises(ValueError, match=r"is damaged: its sha256 .* 73cbd019; get it from https"):
        open_segmenter("torchvision_coco", path, "cpu")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where torchvision's weights are expected, of a tiny network in place of the large one."""
    module = "spatialgan.segmenters.mask_rcnn"

    def build(weights: None, weights_backbone: None, box_score_thresh: float) -> torch.nn.Module:
        return build_network(TINY, 90, box_score_thresh)

    monkeypatch.setattr(f"{module}.build_published", build)
    monkeypatch.setattr(f"{module}.file_sha256", lambda path: "73cbd019" + 56 * "0")
    monkeypatch.setenv("SPATIALGAN_WEIGHTS", str(tmp_path))
    return weights_path("torchvision_coco", Results(Path("results")), "bedroom")


def test_published_weights_are_read_from_their_folder(published: Path) -> None:
    torch.manual_seed(0)
    network = build_network(TINY, 90, 0.0)
    torch.save(network.state_dict(), published)
    segmenter = open_segmenter("torchvision_coco", published, "cpu", 0.0)
    found = segmenter(torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8))
    assert segmenter.name == "torchvision_coco" and segmenter.sha256.startswith("73cbd019")
    assert {"bed", "chair", "potted plant"} <= set(segmenter.classes)
    assert sum(len(one) for one in found) > 0


def test_published_weights_execute_nothing(published: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return published.with_name("executed").write_text, ("x",)

    torch.save({"weight": Harmful()}, published)
    with pytest.raises(Exception, match="[Ww]eights.only"):
        open_segmenter("torchvision_coco", published, "cpu")
    assert not published.with_name("executed").exists()
