"""Layouts render where they say, exactly, and survive slicing, concatenation and JSON."""

import math

import pytest
import torch

from spatialgan.heatmaps.layout import (
    Gaussians,
    Impulse,
    Layout,
    PixelMaps,
    Retouched,
    pixel_positions,
    resize_maps,
)


def gaussian(y: float, x: float, sigma: float, presence: float = 1.0) -> Gaussians:
    return Gaussians(
        torch.tensor([[[float(y), float(x)]]]), torch.tensor([[sigma]]), torch.tensor([[presence]])
    )


def random_gaussians(n: int, k: int) -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    centers = torch.rand(n, k, 2, generator=generator) * 2 - 1
    return Gaussians(centers, torch.full((n, k), 0.3), torch.rand(n, k, generator=generator))


def levels() -> dict:
    base = random_gaussians(3, 2)
    mask = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3
    return {
        "gaussians": base,
        "pixels": PixelMaps(torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(2))),
        "impulse": Impulse(base, mask, torch.ones(3, 2, 8, 8)),
        "retouched": Retouched(base, torch.linspace(-1, 1, 384).view(3, 2, 8, 8)),
    }


KINDS = list(levels())


def centroid(heatmap: torch.Tensor, grid: str = "half_pixel") -> tuple[float, float]:
    u = pixel_positions(heatmap.shape[-1], grid, heatmap)
    return ((heatmap.sum(1) @ u) / heatmap.sum()).item(), (
        (heatmap.sum(0) @ u) / heatmap.sum()
    ).item()


def test_positions_of_both_grids():
    like = torch.zeros((), dtype=torch.float64)
    assert pixel_positions(4, "half_pixel", like).tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert pixel_positions(3, "corners", like).tolist() == [-1, 0, 1]
    with pytest.raises(ValueError, match="half_pixel, corners"):
        pixel_positions.__wrapped__(4, "edges", like)


def test_render_is_the_formula():
    level, u = random_gaussians(2, 3), pixel_positions(16, "half_pixel", torch.zeros(()))
    points = torch.stack(torch.meshgrid(u, u, indexing="ij"), dim=-1)
    squared = (points - level.centers[:, :, None, None]).square().sum(-1)
    spread = 2 * level.sigmas[:, :, None, None] ** 2
    expected = level.presence[:, :, None, None] * torch.exp(-squared / spread)
    torch.testing.assert_close(level.render(16), expected)


def test_half_maximum_radius():
    sigma, resolution = 0.3, 512
    heatmap = gaussian(0, 0, sigma).render(resolution)[0, 0]
    area = (heatmap > 0.5).float().mean().item() * 4  # of a square of side 2
    assert math.sqrt(area / math.pi) == pytest.approx(sigma * math.sqrt(2 * math.log(2)), rel=5e-3)


def test_a_retouched_level_is_the_sum_and_exactly_its_base_where_nothing_changed():
    base, change = random_gaussians(2, 3), torch.zeros(2, 3, 8, 8)
    assert torch.equal(Retouched(base, change).render(16), base.render(16))
    change[1, 2, 3, 4] = 0.5
    added = Retouched(base, change).render(8) - base.render(8)
    torch.testing.assert_close(added, change)


def test_order_is_y_then_x():
    heatmap = gaussian(0.5, -0.25, 0.1).render(64)[0, 0]
    row, column = divmod(heatmap.argmax().item(), 64)
    assert row > 40
    assert column < 32


def test_moving_right_moves_the_heatmap_right():
    before, after = (centroid(gaussian(0.1, x, 0.15).render(64)[0, 0]) for x in (-0.2, 0.2))
    assert after[1] - before[1] == pytest.approx(0.4, abs=1e-3)
    assert after[0] == pytest.approx(before[0], abs=1e-6)


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_corners_grid_squeezes(resolution):
    # Feature pixels cover half-pixel positions: seen from there, all of the layout is shrunk.
    squeeze = (resolution - 1) / resolution
    drawn = gaussian(0.4, -0.6, 0.5).render(resolution, "corners")
    seen = gaussian(0.4 * squeeze, -0.6 * squeeze, 0.5 * squeeze).render(resolution, "half_pixel")
    torch.testing.assert_close(drawn, seen)


def test_gradients_of_render():
    level = random_gaussians(1, 2)
    inputs = [x.double().requires_grad_() for x in (level.centers, level.sigmas, level.presence)]
    assert torch.autograd.gradcheck(lambda *x: Gaussians(*x).render(4), inputs)


def test_absent_gaussian_draws_nothing():
    assert gaussian(0, 0, 0.3, presence=0.0).render(8).abs().max() == 0


@pytest.mark.parametrize("grid", ["half_pixel", "corners"])
def test_resize_keeps_constants_and_mirror_symmetry(grid):
    maps = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for resolution in (4, 8, 13, 32):
        resized = resize_maps(maps, resolution, grid)
        torch.testing.assert_close(resize_maps(maps.flip(3), resolution, grid), resized.flip(3))
        torch.testing.assert_close(
            resize_maps(torch.full_like(maps, 0.3), resolution, grid),
            torch.full((1, 1, resolution, resolution), 0.3),
        )


def test_reduction_skips_no_pixel():
    maps = torch.zeros(1, 1, 64, 64)
    maps[0, 0, 17, 42] = 256.0  # one pixel in a cell of 16 x 16
    reduced = resize_maps(maps, 4, "half_pixel")
    assert reduced[0, 0, 1, 2] == 1
    assert reduced.sum() == 1


def test_impulses_replace_exactly_the_masked_pixels():
    level = levels()["impulse"]
    for resolution in (8, 32):
        share = resolution // 8
        mask = level.mask.repeat_interleave(share, 2).repeat_interleave(share, 3)
        rendered, base = level.render(resolution), level.base.render(resolution)
        assert (rendered[mask] == 1).all()
        assert torch.equal(rendered[~mask], base[~mask])
    torch.testing.assert_close(level.render(4), resize_maps(level.render(8), 4, "half_pixel"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", ["half_pixel", "corners"])
def test_every_level_slices_joins_and_renders(kind, grid):
    level = levels()[kind]
    layout = Layout((level,), 3)
    assert len(layout) == 3
    assert len(layout[1:]) == 2
    joined = Layout.cat([layout[:1], layout[1:2], layout[2:]])
    for resolution in (4, 8, 32):
        rendered = layout.render(0, resolution, grid)
        assert rendered.shape == (3, 2, resolution, resolution)
        assert torch.equal(layout[1:].render(0, resolution, grid), rendered[1:])
        assert torch.equal(joined.to("cpu").render(0, resolution, grid), rendered)
        if level.is_bounded:
            assert rendered.min() >= 0
            assert rendered.max() <= 1


def test_layout_without_levels_counts_its_samples():
    layout = Layout((), 5)
    assert len(layout[1:3]) == 2
    assert len(Layout.cat([layout, layout])) == 10
