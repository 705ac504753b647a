"""Maps against masks, and what a map is by itself, in closed form."""

import math

import numpy as np
import pytest
import torch

from spatialgan.analyses.maps import (
    beyond,
    correlation,
    edges,
    entropy,
    gradient_norm,
    iou_of_top,
    lead,
    mean_known,
    peaks,
)


def test_a_map_that_every_scene_shares_is_not_beyond_other_masks() -> None:
    masks = torch.rand(20, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    own, others = beyond(correlation, masks, masks)
    assert own == pytest.approx(1) and abs(others.mean()) < 0.1
    central = torch.ones(20, 8, 8)
    central[:, 2:6, 2:6] = 2
    own, others = beyond(correlation, central, masks)
    assert (own - others).mean() == pytest.approx(0, abs=0.05)
    aligned = torch.zeros(20, 8, 8)
    aligned[:, 2:6, 2:6] = 1
    own, others = beyond(correlation, central, aligned)
    assert own == pytest.approx(1) and others == pytest.approx(1)


def test_too_few_samples_to_compare_are_refused() -> None:
    with pytest.raises(ValueError, match="5 samples: at least 6"):
        beyond(correlation, torch.ones(5, 4, 4), torch.ones(5, 4, 4))


def test_maps_and_masks_that_are_the_same_everywhere_are_left_out() -> None:
    masks = torch.rand(20, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    own, others = beyond(correlation, masks, masks)
    np.testing.assert_allclose(lead(correlation, masks, masks), own - others)
    seen, shown = masks.clone(), masks.clone()
    seen[3], shown[7] = 0.25, 0
    found = lead(correlation, seen, shown)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 7]
    assert np.nanmin(found) > 0.7  # the empty mask is none of the others either
    with pytest.raises(ValueError, match="5 samples: at least 6"):
        lead(correlation, torch.ones(5, 4, 4), torch.ones(5, 4, 4))


def test_the_mean_of_what_is_known() -> None:
    numbers = [np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])]
    np.testing.assert_equal(mean_known(numbers), [2.0, 5.0, np.nan])


def test_gradient_norm_in_closed_form() -> None:
    features = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weights = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(2))
    (found,) = gradient_norm((features * weights).sum(dim=(1, 2, 3)), [features])
    torch.testing.assert_close(found, weights.norm(dim=0).expand(2, 4, 4))


def test_the_highest_quarter_against_a_mask() -> None:
    maps = torch.arange(16.0).reshape(1, 4, 4)
    mask = torch.zeros(1, 4, 4)
    mask[:, 3] = 1  # the last line: the highest four
    assert iou_of_top(maps, mask) == pytest.approx(1)
    assert iou_of_top(-maps, mask) == pytest.approx(0)
    mask[:, 2] = 1
    assert iou_of_top(maps, mask) == pytest.approx(4 / 8)


def test_peaks_are_higher_than_their_neighbors_and_half_the_range() -> None:
    maps = torch.zeros(3, 8, 8)
    maps[0, 1, 1], maps[0, 6, 6], maps[0, 1, 6] = 1.0, 0.8, 0.4  # the last is too low
    maps[1, 0, 0] = 1.0  # at the border
    assert peaks(maps).tolist()[:2] == [2, 1]
    assert np.isnan(peaks(maps)[2])  # an empty map shows nothing, not even that it has none
    plateau = torch.zeros(1, 8, 8)
    plateau[0, 2:4, 2:4] = 1
    assert peaks(plateau).tolist() == [0]
    assert peaks(maps - 5).tolist()[:2] == [2, 1]


def test_entropy_is_1_for_even_maps_and_0_for_a_single_pixel() -> None:
    single, half = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    single[0, 2, 1] = 7.0
    half[0, :2] = 3.0
    assert entropy(torch.ones(1, 4, 4)) == pytest.approx(1)
    assert entropy(single) == pytest.approx(0)
    assert entropy(half) == pytest.approx(math.log(8) / math.log(16))
    assert np.isnan(entropy(torch.zeros(1, 4, 4))).all()


def test_edges_are_where_brightness_changes() -> None:
    image = torch.zeros(1, 3, 6, 6)
    image[..., 3:] = 1
    found = edges(image)[0]
    assert (found[:, 2:4] == 1).all() and found[:, :2].eq(0).all() and found[:, 4:].eq(0).all()
    np.testing.assert_allclose(edges(image.transpose(2, 3))[0].numpy(), found.T.numpy())
