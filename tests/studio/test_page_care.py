"""The studio's page when hands are quick, or do two things at once: nothing is lost, and nothing is mixed up."""

import base64
import json
import math
from contextlib import chdir
from urllib.parse import urlsplit

import pytest

from benchmarks.browser import served
from tests.studio.page import BROWSER
from tests.tiny import tiny_snapshot

pytestmark = BROWSER

LABELS = "() => studio.history.records.map((record) => record.label)"


def labels(visit):
    visit.settle()
    return visit.page.evaluate(LABELS)


def test_an_object_moves_by_its_inside_too(visit):
    before = visit.scene()["layout"][0][0]
    x, y = visit.center("0")
    radius = visit.page.locator("#handles .handle[data-part='0'] .ring").bounding_box()["width"] / 2
    visit.page.mouse.move(x - 0.6 * radius, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x - 0.6 * radius + 50, y + 20, steps=4)
    visit.page.mouse.up()
    after = visit.scene()["layout"][0][0]
    assert after["sigma"] == before["sigma"]
    assert all(a > b for a, b in zip(after["center"], before["center"], strict=True))
    assert labels(visit) == ["Start", "Move 0"]


def test_undo_undoes_what_has_just_begun_and_nothing_else(visit):
    visit.drag("0", 40, 0)
    moved = visit.scene()
    visit.page.mouse.move(*visit.center("0"))
    visit.page.mouse.wheel(0, -300)
    visit.page.wait_for_function(
        "(sigma) => studio.scene.layout[0][0].sigma !== sigma", arg=moved["layout"][0][0]["sigma"]
    )
    visit.page.keyboard.press("Control+z")
    assert visit.scene() == moved and labels(visit) == ["Start", "Move 0", "Resize 0"]
    visit.page.fill("#object-y", "0.5")
    visit.page.keyboard.press("Control+z")
    assert visit.scene() == moved
    assert float(visit.page.input_value("#object-y")) == moved["layout"][0][0]["center"][0]
    visit.page.keyboard.press("Control+y")
    assert visit.scene() != moved
    visit.page.keyboard.press("Control+y")
    assert visit.page.text_content("#message") == "Nothing to redo"


@pytest.mark.parametrize("end", ["Control+z", "Enter", "Tab"])
def test_text_that_is_no_number_changes_nothing(visit, end):
    visit.drag("0", 40, 0)
    moved = visit.scene()
    for field, text in {"object-y": "0.3-", "object-sigma": "", "truncation-number": "-"}.items():
        said = visit.page.locator(f"#{field}")
        before = said.input_value()
        said.press("Control+a")
        said.press("Delete")
        said.press_sequentially(text)
        said.press(end)
        assert visit.scene() == moved and said.input_value() == before
        assert "not a number" in visit.page.text_content("#message")
    visit.page.locator("#seed").press("-")
    visit.page.locator("#seed").press(end)
    assert visit.scene() == moved and visit.page.input_value("#seed") == str(moved["seed"])
    assert labels(visit) == ["Start", "Move 0"]
    visit.page.keyboard.press("Control+z")
    assert visit.scene() != moved


def test_every_one_of_several_quick_presses_counts(visit):
    first = visit.scene()["styles"]["objects"][0]
    visit.page.evaluate(
        "() => { for (let i = 0; i < 5; i++) document.querySelector('#restyle-next').click(); }"
    )
    visit.page.wait_for_function("(seed) => studio.scene.styles.objects[0] === seed", arg=first + 5)
    assert labels(visit) == ["Start"] + ["Restyle 0"] * 5
    visit.handle("0").press("Shift+R")
    visit.page.wait_for_function("(seed) => studio.scene.styles.objects[0] === seed", arg=first + 4)


