"""Average precision of masks: closed forms, what is ignored, and what is wrong about it."""

import pytest
import torch

from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.score import mask_ap


def squares(*corners: tuple[str, int, int, int, float], r: int = 32) -> Instances:
    """Return instances that are squares: class, top, left, side, score."""
    masks = torch.zeros(len(corners), r, r, dtype=torch.bool)
    for mask, (_, top, left, side, _) in zip(masks, corners, strict=True):
        mask[top : top + side, left : left + side] = True
    scores = torch.tensor([score for *_, score in corners])
    return Instances(masks, scores, tuple(name for name, *_ in corners), torch.eye(9)[: len(masks)])


TRUTH = [
    squares(("bed", 4, 4, 10, 1.0), ("lamp", 20, 20, 6, 1.0)),
    squares(("bed", 8, 2, 12, 1.0)),
]


def test_the_truth_scores_1() -> None:
    score = mask_ap(TRUTH, TRUTH)
    assert [score[name] for name in ("ap", "ap50", "ap75")] == pytest.approx([1, 1, 1])
    assert score["ap50_by_class"] == pytest.approx({"bed": 1, "lamp": 1})


def test_nothing_found_scores_0() -> None:
    score = mask_ap([squares(), squares()], TRUTH)
    assert score["ap50"] == 0 and score["ap_by_class"] == {"bed": 0, "lamp": 0}


def test_classes_and_places_matter() -> None:
    renamed = [squares(("lamp", 4, 4, 10, 0.9), ("bed", 20, 20, 6, 0.9)), squares()]
    assert mask_ap(renamed, TRUTH)["ap50"] == 0
    transposed = [squares(("bed", 4, 4, 10, 0.9)), squares(("bed", 2, 8, 12, 0.9))]
    assert mask_ap(transposed, TRUTH)["ap50_by_class"]["bed"] < 0.6


def test_the_overlap_needed() -> None:
    # 10 x 10 against 10 x 8 of it: IoU 0.8 passes thresholds 0.5 to 0.8, 7 of 10
    truth = [squares(("bed", 0, 0, 10, 1.0))]
    found = squares(("bed", 0, 0, 10, 0.9))
    found.masks[0, :, 8:] = False
    score = mask_ap([found], truth)
    assert score["ap50"] == score["ap75"] == pytest.approx(1)
    assert score["ap"] == pytest.approx(0.7)


def test_a_confident_mistake_costs_more_than_an_uncertain_one() -> None:
    truth = [squares(("bed", 4, 4, 10, 1.0))]
    right, wrong = ("bed", 4, 4, 10), ("bed", 20, 20, 8)
    early = mask_ap([squares((*right, 0.6), (*wrong, 0.9))], truth)
    late = mask_ap([squares((*right, 0.9), (*wrong, 0.6))], truth)
    assert early["ap50"] == pytest.approx(0.5) and late["ap50"] == pytest.approx(1)


def test_too_small_objects_count_neither_way() -> None:
    tiny = ("lamp", 2, 2, 2, 1.0)  # 4 of 1024 pixels, below MIN_AREA
    truth = [squares(("bed", 4, 4, 10, 1.0), tiny), squares(("lamp", 20, 20, 6, 1.0))]
    missed = [squares(("bed", 4, 4, 10, 0.9)), squares(("lamp", 20, 20, 6, 0.9))]
    assert mask_ap(missed, truth)["ap50"] == pytest.approx(1)
    assert mask_ap(truth, truth)["ap50"] == pytest.approx(1)


def test_a_class_that_the_truth_lacks_is_ignored_and_too_little_truth_is_one_line() -> None:
    found = [squares(("bed", 4, 4, 10, 0.9), ("cat", 20, 20, 6, 0.9)), squares()]
    assert set(mask_ap(found, TRUTH)["ap50_by_class"]) == {"bed", "lamp"}
    with pytest.raises(ValueError, match="large enough"):
        mask_ap([squares()], [squares(("lamp", 2, 2, 2, 1.0))])
