"""Drawings are functions of (name, seed, index), and their ground truth is that of the picture."""

import dataclasses

import numpy as np
import pytest

from spatialgan import drawn
from spatialgan.drawn.canvas import SCENERY, Canvas, Label, Light, VectorDrawing
from spatialgan.drawn.palette import BLACK, WHITE
from spatialgan.drawn.shapes import box, ellipse
from spatialgan.drawn.solids import Block, View

WHOLE = {"cat": "cat", "face": "person", "church": "church"}
PARTS = {
    "cat": {"head", "ear", "eye", "nose", "muzzle", "body", "tail"},
    "face": {"face", "ear", "eye", "nose", "mouth", "hair", "neck", "body", "glasses"},
    "church": {"nave", "roof", "tower", "steeple", "window", "door", "cross"},
}
FURNITURE = {"bed", "window", "painting", "lamp", "wardrobe", "rug", "door", "chair", "plant",
             "nightstand"}  # fmt: skip


def moved(
    drawing: VectorDrawing, scale: tuple[float, float], shift: tuple[float, float]
) -> VectorDrawing:
    shapes = [
        dataclasses.replace(shape, points=shape.points * scale + np.array(shift))
        for shape in drawing.shapes
    ]
    return dataclasses.replace(drawing, shapes=tuple(shapes), light=Light())


def lineage(drawing: VectorDrawing, label: int) -> set[int]:
    """Return a label and those of everything it is a part of."""
    parent = drawing.labels[label - 1].parent
    return {label} if parent == SCENERY else {label} | lineage(drawing, parent)


@pytest.mark.parametrize("name", drawn.DRAWINGS)
def test_drawing_is_a_function_of_name_seed_and_index(name):
    first, again = drawn.draw(name, 3, 5, 32), drawn.draw(name, 3, 5, 32)
    assert np.array_equal(first.image, again.image)
    assert [one.center for one in first.instances] == [one.center for one in again.instances]
    for seed, index in ((3, 6), (4, 5)):
        assert not np.array_equal(first.image, drawn.draw(name, seed, index, 32).image)


@pytest.mark.parametrize("name", drawn.DRAWINGS)
def test_small_picture_is_the_reduced_large_one(name):
    for index in range(4):
        drawing = drawn.compose(name, 0, index)
        small = drawing.image(32).astype(float)
        large = drawing.image(128).reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
        assert np.abs(small - large).mean() < 4
        for few, many in zip(drawing.instances(32), drawing.instances(128), strict=True):
            assert few.center == many.center
            reduced = many.mask.reshape(32, 4, 32, 4).mean(axis=(1, 3)) > 0.5
            assert np.mean(few.mask != reduced) < 0.03


@pytest.mark.unchecked
@pytest.mark.parametrize("name", WHOLE)
def test_dominant_object_owns_its_parts(name):
    seen = set()
    for index in range(40):
        instances = drawn.draw(name, 0, index, 32).instances
        wholes = [one for one in instances if one.name == WHOLE[name]]
        parts = [one for one in instances if one.owner == WHOLE[name]]
        assert len(wholes) == 1 and wholes[0].owner == ""
        assert 0.04 < wholes[0].mask.mean() < 0.9
        assert all(not (part.mask & ~wholes[0].mask).any() for part in parts)
        seen |= {part.name for part in parts}
    assert seen == PARTS[name]


@pytest.mark.unchecked
def test_bedroom_has_all_furniture_and_hidden_pieces():
    seen, counts, occluded = set(), set(), 0
    for index in range(40):
        drawing = drawn.compose("bedroom", 0, index)
        whole = [one for one in drawing.instances(32) if not one.owner]
        seen |= {one.name for one in whole}
        counts.add(len(whole))
        back = [shape for shape in drawing.shapes if shape.label == SCENERY]
        for label, one in enumerate(drawing.instances(32), start=1):
            own = [dataclasses.replace(s, label=1) for s in drawing.shapes if s.label == label]
            alone = dataclasses.replace(
                drawing, shapes=(*back, *own), labels=(Label(one.name, SCENERY),)
            )
            (shown,) = alone.instances(32)
            occluded += not one.owner and shown.mask.sum() > 1.3 * one.mask.sum() + 6
    assert seen == FURNITURE
    assert len(counts) >= 4  # pieces come and go
    assert occluded > 12


