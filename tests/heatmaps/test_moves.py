"""Moves: each edit changes what it names by exactly what it says, and nothing else."""

import pytest
import torch

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import move, move_object
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.rng import generator_for


def drawn(name="hierarchical", num=3):
    return SAMPLERS[name]()(num, generator_for(0, "test", 0))


def same(a: Layout, b: Layout, level: int, index: int) -> bool:
    """Return whether a sub-heatmap is the same in two layouts."""
    pairs = zip(vars(a.levels[level]).values(), vars(b.levels[level]).values(), strict=True)
    return all(torch.equal(x[:, index], y[:, index]) for x, y in pairs)


def changed(a: Layout, b: Layout) -> set[tuple[int, int]]:
    """Return the sub-heatmaps (level, index) that differ between two layouts."""
    places = [(m, i) for m, level in enumerate(a.levels) for i in range(level.centers.shape[1])]
    return {place for place in places if not same(a, b, *place)}


@pytest.mark.parametrize("name", ["hierarchical", "impulse", "independent", "multi_object"])
def test_a_move_shifts_every_center_and_nothing_else(name):
    before, after = drawn(name), move(drawn(name), (0.25, -0.5))
    for a, b in zip(before.levels, after.levels, strict=True):
        a, b = getattr(a, "base", a), getattr(b, "base", b)
        assert torch.allclose(
            b.centers - a.centers, torch.tensor([0.25, -0.5]).expand_as(a.centers), atol=1e-6
        )
        assert torch.equal(a.sigmas, b.sigmas) and torch.equal(a.presence, b.presence)


def test_a_move_by_whole_pixels_shifts_the_heatmap_by_them():
    before, after = drawn().render(2, 16), move(drawn(), (0.0, 0.25)).render(2, 16)
    assert torch.allclose(after[..., :, 2:], before[..., :, :-2], atol=1e-6)
    assert not torch.allclose(after[..., 2:, :], before[..., :-2, :], atol=1e-3)


def test_noise_cannot_be_moved():
    with pytest.raises(ValueError, match="only Gaussians can be moved"):
        move(drawn("gaussian_noise"), (0.0, 0.1))


def test_an_object_is_a_sub_heatmap_or_a_whole_hierarchy():
    rooms = drawn("multi_object")
    assert changed(rooms, moves.shift(rooms, moves.where_object(rooms, 1), (0.1, 0.2))) == {(0, 1)}
    cats = drawn()
    everything = {(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (2, 3)}
    assert changed(cats, moves.shift(cats, moves.where_object(cats, 0), (0.1, 0.2))) == everything
    assert changed(cats, moves.shift(cats, moves.where_part(cats, 2, 3), (0.1, 0.2))) == {(2, 3)}


@pytest.mark.parametrize("name", ["hierarchical", "multi_object"])
def test_both_ways_to_move_an_object_agree(name):
    layout = drawn(name)
    one = moves.shift(layout, moves.where_object(layout, 0), (0.1, -0.3))
    assert changed(one, move_object(layout, 0, (0.1, -0.3))) == set()
    step = one.levels[0].centers[:, 0] - layout.levels[0].centers[:, 0]
    assert torch.allclose(step, torch.tensor([0.1, -0.3]).expand(3, 2), atol=1e-6)


def test_a_removed_object_has_a_heatmap_of_exactly_zero_and_the_others_stay():
    layout = drawn("multi_object")
    maps = moves.remove(layout, moves.where_object(layout, 2)).render(0, 16)
    assert (maps[:, 2] == 0).all()
    assert torch.equal(maps[:, :2], layout.render(0, 16)[:, :2])


def test_resizing_scales_sigma_and_leaves_the_center_of_an_object():
    layout = drawn("multi_object")
    larger = moves.resize(layout, moves.where_object(layout, 1), 1.5)
    assert changed(layout, larger) == {(0, 1)}
    assert torch.equal(larger.levels[0].centers, layout.levels[0].centers)
    assert torch.allclose(larger.levels[0].sigmas[:, 1], 1.5 * layout.levels[0].sigmas[:, 1])


def test_a_hierarchy_is_resized_about_the_center_of_its_level_0():
    layout = drawn()
    smaller = moves.resize(layout, moves.where_object(layout, 0), 0.5)
    root = layout.levels[0].centers
    assert torch.equal(smaller.levels[0].centers, root)
    for before, after in zip(layout.levels, smaller.levels, strict=True):
        assert torch.allclose(after.centers - root, 0.5 * (before.centers - root), atol=1e-6)
        assert torch.allclose(after.sigmas, 0.5 * before.sigmas)


def test_a_copy_has_the_size_of_its_source_and_lies_beside_it():
    layout = drawn("multi_object")
    layout = moves.remove(layout, moves.where_object(layout, 2))
    where = [moves.where_object(layout, i) for i in (0, 2)]
    copied = moves.copy(layout, *where, (0.0, 0.5))
    assert changed(layout, copied) == {(0, 2)}
    level = copied.levels[0]
    assert torch.allclose(level.centers[:, 2] - level.centers[:, 0], torch.tensor([0.0, 0.5]))
    assert torch.equal(level.sigmas[:, 2], level.sigmas[:, 0])
    assert (level.presence[:, 2] == 1).all()


def test_the_way_between_two_layouts_is_straight_and_ends_exactly():
    before, after = drawn(), move(drawn(), (0.3, -0.2))
    assert changed(moves.interpolate(before, after, 0.0), before) == set()
    assert changed(moves.interpolate(before, after, 1.0), after) == set()
    half = moves.interpolate(before, after, 0.5)
    for a, b in zip(half.levels, move(drawn(), (0.15, -0.1)).levels, strict=True):
        assert torch.allclose(a.centers, b.centers, atol=1e-6)


def test_what_vanishes_fades_where_it_was():
    before = drawn("multi_object")
    after = moves.shift(before, moves.where_object(before, 0), (0.0, 0.7))
    after = moves.remove(after, moves.where_object(after, 0))
    half = moves.interpolate(before, after, 0.5).levels[0]
    assert torch.equal(half.centers, before.levels[0].centers)
    assert (half.presence[:, 0] == 0.5).all()
    assert (moves.interpolate(before, after, 1.0).render(0, 8)[:, 0] == 0).all()


@pytest.mark.parametrize(
    ("name", "level", "index", "message"),
    [
        ("multi_object", -1, 3, "objects of this layout are 0 to 2, not 3"),
        ("hierarchical", -1, 1, "objects of this layout are only 0, not 1"),
        ("hierarchical", 3, 0, "levels of this layout are 0 to 2, not 3"),
        ("hierarchical", 1, 2, "sub-heatmaps of level 1 are 0 to 1, not 2"),
        ("none", -1, 0, "a generator without heatmaps has no objects to edit"),
        ("gaussian_noise", -1, 0, "only Gaussians can be moved"),
    ],
)
def test_what_is_not_there_is_named(name, level, index, message):
    layout = drawn(name)
    with pytest.raises(ValueError, match=message):
        moves.where_object(layout, index) if level < 0 else moves.where_part(layout, level, index)
