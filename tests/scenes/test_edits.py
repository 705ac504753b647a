"""Edits: from text to data to exactly the change that the text says."""

from dataclasses import replace

import pytest
import torch

from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.scenes.changes import Changes
from spatialgan.scenes.edits import EDITS, apply_edit, parse_edit
from spatialgan.scenes.scene import SceneData, StyleSeed


def scene_of(*centers, num_styles=0, levels=1) -> SceneData:
    """Return a scene with objects at these centers, all of sigma 0.2."""
    n = len(centers)
    level = Gaussians(torch.tensor([centers]), torch.full((1, n), 0.2), torch.ones(1, n))
    styles = tuple(StyleSeed(5, code) for code in range(1 + num_styles))
    return SceneData("m", "0", 5, 0.7, "random", Layout((level,) * levels, 1), styles)


ROOM = scene_of((0.0, 0.0), (0.5, -0.5), (-0.4, 0.6), num_styles=3)
CAT = scene_of((0.0, 0.0), levels=3)


def edited(scene, name, text):
    return apply_edit(scene, parse_edit(name, text))


def centers(scene, level=0):
    return [
        [round(c, 5) for c in center] for center in scene.layout.levels[level].centers[0].tolist()
    ]


def test_move_and_place_are_y_then_x():
    assert centers(edited(ROOM, "move", "1:0.25,-.1"))[1] == [0.75, -0.6]
    assert centers(edited(ROOM, "place", "1:-0.3,+0.1"))[1] == [-0.3, 0.1]


def test_an_edit_leaves_the_other_objects_and_all_styles():
    for name, text in (("move", "1:0,1"), ("place", "1:0,0"), ("resize", "1:2"), ("remove", "1")):
        after = edited(ROOM, name, text)
        assert after.styles == ROOM.styles
        for a, b in zip(
            vars(ROOM.layout.levels[0]).values(),
            vars(after.layout.levels[0]).values(),
            strict=True,
        ):
            assert torch.equal(a[:, [0, 2]], b[:, [0, 2]])


def test_resize_and_remove():
    sigmas = edited(ROOM, "resize", "2:1.5").layout.levels[0].sigmas[0]
    assert torch.allclose(sigmas, torch.tensor([0.2, 0.2, 0.3]))
    assert edited(ROOM, "remove", "0").layout.levels[0].presence[0].tolist() == [0, 1, 1]


def test_object_0_of_a_hierarchy_is_all_of_it_and_a_part_is_a_part():
    moved = edited(CAT, "place", "0:0.5,0.25")
    assert [centers(moved, level) for level in range(3)] == [[[0.5, 0.25]]] * 3
    moved = edited(CAT, "move", "2/0:0.1,0")
    assert [centers(moved, level)[0][0] for level in range(3)] == [0.0, 0.0, 0.1]


def test_a_copy_takes_the_slot_of_a_removed_object_with_its_style():
    after = edited(edited(ROOM, "remove", "1"), "copy", "2:0.1,-0.2")
    assert centers(after)[1] == [-0.3, 0.4]
    assert after.layout.levels[0].presence[0].tolist() == [1, 1, 1]
    assert after.styles == (StyleSeed(5, 0), StyleSeed(5, 1), StyleSeed(5, 3), StyleSeed(5, 3))


def test_a_copy_takes_the_object_farthest_outside_when_none_was_removed():
    scene = scene_of((0.0, 0.0), (1.2, 0.0), (0.0, -1.5), num_styles=3)
    assert centers(edited(scene, "copy", "0:0.5,0.5")) == [[0.0, 0.0], [1.2, 0.0], [0.5, 0.5]]


def test_a_copy_needs_a_free_object():
    with pytest.raises(ValueError, match="copy: every object of this model is in the image"):
        edited(ROOM, "copy", "0:0.5,0.5")
    with pytest.raises(ValueError, match="copy: a hierarchy is the only object"):
        edited(CAT, "copy", "0:0.5,0.5")


