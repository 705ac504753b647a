"""The studio as people meet it, in headless Chromium: mouse, keyboard, links, files, drags, accessibility."""

import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from tests.studio.page import BROWSER, violations

pytestmark = BROWSER
SIDE = 640  # px of the image in the window, so that an arrow key is 6.4 px


def changed_near(before, after, y, x, reach=5):
    """Return how much pixels changed near a place of the scene, as a mean over the square around it."""
    side = int((len(before) // 4) ** 0.5)
    row, column = (round((c + 1) / 2 * side) for c in (y, x))
    rows = range(max(0, row - reach), min(side, row + reach))
    columns = range(max(0, column - reach), min(side, column + reach))
    places = [4 * (r * side + c) + channel for r in rows for c in columns for channel in range(3)]
    return sum(abs(after[p] - before[p]) for p in places) / len(places)


def test_the_page_begins_with_an_image_and_a_hint(visit):
    assert len(set(visit.pixels())) > 50
    assert visit.page.locator("#hint").is_visible()
    visit.drag("0", 0, 40)
    assert visit.page.locator("#hint").is_hidden()
    visit.page.reload()
    visit.page.wait_for_selector("html[data-ready]")
    assert visit.page.locator("#hint").is_hidden()


def test_dragging_a_handle_changes_the_image_where_it_was_and_where_it_went(visit):
    before, (y, x) = visit.pixels(), visit.scene()["layout"][0][0]["center"]
    visit.drag("0", 160, 0)
    after, (to_y, to_x) = visit.pixels(), visit.scene()["layout"][0][0]["center"]
    assert to_y == pytest.approx(y, abs=0.01) and to_x - x == pytest.approx(0.55, abs=0.15)
    assert changed_near(before, after, y, x) > 10
    assert changed_near(before, after, to_y, to_x) > 10
    visit.page.keyboard.press("Control+z")
    assert visit.pixels() == before
    visit.page.keyboard.press("Control+Shift+Z")
    assert visit.pixels() == after


def test_forty_px_are_enough_to_see_it_follow(visit):
    before = visit.pixels()
    y, x = visit.scene()["layout"][0][0]["center"]
    visit.drag("0", 40, 0)
    after, to = visit.pixels(), visit.scene()["layout"][0][0]["center"]
    assert changed_near(before, after, y, x) > 1 and changed_near(before, after, *to) > 1


def test_a_drag_is_one_step_however_many_pixels_it_crosses(visit):
    visit.drag("0", 60, 30)
    visit.drag("1", -30, 0)
    assert visit.page.locator("#history li").count() == 3
    visit.page.locator("#history button").nth(0).click()
    assert visit.scene()["layout"] == visit.page.evaluate("() => studio.models[0].scene.layout")


def test_the_circle_s_edge_the_wheel_and_a_double_click(visit):
    first = visit.scene()
    box = visit.handle("0").locator(".grip").bounding_box()
    visit.page.mouse.move(box["x"] + 4, box["y"] + 4)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 44, box["y"] + 44)
    visit.page.mouse.up()
    larger = visit.scene()
    assert larger["layout"][0][0]["sigma"] > 1.3 * first["layout"][0][0]["sigma"]
    visit.page.mouse.move(*visit.center("0"))
    visit.page.mouse.wheel(0, 300)
    visit.page.wait_for_function("() => studio.history.records.length === 3")
    assert visit.scene()["layout"][0][0]["sigma"] < larger["layout"][0][0]["sigma"]
    visit.page.mouse.dblclick(*visit.center("0"))
    visit.page.wait_for_function("() => studio.history.records.length === 4")
    assert visit.scene()["styles"]["objects"] == [3, 2, 2]


def test_two_fingers_resize(visits):
    visit = visits(has_touch=True)
    sigma = visit.scene()["layout"][0][0]["sigma"]
    x, y = visit.center("0")
    client = visit.page.context.new_cdp_session(visit.page)

    def touch(kind, *points):
        fingers = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", (x, y))
    touch("touchStart", (x, y), (x + 60, y))
    touch("touchMove", (x, y), (x + 90, y))
    touch("touchEnd")
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert visit.scene()["layout"][0][0]["sigma"] == pytest.approx(1.5 * sigma, rel=0.02)


def test_the_keyboard_alone_makes_the_same_scene_as_the_mouse(visits):
    mouse, keyboard = visits(), visits()
    mouse.page.evaluate(f"() => document.querySelector('#frame').style.width = '{SIDE / 0.89}px'")
    mouse.page.wait_for_function("() => document.querySelector('#handles').clientWidth > 700")
    width = mouse.page.evaluate(
        "() => document.querySelector('#image').getBoundingClientRect().width"
    )
    mouse.drag("0", width * 0.2, width * -0.05)  # 20 steps to the right, 5 up
    mouse.page.mouse.dblclick(*mouse.center("0"))
    mouse.page.wait_for_function("() => studio.history.records.length === 3")
    mouse.page.get_by_role("button", name="Object 1", exact=True).click()
    mouse.page.locator("#remove").click()

    page = keyboard.page
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.dataset.part === '0'"):
            break
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("r")
    page.wait_for_function("() => studio.scene.styles.objects[0] === 3")
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")
    assert keyboard.scene() == mouse.scene()
    assert keyboard.pixels() == mouse.pixels()


def test_keys_of_a_handle_make_a_step_per_stroke(visit):
    visit.handle("0").focus()
    for key in ("+", "+", "-", "ArrowLeft", "c"):
        visit.page.keyboard.press(key)
    assert "Remove one" in visit.page.locator("#message").text_content()  # no room for the copy
    assert visit.page.evaluate("() => studio.history.records.length") == 5
    visit.handle("2").focus()
    visit.page.keyboard.press("Delete")
    assert visit.scene()["layout"][0][2]["presence"] == 0
    assert visit.page.evaluate("() => document.activeElement.dataset.part") == "0"
    visit.page.keyboard.press("b")
    assert visit.scene()["layout"][0][2]["presence"] == 1
    visit.page.keyboard.press("b")
    assert "No object has been removed" in visit.page.locator("#message").text_content()
    visit.page.keyboard.press("Control+z")
    visit.handle("0").focus()
    visit.page.keyboard.press("c")
    visit.page.wait_for_function("() => studio.scene.layout[0][2].presence === 1")
    assert visit.scene()["styles"]["objects"][2] == {"seed": 2, "object": 0}


def test_focus_stays_at_the_button_that_takes_the_place_of_another(visit):
    visit.page.focus("#remove")
    for expected in ("bring-back", "remove"):
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("() => document.activeElement.id") == expected
    assert visit.page.evaluate("() => studio.history.records.length") == 3


def test_escape_gives_a_gesture_up(visit):
    before, scene = visit.pixels(), visit.scene()
    x, y = visit.center("0")
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 90, y)
    visit.settle()
    assert visit.pixels() != before
    visit.page.keyboard.press("Escape")
    visit.page.mouse.move(x + 120, y)
    visit.page.mouse.up()
    assert visit.pixels() == before and visit.scene() == scene
    assert visit.page.evaluate("() => studio.history.records.length") == 1


