"""Every sampler keeps its contract, and draws from the distribution that it names."""

import math
from itertools import combinations

import pytest
import torch

from spatialgan.heatmaps import samplers
from spatialgan.heatmaps.layout import Gaussians, Impulse, Layout
from spatialgan.heatmaps.samplers import (
    CODE_SPREADS,
    SAMPLERS,
    Hierarchical,
    HierarchicalCode,
    ImpulseNoise,
    MultiObject,
)
from spatialgan.rng import generator_for


def draw(sampler, n: int, index: int = 0) -> Layout:
    return sampler(n, generator_for(0, "layout", index))


def rendered(layout: Layout) -> list[torch.Tensor]:
    return [layout.render(level, 4 << level) for level in range(len(layout.levels))]


def target_like(heatmaps: torch.Tensor) -> torch.Tensor:
    mean = heatmaps.mean(1).flatten(1)
    mean = mean - mean.amin(1, keepdim=True)
    return mean / mean.amax(1, keepdim=True)


@pytest.mark.parametrize("key", SAMPLERS)
def test_contract(key):
    sampler = SAMPLERS[key]()
    layout = draw(sampler, 5)
    assert len(layout) == 5
    assert tuple(x.shape[1] for x in rendered(layout)) == sampler.heatmap_channels
    assert all(x.isfinite().all() and x.device.type == "cpu" for x in rendered(layout))


