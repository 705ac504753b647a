"""Images as a discriminator sees them: numbers of maps, and maps that show nothing."""

import numpy as np
import pytest
import torch

from spatialgan.analyses.requests import Scenes
from spatialgan.analyses.robustness import agreement
from spatialgan.analyses.views import PAPER, View
from spatialgan.networks.discriminator import Discriminator, DiscriminatorConfig

SCENES = Scenes(
    torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1,
    torch.rand(8, 16, 16, generator=torch.Generator().manual_seed(1)).round(),
)


def with_maps(coarse: torch.Tensor, fine: torch.Tensor) -> View:
    return View(SCENES, {PAPER: {16: fine, 4: coarse}})


def test_an_empty_map_has_neither_one_peak_nor_fewer() -> None:
    one, empty = torch.zeros(8, 4, 4), torch.zeros(8, 4, 4)
    one[:, 1, 1] = 1
    two = torch.zeros(8, 16, 16)
    two[:, 1, 1] = two[:, 9, 9] = 1
    assert with_maps(one, two).one_peak().tolist() == [1] * 8
    assert with_maps(one, two).fewer_peaks().tolist() == [1] * 8
    assert np.isnan(with_maps(empty, two).one_peak()).all()
    assert np.isnan(with_maps(empty, two).fewer_peaks()).all()
    assert with_maps(empty, two).empty(4).tolist() == [1] * 8
    assert np.isnan(with_maps(empty, two).on_object(PAPER, [4])).all()
    assert np.isnan(with_maps(empty, two).on_edges(4)).all()


def test_maps_for_either_sign_are_opposite_by_construction_after_the_sum() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        config = DiscriminatorConfig(resolution=16, channel_base=128, channel_max=8)
        view = View.of(Discriminator(config).requires_grad_(False), SCENES)
    assert np.nanmax(view.either_sign("after_sum")) <= 0
    assert np.nanmax(view.either_sign("per_channel")) > 0.1
    assert view.resolutions == [16, 8, 4]


def test_a_map_that_damage_made_empty_is_lost_and_one_that_was_is_left_out() -> None:
    clean = torch.rand(8, 16, 16, generator=torch.Generator().manual_seed(2))
    damaged = clean.clone()
    damaged[2] = 0
    clean[5] = 0
    same, on_object = agreement([damaged], [clean], SCENES.masks)
    assert same[2] == 0 and np.isnan(same[5]) and same[0] > 0.5
    assert np.isnan(on_object[2]) and np.isfinite(on_object[5])
    same, _ = agreement([damaged, clean], [clean, clean], SCENES.masks)
    assert same[2] == pytest.approx(same[0] / 2, abs=0.15)  # lost at one of two levels
