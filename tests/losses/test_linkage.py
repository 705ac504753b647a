"""Linkages: penalties in closed form, and a separable generator that learns to be linked."""

import pytest
import torch

from spatialgan.losses.linkage import (
    Absolute,
    Relative,
    Unlinked,
    check_linkage,
    link_penalty,
    linked_axes,
    other_axes,
    redrawn,
)

LEFT = ("box:0,-0.5,2,1",)


def test_links_have_their_axes_and_the_others_the_rest():
    linkage = Relative(("a", "b"), share=0.25)
    assert [linked_axes(linkage, 16, i) for i in (0, 1)] == [slice(0, 4), slice(4, 8)]
    assert other_axes(linkage, 16) == slice(8, 16)


@pytest.mark.parametrize(
    "linkage",
    [Relative(LEFT, share=0.01), Relative(LEFT * 4), Relative(()), Absolute(LEFT, interval=0)],
)
def test_links_that_leave_no_axes_or_have_none_are_refused(linkage):
    with pytest.raises(ValueError, match="links of .* of 16 axes"):
        check_linkage(linkage, 16)
    check_linkage(Unlinked(), 16)


def test_only_the_linked_axes_are_drawn_again():
    ws, other = torch.zeros(2, 3, 8), torch.ones(2, 3, 8)
    found = redrawn(ws, other, slice(2, 4))
    assert found[..., 2:4].eq(1).all() and found.sum() == 2 * 3 * 2


def test_penalties_are_the_unwanted_change_alone_or_over_the_wanted_one():
    wanted = torch.tensor([[[True, False], [False, False]]])
    squares = torch.tensor([[[4.0, 1.0], [2.0, 3.0]]])
    assert link_penalty(Absolute(LEFT), squares, wanted) == 2
    assert link_penalty(Relative(LEFT), squares, wanted) == pytest.approx(0.5)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_region_of_no_pixels_or_of_all_has_no_penalty(wanted):
    everywhere = torch.full((2, 3, 3), wanted)
    assert link_penalty(Relative(LEFT), torch.ones(2, 3, 3), everywhere) == 0


@pytest.mark.parametrize("linkage", [Relative(LEFT), Absolute(LEFT)])
def test_a_separable_generator_learns_to_change_nothing_outside(linkage):
    """Pixels are a matrix times w: its entries from an axis to where the axis may not act go to zero."""
    draws = torch.Generator().manual_seed(0)
    matrix = torch.randn(4, 16, generator=draws).requires_grad_()
    wanted = torch.zeros(64, 4, 4, dtype=torch.bool)
    wanted[:, :, :2] = True
    optimizer = torch.optim.Adam([matrix], lr=0.03)
    for _ in range(500):
        ws, other = torch.randn(2, 64, 1, 4, generator=draws)
        loss = torch.zeros(())
        for axes, where in (
            (linked_axes(linkage, 4, 0), wanted),
            (other_axes(linkage, 4), ~wanted),
        ):
            change = (redrawn(ws, other, axes) - ws)[:, 0] @ matrix
            loss = loss + link_penalty(linkage, change.square().view(-1, 4, 4), where)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    columns = matrix.detach().view(4, 4, 4)
    linked, others = columns[0], columns[1:]
    assert linked[:, 2:].abs().max() < 1e-2 * linked[:, :2].abs().mean()
    assert others[:, :, :2].abs().max() < 1e-2 * others[:, :, 2:].abs().mean()