@pytest.mark.parametrize("key", SAMPLERS)
def test_draws_are_a_function_of_the_generator(key):
    sampler = SAMPLERS[key]()
    torch.manual_seed(0)
    first = rendered(draw(sampler, 5))
    torch.manual_seed(1)
    again, other = rendered(draw(sampler, 5)), rendered(draw(sampler, 5, index=1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    if key not in ("none", "constant"):
        assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.unchecked
@pytest.mark.parametrize("key", SAMPLERS)
def test_one_by_one_and_in_a_batch_are_the_same_distribution(key):
    sampler, n = SAMPLERS[key](), 500
    single = Layout.cat([draw(sampler, 1, index) for index in range(1, n + 1)])
    for one, batch in zip(rendered(single), rendered(draw(sampler, n)), strict=True):
        for moment in (lambda x: x, torch.square):
            a, b = (moment(x.mean(1)).flatten(1) for x in (one, batch))
            error = ((a.var(0) + b.var(0)) / n).sqrt().clamp(min=1e-6)
            # Over at most 256 pixels, 4.5 standard errors are exceeded by chance once in 600.
            assert ((a.mean(0) - b.mean(0)).abs() / error).max() < 4.5


@pytest.mark.parametrize("key", [key for key in SAMPLERS if key != "none"])
def test_samples_of_a_batch_differ_unless_constant(key):
    for x in rendered(draw(SAMPLERS[key](), 2)):
        assert torch.equal(x[0], x[1]) == (key == "constant")


def test_hierarchical_root_is_inside_with_the_law_of_rejection():
    std = Hierarchical().center_std
    root = draw(Hierarchical(), 20000).levels[0].centers[:, 0]
    assert root.abs().max() <= 1
    assert root.std().item() == pytest.approx(0.494, abs=0.006)

    redrawn = std * torch.randn(40000, 2, generator=generator_for(0, "rejection", 0))
    inside = (redrawn.abs() <= 1).all(1)
    assert inside.float().mean().item() == pytest.approx(0.750, abs=0.01)
    quantiles = torch.linspace(0.05, 0.95, 19)
    torch.testing.assert_close(
        root.flatten().quantile(quantiles),
        redrawn[inside].flatten().quantile(quantiles),
        atol=0.025,
        rtol=0,
    )


def test_hierarchical_levels_follow_the_root():
    layout = draw(Hierarchical(), 5000)
    root = layout.levels[0].centers
    for level in layout.levels[1:]:
        offsets = level.centers - root
        assert offsets.std().item() == pytest.approx(1 / 3, abs=0.01)
        assert offsets.mean().abs() < 0.01
    outside = (layout.levels[2].centers.abs() > 1).any(-1).float().mean().item()
    assert outside == pytest.approx(0.17, abs=0.015)


def test_independent_levels_share_no_root_but_have_its_spread():
    layouts = [draw(SAMPLERS[key](), 5000) for key in ("hierarchical", "independent")]
    for layout, shared in zip(layouts, (True, False), strict=True):
        a, b = (level.centers[:, 0].flatten() for level in layout.levels[:2])
        correlation = torch.corrcoef(torch.stack([a, b]))[0, 1].item()
        assert (correlation > 0.7) if shared else (abs(correlation) < 0.04)
    for one, other in zip(layouts[0].levels, layouts[1].levels, strict=True):
        assert one.centers.std().item() == pytest.approx(other.centers.std().item(), abs=0.015)


@pytest.mark.parametrize("key", ["hierarchical", "hierarchical_code", "independent"])
def test_sigmas_cover_the_range_of_each_level(key):
    layout = draw(SAMPLERS[key](), 4000)
    for level, (low, high) in zip(layout.levels, CODE_SPREADS, strict=True):
        spreads = 2 * level.sigmas**2
        assert spreads.min() >= low - 1e-6
        assert spreads.max() <= high + 1e-6
        assert spreads.mean().item() == pytest.approx((low + high) / 2, abs=0.01)
    assert layout.levels[0].sigmas.unique().numel() > 3900  # per sample, not per batch


def test_code_hierarchy_has_its_golden_statistics():
    # Measured on the released code at 64 x 64, where 0.01 is added to every heatmap.
    layout = draw(HierarchicalCode(), 2000)
    raw = layout.render(0, 64)
    golden = [(raw + 0.01, 0.425, 0.279)]
    golden += [(target_like(layout.render(1, 64)), 0.288, 0.276)]
    golden += [(target_like(layout.render(2, 64)), 0.319, 0.279)]
    for maps, mean, std in golden:
        assert maps.mean().item() == pytest.approx(mean, abs=0.01)
        assert maps.std().item() == pytest.approx(std, abs=0.01)


def test_code_hierarchy_clamps_and_stays_within_reach():
    layout = draw(HierarchicalCode(), 5000)
    root = layout.levels[0].centers
    assert root.abs().max() == 0.75
    clamped = (root.abs() == 0.75).any(-1).float().mean().item()
    assert clamped == pytest.approx(0.043, abs=0.01)
    for level, reach in ((1, 0.4), (2, 0.8)):
        offsets = layout.levels[level].centers - root
        assert offsets.abs().max() <= reach + 1e-6
        assert offsets.std().item() == pytest.approx(reach / math.sqrt(3), abs=0.01)


def test_impulses_hit_their_share_at_even_odds():
    sampler = ImpulseNoise(probability=0.05)
    layout = draw(sampler, 2000)
    base = draw(Hierarchical(), 2000)
    for level, clean in zip(layout.levels, base.levels, strict=True):
        assert isinstance(level, Impulse)
        assert level.mask.float().mean().item() == pytest.approx(0.05, abs=0.005)
        assert level.extremes[level.mask].mean().item() == pytest.approx(0.5, abs=0.03)
        assert torch.equal(level.base.centers, clean.centers)
    assert layout.levels[1].mask.shape[-1] == 8


def test_gaussian_noise_is_standard_normal_on_each_level_s_own_grid():
    layout = draw(SAMPLERS["gaussian_noise"](), 500)
    assert [level.values.shape[-1] for level in layout.levels] == [4, 8, 16]
    for level in layout.levels:
        assert level.values.mean().abs() < 0.04
        assert level.values.std().item() == pytest.approx(1, abs=0.03)


def test_constant_is_constant():
    layout = draw(SAMPLERS["constant"](value=0.25), 2)
    assert all((layout.render(level, 32) - 0.25).abs().max() < 1e-6 for level in range(3))


@pytest.mark.parametrize(("inside", "share"), [(True, 1.0), (False, 0.466)])
def test_objects_are_inside_unless_asked_otherwise(inside, share):
    (level,) = draw(MultiObject(num_objects=3, inside=inside, gap=0), 5000).levels
    assert isinstance(level, Gaussians) and level.centers.shape == (5000, 3, 2)
    within = level.centers.abs() <= 1
    assert within.all(-1).float().mean().item() == pytest.approx(share, abs=0.015)
    # N(0, 1) given that |c| <= 1 has this standard deviation
    assert level.centers[within].std().item() == pytest.approx(0.54, abs=0.01)
    assert 0.1 <= (2 * level.sigmas**2).min() <= (2 * level.sigmas**2).max() <= 0.4 + 1e-6


@pytest.mark.parametrize("inside", [True, False])
def test_objects_keep_their_gap(inside):
    (level,) = draw(MultiObject(num_objects=4, inside=inside, gap=1.25), 500).levels
    for first, second in combinations(range(4), 2):
        distances = (level.centers[:, first] - level.centers[:, second]).norm(dim=1)
        radii = 1.1774 * (level.sigmas[:, first] + level.sigmas[:, second])
        assert (distances >= 1.25 * radii).all()


def test_about_one_of_three_objects_is_inside_by_default():
    (level,) = draw(MultiObject(), 20000).levels
    count = (level.centers.abs() <= 1).all(dim=2).sum(dim=1)
    shares = [(count == k).float().mean().item() for k in range(4)]
    assert shares == pytest.approx([0.19, 0.53, 0.26, 0.02], abs=0.01)  # as docs/comove.md has it


def test_objects_apart_are_the_draws_that_happen_to_be():
    """Redrawing prefers none of the objects: all have the same law, that of accepted draws."""
    free = draw(MultiObject(gap=0), 20000).levels[0]
    distances = torch.cdist(free.centers, free.centers)
    radii = 1.1774 * (free.sigmas[:, :, None] + free.sigmas[:, None])
    kept = ((distances >= radii) | torch.eye(3, dtype=torch.bool)).all(dim=2).all(dim=1)
    apart = draw(MultiObject(gap=1), 20000).levels[0]
    for name in ("centers", "sigmas"):
        accepted, drawn = getattr(free, name)[kept], getattr(apart, name)
        assert drawn.std().item() == pytest.approx(accepted.std().item(), rel=0.03)
        assert drawn.mean().item() == pytest.approx(accepted.mean().item(), abs=0.015)
        torch.testing.assert_close(
            drawn.mean(0), drawn.mean((0, 1)).expand(3, *drawn.shape[2:]), atol=0.02, rtol=0
        )


def test_objects_without_room_for_their_gap_are_refused(monkeypatch):
    monkeypatch.setattr(samplers, "MAX_REDRAWS", 20)
    with pytest.raises(ValueError, match="of 12 objects .* choose fewer objects, a lower spread"):
        draw(MultiObject(num_objects=12, inside=True), 1)