def test_a_mask_is_painted_without_a_pointer(visit):
    visit.page.click("#tab-points")
    visit.page.locator("#mask-object").press("Enter")
    assert visit.page.is_visible("#mask")
    sent = """() => new Promise((resolve) => {
      studio.backend.drag = async function* (request) { resolve(request.mask); };
      document.querySelector("#pair-add").click();
      document.querySelector("#drag-start").click();
    })"""
    mask = base64.b64decode(visit.page.evaluate(sent))
    side = math.isqrt(len(mask))
    gaussian = visit.scene()["layout"][0][0]
    y, x = (round((c + 1) / 2 * side) for c in gaussian["center"])
    radius = gaussian["sigma"] * 1.1774 * side / 2
    assert mask[y * side + x] == 255
    assert (
        mask[y * side + round(x + radius) + 2] == 0
        and mask[y * side + round(x + radius) - 2] == 255
    )
    visit.page.wait_for_function("() => !studio.locked")


def test_nothing_opens_while_a_drag_runs(visit):
    visit.page.click("#tab-points")
    visit.page.evaluate("() => { studio.lock(true); }")
    scene = visit.scene()
    other = visit.page.evaluate("() => JSON.parse(JSON.stringify(studio.models[1].scene))")
    drop = """(text) => {
      const files = new DataTransfer();
      files.items.add(new File([text], "other.json", { type: "application/json" }));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }"""
    visit.page.evaluate(drop, json.dumps(other))
    visit.page.wait_for_function(
        "() => document.querySelector('#message').textContent.includes('still running')"
    )
    visit.page.keyboard.press("Control+z")
    assert visit.scene() == scene and labels(visit) == ["Start"]


def test_a_model_is_known_by_its_bytes_under_any_name(visit):
    renamed = {**visit.scene(), "model": "/somewhere/else/0.safetensors"}
    visit.page.evaluate("(scene) => studio.open(scene, 'Link')", renamed)
    visit.page.wait_for_function("() => studio.history.records.length === 1")  # the same scene
    moved = {**renamed, "seed": 77}
    visit.page.evaluate("(scene) => studio.open(scene, 'Link')", moved)
    assert visit.scene()["model"] == "bedroom" and visit.scene()["seed"] == 77


def test_a_link_names_a_file_and_not_its_folder_and_finds_it_in_any_folder(visits, tmp_path):
    theirs = tiny_snapshot(tmp_path / "secret/0.safetensors", "indoor")
    with served(str(theirs)) as studio:
        first = visits(studio.link)
        first.drag("0", 30, 20)
        first.page.click("#copy-link")
        first.page.wait_for_function("() => location.hash.startsWith('#scene=')")
        fragment = first.page.evaluate("() => location.hash")
        inside = first.page.evaluate(
            "async () => (await import('./files.js')).sceneOf(location.hash)"
        )
        assert inside == {**first.scene(), "model": "0.safetensors"}
        scene, pixels = first.scene(), first.pixels()
    mine = tmp_path / "elsewhere/renamed.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(theirs.read_bytes())
    other = tiny_snapshot(tmp_path / "0.safetensors", "indoor", seed=5)  # of the link's name
    with chdir(other.parent), served(other.name, str(mine)) as studio:
        second = visits(f"{studio.link}{fragment}")
        assert second.scene() == {**scene, "model": str(mine)} and second.pixels() == pixels


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        ({"styles": {"objects": 5}}, "are no list"),
        ({"styles": {"objects": [None]}}, "a seed is missing"),
        ({"seed": None}, "a seed is missing"),
        ({"seed": 2**60}, "the largest for this page"),
    ],
)
def test_what_is_no_scene_is_said_in_words(visit, scene, reason):
    text = json.dumps({"format": "spatialgan scene 1", "model": "bedroom", "seed": 1, **scene})
    said = visit.page.evaluate(
        """async (text) => {
          const { parseScene } = await import('./scene.js');
          try { parseScene(text); } catch (error) { return error.message; }
        }""",
        text,
    )
    assert reason in said


