"""The tab "Region": a box, its sliders, and scenes that need neither afterwards."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from tests.studio.page import BROWSER, violations

pytestmark = BROWSER

FOUND = "() => document.querySelectorAll('#sliders input[type=range]').length > 0 && !studio.locked"


def slide(visit, index, value):
    """Bring a slider to a value, as a keyboard or a hand does."""
    visit.page.evaluate(
        """([index, value]) => {
          const input = document.querySelector(`#region-slider-${index}`);
          input.value = value;
          for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
        }""",
        [index, value],
    )
    visit.settle()


@pytest.fixture
def sliders(visit):
    visit.page.click("#tab-region")
    visit.page.click("#region-find")
    visit.page.wait_for_function(FOUND, timeout=60_000)
    return visit


def test_a_box_is_drawn_by_hand_or_in_numbers(visit):
    visit.page.click("#tab-region")
    frame = visit.page.locator("#region").bounding_box()
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 0.2225 * frame["width"], y - 0.1 * frame["height"])
    visit.page.mouse.up()
    box = visit.page.evaluate(
        "() => ['y', 'x', 'height', 'width'].map((side) => Number(document.querySelector(`#box-${side}`).value))"
    )
    assert box == pytest.approx([-0.1124, 0.25, 0.2247, 0.5], abs=0.01)
    visit.page.fill("#box-width", "1")
    visit.page.keyboard.press("Tab")
    drawn = visit.page.locator("#region rect").first.bounding_box()
    assert drawn["width"] == pytest.approx(0.89 * frame["width"] / 2, rel=0.03)


def test_sliders_change_the_box_and_undo_and_redo_follow(sliders):
    visit, before = sliders, sliders.pixels()
    assert violations(visit.page) == []
    slide(visit, 0, 1)
    after = visit.pixels()
    side = visit.page.evaluate("() => studio.model.resolution")
    inside, outside = changes(before, after, side)
    assert inside > 2 * outside and inside > 5
    slide(visit, 1, -0.5)
    assert visit.pixels() != after
    visit.page.keyboard.press("Control+z")
    assert visit.pixels() == after
    values = "() => [...document.querySelectorAll('#sliders input[type=range]')].map((i) => Number(i.value))"
    assert visit.page.evaluate(values) == [1, 0, 0, 0, 0]
    visit.page.keyboard.press("Control+z")
    assert visit.pixels() == before and visit.page.evaluate(values) == [0] * 5
    assert "changes" not in visit.scene()


def test_other_edits_go_on_top_and_the_scene_renders_the_same_in_the_shell(sliders, tmp_path):
    visit = sliders
    slide(visit, 0, 0.6)
    visit.page.click("#tab-objects")
    visit.drag("0", 40, 0)
    visit.page.click("#tab-region")
    slide(visit, 1, 0.4)
    scene, pixels = visit.scene(), visit.pixels()
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    done = CliRunner().invoke(
        main, ["render", str(tmp_path / "scene.json"), "-o", str(tmp_path / "image.png")]
    )
    assert done.exit_code == 0, done.output
    shown = Image.open(tmp_path / "image.png").convert("RGBA")
    assert list(shown.tobytes()) == pixels
    visit.page.click("#region-clear")
    assert "changes" not in visit.scene() and visit.scene()["layout"] == scene["layout"]


def test_a_search_can_be_canceled_and_another_model_has_no_sliders_yet(visit):
    visit.page.click("#tab-region")
    visit.page.click("#region-find")
    visit.page.click("#region-cancel")
    visit.page.wait_for_function("() => !studio.locked")
    assert visit.page.locator("#sliders input").count() == 0
    visit.page.click("#region-find")
    visit.page.wait_for_function(FOUND, timeout=60_000)
    visit.page.select_option("#model", "cat")
    visit.settle()
    visit.page.wait_for_function("() => document.querySelectorAll('#sliders input').length === 0")


def changes(before, after, side):
    """Return the mean change inside and outside the box of 0.8 by 0.8 in the middle, in gray levels."""
    sums = {True: [0, 0], False: [0, 0]}
    for number, (a, b) in enumerate(zip(before, after, strict=True)):
        y, x = divmod(number // 4, side)
        inside = all(abs((c + 0.5) / side * 2 - 1) < 0.4 for c in (y, x))
        sums[inside][0] += abs(a - b)
        sums[inside][1] += 1
    return (sums[inside][0] / sums[inside][1] for inside in (True, False))
