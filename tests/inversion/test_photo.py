"""Photos as people have them: turned, transparent, deep, inked, not square, and no photos at all."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from spatialgan.inversion.photo import FRAMES, read_photo, square_image

RED, BLUE = (250, 10, 20), (10, 20, 240)


def halves(width=12, height=8):
    """Return a picture that is red on the left and blue on the right."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width // 2, height))
    return picture


def saved(tmp_path, picture, name="photo.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(tmp_path, orientation):
    from spatialgan.data.members import TURNS

    back = {6: 8, 8: 6}.get(orientation, orientation)  # the others are their own inverses
    stored = halves() if orientation == 1 else halves().transpose(TURNS[back])
    exif = Image.Exif()
    exif[274] = orientation
    path = saved(tmp_path, stored, "photo.jpg", quality=100, subsampling=0, exif=exif)
    found = read_photo(path)
    assert found.shape == (8, 12, 3)
    assert np.abs(found.astype(int) - np.asarray(halves()).astype(int)).max() <= 6


def test_what_is_transparent_lies_on_white(tmp_path):
    layer = halves().convert("RGBA")
    layer.putalpha(
        Image.linear_gradient("L").resize((12, 8)).point(lambda v: 0 if v < 128 else 255)
    )
    found = read_photo(saved(tmp_path, layer))
    assert (found[0] == 255).all() and tuple(found[-1, 0]) == RED
    palette = halves().quantize(4)
    path = saved(tmp_path, palette, "palette.png", transparency=palette.getpixel((0, 0)))
    found = read_photo(path)
    assert (found[0, 0] == 255).all() and np.abs(found[0, -1].astype(int) - BLUE).max() < 4


def test_16_bits_become_8(tmp_path):
    deep = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024)
    found = read_photo(saved(tmp_path, deep))
    assert np.array_equal(found[..., 0], np.arange(64).reshape(8, 8) * 4)
    assert np.array_equal(read_photo(saved(tmp_path, deep, "deep.tif")), found)


def test_inks_become_light(tmp_path):
    path = saved(tmp_path, halves().convert("CMYK"), "photo.jpg", quality=100, subsampling=0)
    assert np.abs(read_photo(path).astype(int) - np.asarray(halves()).astype(int)).max() <= 6


def test_a_square_is_cut_from_the_middle_or_holds_all():
    picture = Image.new("RGB", (30, 10), BLUE)
    picture.paste(RED, (10, 0, 20, 10))
    pixels = np.asarray(picture)
    cropped = square_image(pixels, 8)
    assert (cropped.permute(1, 2, 0) == torch.tensor(RED)).all()
    whole = square_image(pixels, 30, "fit").permute(1, 2, 0).numpy()
    assert whole.shape == (30, 30, 3)
    assert (whole[:, 10:20] == RED).all() and (whole[:, :10] == BLUE).all()


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", [(4, 5), (300, 200), (1, 400), (16, 16)])
def test_a_square_has_the_models_size(frame, size):
    pixels = np.full((size[1], size[0], 3), 77, dtype=np.uint8)
    found = square_image(pixels, 16, frame)
    assert found.shape == (3, 16, 16) and (found == 77).all()


def test_a_large_picture_is_averaged_not_sampled():
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[::2] = 200
    assert (square_image(pixels, 8) == 100).all()


def animated():
    file = io.BytesIO()
    halves().save(file, "WEBP", save_all=True, append_images=[halves(8, 12).resize((12, 8))])
    return file.getvalue()


BAD = {
    "empty.png": (b"", "0 bytes"),
    "text.jpg": (b"no picture at all", "not an image"),
    "cut.png": (None, "damaged or truncated"),
    "phone.heic": (b"anything", "a format that isn't read"),
    "film.webp": (animated(), "has 2 frames"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_photo_is_refused_in_one_line(tmp_path, name):
    data, words = BAD[name]
    path = tmp_path / name
    if data is None:
        noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        data = saved(tmp_path, Image.fromarray(noise), "whole.png").read_bytes()[:2000]
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught:
        read_photo(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_fractions_of_light_have_no_range(tmp_path):
    path = saved(tmp_path, Image.new("F", (8, 8), 0.5), "photo.tif")
    with pytest.raises(ValueError, match="brightness as fractions"):
        read_photo(path)