def test_the_printed_link_works_in_a_page_that_is_open_already(visits):
    with served("bedroom", "--host", "0.0.0.0") as studio:
        parts = urlsplit(studio.link)
        address, token = f"http://127.0.0.1:{parts.port}/", parts.fragment
        visit = visits(f"{address}#{token}")
        fragment = visit.page.evaluate(
            "async () => (await import('./files.js')).fragmentOf({ ...studio.scene, seed: 9 })"
        )
        visit.page.goto(f"{address}#{token}&{fragment}")
        visit.page.wait_for_function("() => window.studio?.scene?.seed === 9")
        assert "token" not in visit.page.evaluate("() => location.href")


def test_on_a_phone_what_has_the_focus_is_not_behind_the_image(visits):
    visit = visits(viewport={"width": 390, "height": 844})
    visit.page.locator("#copy-command").focus()
    for _ in range(25):
        visit.page.keyboard.press("Shift+Tab")
        hidden = visit.page.evaluate(
            """() => {
              const box = document.activeElement.getBoundingClientRect();
              const frame = document.querySelector("#frame");
              if (frame.contains(document.activeElement) || !box.height) return null;
              const image = frame.getBoundingClientRect();
              return box.top >= image.top && box.bottom <= image.bottom ? document.activeElement.id : null;
            }"""
        )
        assert hidden is None


SLOWLY = """(ms) => {
  const { backend } = studio;
  const complete = backend.complete.bind(backend);
  backend.complete = (scene) => new Promise((done) => setTimeout(done, ms)).then(() => complete(scene));
}"""


def test_before_may_be_seen_during_a_gesture(visit):
    x, y = visit.center("0")
    mouse = visit.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 20, y)
    visit.page.keyboard.press("v")
    mouse.move(x + 80, y, steps=4)
    mouse.up()
    visit.settle()
    assert visit.center("0")[0] == pytest.approx(x + 80, abs=2)
    assert labels(visit) == ["Start", "Move 0"]


def test_a_late_new_scene_does_not_take_what_a_hand_has_done_meanwhile(visit):
    visit.page.evaluate(SLOWLY, 500)
    visit.page.fill("#seed", "41")
    visit.page.keyboard.press("Enter")
    visit.drag("0", 60, 0)
    visit.page.wait_for_timeout(800)
    assert labels(visit) == ["Start", "Move 0"] and visit.scene()["seed"] == 2
    visit.page.evaluate("() => { studio.newScene(5); studio.newScene(6); }")
    visit.page.wait_for_function("() => studio.scene.seed === 6")
    assert labels(visit)[-2:] == ["Scene 5", "Scene 6"]


def test_a_scene_that_opens_under_a_hand_ends_its_gesture(visit):
    x, y = visit.center("0")
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 40, y)
    visit.page.evaluate(
        "() => studio.open({ ...studio.scene, seed: 9, model: 'bedroom' }, 'Open x')"
    )
    visit.page.wait_for_function("() => studio.scene.seed === 9")
    visit.page.mouse.up()
    assert labels(visit) == ["Start", "Move 0", "Open x"]


def test_a_film_of_large_scenes_holds_fewer(visit):
    visit.page.evaluate(
        """() => {
          const scene = { ...studio.scene, changes: { latent: "A".repeat(60_000) } };
          for (let seed = 0; seed < 24; seed++) studio.history.push({ ...scene, seed }, `Scene ${seed}`);
          studio.scene = studio.history.current.scene;
          studio.backend.film = async (scenes) => {
            window.filmed = scenes.length;
            window.characters = JSON.stringify({ scenes }).length;
            throw new Error("enough");
          };
        }"""
    )
    visit.page.click("#save-film")
    visit.page.wait_for_function("() => window.filmed")
    count, characters = visit.page.evaluate("() => [window.filmed, window.characters]")
    assert 10 < count < 25 and characters < 1_000_000