def test_a_seed_that_is_none_is_said(visit):
    for seed in ("-3", "1.5", ""):
        visit.page.fill("#seed", seed)
        visit.page.keyboard.press("Enter")
        assert visit.page.input_value("#seed") == "2"
        assert "whole number" in visit.page.locator("#message").text_content()
    visit.page.fill("#seed", "7")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_function("() => studio.scene.seed === 7")


def test_undo_goes_by_the_key_s_meaning(visit):
    """On a keyboard of another layout, z sits elsewhere: `code` must not matter."""
    visit.drag("0", 50, 0)
    press = "(code) => document.dispatchEvent(new KeyboardEvent('keydown', {key: 'z', code, ctrlKey: true, bubbles: true, cancelable: true}))"
    visit.page.evaluate(press, "KeyY")
    assert visit.page.evaluate("() => studio.history.index") == 0


def test_numbers_can_be_typed(visit):
    visit.page.fill("#object-y", "0.25")
    visit.page.keyboard.press("Enter")
    visit.page.fill("#object-sigma", "0.5")
    visit.page.keyboard.press("Enter")
    visit.page.fill("#truncation-number", "1")
    visit.page.keyboard.press("Enter")
    scene = visit.scene()
    assert scene["layout"][0][0]["center"][0] == 0.25 and scene["layout"][0][0]["sigma"] == 0.5
    assert scene["truncation_psi"] == 1
    assert visit.page.evaluate("() => studio.history.records.length") == 4


