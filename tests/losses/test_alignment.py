"""Alignments: their values in closed form, their invariances, and who gets the gradient."""

import pytest
import torch
from torch import nn

from spatialgan.attention import GradCam
from spatialgan.heatmaps.layout import Gaussians, Layout, PixelMaps
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.losses.alignment import (
    ALIGNMENTS,
    READINGS,
    L1Alignment,
    MinL1Alignment,
    normalize_attention,
    statistics,
    target,
)
from spatialgan.rng import generator_for

RESOLUTION = 32
HEATMAPS = [key for key in SAMPLERS if key != "none"]


PAIRS = [(k, h) for k in ALIGNMENTS for h in HEATMAPS if k != "min_l1" or h == "multi_object"]


def layout_of(key: str = "hierarchical", n: int = 4) -> Layout:
    return SAMPLERS[key]()(n, generator_for(0, "layout", 0))


def random_attention(n: int = 4, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(n, r, r, generator=generator, requires_grad=True) for r in (4, 8, 16)]


def pixels(*values: float) -> Layout:
    """Return a layout of one 2 x 2 level that is compared as it is given, in [0, 1] from 0 to 1."""
    return Layout((PixelMaps(torch.tensor(values, dtype=torch.float32).view(1, 1, 2, 2)),), 1)


@pytest.mark.parametrize(("key", "heatmaps"), PAIRS)
def test_contract(key, heatmaps):
    alignment, attention = ALIGNMENTS[key](), random_attention()
    loss = alignment(attention, layout_of(heatmaps), RESOLUTION)
    assert loss.shape == ()
    assert loss.isfinite()
    assert loss >= 0
    assert (loss > 0) == alignment.uses_attention
    assert loss.requires_grad == alignment.uses_attention


@pytest.mark.parametrize(
    ("reading", "expected"),
    # Errors 0, 0, 0.6, 0.2 and tau 0.25.
    [("select_mean", 0.6), ("hinge", 0.35 / 4), ("zero_below", 0.6 / 4)],
)
def test_readings_in_closed_form(reading, expected):
    layout, attention = pixels(0, 1, 0.2, 0.7), [torch.tensor([[[0, 1], [0.8, 0.5]]])]
    loss = L1Alignment(reading=reading, compare_at="level")(attention, layout, RESOLUTION)
    assert loss.item() == pytest.approx(expected)
    half = L1Alignment(reading=reading, compare_at="level", weight=0.5)
    assert half(attention, layout, RESOLUTION).item() == pytest.approx(expected / 2)


def test_selection_of_nothing_is_the_plain_mean():
    layout, attention = pixels(0, 1, 0.2, 0.7), [torch.tensor([[[0, 1], [0.3, 0.6]]])]
    loss = L1Alignment(compare_at="level")(attention, layout, RESOLUTION)
    assert loss.item() == pytest.approx(0.05)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("compare_at", ["image", "level"])
def test_perfect_match_is_zero(reading, compare_at):
    layout = Layout(tuple(PixelMaps(torch.rand(2, 1, r, r)) for r in (4, 8, 16)), 2)
    attention = [7 * level.values[:, 0] for level in layout.levels]  # the scale is normalized away
    loss = L1Alignment(reading=reading, compare_at=compare_at)(attention, layout, RESOLUTION)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def two_objects() -> Layout:
    """Return one sample with an object at the left and one at the right."""
    centers = torch.tensor([[[0.0, -0.5], [0.0, 0.5]]])
    return Layout((Gaussians(centers, torch.full((1, 2), 0.3), torch.ones(1, 2)),), 1)


def attention_to(*objects: int) -> list[torch.Tensor]:
    """Return perfect attention to some of the two objects, at 16 pixels."""
    maps = two_objects().render(0, 16)[:, list(objects)].mean(dim=1)
    return [maps, maps]


@pytest.mark.parametrize("choice", ["shared", "per_map"])
def test_attention_to_one_object_or_to_all_is_as_good(choice):
    l1 = L1Alignment(threshold=0.1, reading="hinge")
    smallest = MinL1Alignment(l1, choice)
    for objects in ((0,), (1,), (0, 1)):
        assert smallest(attention_to(*objects), two_objects(), 16).item() < 1e-3
    assert l1(attention_to(0), two_objects(), 16).item() > 0.1
    nowhere = [torch.eye(16)[None]] * 2
    assert smallest(nowhere, two_objects(), 16).item() > 0.1


def test_choices_differ_where_maps_look_at_different_objects():
    l1 = L1Alignment(threshold=0.1, reading="hinge")
    mixed = [attention_to(0)[0], attention_to(1)[0]]
    assert MinL1Alignment(l1, "per_map")(mixed, two_objects(), 16).item() < 1e-3
    assert MinL1Alignment(l1, "shared")(mixed, two_objects(), 16).item() > 0.05


