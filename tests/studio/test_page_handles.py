"""The handles of the studio's page: each can be taken hold of and read, wherever its object is."""

import pytest

from tests.studio.page import BROWSER

pytestmark = BROWSER

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
CHANGE = """(change) => {
  const layout = studio.scene.layout.map((level) => level.map((g) => ({ ...g, ...change })));
  studio.apply({ ...studio.scene, layout }, "All", performance.now());
}"""
# an element with a text wider than itself, or a name wider than its disc
CUT = """() => {
  const cut = [];
  for (const each of document.querySelectorAll("button, label, span, figcaption, legend, h2, output, p, .name")) {
    const box = each.getBoundingClientRect();
    if (!box.width) continue;
    const disc = each.matches(".name") ? each.parentNode.querySelector(".dot").getBoundingClientRect() : null;
    const wide = disc ? box.width > disc.width - 2 : each.scrollWidth > each.clientWidth && getComputedStyle(each).display !== "inline";
    if (wide || box.left < 0 || box.right > innerWidth) cut.push(each.textContent);
  }
  return cut;
}"""


def cat(visits, **options):
    visit = visits(**options)
    visit.page.select_option("#model", "cat")
    visit.page.wait_for_function("() => studio.scene.model === 'cat'")
    visit.settle()
    return visit


def drag(visit, start, end):
    """Drag with a finger, from one point of the window to another."""
    session = visit.page.context.new_cdp_session(visit.page)
    for kind, points in (("Start", [start]), ("Move", [end]), ("End", [])):
        touches = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})
    visit.settle()


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def centers(visit):
    return [g["center"] for level in visit.scene()["layout"] for g in level]


def test_each_of_several_handles_at_one_place_can_be_taken_by_touch(visits):
    visit = cat(visits, **PHONE)
    visit.page.evaluate(CHANGE, {"center": [0.2, 0.1], "sigma": 0.3})
    visit.page.locator("input[name=scope][value=alone]").check(force=True)
    chips = visit.page.locator("#chips .chip")
    for pick in range(chips.count()):
        name = chips.nth(pick).inner_text()
        for place in (
            "#handles",
            f"#levels figure:nth-child({int(name[0]) + 1 if '/' in name else 1}) svg",
        ):
            chips.nth(pick).tap()
            before = centers(visit)
            disc = visit.page.locator(f"{place} .handle[data-part='{name}'] .dot")
            disc.scroll_into_view_if_needed()
            x, y = middle(disc)
            drag(visit, (x, y), (x + 20, y))
            moved = [
                i for i, (a, b) in enumerate(zip(before, centers(visit), strict=True)) if a != b
            ]
            assert moved == [pick], (name, place)
            visit.page.click("#undo")
            visit.settle()


@pytest.mark.parametrize("width", [390, 800, 1400])
def test_no_label_is_cut(visits, width):
    visit = cat(visits, viewport={"width": width, "height": 900})
    visit.page.locator("#chips .chip").last.click()
    assert visit.page.evaluate(CUT) == []
    for tab in ("#tab-points", "#tab-region"):
        visit.page.click(tab)
        assert visit.page.evaluate(CUT) == []


@pytest.mark.parametrize("model", ["bedroom", "cat"])
def test_an_object_far_outside_comes_to_the_hand_that_drags_its_disc(visits, model):
    visit = cat(visits, **PHONE) if model == "cat" else visits(**PHONE)
    visit.page.evaluate(CHANGE, {"center": [0.2, 5]})
    before = visit.pixels()
    x, y = visit.center("0")
    drag(visit, (x, y), (x, y))
    assert centers(visit)[0] == [0.2, 5]  # a tap moves nothing
    drag(visit, (x, y), (x - 15, y))
    assert 0.7 < centers(visit)[0][1] < 1.1 and visit.pixels() != before
    end = visit.center("0")
    assert abs(end[0] - (x - 15)) < 1 and abs(end[1] - y) < 1


FOCUSED = "() => document.activeElement.dataset.part ?? document.activeElement.className"


def test_a_handle_keeps_the_focus_while_before_is_shown(visit):
    visit.page.locator("#handles .handle").first.focus()
    part = visit.page.evaluate(FOCUSED)
    visit.page.keyboard.down("v")
    assert (
        visit.page.evaluate("() => getComputedStyle(document.querySelector('#handles')).opacity")
        == "0"
    )
    visit.page.keyboard.up("v")
    assert visit.page.evaluate(FOCUSED) == part != ""
    before = visit.scene()["layout"]
    visit.page.keyboard.press("ArrowRight")
    visit.settle()
    assert visit.scene()["layout"] != before


def test_the_last_object_leaves_the_focus_to_its_chip(visit):
    visit.page.locator("#handles .handle").first.focus()
    for _ in range(3):
        visit.page.keyboard.press("Delete")
    visit.settle()
    assert visit.page.evaluate("() => document.activeElement.matches('#chips button')")
    visit.page.keyboard.press("Control+z")
    visit.settle()
    assert sum(g["presence"] > 0 for g in visit.scene()["layout"][0]) == 1
