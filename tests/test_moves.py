"""Moves: a layout moved right has its heatmap to the right, and pictures of it follow (y, x)."""

import pytest
import torch

from spatialgan.editing.strips import draw_layout, move_strips, write_strips
from spatialgan.heatmaps.moves import move, move_object, move_objects, objects
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.inference import load_snapshot, save_snapshot
from spatialgan.rng import generator_for
from spatialgan.training.state import new_state
from tests.tiny import tiny_config


def drawn(name="hierarchical", num=3):
    return SAMPLERS[name]()(num, generator_for(0, "test", 0))


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


def test_one_object_of_several_moves_and_the_others_stay():
    before = drawn("multi_object")
    after = move_object(before, 1, (0.25, -0.5))
    moved = after.levels[0].centers - before.levels[0].centers
    assert torch.allclose(moved[:, 1], torch.tensor([0.25, -0.5]).expand(3, 2), atol=1e-6)
    assert torch.equal(after.levels[0].centers[:, [0, 2]], before.levels[0].centers[:, [0, 2]])
    assert torch.equal(after.levels[0].sigmas, before.levels[0].sigmas)


def test_each_sample_moves_an_object_of_its_own_by_an_offset_of_its_own():
    before, offsets = drawn("multi_object"), torch.tensor([[0.1, 0.2], [0.3, 0.4], [-0.5, 0.0]])
    after = move_objects(before, torch.tensor([2, 0, 1]), offsets)
    for i, j in enumerate((2, 0, 1)):
        alone = move_object(before[i : i + 1], j, tuple(offsets[i].tolist()))
        assert torch.equal(after.levels[0].centers[i], alone.levels[0].centers[0])


@pytest.mark.parametrize("name", ["hierarchical", "impulse"])
def test_the_object_of_a_hierarchy_is_all_of_it_placed_at_level_0(name):
    layout = drawn(name)
    one, all_of_it = move_object(layout, 0, (0.25, -0.5)), move(layout, (0.25, -0.5))
    for a, b in zip(one.levels, all_of_it.levels, strict=True):
        assert torch.equal(getattr(a, "base", a).centers, getattr(b, "base", b).centers)
    level = getattr(layout.levels[0], "base", layout.levels[0])
    assert torch.equal(objects(layout).centers, level.centers[:, :1])
    assert objects(drawn("multi_object")).centers.shape == (3, 3, 2)


def test_objects_that_are_not_there_are_one_clear_line():
    with pytest.raises(ValueError, match=r"objects of this layout are 0 to 2, not \[3\]"):
        move_object(drawn("multi_object"), 3, (0.1, 0.1))
    with pytest.raises(ValueError, match="objects of this layout are 0 to 0"):
        move_object(drawn("hierarchical"), 1, (0.1, 0.1))
    with pytest.raises(ValueError, match="without heatmaps has no objects"):
        objects(drawn("none"))


def test_a_drawn_layout_is_brightest_at_its_center():
    layout = drawn(num=1)
    picture = draw_layout(layout, 64)[0].float()
    y, x = divmod(int(picture[2].argmax()), 64)
    center = layout.levels[0].centers[0, 0]
    expected = ((center + 1) * 32 - 0.5).round().tolist()
    assert abs(y - expected[0]) <= 1 and abs(x - expected[1]) <= 1


def test_strips_show_layouts_above_images_and_refuse_a_baseline(tmp_path):
    for row in ("spatialgan", "baseline"):
        config = tiny_config(row)
        state = new_state(config, torch.device("cpu"))
        save_snapshot(tmp_path / row / "generator.safetensors", state.g_ema, config, 8)
    picture = move_strips(load_snapshot(tmp_path / "spatialgan" / "generator.safetensors"))
    assert picture.shape == (3, 8 * 16 * 3, 5 * 16 * 3)
    first_row = picture[:, :48].unflatten(2, (5, 48))
    assert not torch.equal(first_row[:, :, 0], first_row[:, :, 4])
    with pytest.raises(ValueError, match="has no heatmaps to move"):
        write_strips(tmp_path / "baseline")