def test_minimum_is_per_sample():
    l1 = L1Alignment(threshold=0.1, reading="hinge")
    pair = Layout.cat([two_objects(), two_objects()])
    attention = [torch.cat([a, b]) for a, b in zip(attention_to(0), attention_to(1), strict=True)]
    assert MinL1Alignment(l1)(attention, pair, 16).item() < 1e-3


def test_worst_match_beats_every_other():
    layout = pixels(0, 1, 1, 0)
    match, mismatch = (torch.tensor([v]).view(1, 2, 2) for v in ([0.0, 1, 1, 0], [1.0, 0, 0, 1]))
    alignment = L1Alignment(reading="hinge", compare_at="level")
    assert alignment([match], layout, 2).item() == 0
    assert alignment([mismatch], layout, 2).item() == pytest.approx(0.75)


@pytest.mark.parametrize("key", [key for key in ALIGNMENTS if key != "none"])
@pytest.mark.parametrize("reading", READINGS)
def test_value_does_not_depend_on_sharding(key, reading):
    l1 = L1Alignment(reading=reading)
    alignment = MinL1Alignment(l1) if key == "min_l1" else l1
    layout = layout_of("multi_object" if key == "min_l1" else "hierarchical")
    attention = random_attention()
    attention[1].data[0] = 0  # samples that select different numbers of pixels
    whole = alignment(attention, layout, RESOLUTION)
    parts = [
        alignment([x[i : i + 1] for x in attention], layout[i : i + 1], RESOLUTION)
        for i in range(4)
    ]
    torch.testing.assert_close(whole, torch.stack(parts).mean())


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("heatmaps", HEATMAPS)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_flat_attention_gives_finite_loss_and_gradients(reading, heatmaps, value):
    attention = [torch.full((2, r, r), value, requires_grad=True) for r in (4, 8, 16)]
    loss = L1Alignment(reading=reading)(attention, layout_of(heatmaps, 2), RESOLUTION)
    loss.backward()
    assert loss.isfinite()
    assert all(x.grad.isfinite().all() and x.grad.abs().max() < 10 for x in attention)


def test_targets_span_zero_to_one_except_a_lone_gaussian():
    layout = layout_of("hierarchical")
    torch.testing.assert_close(target(layout, 0, 16), layout.render(0, 16)[:, 0])
    for maps in (target(layout, 2, 16), target(layout_of("gaussian_noise"), 0, 4)):
        assert (maps.amin((1, 2)) == 0).all()
        torch.testing.assert_close(maps.amax((1, 2)), torch.ones(4))


def test_targets_are_constants():
    centers = torch.zeros(1, 2, 2, requires_grad=True)
    layout = Layout((Gaussians(centers, torch.ones(1, 2), torch.ones(1, 2)),), 1)
    assert not target(layout, 0, 8).requires_grad


@pytest.mark.parametrize("grid", ["half_pixel", "corners"])
def test_attention_is_compared_at_the_place_that_the_grid_says(grid):
    # A Gaussian drawn as feature pixels on a grid and enlarged on the same grid is back in place.
    level = Gaussians(torch.tensor([[[0.3, -0.2]]]), torch.full((1, 1), 0.3), torch.ones(1, 1))
    attention, heatmap = level.render(16, grid)[:, 0], target(Layout((level,), 1), 0, 64, grid)
    other = "corners" if grid == "half_pixel" else "half_pixel"
    assert (normalize_attention(attention, 64, grid) - heatmap).abs().mean() < 0.005
    assert (normalize_attention(attention, 64, other) - heatmap).abs().mean() > 0.008


def test_range_of_attention_is_a_constant_to_the_gradient():
    attention = torch.tensor([[[1.0, 3.0], [2.0, 5.0]]], requires_grad=True)
    normalize_attention(attention, 2).sum().backward()
    torch.testing.assert_close(attention.grad, torch.full((1, 2, 2), 1 / (5 - 1)))


def test_comparing_at_the_level_uses_its_own_pixels():
    attention, layout = random_attention(), layout_of()
    plain = L1Alignment(threshold=-1.0, compare_at="level")(attention, layout, RESOLUTION)
    expected = sum(
        (normalize_attention(x, x.shape[-1]) - target(layout, level, x.shape[-1])).abs().mean()
        for level, x in enumerate(attention)
    )
    torch.testing.assert_close(plain, expected)