def test_new_layout_keeps_styles_and_new_styles_keep_the_layout(visit):
    first = visit.scene()
    visit.page.click("#new-styles")
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    second = visit.scene()
    assert second["layout"] == first["layout"] and second["styles"] != first["styles"]
    visit.page.click("#new-layout")
    visit.page.wait_for_function("() => studio.history.records.length === 3")
    third = visit.scene()
    assert third["styles"] == second["styles"] and third["layout"] != second["layout"]
    visit.page.click("#reset")
    visit.page.wait_for_function("() => studio.history.records.length === 4")
    assert visit.scene() == first


def test_a_hierarchy_moves_as_one_and_its_parts_alone(visit):
    visit.page.select_option("#model", "cat")
    visit.page.wait_for_function("() => studio.scene.model === 'cat'")
    assert visit.page.locator("#levels figure").count() == 3
    first = visit.scene()["layout"]
    visit.drag("0", 60, 0)
    moved = visit.scene()["layout"]
    shifts = [
        b["center"][1] - a["center"][1]
        for p, q in zip(first, moved, strict=True)
        for a, b in zip(p, q, strict=True)
    ]
    assert len(shifts) == 7 and min(shifts) > 0.1 and max(shifts) - min(shifts) < 0.001
    visit.page.locator("#levels figure").nth(2).locator("[data-part='2/3'] .reach").dispatch_event(
        "focus"
    )
    visit.page.locator("#levels [data-part='2/3']").focus()
    visit.page.keyboard.press("Shift+ArrowDown")
    again = visit.scene()["layout"]
    assert again[:2] == moved[:2] and again[2][:3] == moved[2][:3] and again[2][3] != moved[2][3]


