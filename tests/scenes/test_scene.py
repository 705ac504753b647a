"""Scenes: an image as a pure function of data, each part of which changes what it says."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import (
    interpolate_inputs,
    render_inputs,
    render_scene,
    scene_inputs,
)
from spatialgan.scenes.scene import StyleSeed
from spatialgan.snapshot import draw_samples, load_snapshot, render, to_uint8
from tests.tiny import tiny_snapshot

ROWS = ("baseline", "spatialgan", "flatten", "multi", "indoor")


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Return a snapshot per row."""
    folder = tmp_path_factory.mktemp("snapshots")
    return {row: load_snapshot(tiny_snapshot(folder / f"{row}.safetensors", row)) for row in ROWS}


def drawn(snapshot, seed=3, noise_mode="random", truncation_psi=0.7):
    return scene_from_seed(OpenedModel("m", "0", snapshot), seed, truncation_psi, noise_mode)


@pytest.mark.parametrize("row", ROWS)
def test_a_scene_of_a_seed_shows_what_sampling_shows(snapshots, row):
    """Only that several objects are drawn inside the frame."""
    snapshot, config = snapshots[row], snapshots[row].config
    if row in ("multi", "indoor"):
        config = replace(config, sampling=replace(config.sampling, inside=True))
    expected = to_uint8(render(snapshot, draw_samples(config, 3, 0, 1), 0.7))[0]
    assert torch.equal(render_scene(drawn(snapshot), snapshot), expected)


@pytest.mark.parametrize("row", ["multi", "indoor"])
def test_several_objects_of_a_scene_are_inside_the_frame(snapshots, row):
    layouts = [drawn(snapshots[row], seed).layout for seed in range(12)]
    (level,) = Layout.cat(layouts).levels
    assert (level.centers.abs() <= 1).all()
    (sampled,) = draw_samples(snapshots[row].config, 3, 0, 12).layout.levels
    assert not (sampled.centers.abs() <= 1).all()


def test_the_number_of_threads_changes_no_bit_and_stays_as_it_was(snapshots):
    scene = drawn(snapshots["indoor"])
    one = render_scene(scene, snapshots["indoor"])
    torch.set_num_threads(2)
    try:
        assert torch.equal(render_scene(scene, snapshots["indoor"]), one)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_every_part_of_a_scene_counts(snapshots):
    snapshot = snapshots["indoor"]
    scene = drawn(snapshot)
    image = render_scene(scene, snapshot)
    where = moves.where_object(scene.layout, 1)
    placed = replace(scene, layout=moves.shift(scene.layout, where, (0.1, 0.1)))
    for changed in (
        replace(scene, seed=4),
        replace(scene, truncation_psi=0.4),
        replace(scene, noise_mode="const"),
        replace(scene, noise_mode="none"),
        placed,
        replace(scene, styles=(StyleSeed(4, 0), *scene.styles[1:])),
    ):
        assert not torch.equal(render_scene(changed, snapshot), image)


def test_constant_noise_is_the_same_in_all_scenes_and_none_is_zero(snapshots):
    snapshot = snapshots["spatialgan"]

    def noise(seed, mode):
        return scene_inputs(drawn(snapshot, seed, mode), snapshot).noise

    pairs = zip(noise(3, "const"), noise(4, "const"), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    pairs = zip(noise(3, "random"), noise(4, "random"), strict=True)
    assert not any(torch.equal(a, b) for a, b in pairs)
    assert all((m == 0).all() for m in noise(3, "none"))


def test_a_style_reaches_its_object_alone(snapshots):
    snapshot = snapshots["indoor"]
    scene = drawn(snapshot)
    other = replace(scene, styles=(*scene.styles[:2], StyleSeed(9, 2), *scene.styles[3:]))
    before, after = (scene_inputs(each, snapshot).ws for each in (scene, other))
    changed = (before != after).any(dim=-1)[0]
    assert changed.all(dim=0).tolist() == [False, False, True, False]


def test_a_style_may_serve_another_object(snapshots):
    snapshot = snapshots["indoor"]
    scene = drawn(snapshot)
    copied = replace(scene, styles=(*scene.styles[:3], scene.styles[1]))
    ws = scene_inputs(copied, snapshot).ws
    assert torch.equal(ws[:, :, 3], ws[:, :, 1])


def test_a_removed_object_of_any_style_leaves_the_same_bits(snapshots):
    snapshot = snapshots["indoor"]
    scene = drawn(snapshot)
    gone = moves.remove(scene.layout, moves.where_object(scene.layout, 0))
    scene = replace(scene, layout=gone)
    other = replace(scene, styles=(scene.styles[0], StyleSeed(99, 1), *scene.styles[2:]))
    assert torch.equal(render_scene(scene, snapshot), render_scene(other, snapshot))


@pytest.mark.parametrize("row", ["spatialgan", "flatten", "indoor"])
def test_the_way_between_two_scenes_begins_and_ends_with_them(snapshots, row):
    snapshot = snapshots[row]
    first, second = drawn(snapshot, 3), drawn(snapshot, 4)
    second = replace(
        second, layout=moves.remove(second.layout, moves.where_object(second.layout, 0))
    )
    ends = scene_inputs(first, snapshot), scene_inputs(second, snapshot)
    for fraction, scene in ((0.0, first), (1.0, second)):
        image = render_inputs(interpolate_inputs(*ends, fraction), snapshot)
        assert torch.equal(image, render_scene(scene, snapshot))
    half = render_inputs(interpolate_inputs(*ends, 0.5), snapshot)
    assert not torch.equal(half, render_scene(first, snapshot))


def one_object(center=0.0, sigma=0.3, presence=1.0):
    return Layout(
        (
            Gaussians(
                torch.tensor([[[0.0, center]]]),
                torch.tensor([[sigma]]),
                torch.tensor([[presence]]),
            ),
        ),
        1,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truncation_psi": float("nan")}, "truncation_psi is nan, but goes from 0 to 2"),
        ({"truncation_psi": -0.1}, "truncation_psi is -0.1"),
        ({"noise_mode": "loud"}, "unknown noise_mode 'loud': choose one of random, const, none"),
        ({"seed": -1}, "seed is -1, but goes from 0"),
        ({"layout": one_object(sigma=50.0)}, "level 0, sub-heatmap 0: sigma is 50"),
        ({"layout": one_object(sigma=0.0)}, "sigma is 0, but goes from 0.001 to 4"),
        ({"layout": one_object(center=float("inf"))}, "center is inf, but goes from -10 to 10"),
        ({"layout": one_object(presence=1.5)}, "presence is 1.5, but goes from 0 to 1"),
    ],
)
def test_no_scene_has_a_value_that_no_image_has(snapshots, change, message):
    with pytest.raises(ValueError, match=message):
        replace(drawn(snapshots["spatialgan"]), **change)


def test_noise_heatmaps_are_no_scene(tmp_path):
    snapshot = load_snapshot(tiny_snapshot(tmp_path / "g.safetensors", "gaussian_noise"))
    with pytest.raises(ValueError, match="heatmaps are noise, which no scene can describe"):
        drawn(snapshot)


def test_scenes_rendered_in_several_threads_at_once_keep_their_bits(snapshots):
    snapshot = snapshots["indoor"]
    scenes = [drawn(snapshot, seed) for seed in range(6)]
    expected = [render_scene(scene, snapshot) for scene in scenes]
    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(6) as pool:
            images = list(pool.map(lambda scene: render_scene(scene, snapshot), scenes * 4))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(a, b) for a, b in zip(images, expected * 4, strict=True))
