"""Pictures of scenes: circles where heatmaps are half as high, differences where something changed."""

import numpy as np
import pytest
import torch

from spatialgan.drawing import overlays as drawing
from spatialgan.heatmaps.layout import Gaussians, Layout

SIDE = 192


def layout_of(y, x, sigma=0.3, presence=1.0, levels=1):
    level = Gaussians(torch.tensor([[[y, x]]]), torch.tensor([[sigma]]), torch.tensor([[presence]]))
    return Layout((level,) * levels, 1)


def gray(resolution=32, value=128):
    return torch.full((3, resolution, resolution), value, dtype=torch.uint8)


def drawn_on(picture, image):
    """Return where (y, x) a picture differs from its image, in coordinates of the image."""
    plain = np.asarray(drawing.enlarged(image)).astype(int)
    rows, columns = np.nonzero(np.abs(np.asarray(picture).astype(int) - plain).sum(axis=2) > 30)
    return (np.stack([rows, columns], axis=1) + 0.5) / SIDE * 2 - 1


@pytest.mark.parametrize("resolution", [16, 32, 100])
def test_pictures_are_enlarged_by_whole_factors(resolution):
    image = torch.randint(0, 256, (3, resolution, resolution), dtype=torch.uint8)
    picture = np.asarray(drawing.enlarged(image))
    factor = picture.shape[0] // resolution
    assert picture.shape[0] >= drawing.MIN_SIDE
    assert (
        picture[factor // 2 :: factor, factor // 2 :: factor] == image.permute(1, 2, 0).numpy()
    ).all()


def test_a_circle_lies_where_the_heatmap_is_half_as_high():
    layout = layout_of(0.25, -0.3)
    points = drawn_on(drawing.circled(drawing.enlarged(gray()), layout), gray())
    radii = np.hypot(points[:, 0] - 0.25, points[:, 1] + 0.3)
    height = np.exp(-(radii**2) / (2 * 0.3**2))
    assert abs(np.median(height) - 0.5) < 0.03
    assert np.abs(height - 0.5).max() < 0.1


def test_what_was_removed_is_not_drawn_and_what_fades_is_faint():
    image = gray()
    assert len(drawn_on(drawing.outlined(image, layout_of(0.0, 0.0, presence=0.0)), image)) == 0
    pictures = [
        np.asarray(
            drawing.circled(drawing.enlarged(image), layout_of(0.0, 0.0, presence=p))
        ).astype(int)
        for p in (1.0, 0.3)
    ]
    strong, faint = (np.abs(picture - 128).sum() for picture in pictures)
    assert 0.15 * strong < faint < 0.45 * strong


def test_a_name_stands_in_the_picture_or_not_at_all():
    image = gray()
    plain = drawing.enlarged(image)
    for y, x in ((0.0, 0.0), (0.999, 0.999), (-0.999, 0.5)):
        points = drawn_on(drawing.named(plain, layout_of(y, x)), image)
        assert len(points) > 20 and np.hypot(*(points.mean(axis=0) - (y, x))) < 0.2
    assert len(drawn_on(drawing.named(plain, layout_of(1.2, 0.0)), image)) == 0


def test_a_circle_around_the_whole_picture_is_left_out():
    image = gray()
    assert (
        len(drawn_on(drawing.circled(drawing.enlarged(image), layout_of(0.0, 0.0, 4.0)), image))
        == 0
    )


def test_a_difference_is_black_where_nothing_changed_and_white_where_much_did():
    before, after = gray(value=0), gray(value=0)
    after[:, 3, 5] = 255
    after[0, 8, 8] = 96  # 32 on average over RGB
    change = drawing.difference(before, after)
    assert change[:, 3, 5].tolist() == [255, 255, 255]
    assert change[:, 8, 8].tolist() == list(drawing.HEAT[1])
    change[:, [3, 8], [5, 8]] = 0
    assert not change.any()
    assert torch.equal(drawing.difference(after, before), drawing.difference(before, after))


def test_a_caption_is_made_to_fit():
    picture = drawing.captioned(
        drawing.enlarged(gray()), "a caption that is too long for its picture"
    )
    strip = np.asarray(picture)[: drawing.CAPTION_HEIGHT]
    assert picture.size == (SIDE, SIDE + drawing.CAPTION_HEIGHT)
    assert (strip[:, :1] == 255).all() and (strip[:, -1:] == 255).all() and (strip < 200).any()


def test_pages_hold_their_pictures():
    one = drawing.enlarged(gray(value=0))
    line = drawing.side_by_side([one, one])
    page = np.asarray(drawing.stacked([line, one]))
    assert page.shape == (2 * SIDE + drawing.GAP, 2 * SIDE + drawing.GAP, 3)
    assert (page[:SIDE, :SIDE] == 0).all() and (page[:SIDE, SIDE : SIDE + drawing.GAP] == 255).all()
    assert (page[SIDE + drawing.GAP :, :SIDE] == 0).all() and (
        page[SIDE + drawing.GAP :, SIDE:] == 255
    ).all()
