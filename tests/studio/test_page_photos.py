"""A person's own photo in the studio: opened or dropped, found step by step, given up, and edited."""

import pytest
from PIL import Image

from spatialgan.data.members import ORIENTATION
from tests.studio.page import BROWSER
from tests.studio.test_page_pointers import Hand

pytestmark = BROWSER

DONE = "() => !window.studio.locked"
FOUND = "() => window.studio.history.records.length === 2"


@pytest.fixture
def photo(tmp_path):
    """Return a wide photo, red on the left of its middle and blue on the right, that lies on its side in the file."""
    picture = Image.new("RGB", (300, 200), "white")
    picture.paste((200, 30, 30), (50, 0, 150, 200))
    picture.paste((30, 30, 200), (150, 0, 250, 200))
    lying = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying.save(tmp_path / "holiday.jpg", exif=exif, quality=95)
    return tmp_path / "holiday.jpg"


def quickly(visit):
    """Let a search be short: four steps."""
    visit.page.evaluate(
        """() => {
          const { backend } = window.studio;
          const whole = backend.invert.bind(backend);
          backend.invert = (request, signal) => whole({ ...request, max_steps: 4 }, signal);
        }"""
    )


def test_a_photo_becomes_a_scene_that_can_be_edited(visit, photo):
    before = visit.pixels()
    quickly(visit)
    visit.page.set_input_files("#file", photo)
    visit.page.wait_for_function(FOUND)
    visit.page.wait_for_function(DONE)
    found = visit.pixels()
    assert found != before and "latent" in visit.scene()["changes"]
    assert visit.page.evaluate("() => studio.history.current.label") == "Photo holiday.jpg"
    assert visit.page.is_hidden("#photo-card")
    visit.drag("0", 60, 0)
    assert visit.pixels() != found
    visit.page.keyboard.press("Control+z")
    visit.page.keyboard.press("Control+z")
    assert visit.pixels() == before


def test_of_a_dropped_photo_what_is_sent_is_the_upright_square_in_the_middle(visit, photo):
    visit.page.evaluate(
        "() => { studio.backend.invert = async function* (request) { window.sent = request; }; }"
    )
    Hand(visit).drop(photo, 300, 300)
    visit.page.wait_for_function("() => window.sent && !studio.locked")
    side = visit.page.evaluate("() => studio.model.resolution")
    rgb = visit.page.evaluate("() => Array.from(atob(sent.photo), (c) => c.charCodeAt(0))")
    assert len(rgb) == 3 * side * side
    rows = [rgb[3 * side * y : 3 * side * (y + 1)] for y in range(side)]
    for row in rows:
        left, right = row[:3], row[-3:]
        assert left[0] > 150 and left[2] < 80 and right[2] > 150 and right[0] < 80


def test_a_search_that_is_canceled_leaves_the_scene_as_it_was(visit, photo):
    before, scene = visit.pixels(), visit.scene()
    visit.page.set_input_files("#file", photo)
    visit.page.wait_for_function("() => document.querySelector('#photo-bar').value >= 2")
    visit.page.click("#photo-cancel")
    visit.page.wait_for_function(DONE)
    assert visit.pixels() == before and visit.scene() == scene
    visit.page.set_input_files("#file", photo)  # the slot is free again
    visit.page.wait_for_function("() => document.querySelector('#photo-bar').value >= 2")
    visit.page.click("#photo-keep")
    visit.page.wait_for_function(FOUND)
    assert visit.pixels() != before


def test_what_is_no_picture_is_said_and_changes_nothing(visit, tmp_path):
    before = visit.pixels()
    (tmp_path / "not.png").write_bytes(b"not a picture")
    visit.page.set_input_files("#file", tmp_path / "not.png")
    visit.page.wait_for_function(
        "() => document.querySelector('#message').textContent.includes('is not a picture')"
    )
    assert visit.pixels() == before and not visit.page.evaluate("() => studio.locked")