def test_gradient_by_finite_differences_with_constant_weights_and_range():
    torch.manual_seed(0)
    features, head = torch.randn(1, 5, 4, 4, dtype=torch.float64), torch.randn(5).double()
    features.requires_grad_()
    layout = Layout(
        (Gaussians(torch.zeros(1, 1, 2), torch.full((1, 1), 0.5), torch.ones(1, 1)),), 1
    )
    logits = features.mean(dim=(2, 3)) @ head
    attention = GradCam("score", "after_sum")(logits, [features])
    alignment = L1Alignment(reading="hinge", compare_at="level")
    (gradient,) = torch.autograd.grad(alignment(attention, layout, 4), features)

    fixed = (head / 16)[None, :, None, None]
    now = (fixed * features.detach()).sum(1).relu()
    low, high = now.min(), now.max() - now.min()
    direction = torch.randn(features.shape, dtype=torch.float64)

    def value(step: float) -> torch.Tensor:
        moved = (fixed * (features.detach() + step * direction)).sum(1).relu()
        errors = ((moved - low) / high - target(layout, 0, 4)).abs()
        return (errors - 0.25).relu().mean()

    numeric = (value(1e-6) - value(-1e-6)) / 2e-6
    torch.testing.assert_close((gradient * direction).sum(), numeric, rtol=1e-4, atol=1e-6)


def test_descent_aligns_a_toy_generator_and_leaves_d_alone():
    torch.manual_seed(0)
    images = nn.Parameter(0.1 * torch.randn(2, 3, 16, 16))
    d = nn.Conv2d(3, 4, 3, 2, 1).requires_grad_(False)
    layout = Layout((layout_of(n=2).levels[0],), 2)
    optimizer, values = torch.optim.Adam([images], lr=0.05), []
    for _ in range(40):
        features = d(images).relu()
        attention = GradCam("score", "after_sum")(features.mean(dim=(1, 2, 3)), [features])
        loss = L1Alignment(reading="hinge")(attention, layout, 16)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.3 * values[0]
    assert all(p.grad is None for p in d.parameters())


def test_statistics_of_a_match_and_of_chance():
    layout = Layout(tuple(PixelMaps(torch.rand(2, 1, r, r)) for r in (4, 8, 16)), 2)
    same = statistics([level.values[:, 0] for level in layout.levels], layout, RESOLUTION)
    assert list(same) == ["l1", "above_threshold", "iou", "l1_4", "l1_8", "l1_16"]
    assert same["l1"] < 1e-6
    assert same["above_threshold"] == 0
    assert same["iou"] == 1
    chance = statistics(random_attention(64), layout_of("hierarchical_code", 64), RESOLUTION)
    assert 0.2 < chance["l1"] < 0.4
    assert 0.35 < chance["above_threshold"] < 0.6
    assert chance["iou"] < 0.4
    levels = torch.stack([chance[f"l1_{r}"] for r in (4, 8, 16)])
    torch.testing.assert_close(levels.mean(), chance["l1"])
    assert not any(x.requires_grad for x in chance.values())


def test_alignment_without_heatmaps_says_so():
    with pytest.raises(ValueError, match="sampler"):
        L1Alignment()([], layout_of("none"), RESOLUTION)


def test_nearest_object_needs_one_level():
    with pytest.raises(ValueError, match="needs heatmaps of one level, not 3: .* multi_object"):
        MinL1Alignment()(random_attention(), layout_of("hierarchical"), RESOLUTION)


def test_an_object_out_of_sight_is_no_target():
    (level,) = two_objects().levels
    below = torch.tensor([[[0.0, 0.0], [3.0, 0.0]]])  # the second one
    layout = Layout((Gaussians(below, level.sigmas, level.presence),), 1)
    lone = Layout((Gaussians(below[:, :1], level.sigmas[:, :1], level.presence[:, :1]),), 1)
    spike = torch.zeros(1, 16, 16)  # nearer to an empty image than to any object
    spike[0, 0, 0] = 1
    hinge = L1Alignment(reading="hinge")
    plain, masked = MinL1Alignment(hinge), MinL1Alignment(hinge, least_peak=0.25)
    assert masked([spike], layout, 16) == masked([spike], lone, 16)
    assert masked([spike], layout, 16) > 2 * plain([spike], layout, 16)


def test_a_layout_with_nothing_in_sight_asks_for_nothing():
    far = Gaussians(torch.full((4, 3, 2), 4.0), torch.full((4, 3), 0.3), torch.ones(4, 3))
    attention = random_attention()
    for choice in ("shared", "per_map"):
        alignment = MinL1Alignment(choice=choice, least_peak=0.25)
        loss = alignment(attention, Layout((far,), 4), RESOLUTION)
        assert loss.item() == 0
        gradients = torch.autograd.grad(loss, attention, retain_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients)