def test_the_exported_image_and_scene_are_the_command_line_s(visit, tmp_path):
    visit.drag("1", 40, -30)
    with visit.page.expect_download() as saved_scene:
        visit.page.click("#save-scene")
    with visit.page.expect_download() as saved_image:
        visit.page.click("#save-png")
    assert saved_image.value.suggested_filename == "bedroom_2.png"
    (tmp_path / "s.json").write_bytes(Path(saved_scene.value.path()).read_bytes())
    assert json.loads((tmp_path / "s.json").read_text())["layout"][0][1]["center"] != [0, 0]
    result = CliRunner().invoke(main, ["render", str(tmp_path / "s.json")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "s.png").read_bytes() == Path(saved_image.value.path()).read_bytes()
    assert list(Image.open(tmp_path / "s.png").convert("RGBA").tobytes()) == visit.pixels()


def test_strip_and_films_are_saved(visit):
    visit.drag("1", 40, -30)
    visit.drag("0", 40, 0)
    for selector, frames in (("#save-strip", 1), ("#save-edit", 17), ("#save-film", 33)):
        with visit.page.expect_download() as saved:
            visit.page.click(selector)
        picture = Image.open(BytesIO(Path(saved.value.path()).read_bytes()))
        assert getattr(picture, "n_frames", 1) == frames


def test_a_link_shows_the_same_pixels_in_another_page(visits):
    first = visits(permissions=["clipboard-read", "clipboard-write"])
    first.drag("0", 70, 50)
    first.page.click("#copy-link")
    first.page.wait_for_function("() => location.hash.startsWith('#scene=')")
    link = first.page.evaluate("() => navigator.clipboard.readText()")
    second = visits(link)
    assert second.scene() == first.scene() and second.pixels() == first.pixels()


def test_a_broken_link_is_said_and_the_page_works(visits, address):
    visit = visits(f"{address}#scene=nonsense")
    assert "link" in visit.page.locator("#message").text_content()
    assert len(set(visit.pixels())) > 50


def test_the_copied_command_makes_the_same_image(visits, tmp_path):
    visit = visits(permissions=["clipboard-read", "clipboard-write"])
    visit.drag("0", 70, 50)
    visit.page.click("#copy-command")
    visit.page.wait_for_function(
        "() => document.querySelector('#message').textContent.includes('clipboard')"
    )
    command = visit.page.evaluate("() => navigator.clipboard.readText()")
    scene = command.split("\n")[1]
    assert command.split("\n")[0] == "cat > scene.json <<'SCENE'"
    (tmp_path / "s.json").write_text(scene)
    assert CliRunner().invoke(main, ["render", str(tmp_path / "s.json")]).exit_code == 0
    assert list(Image.open(tmp_path / "s.png").convert("RGBA").tobytes()) == visit.pixels()


def test_a_scene_is_opened_from_a_file(visit, tmp_path):
    least = {"format": "spatialgan scene 1", "model": "bedroom", "seed": 11}
    (tmp_path / "room.json").write_text(json.dumps(least))
    visit.page.set_input_files("#file", tmp_path / "room.json")
    visit.page.wait_for_function("() => studio.scene.seed === 11")
    for content in ("{", "[]", json.dumps({**least, "seed": 2**62})):
        (tmp_path / "bad.json").write_text(content)
        visit.page.set_input_files("#file", tmp_path / "bad.json")
    assert visit.scene()["seed"] == 11


def test_views(visit):
    shown = visit.pixels()
    visit.drag("0", 80, 0)
    moved = visit.pixels()
    visit.page.keyboard.down("v")
    assert visit.pixels() == shown
    visit.page.keyboard.up("v")
    assert visit.pixels() == moved
    visit.page.check("#view-difference")
    assert visit.pixels() not in (shown, moved)
    visit.page.uncheck("#view-difference")
    visit.page.check("#view-heatmaps")
    assert visit.page.locator("#overlay").is_visible()


def pair_of_points(visit):
    visit.page.click("#tab-points")
    box = visit.page.locator("#image").bounding_box()
    for x in (0.4, 0.7):
        visit.page.mouse.click(box["x"] + x * box["width"], box["y"] + 0.4 * box["height"])


def test_points_can_be_set_and_typed_one_end_at_a_time(visit):
    pair_of_points(visit)
    for _ in range(2):
        visit.page.click("#pair-add")
    box = visit.page.locator("#image").bounding_box()
    visit.page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert visit.page.locator("#pairs li").count() == 4
    assert visit.page.is_disabled("#drag-start")
    ends = visit.page.locator("#pairs li").nth(3).locator("[data-end=target]")
    ends.nth(0).fill("0.5")
    ends.nth(1).fill("-0.25")
    visit.page.keyboard.press("Enter")
    assert visit.page.is_enabled("#drag-start")
    for _ in range(3):
        visit.page.locator("#pairs button").first.click()
    row = visit.page.locator("#pairs input").evaluate_all("(all) => all.map((e) => +e.value)")
    assert row[2:] == [0.5, -0.25]
    visit.page.click("#pair-clear")
    assert visit.page.is_disabled("#drag-start")


def test_a_drag_of_points_is_one_step(visit):
    before = visit.pixels()
    pair_of_points(visit)
    visit.page.fill("#max-steps", "4")
    visit.page.click("#drag-start")
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert visit.pixels() != before
    assert "changes" in visit.scene()
    visit.page.keyboard.press("Control+z")
    assert visit.pixels() == before


def test_a_canceled_drag_leaves_the_scene_as_it_was(visit):
    before, scene = visit.pixels(), visit.scene()
    pair_of_points(visit)
    visit.page.select_option("#method", "latent")
    visit.page.fill("#max-steps", "1000")
    visit.page.evaluate("() => { window.before = studio.pixels; }")
    visit.page.click("#drag-start")
    visit.page.wait_for_function(
        "() => studio.pixels.some((value, i) => value !== window.before[i])"
    )
    visit.page.click("#drag-cancel")
    visit.page.wait_for_function("() => !studio.locked")
    assert visit.pixels() == before and visit.scene() == scene
    assert visit.page.evaluate("() => studio.history.records.length") == 1
    visit.page.click("#drag-start")  # the slot is free again
    visit.page.wait_for_function("() => document.querySelector('#drag-bar').value >= 10")
    visit.page.click("#drag-keep")
    visit.page.wait_for_function("() => studio.history.records.length === 2")


def test_a_mask_is_painted_and_erased(visit):
    pair_of_points(visit)
    box = visit.page.locator("#image").bounding_box()
    painted = """() => {
      const canvas = document.querySelector("#mask");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((_, i) => i % 4 === 3).reduce((sum, alpha) => sum + (alpha < 128), 0);
    }"""
    for tool, least, most in (("brush", 500, 128 * 128 - 1), ("eraser", 0, 500)):
        visit.page.check(f"input[name=tool][value={tool}]", force=True)
        visit.page.mouse.move(box["x"] + 100, box["y"] + 100)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + 300, box["y"] + 100)
        visit.page.mouse.up()
        if tool == "brush":
            assert visit.page.locator("#mask").is_visible()
            assert least <= visit.page.evaluate(painted) <= most
    assert visit.page.locator("#mask").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", ["bedroom", "cat"])