@pytest.mark.parametrize("name", drawn.DRAWINGS)
def test_masks_are_where_the_picture_shows_the_object(name):
    """Painting one instance, parts and all, in other colors changes the picture inside its mask only."""
    drawing = drawn.compose(name, 1, 2)
    labels = range(1, len(drawing.labels) + 1)
    for index, instance in enumerate(drawing.instances(64)):
        family = {label for label in labels if index + 1 in lineage(drawing, label)}
        shapes = [
            dataclasses.replace(s, color=(*((c + 128) % 256 for c in s.color[:3]), 255))
            if s.label in family and s.color[3] == 255
            else s
            for s in drawing.shapes
        ]
        painted = dataclasses.replace(drawing, shapes=tuple(shapes))
        change = np.abs(painted.image(64).astype(int) - drawing.image(64)).sum(axis=2)
        cover = np.pad(instance.mask, 1)
        near = np.logical_or.reduce(
            [cover[1 + y : 65 + y, 1 + x : 65 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)]
        )
        assert change[~near].max(initial=0) < 220  # less than half of a pixel can change
        if instance.mask.any():
            assert change[instance.mask].mean() > 150  # of 384


@pytest.mark.parametrize("name", drawn.DRAWINGS)
def test_centers_and_masks_mirror_and_shift_with_the_drawing(name):
    drawing = drawn.compose(name, 0, 1)
    mirror = moved(drawing, (1, -1), (0, 0)).instances(32)
    shift = moved(drawing, (1, 1), (0.25, -0.125)).instances(32)
    for one, flipped, pushed in zip(drawing.instances(32), mirror, shift, strict=True):
        assert flipped.center == pytest.approx((one.center[0], -one.center[1]), abs=0.01)
        assert pushed.center == pytest.approx(
            (one.center[0] + 0.25, one.center[1] - 0.125), abs=0.02
        )
        assert np.mean(one.mask[:, ::-1] != flipped.mask) < 0.02
        assert np.mean(one.mask[:-4, 2:] != pushed.mask[4:, :-2]) < 0.03


def test_center_is_the_half_pixel_mean_of_an_object_in_plain_sight():
    canvas = Canvas(WHITE, WHITE)
    disc = canvas.add("disc")
    canvas.paint(disc, ellipse((0.25, -0.5), (0.3, 0.2)), BLACK)
    (instance,) = canvas.finish(Light()).instances(64)
    rows, columns = np.nonzero(instance.mask)
    mean = ((2 * rows + 1) / 64 - 1).mean(), ((2 * columns + 1) / 64 - 1).mean()
    assert mean == pytest.approx((0.25, -0.5), abs=0.01)
    assert instance.center == pytest.approx((0.25, -0.5), abs=0.01)
    assert instance.mask.mean() == pytest.approx(np.pi * 0.3 * 0.2 / 4, rel=0.05)


def test_opaque_shapes_hide_and_translucent_ones_do_not():
    canvas = Canvas(WHITE, WHITE)
    back, front = canvas.add("back"), canvas.add("front")
    part = canvas.add("part", front)
    canvas.paint(back, box(-0.5, -0.5, 0.5, 0.5), BLACK)
    canvas.paint(front, box(-2, 0, 2, 2), (200, 0, 0))
    canvas.paint(part, box(-2, 0.5, 2, 2), (0, 200, 0))
    canvas.tint(box(-2, -2, 0, 2), (0, 0, 200), 0.5)
    hidden, whole, piece = canvas.finish(Light()).instances(16)
    assert hidden.mask[:, :8].any() and not hidden.mask[:, 8:].any()
    assert hidden.center == pytest.approx((0, 0), abs=0.02)  # of the whole square
    assert whole.mask[:, 8:].all() and piece.mask.sum() == 16 * 4
    assert (hidden.owner, whole.owner, piece.owner) == ("", "", "front")


@pytest.mark.unchecked
@pytest.mark.parametrize("name", WHOLE)
def test_places_cover_a_good_part_of_the_frame(name):
    centers = [drawn.compose(name, 2, index).instances(8)[0] for index in range(50)]
    assert {one.name for one in centers} <= {WHOLE[name], "tree"}
    across = np.std([one.center[1] for one in centers])
    assert 0.15 < across < 0.45


def test_a_face_of_a_block_is_seen_from_its_outside():
    block = Block((-0.5, 0, 0), (0.5, 1, 1))
    straight = View((0.5, 0), 0.5, 0.0, 2.0, 0.2)
    assert block.front().is_seen(straight) and block.top().is_seen(straight)
    turned = dataclasses.replace(straight, yaw=0.6, eye=0.5)
    assert block.right().is_seen(turned) and not block.left().is_seen(turned)
    assert not block.top().is_seen(turned)  # an eye below the top does not see it


def test_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="cat, face, church, bedroom"):
        drawn.draw("dog", 0, 0, 32)
    with pytest.raises(ValueError, match="0 or more"):
        drawn.draw("cat", -1, 0, 32)