def test_a_restyle_draws_one_style_or_all():
    def seeds(text):
        return [style.seed for style in edited(ROOM, "restyle", text).styles]

    assert seeds("1") == [5, 5, 6, 5]
    assert seeds("2:40") == [5, 5, 5, 40]
    assert seeds("background:40") == [40, 5, 5, 5]
    assert seeds("all") == [6, 6, 6, 6]
    copied = replace(ROOM, styles=(*ROOM.styles[:3], StyleSeed(5, 1)))
    assert edited(copied, "restyle", "2:9").styles[3] == StyleSeed(9, 3)


def test_an_object_without_a_style_of_its_own_is_not_restyled():
    with pytest.raises(ValueError, match="restyle: this model has one style for the whole image"):
        edited(CAT, "restyle", "0")
    assert edited(CAT, "restyle", "all:3").styles == (StyleSeed(3, 0),)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("move", "3:0,0", "move: objects of this layout are 0 to 2, not 3"),
        ("move", "1/0:0,0", "move: levels of this layout are only 0, not 1"),
        ("move", "0:20,0", "move: level 0, sub-heatmap 0: center is 20, but goes from -10 to 10"),
        ("resize", "0:100", "resize: level 0, sub-heatmap 0: sigma is 20, but goes"),
        ("restyle", "3", "restyle: objects of this layout are 0 to 2, not 3"),
        ("restyle", "0:9999999999999999999", "restyle: seed is 9999999999999999999, but goes"),
    ],
)
def test_what_a_scene_cannot_be_is_refused_in_the_edits_name(name, text, message):
    with pytest.raises(ValueError, match=message):
        edited(ROOM, name, text)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("turn", "0:90", "unknown edit 'turn': choose one of move, place, resize"),
        ("move", "0", "move: '0' is not of the form WHAT:DY,DX"),
        ("move", "0:1", "is not of the form WHAT:DY,DX"),
        ("move", "0:nan,0", "is not of the form"),
        ("move", "0:1,2,3", "is not of the form"),
        ("move", "-1:0,0", "is not of the form"),
        ("place", "0:1e9,0", "is not of the form WHAT:Y,X"),
        ("resize", "0:0", "the factor is .*, but must be positive"),
        ("resize", "0:-2", "the factor is .*, but must be positive"),
        ("remove", "one", "is not of the form WHAT"),
        ("copy", "1/0:0,0", "is not of the form OBJECT:DY,DX"),
        ("restyle", "0:red", "is not of the form OBJECT"),
    ],
)
def test_what_is_no_edit_is_refused_with_its_form(name, text, message):
    with pytest.raises(ValueError, match=message):
        parse_edit(name, text)


def test_every_edit_says_what_it_looks_like():
    for name, cls in EDITS.items():
        assert cls.SYNTAX and cls.__doc__, name


def test_what_was_added_to_a_style_goes_with_the_style():
    """A drag's or an inversion's change of a style is no part of another style."""
    change = torch.arange(1.0, 5.0).view(1, 1, 4, 1).expand(1, 2, 4, 3)
    room = replace(ROOM, changes=Changes(latent=change, channels=2 * change))
    restyled = edited(room, "restyle", "1").changes
    for after, factor in ((restyled.latent, 1), (restyled.channels, 2)):
        assert after[0, 1, :, 2].tolist() == [factor * 1, factor * 2, 0, factor * 4]
    assert edited(room, "restyle", "all").changes.latent.numel() == 0
    copied = edited(edited(room, "remove", "1"), "copy", "2:0.1,-0.2").changes
    assert copied.latent[0, 1, :, 2].tolist() == [1, 2, 4, 4]
    cat = replace(CAT, changes=Changes(latent=torch.ones(1, 2, 3)))
    assert edited(cat, "restyle", "all").changes.latent.numel() == 0
    assert edited(cat, "move", "0:0.1,0").changes is cat.changes
