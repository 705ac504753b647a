"""Instances: which are trusted, in what order, and where they are."""

import pytest
import torch

from spatialgan.segmenters.instances import (
    MIN_AREA,
    MIN_SCORE,
    Instances,
    areas,
    centroids,
    trusted,
)


def square(top: int, left: int, side: int, r: int = 32) -> torch.Tensor:
    mask = torch.zeros(r, r, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


def instances(scores: list[float], sides: list[int]) -> Instances:
    masks = torch.stack([square(2, 3, side) for side in sides])
    names = tuple(f"c{i}" for i in range(len(sides)))
    return Instances(masks, torch.tensor(scores), names, torch.eye(len(sides)))


def test_trusted_is_sorted_and_drops_what_is_uncertain_or_tiny() -> None:
    found = instances([0.6, 0.9, MIN_SCORE, 0.49, 0.95], [8, 8, 8, 8, 2])
    kept = trusted(found, MIN_SCORE)
    assert kept.classes == ("c1", "c0", "c2")  # c3 is uncertain, c4 has 4 of 1024 pixels
    assert kept.scores.tolist() == pytest.approx([0.9, 0.6, 0.5])
    assert (kept.features.argmax(dim=1) == torch.tensor([1, 0, 2])).all()
    assert trusted(found, 0.0).classes == ("c1", "c0", "c2", "c3")


def test_the_smallest_area_that_counts() -> None:
    masks = torch.zeros(2, 20, 20, dtype=torch.bool)
    masks[0, 0, :2] = True  # 2 of 400 pixels are MIN_AREA exactly
    masks[1, 0, :1] = True
    assert areas(masks)[0].item() == pytest.approx(MIN_AREA)
    found = Instances(masks, torch.ones(2), ("a", "b"), torch.eye(2))
    assert trusted(found, 0.0).classes == ("a",)


def test_nothing_found_is_an_answer() -> None:
    empty = Instances(torch.zeros(0, 8, 8, dtype=torch.bool), torch.zeros(0), (), torch.zeros(0, 4))
    kept = trusted(empty, MIN_SCORE)
    assert len(kept) == 0 and kept.masks.shape == (0, 8, 8) and kept.features.shape == (0, 4)


def test_centroids_are_y_x_at_half_pixels() -> None:
    masks = torch.stack([square(0, 0, 1, 4), square(0, 2, 2, 4), square(0, 0, 4, 4)])
    expected = torch.tensor([[-0.75, -0.75], [-0.5, 0.5], [0.0, 0.0]])
    torch.testing.assert_close(centroids(masks), expected)
    assert centroids(torch.zeros(1, 4, 4, dtype=torch.bool)).isnan().all()


def test_parts_of_different_length_are_a_bug() -> None:
    with pytest.raises(AssertionError):
        Instances(torch.ones(2, 4, 4, dtype=torch.bool), torch.ones(2), ("a",), torch.eye(2))
