"""The studio's page without a server: from a plain folder, in headless Chromium, against our own render."""

import functools
import gzip
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.browser import CHROMIUM
from spatialgan import export
from spatialgan.cli.main import main
from spatialgan.models.opened import open_model
from spatialgan.scenes.render import render_scene
from spatialgan.studio import answers
from tests.studio.page import Visit
from tests.tiny import ROOT, tiny_snapshot
from workflow import runtime
from workflow.demo import build_demo, stored_as_fp16

onnx = pytest.importorskip("onnx", reason="needs the extra 'export'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'export'")
pytest.importorskip("onnxscript", reason="needs the extra 'export'")
pytest.importorskip("playwright.sync_api", reason="needs Playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")

pytestmark = pytest.mark.unchecked  # the size of a batch is open while a graph is traced
in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium"),
]
browser_test = functools.reduce(lambda f, mark: lambda test: mark(f(test)), in_browser, lambda t: t)


class Quiet(SimpleHTTPRequestHandler):
    """What `python -m http.server` serves with, without its log."""

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def package():
    """Return the runtime's package, or skip where npm's registry can't be reached."""
    try:
        return runtime.package_file()
    except runtime.Unreachable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return an open model, tiny, with objects."""
    path = tiny_snapshot(tmp_path_factory.mktemp("model") / "room.safetensors", "indoor")
    return open_model(str(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, package, model):
    """Return the folder of a site that has the demo of a tiny model in it."""
    site = tmp_path_factory.mktemp("site")
    build_demo(site / "sub/demo", [model.name], package)
    return site


@pytest.fixture(scope="module")
def address(folder):
    """Return the link of the demo in a site that a plain server serves."""
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/sub/demo/index.html"
        server.shutdown()
        thread.join()


def rendered(scene, model):
    """Return our own pixels of a scene."""
    ours, _ = answers.open_document(scene, {model.name: model})
    return answers.rgba_bytes(render_scene(ours, model.snapshot))


def difference(pixels, others):
    a, b = (np.frombuffer(bytes(p), np.uint8).astype(int) for p in (pixels, others))
    return np.abs(a - b).max()


def steps(visit, count):
    visit.page.wait_for_function("(n) => studio.history.records.length === n", arg=count)


def test_weights_are_halved_only_where_nothing_is_lost():
    numbers = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    weights = {"exact": numbers.astype(np.float16).astype(np.float32), "fine": numbers}
    weights["large"] = numbers[:1] * np.float32(1e6)
    parts = [("x", "exact", "a"), ("a", "fine", "b"), ("b", "large", "image")]
    value = functools.partial(
        onnx.helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT, shape=[3, 8]
    )
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", [a, b], [out]) for a, b, out in parts],
        "sums",
        [value("x")],
        [value("image")],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [onnx.helper.make_opsetid("", export.OPSET)]
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    before = export.OnnxModel(made.SerializeToString(), ("x",))
    after = stored_as_fp16(before)
    kinds = {t.name: t.data_type for t in onnx.load_from_string(after.data).graph.initializer}
    float32, float16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    assert kinds == {"exact_fp16": float16, "fine": float32, "large": float32}
    images = [
        onnxruntime.InferenceSession(m.data).run(["image"], {"x": numbers})[0]
        for m in (before, after)
    ]
    assert np.array_equal(*images)


@browser_test
def test_what_is_done_in_the_page_shows_what_our_render_shows(visits, model):
    visit = visits()
    start = visit.pixels()
    assert len(set(start)) > 50 and difference(start, rendered(visit.scene(), model)) <= 1
    visit.drag("0", 120, 40)
    assert visit.pixels() != start
    visit.page.keyboard.press("Control+z")
    assert visit.pixels() == start
    page, seen = visit.page, [start]
    for number, act in enumerate(
        (
            lambda: page.fill("#seed", "7") or page.keyboard.press("Enter"),
            lambda: page.click("#restyle-next"),
            lambda: page.click("#background-next"),
            lambda: page.click("#new-styles"),
            lambda: page.click("#new-layout"),
            lambda: page.click("#remove"),
            lambda: page.click("#chips button:nth-child(2)") or page.click("#copy"),
            lambda: page.select_option("#noise", "const"),
            lambda: page.select_option("#noise", "none"),
            lambda: page.fill("#truncation-number", "0") or page.keyboard.press("Enter"),
        ),
        start=2,
    ):
        act()
        steps(visit, number)
        seen.append(visit.pixels())
        assert seen[-1] != seen[-2], number
        assert difference(seen[-1], rendered(visit.scene(), model)) <= 1, number
    words = ["restyle 0:8", "restyle background:8"]
    least = {"format": "spatialgan scene 1", "model": model.name, "seed": 7}
    edited = json.loads(answers.edited({"scene": least, "edits": words}, {model.name: model}))
    page.click("#history li:nth-child(4) button")
    assert visit.scene()["styles"] == edited["styles"]


@browser_test
def test_a_saved_scene_gives_the_saved_image_on_the_command_line(visits, tmp_path):
    visit = visits()
    visit.drag("1", 40, -30)
    for selector, name in (("#save-scene", "s.json"), ("#save-png", "page.png")):
        with visit.page.expect_download() as saved:
            visit.page.click(selector)
        saved.value.save_as(tmp_path / name)
    result = CliRunner().invoke(main, ["render", str(tmp_path / "s.json")])
    assert result.exit_code == 0, result.output
    page, ours = (Image.open(tmp_path / name).convert("RGBA") for name in ("page.png", "s.png"))
    assert list(page.tobytes()) == visit.pixels()
    assert difference(page.tobytes(), ours.tobytes()) <= 1


@browser_test
def test_a_link_opens_the_same_scene_again(visits):
    first = visits(permissions=["clipboard-read", "clipboard-write"])
    first.drag("0", 70, 50)
    first.page.click("#copy-link")
    first.page.wait_for_function("() => location.hash.startsWith('#scene=')")
    second = visits(first.page.evaluate("() => navigator.clipboard.readText()"))
    assert second.scene() == first.scene() and second.pixels() == first.pixels()


@browser_test
def test_what_cannot_be_shown_is_said_and_the_page_works(visits, address):
    visit = visits(f"{address}#scene=nonsense")
    assert "link" in visit.page.locator("#message").text_content()
    fragment = "async (scene) => (await import('./files.js')).fragmentOf(scene)"
    before = visit.pixels()
    for change, words in (
        ({"changes": {"latent": "AAAAAA=="}}, "needs the studio"),
        ({"model": "nowhere", "model_sha256": "0" * 64}, "nowhere"),
        ({"model_sha256": "0" * 64}, "another model"),
    ):
        link = visit.page.evaluate(fragment, {**visit.scene(), **change})
        visit.page.evaluate("(hash) => { location.hash = hash; }", link)
        visit.page.wait_for_function(
            "(words) => document.querySelector('#message').textContent.includes(words)", arg=words
        )
    visit.page.click("#reset")
    assert visit.pixels() == before


@browser_test
def test_a_runtime_that_could_not_be_loaded_is_asked_for_again(browser, address):
    context = browser.new_context()
    failed = []

    def fail_once(route):
        if failed:
            return route.continue_()
        failed.append(route.request.url)
        return route.abort()

    context.route("**/runtime/ort.wasm.gz", fail_once)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("() => window.studio?.pixels", timeout=60_000)
    assert len(failed) == 1
    context.close()


@browser_test
def test_on_a_phone_a_finger_drags_and_nothing_is_too_wide(visits):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    visit = visits(**phone)
    before, layout = visit.pixels(), visit.scene()["layout"]
    x, y = visit.center("0")
    client = visit.page.context.new_cdp_session(visit.page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 20, "y": y + 10}]),
        ("touchMove", [{"x": x + 60, "y": y + 20}]),
        ("touchEnd", []),
    ):
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    steps(visit, 2)
    assert visit.pixels() != before and visit.scene()["layout"] != layout
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert visit.page.evaluate("() => window.scrollY") == 0


@browser_test
def test_what_the_demo_lacks_is_hidden_and_the_model_is_described(visits):
    visit = visits(bypass_csp=True)
    for selector in ("#tab-points", "#pane-points", "#save-strip", "#save-edit", "#save-film"):
        assert visit.page.locator(selector).is_hidden(), selector
    assert visit.page.locator("#object-y").is_visible()
    notice = visit.page.locator("#notice").text_content()
    assert "room is a model of 16 × 16 pixels" in notice and "nothing you do here leaves" in notice
    found = axe.Axe().run(visit.page).response["violations"]
    assert [(f["id"], [n["html"][:120] for n in f["nodes"]]) for f in found] == []


@pytest.mark.slow  # builds the demo
def test_the_page_s_policy_names_no_other_host(folder):
    (policy,) = re.findall(
        'security-policy" content="(.*?)"', (folder / "sub/demo/index.html").read_text()
    )
    assert (
        policy.startswith("default-src 'self';")
        and "script-src 'self' 'wasm-unsafe-eval'" in policy
    )
    assert "unsafe-inline" not in policy and not re.search(r"https?:|\*|data:|blob:", policy)


@pytest.mark.slow
def test_the_model_s_file_says_what_it_is_and_renders_as_we_do(folder, model):
    (listed,) = json.loads((folder / "sub/demo/models.json").read_text())
    data = gzip.decompress((folder / "sub/demo" / listed["file"]).read_bytes())
    session = onnxruntime.InferenceSession(data)
    said = session.get_modelmeta().custom_metadata_map
    assert said["snapshot_sha256"] == model.sha256 == listed["sha256"]
    assert said["license"] == "not stated" and said["format"] == export.FORMAT
    assert {part.name: part.shape for part in session.get_inputs()}["z"] == ["batch", 4, 16]
    names = tuple(part.name for part in session.get_inputs())
    exported = export.OnnxModel(data, names)
    assert export.largest_difference(exported, model.snapshot) < export.TOLERANCE


def examples(language):
    """Return the code of a language in the guide."""
    text = (ROOT / "docs/export.md").read_text()
    found = re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)
    assert found
    return "\n".join(found)


@pytest.fixture
def exported(folder, tmp_path, monkeypatch):
    """Be in a folder that has a model by the name that the guide's examples load."""
    (file,) = (folder / "sub/demo/models").iterdir()
    (tmp_path / "bedroom.onnx").write_bytes(gzip.decompress(file.read_bytes()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_guide_s_python_draws_a_picture(exported):
    exec(compile(examples("python"), "<docs/export.md>", "exec"), {})
    assert np.asarray(Image.open("bedroom.png")).std() > 1


EXAMPLE = """<script type="importmap">{"imports": {"onnxruntime-web": "./sub/demo/runtime/ort.js"}}</script>
<script type="module" src="draw.js"></script>"""


@browser_test
def test_the_guide_s_javascript_draws_a_picture(browser, folder, address, exported, package):
    (binary,) = runtime.members(package, runtime.BINARY)
    (folder / "sub/demo/runtime" / runtime.BINARY.rpartition("/")[2]).write_bytes(binary)
    (folder / "bedroom.onnx").write_bytes((exported / "bedroom.onnx").read_bytes())
    (folder / "draw.js").write_text(examples("javascript"))
    (folder / "draw.html").write_text(EXAMPLE)
    page = browser.new_page()
    with page.expect_console_message(lambda said: said.type == "log", timeout=60_000) as said:
        page.goto(address.replace("sub/demo/index.html", "draw.html"))
    assert said.value.args[0].json_value() == [1, 3, 16, 16]
    page.close()


@pytest.mark.slow
@browser_test
def test_shipped_models_and_links_between_the_demo_and_the_studio(
    browser, visits, package, folder, address
):
    from benchmarks.browser import served

    build_demo(folder / "shipped", ["bedroom", "cat"], package)
    files = [path for path in (folder / "shipped").rglob("*") if path.is_file()]
    first = [path.stat().st_size for path in files if "cat" not in path.name]
    assert sum(first) < 6e6  # until the first drag, with one model
    link = address.replace("sub/demo", "shipped")
    fragment = "async () => (await import('./files.js')).fragmentOf(studio.scene)"
    with served() as studio:
        for number, name in enumerate(("bedroom", "cat")):
            demo = visits(link)
            demo.page.select_option("#model", name)
            demo.page.wait_for_function("(name) => studio.scene.model === name", arg=name)
            assert difference(demo.pixels(), rendered(demo.scene(), open_model(name))) <= 1
            demo.drag("0", 50, 20)
            server = Visit(browser.new_page())
            server.open(f"{studio.link}#{demo.page.evaluate(fragment)}")
            assert server.scene() == demo.scene()
            assert difference(server.pixels(), demo.pixels()) <= 1
            server.drag("0", -30 - number, 20)
            again = visits(f"{link}#{server.page.evaluate(fragment)}")
            assert again.scene() == server.scene()
            assert difference(again.pixels(), server.pixels()) <= 1
            server.page.close()
