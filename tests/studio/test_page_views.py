"""What the page shows of models: the discriminator's attention, names that tell them apart, and no picture twice."""

import json
from urllib.parse import urlsplit

import pytest

from benchmarks.browser import served
from tests.studio.page import BROWSER, violations
from tests.studio.run import trained_run
from tests.tiny import tiny_snapshot

pytestmark = BROWSER


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the link of a studio with models of the same file name: with a discriminator, without, of objects."""
    folder = tmp_path_factory.mktemp("models")
    paths = (
        trained_run(folder).snapshot,
        tiny_snapshot(folder / "plain/0.safetensors"),
        tiny_snapshot(folder / "rooms/0.safetensors", "indoor"),
    )
    with served(*map(str, paths)) as studio:
        yield studio.link


def test_models_of_the_same_file_name_can_be_told_apart(visits, models):
    visit = visits(models)
    shown = visit.page.locator("#model option").all_text_contents()
    names = ["spatialgan/0.safetensors", "plain/0.safetensors", "rooms/0.safetensors"]
    assert shown == [f"{name} · 16 px" for name in names]
    visit.page.select_option("#model", index=2)
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert "Model rooms/0" in visit.page.locator("#history").text_content()
    with visit.page.expect_download() as saved:
        visit.page.click("#save-scene")
    assert saved.value.suggested_filename == "rooms_0_2.json"


def test_titles_are_as_short_as_tells_them_apart(visits, models):
    titles = "async (names) => (await import('./names.js')).titles(names)"
    page = visits(models).page
    assert page.evaluate(titles, ["bedroom", "a/bedroom"]) == ["bedroom", "a/bedroom"]
    assert page.evaluate(titles, ["a/b/0", "c/b/0", "x/y"]) == ["a/b/0", "c/b/0", "y"]
    assert page.evaluate(titles, ["b/0", "a/b/0"]) == ["b/0", "a/b/0"]


def test_attention_is_shown_where_a_model_has_a_discriminator(visits, models):
    visit = visits(models)
    image = visit.pixels()
    visit.page.check("#view-attention")
    visit.page.wait_for_function("() => studio.attended")
    maps = [visit.pixels()]
    for index in (0, 1):
        visit.page.locator("#attention-maps input").nth(index).check(force=True)
        maps.append(visit.pixels())
    assert all(shown != image for shown in maps)
    assert len({tuple(shown) for shown in maps}) == 3
    violet = [shown[i] - shown[i + 1] for shown in maps for i in range(0, len(shown), 4)]
    assert min(violet) >= -1 and max(violet) > 60  # gray where nobody looks
    before = visit.page.evaluate("() => Array.from(studio.attended.maps)")
    visit.drag("0", 90, 0)
    visit.page.wait_for_function("() => studio.attended.scene === studio.scene")
    assert visit.page.evaluate("() => Array.from(studio.attended.maps)") != before


def test_axe_finds_no_violation_where_attention_is_shown(visits, models):
    visit = visits(models, color_scheme="dark", bypass_csp=True)
    visit.page.check("#view-attention")
    visit.page.wait_for_function("() => studio.attended")
    assert visit.page.locator("#attention-maps label").count() == 3
    assert violations(visit.page) == []


def test_attention_is_not_offered_without_a_discriminator(visits, models):
    visit = visits(models)
    visit.page.keyboard.press("a")
    visit.page.wait_for_function("() => studio.attended")
    visit.page.select_option("#model", index=1)
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert visit.page.locator("#attention-choice").is_hidden()
    assert visit.page.locator("#attention-fields").is_hidden()
    visit.page.keyboard.press("a")
    assert not visit.page.evaluate("() => studio.views.attention")
    sent = visit.page.evaluate("async () => Array.from(await studio.backend.render(studio.scene))")
    assert visit.pixels() == sent
    visit.page.keyboard.press("Control+z")
    assert visit.page.locator("#attention-choice").is_visible()


def test_attention_and_difference_take_each_other_s_place(visits, models):
    page = visits(models).page
    page.check("#view-attention")
    page.check("#view-difference")
    assert not page.is_checked("#view-attention")
    page.keyboard.press("a")
    assert not page.is_checked("#view-difference") and page.is_checked("#view-attention")


def test_a_scene_that_is_opened_is_rendered_once(visits, models, tmp_path):
    visit = visits(models)
    asked = []
    visit.page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    visit.page.reload()
    visit.page.wait_for_selector("html[data-ready]")
    visit.settle()
    assert asked.count("render") == 1
    model = visit.scene()["model"]
    scene = {"format": "spatialgan scene 1", "model": model, "seed": 8}
    (tmp_path / "s.json").write_text(json.dumps(scene))
    visit.page.set_input_files("#file", tmp_path / "s.json")
    visit.page.wait_for_function("() => studio.scene.seed === 8")
    shown = visit.pixels()
    assert asked.count("render") == 2
    visit.drag("0", 60, 0)
    assert visit.pixels() != shown
    visit.page.keyboard.down("v")
    assert visit.pixels() == shown


def test_what_is_compared_with_is_there_even_if_a_gesture_overtook_it(visits, models):
    visit = visits(models)
    visit.page.evaluate(
        """() => {
          const { scene } = studio;
          const [gaussian] = scene.layout[0];
          const place = (center) => [[{ ...gaussian, center }], ...scene.layout.slice(1)];
          studio.apply({ ...scene, seed: 5 }, "first");
          studio.apply({ ...scene, seed: 6 }, "compared with");
          studio.setBefore();
          studio.apply({ ...scene, layout: place([0, 0]) }, "last");
        }"""
    )
    visit.page.wait_for_function("() => studio.before.pixels")
    asked = "async () => Array.from(await studio.backend.render(studio.before.scene))"
    visit.page.keyboard.down("v")
    assert visit.pixels() == visit.page.evaluate(asked)
    assert visit.page.evaluate("() => studio.before.scene.seed") == 6


def test_a_link_to_a_model_that_is_not_open_leaves_a_picture(visits, models, address):
    other = visits(address)
    other.page.click("#copy-link")
    other.page.wait_for_function("() => location.hash.startsWith('#scene=')")
    visit = visits(models + other.page.evaluate("() => location.hash"))
    assert "Unknown model" in visit.page.locator("#message").text_content()
    assert len(set(visit.pixels())) > 20
    visit.faults = [fault for fault in visit.faults if "400 (Bad Request)" not in fault]


def test_a_scene_written_by_hand_is_completed(visit, tmp_path):
    scene = visit.scene()
    for gaussian in scene["layout"][0]:
        del gaussian["presence"]
    del scene["truncation_psi"], scene["noise_mode"]
    scene["layout"][0][0]["center"] = [0, 0]
    (tmp_path / "s.json").write_text(json.dumps(scene))
    visit.page.set_input_files("#file", tmp_path / "s.json")
    visit.page.wait_for_function("() => studio.history.records.length === 2")
    assert visit.page.locator("#handles .handle:not(.absent)").count() == 3
    assert visit.scene()["truncation_psi"] == 0.7


def test_a_page_without_the_token_says_so_and_stays_still(visits):
    with served("bedroom", "--host", "0.0.0.0") as studio:
        parts = urlsplit(studio.link)
        address = f"http://127.0.0.1:{parts.port}/"
        stranger = visits(address)
        assert "open the link that the studio printed" in stranger.page.inner_text("#hint")
        stranger.page.keyboard.press("h")
        assert stranger.page.evaluate("() => document.querySelector('aside').inert")
        assert stranger.faults and all("403 (Forbidden)" in fault for fault in stranger.faults)
        stranger.faults.clear()
        guest = visits(f"{address}#{parts.fragment}")
        assert guest.page.url == address and "token" not in guest.page.content()
        assert len(set(guest.pixels())) > 50
        guest.page.reload()  # the token stays in this tab
        guest.page.wait_for_selector("html[data-ready]")
        assert len(set(guest.pixels())) > 50
