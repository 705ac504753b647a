"""The page under fingers and a pen, on a phone, and with files that are dropped on it."""

import json
import time

import pytest

from tests.studio.page import BROWSER

pytestmark = BROWSER
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
PAINTED = """() => {
  const canvas = document.querySelector("#mask");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, i) => i % 4 === 3).reduce((sum, alpha) => sum + (alpha < 128), 0);
}"""


class Hand:
    """Fingers or a pen, as the browser's own input events."""

    def __init__(self, visit):
        self.client = visit.page.context.new_cdp_session(visit.page)

    def fingers(self, kind, *points, **when):
        """Put down, move or lift fingers, now or at a `timestamp`."""
        touched = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched, **when})

    def finger_drag(self, start, *ways):
        """Drag one finger along places in the window."""
        self.fingers("touchStart", start)
        for way in ways:
            self.fingers("touchMove", way)
        self.fingers("touchEnd")

    def pen(self, kind, x, y):
        """Press, move or lift a pen."""
        down = {"buttons": 1, "force": 0.5} if kind != "mouseReleased" else {"buttons": 0}
        self.client.send(
            "Input.dispatchMouseEvent",
            {
                "type": kind,
                "x": x,
                "y": y,
                "button": "left",
                "clickCount": 1,
                "pointerType": "pen",
                **down,
            },
        )

    def pen_drag(self, start, *ways):
        """Drag a pen along places in the window."""
        self.pen("mousePressed", *start)
        for way in ways:
            self.pen("mouseMoved", *way)
        self.pen("mouseReleased", *ways[-1])

    def drop(self, path, x, y):
        """Drop a file."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.client.send(
                "Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data}
            )


def place(visit, x, y):
    """Return a place of the image, from 0 to 1, in px of the window."""
    box = visit.page.locator("#image").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def records(visit):
    return visit.page.evaluate("() => studio.history.records.map((record) => record.label)")


def kinds_of_pointers(visit):
    """Note what the browser calls the pointers that go down from now on."""
    visit.page.evaluate(
        "() => { window.kinds = []; addEventListener('pointerdown', (e) => kinds.push(e.pointerType), true); }"
    )


def test_one_finger_moves_an_object_and_not_the_page(visits):
    visit = visits(**PHONE)
    kinds_of_pointers(visit)
    before, (y, x) = visit.pixels(), visit.scene()["layout"][0][0]["center"]
    cx, cy = visit.center("0")
    Hand(visit).finger_drag((cx, cy), (cx + 20, cy + 20), (cx + 60, cy + 60))
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    to_y, to_x = visit.scene()["layout"][0][0]["center"]
    side = visit.page.locator("#image").bounding_box()["width"]
    assert to_x - x == pytest.approx(120 / side, abs=0.02)
    assert to_y - y == pytest.approx(120 / side, abs=0.02)
    assert visit.pixels() != before
    assert visit.page.evaluate("() => [kinds.join(), scrollY]") == ["touch", 0]
    assert visit.page.locator("#hint").is_hidden()


def test_two_taps_restyle(visits):
    visit = visits(**PHONE)
    hand, center, now = Hand(visit), visit.center("1"), time.time()
    for tap in range(2):  # as fast as a hand taps, however slow this machine is
        hand.fingers("touchStart", center, timestamp=now + 0.2 * tap)
        hand.fingers("touchEnd", timestamp=now + 0.2 * tap + 0.05)
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert records(visit)[-1] == "Restyle 1"


def test_a_finger_beside_the_handles_scrolls_and_the_image_stays_in_sight(visits):
    visit = visits(**PHONE)
    Hand(visit).finger_drag(*((8, y) for y in range(800, 100, -50)))
    visit.page.wait_for_function("() => scrollY > 300")
    assert 0 <= visit.page.locator("#frame").bounding_box()["y"] < 20
    assert records(visit) == ["Start"]


def test_a_finger_sets_points_and_paints(visits):
    visit = visits(**PHONE)
    visit.page.tap("#tab-points")
    for x in (0.3, 0.6):
        visit.page.touchscreen.tap(*place(visit, x, 0.5))
    assert visit.page.is_enabled("#drag-start")
    row = visit.page.locator("#pairs input").evaluate_all("(all) => all.map((e) => +e.value)")
    assert row == pytest.approx([0, -0.4, 0, 0.2], abs=0.02)
    visit.page.check("input[name=tool][value=brush]", force=True)
    visit.page.evaluate("() => window.scrollTo(0, 0)")
    ways = [place(visit, x, 0.5) for x in (0.2, 0.5, 0.8)]
    Hand(visit).finger_drag(*ways)
    assert 1000 < visit.page.evaluate(PAINTED) < 128 * 128 / 2
    assert visit.page.evaluate("() => scrollY") == 0


def test_a_pen_moves_resizes_and_paints(visit):
    kinds_of_pointers(visit)
    hand, first = Hand(visit), visit.scene()["layout"][0][0]
    x, y = visit.center("0")
    hand.pen_drag((x, y), (x + 30, y), (x + 80, y))
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    moved = visit.scene()["layout"][0][0]
    assert moved["center"][1] > first["center"][1] + 0.1
    box = visit.handle("0").locator(".grip").bounding_box()
    grip = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hand.pen_drag(grip, (grip[0] + 30, grip[1] + 30))
    visit.page.wait_for_function("() => studio.history.records.length === 3")
    assert visit.scene()["layout"][0][0]["sigma"] > 1.2 * moved["sigma"]
    visit.page.click("#tab-points")
    visit.page.check("input[name=tool][value=brush]", force=True)
    hand.pen_drag(place(visit, 0.2, 0.2), place(visit, 0.8, 0.2))
    assert visit.page.evaluate(PAINTED) > 1000
    assert visit.page.evaluate("() => kinds") == ["pen", "pen", "mouse", "mouse", "pen"]


def test_the_hand_s_second_finger_resizes_and_lifting_both_is_one_step(visits):
    visit = visits(**PHONE)
    hand = Hand(visit)
    sigma = visit.scene()["layout"][0][0]["sigma"]
    x, y = visit.center("0")
    hand.fingers("touchStart", (x, y))
    hand.fingers("touchStart", (x, y), (x + 80, y))
    hand.fingers("touchMove", (x, y), (x + 40, y))
    hand.fingers("touchEnd")
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert visit.scene()["layout"][0][0]["sigma"] == pytest.approx(0.5 * sigma, rel=0.02)
    assert records(visit)[-1] == "Resize 0"


def test_a_gesture_that_the_browser_takes_away_leaves_the_scene_as_it_was(visits):
    visit = visits(**PHONE)
    before, scene = visit.pixels(), visit.scene()
    hand, (x, y) = Hand(visit), visit.center("0")
    hand.fingers("touchStart", (x, y))
    hand.fingers("touchMove", (x + 40, y))
    visit.settle()
    assert visit.pixels() != before
    hand.fingers("touchCancel")
    assert visit.pixels() == before and visit.scene() == scene
    assert records(visit) == ["Start"]


def test_a_scene_is_dropped_onto_the_page(visit, tmp_path):
    path = tmp_path / "room.json"
    path.write_text('{"format": "spatialgan scene 1", "model": "bedroom", "seed": 12}')
    Hand(visit).drop(path, 300, 300)
    visit.page.wait_for_function("() => studio.scene.seed === 12")
    assert records(visit)[-1] == "Open room.json"
    (tmp_path / "notes.txt").write_text("no scene")
    Hand(visit).drop(tmp_path / "notes.txt", 300, 300)
    said = "() => document.querySelector('#message').textContent.includes('not a scene')"
    visit.page.wait_for_function(said)
    assert visit.scene()["seed"] == 12
    assert visit.page.locator("body.receiving").count() == 0


def test_a_scene_saved_is_the_scene_opened(visit, tmp_path):
    visit.drag("0", 50, 20)
    saved, shown = visit.scene(), visit.pixels()
    with visit.page.expect_download() as download:
        visit.page.click("#save-scene")
    download.value.save_as(tmp_path / "saved.json")
    assert json.loads((tmp_path / "saved.json").read_text()) == saved
    visit.page.click("#new-scene")
    visit.page.wait_for_function("() => studio.history.records.length === 3")
    Hand(visit).drop(tmp_path / "saved.json", 300, 300)
    visit.page.wait_for_function("() => studio.history.records.length === 4")
    assert visit.scene() == saved and visit.pixels() == shown
