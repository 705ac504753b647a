"""Motion supervision, tracking and the fixed mask on feature maps whose content is known."""

import pytest
import torch
import torch.nn.functional as F

from spatialgan.dragging import points as drag_points
from spatialgan.heatmaps.layout import pixel_positions

CELLS = 32
PX = 1 / CELLS


def field(shift=(0.0, 0.0), channels: int = 48) -> torch.Tensor:
    """Smooth waves of many directions, unlike each other everywhere, moved by `shift`."""
    draws = torch.Generator().manual_seed(3)
    waves = torch.randn(channels, 2, generator=draws) * 3
    phases = torch.rand(channels, generator=draws) * 6
    u = pixel_positions(CELLS, "half_pixel", torch.zeros(()))
    y, x = u[:, None] - shift[0], u[None, :] - shift[1]
    return torch.sin(waves[:, :1, None] * y + waves[:, 1:, None] * x + phases[:, None, None])


def template(features: torch.Tensor, point: tuple[float, float]) -> torch.Tensor:
    return drag_points.read(features, torch.tensor([[point]]))[:, :, 0]


def test_reading_is_bilinear_resizing_to_px():
    """Reading at the pixel centers of the enlarged map is what DragGAN gets by enlarging all of it."""
    features = torch.randn(5, 8, 8)
    u = pixel_positions(16, "half_pixel", features)
    points = torch.cartesian_prod(u, u).view(16, 16, 2)
    enlarged = F.interpolate(features[None], 16, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(drag_points.read(features, points), enlarged)


def test_points_are_y_then_x():
    features = torch.arange(16.0).view(1, 4, 4)
    assert drag_points.read(features, torch.tensor([[[-0.75, 0.75]]])).item() == 3


def test_a_disc_of_two_px_has_nine_places():
    assert sorted(drag_points.disc(2, torch.zeros(())).tolist()) == [
        [y, x] for y in (-1, 0, 1) for x in (-1, 0, 1)
    ]
    assert len(drag_points.disc(0, torch.zeros(()))) == 1


@pytest.mark.parametrize("shift_px", [(0, 0), (4, -3), (-6, 6)])
def test_a_moved_point_is_found_to_the_px(shift_px):
    handle = (0.1, -0.2)
    shift = (shift_px[0] * PX, shift_px[1] * PX)
    found = drag_points.track(
        field(shift), torch.tensor([handle]), template(field(), handle), radius_px=6
    )
    expected = torch.tensor([[handle[0] + shift[0], handle[1] + shift[1]]])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_point_beyond_the_radius_is_not_found_and_one_at_the_border_stays_inside():
    handle = torch.tensor([[0.0, 0.0]])
    moved = field((0.0, 8 * PX))
    found = drag_points.track(moved, handle, template(field(), (0.0, 0.0)), radius_px=3)
    assert found.abs().max() <= 3 * PX + 1e-6
    for corner in (0.999, -0.999), (0.95, 0.2), (-1.0, 1.0):
        moved = field((corner[0] * 4 * PX, corner[1] * 4 * PX))
        found = drag_points.track(moved, torch.tensor([corner]), template(field(), corner), 6)
        assert found.abs().max() <= 1


def test_points_are_tracked_as_if_alone():
    features, handles = field((2 * PX, PX)), torch.tensor([[0.1, 0.2], [-0.5, 0.4], [0.3, -0.7]])
    templates = torch.cat([template(field(), tuple(h.tolist())) for h in handles], dim=1)
    together = drag_points.track(features, handles, templates, 4)
    for i in range(3):
        alone = drag_points.track(features, handles[i : i + 1], templates[:, i : i + 1], 4)
        assert torch.equal(alone[0], together[i])


def test_motion_supervision_pulls_the_content_toward_the_target():
    """Shifting the field a little toward the target lowers the loss, and away from it raises it."""
    handles, targets = torch.tensor([[0.1, -0.1]]), torch.tensor([[0.5, -0.1]])
    shift = torch.zeros(2, requires_grad=True)
    loss = drag_points.motion_supervision(field(shift), handles, targets, radius_px=2)
    (gradient,) = torch.autograd.grad(loss, shift)
    assert gradient[0] < 0 and gradient[0].abs() > 3 * gradient[1].abs()


def test_motion_supervision_by_hand():
    """On a ramp along y of slope 1 per px, one px ahead is 1 more at every place and channel."""
    ramp = pixel_positions(CELLS, "half_pixel", torch.zeros(())) * CELLS
    features = ramp[None, :, None].expand(3, CELLS, CELLS).contiguous()
    handles = torch.tensor([[0.0, 0.0], [0.2, 0.3], [-0.2, 0.0]])
    # along, across, almost there
    offsets = torch.tensor([[0.4, 0.0], [0.0, 0.3], [0.25 * PX, 0.0]])
    for handle, offset, expected in zip(handles, offsets, (1.0, 0.0, 0.25), strict=True):
        one = drag_points.motion_supervision(features, handle[None], (handle + offset)[None], 2)
        assert one.item() == pytest.approx(expected, abs=1e-4)
    together = drag_points.motion_supervision(features, handles, handles + offsets, 2)
    assert together.item() == pytest.approx(1.25, abs=1e-4)


def test_the_mask_counts_what_is_fixed_alone():
    first = torch.randn(4, 8, 8)
    features, fixed = first.clone(), torch.zeros(8, 8)
    fixed[:, 4:] = 1
    features[:, :, :4] += 7
    assert drag_points.fixed_mask_loss(features, first, fixed) == 0
    features[:, :, 4:] -= 2
    assert drag_points.fixed_mask_loss(features, first, fixed).item() == pytest.approx(1.0)
