"""Matching: which instance is meant, where it went, and when it is not found again."""

import pytest
import torch

from spatialgan.evaluation.matching import (
    HALF_MAXIMUM,
    MIN_COSINE,
    follow,
    half_maximum_disc,
    instance_under,
    touches_frame,
)
from spatialgan.heatmaps.layout import Gaussians
from spatialgan.segmenters.instances import Instances


def box(top, left, height, width, r=32):
    mask = torch.zeros(r, r, dtype=torch.bool)
    mask[top : top + height, left : left + width] = True
    return mask


def instances(*masks, names="abcdef", features=None):
    features = torch.eye(8)[: len(masks)] if features is None else torch.tensor(features)
    masks = torch.stack(masks) if masks else torch.zeros(0, 32, 32, dtype=torch.bool)
    scores = torch.linspace(0.9, 0.6, len(masks))
    return Instances(masks, scores, tuple(names[: len(masks)]), features)


def at(y, x, r=32):
    """Return the coordinates of pixel (y, x)."""
    return torch.tensor([(2 * y + 1) / r - 1, (2 * x + 1) / r - 1])


def test_the_disc_is_where_the_heatmap_is_at_least_half():
    center, sigma = torch.tensor([0.3, -0.2]), 0.25
    level = Gaussians(center[None, None], torch.tensor([[sigma]]), torch.ones(1, 1))
    assert torch.equal(half_maximum_disc(center, sigma, 64), level.render(64)[0, 0] >= 0.5)
    assert half_maximum_disc(center, sigma, 256).float().mean() * 4 == pytest.approx(
        torch.pi * (HALF_MAXIMUM * sigma) ** 2, rel=0.01
    )


def test_the_instance_that_contains_the_center_in_y_and_x():
    found = instances(box(2, 10, 4, 20), box(20, 1, 8, 4))
    assert instance_under(at(3, 25), 0.1, found) == 0
    assert instance_under(at(25, 3), 0.1, found) == 1
    assert instance_under(at(25, 25), 0.1, found) is None
    assert instance_under(at(25, 25), 0.1, instances()) is None


def test_of_several_the_one_that_agrees_best_with_the_disc():
    wall, lamp, bulb = box(0, 0, 32, 32), box(12, 12, 8, 8), box(15, 15, 2, 2)
    found = instances(wall, lamp, bulb)
    assert instance_under(at(16, 16), 0.2, found) == 1  # radius 0.235: about 8 pixels across
    assert instance_under(at(16, 16), 0.04, found) == 2
    assert instance_under(at(16, 16), 2.0, found) == 0


def test_ties_go_to_the_higher_score():
    found = instances(box(12, 12, 8, 8), box(12, 12, 8, 8))
    assert instance_under(at(16, 16), 0.2, found) == 0


def test_an_object_is_followed_by_its_features_not_by_its_place_or_class():
    before = instances(box(4, 4, 4, 4), box(20, 20, 4, 4), names="ab")
    after = instances(
        box(4, 4, 4, 4), box(8, 2, 4, 4), names="ac", features=[[0.0, 1.0], [1.0, 0.0]]
    )
    before = instances(*before.masks, names="ab", features=[[1.0, 0.0], [0.0, 1.0]])
    track = follow(0, before, after)
    assert (track.before, track.after) == ("a", "c")
    assert track.shift == pytest.approx((4 / 16, -2 / 16))  # 4 pixels down, 2 to the left
    assert track.cosine == pytest.approx(1.0) and track.is_matched and not track.is_cut


def test_an_object_that_nothing_resembles_is_lost():
    before = instances(box(4, 4, 4, 4), features=[[1.0, 0.0]])
    for cosine, is_matched in ((MIN_COSINE + 0.01, True), (MIN_COSINE - 0.01, False)):
        candidate = [[cosine, (1 - cosine**2) ** 0.5]]
        track = follow(0, before, instances(box(8, 8, 4, 4), features=candidate))
        assert track.is_matched is is_matched and track.is_there
        assert track.cosine == pytest.approx(cosine)
        assert (track.shift != (0.0, 0.0)) is is_matched
    assert not follow(0, before, instances()).is_matched


def test_an_object_at_the_frame_is_cut_in_either_image():
    edges = (
        box(0, 5, 3, 3),
        box(29, 5, 3, 3),
        box(5, 0, 3, 3),
        box(5, 29, 3, 3),
        box(1, 1, 30, 30),
    )
    assert touches_frame(torch.stack(edges)).tolist() == [True] * 4 + [False]
    inside, outside = instances(box(5, 5, 3, 3)), instances(box(0, 5, 3, 3))
    assert follow(0, inside, outside).is_cut and follow(0, outside, inside).is_cut
    assert not follow(0, inside, inside).is_cut