def test_axe_finds_no_violation(visits, scheme, model):
    visit = visits(color_scheme=scheme, bypass_csp=True)
    visit.page.select_option("#model", model)
    visit.page.wait_for_function("(name) => studio.scene.model === name", arg=model)
    for prepare in ("#tab-objects", "#tab-points", "#show-help"):
        visit.page.click(prepare)
        assert violations(visit.page) == []


@pytest.mark.parametrize("width", [1400, 800, 390])
def test_nothing_is_wider_than_the_window_and_targets_are_large_enough(visits, width):
    visit = visits()
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.settle()
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= width
    small = """() => [...document.querySelectorAll("button, select, .handle .reach, input:not([type=file]):not([type=checkbox]):not([type=radio])")]
      .filter((e) => e.checkVisibility() && Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 24)
      .map((e) => e.outerHTML.slice(0, 80))"""
    assert visit.page.evaluate(small) == []


def test_motion_is_reduced_for_those_who_ask(visits):
    visit = visits(reduced_motion="reduce")
    assert visit.page.evaluate("() => document.getAnimations().length") == 0


def test_the_image_in_the_page_is_what_the_server_sent(visit):
    """The raw bytes of one more request, made by the page, are those on the canvas."""
    sent = visit.page.evaluate(
        "async () => btoa(String.fromCharCode(...await studio.backend.render(studio.scene)))"
    )
    assert list(base64.b64decode(sent)) == visit.pixels()


def test_the_page_does_not_scroll_by_itself(visits):
    visit = visits()
    visit.page.set_viewport_size({"width": 390, "height": 600})
    for _ in range(3):
        visit.drag("0", 20, 0)
    assert visit.page.evaluate("() => window.scrollY") == 0
    strip = "() => { const e = document.querySelector('#history'); return e.scrollWidth <= e.clientWidth || e.scrollLeft > 0; }"
    assert visit.page.evaluate(strip)
